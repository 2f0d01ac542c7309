"""A Newell network in 8-bit integers, as an OpenVINO graph.

All convolutions except the first have 8-bit activations and weights; the sums of residual blocks
stay in floats. A pre-activation residual block begins with relu(s x + b), while x itself is added
at its end. Per channel, that is a clamp of x at -b / s and an affine map, and so is rounding to 8
bits: both are one `FakeQuantize` with limits per channel. The affine map, and with it
the channels' different ranges, is folded into weights and bias of the following convolution: every
channel uses all its 255 steps, and no normalisation is left between convolutions.

Shapes: C channels, O outputs of a convolution, K joints, h x w pixels of a heatmap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ..engines.fused import FusedNetwork
from ..errors import ModelError
from ..network.hourglass import Hourglass, Residual, Stack, StackedHourglass
from ..openvino_silently import openvino
from ..spec import ModelSpec

opset: Any = import_module("openvino.opset13")

STEPS = 255  # between the smallest and the largest value of 8 bits
LARGEST_WEIGHT = 127

Doubles = NDArray[np.float64]
V = TypeVar("V")


@dataclass(frozen=True)
class Entry:
    """How the input x of one convolution is quantized. Everything is per channel, (C,).

    The convolution's input in floats is y = relu(scale x + shift), or x itself. Values of y below
    `low` and above `high` are clamped; `low` is 0 behind a ReLU.
    """

    scale: Doubles
    shift: Doubles
    low: Doubles
    high: Doubles

    def limits(self) -> tuple[Doubles, Doubles]:
        """(lower, upper) limits of x."""
        ends = (self.low - self.shift) / self.scale, (self.high - self.shift) / self.scale
        return np.minimum(*ends), np.maximum(*ends)

    def affine(self) -> tuple[Doubles, Doubles]:
        """(factor, offset): y = factor q + offset for q = 0 .. 255, the rounded x."""
        step = (self.high - self.low) / STEPS
        falls = self.scale < 0
        return np.where(falls, -step, step), np.where(falls, self.high, self.low)


@dataclass(frozen=True)
class Rounded:
    """A convolution on q: `weights` (O, C, n, n) int8 times `scale` (O,), and its `bias` (O,)."""

    weights: NDArray[np.int8]
    scale: Doubles
    bias: Doubles


def rounded(conv: nn.Conv2d, entry: Entry) -> Rounded:
    """The convolution of y as one of q, with symmetric weights and one scale per output."""
    factor, offset = entry.affine()
    weights, bias = conv.weight.detach().double().numpy(), conv.bias
    assert bias is not None
    # Zero padding would not be zero with an offset, which only 1x1 convolutions have.
    assert conv.kernel_size == (1, 1) or not offset.any()
    whole = weights * factor[:, None, None]
    scale = np.maximum(np.abs(whole).max(axis=(1, 2, 3)) / LARGEST_WEIGHT, 1e-12)
    steps = np.rint(whole / scale[:, None, None, None]).astype(np.int8)
    return Rounded(steps, scale, bias.detach().double().numpy() + weights.sum((2, 3)) @ offset)


def norm_of(norm: nn.Module | None, channels: int) -> tuple[Doubles, Doubles]:
    """(scale, shift) of a batch normalisation in evaluation mode; 1 and 0 without one.

    A scale of 0 becomes 1e-8, because it is divided by.
    """
    if not isinstance(norm, nn.BatchNorm2d):
        return np.ones(channels), np.zeros(channels)
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = (norm.weight / (variance + norm.eps).sqrt()).detach().double().numpy()
    shift = norm.bias.detach().double().numpy() - mean.double().numpy() * scale
    return np.where(np.abs(scale) < 1e-8, 1e-8, scale), shift


class Ops(Protocol[V]):
    """The operations of a network, on torch tensors or on nodes of a graph.

    `name` is the convolution's. Values between `enter` and `conv` are in 8 bits.
    """

    def picture(self) -> V: ...
    def first(self, x: V, conv: nn.Conv2d) -> V: ...
    def enter(self, x: V, name: str, norm: nn.Module | None, relu: bool) -> Any: ...
    def conv(self, x: Any, name: str, conv: nn.Conv2d) -> V: ...
    def add(self, a: V, b: V) -> V: ...
    def pool(self, x: V) -> V: ...
    def upsample(self, x: V) -> V: ...


class Walk(Generic[V]):
    """Runs the operations of a fused Newell network in order."""

    def __init__(self, ops: Ops[V]) -> None:
        self._ops = ops

    def run(self, fused: FusedNetwork) -> list[V]:
        """The raw heatmaps of every stack. Raises ModelError for any other graph."""
        network, ops = fused.network, self._ops
        if not isinstance(network, StackedHourglass) or network.config.depthwise:
            raise ModelError("Only networks of Newell's graph can be quantized.")
        stem = network.stem
        assert isinstance(stem, nn.Module)
        x = ops.first(ops.picture(), stem.conv)  # type: ignore[arg-type]
        x = ops.pool(self._residual(x, stem.res1, "stem.res1"))  # type: ignore[arg-type]
        x = self._residual(x, stem.res2, "stem.res2")  # type: ignore[arg-type]
        x = self._residual(x, stem.res3, "stem.res3")  # type: ignore[arg-type]
        answers = []
        for index, stack in enumerate(network.stacks):
            assert isinstance(stack, Stack)
            name = f"stacks.{index}"
            out = self._hourglass(x, stack.hourglass, f"{name}.hourglass")
            out = self._residuals(out, stack.after, f"{name}.after")
            feature = self._step(out, stack.feature, f"{name}.feature", relu=False)
            answers.append(self._step(feature, stack.head, f"{name}.head"))
            if stack.merge_feature is not None:
                x = ops.add(self._step(feature, stack.merge_feature, f"{name}.merge_feature"), x)
        return answers

    def _hourglass(self, x: V, module: Hourglass, name: str) -> V:
        low = self._residuals(self._ops.pool(x), module.low1, f"{name}.low1")
        if isinstance(module.low2, Hourglass):
            low = self._hourglass(low, module.low2, f"{name}.low2")
        else:
            low = self._residuals(low, module.low2, f"{name}.low2")
        low = self._residuals(low, module.low3, f"{name}.low3")
        return self._ops.add(self._residuals(x, module.up, f"{name}.up"), self._ops.upsample(low))

    def _residuals(self, x: V, modules: Iterable[Any] | nn.Module, name: str) -> V:
        for index, module in enumerate(modules):  # type: ignore[arg-type]
            x = self._residual(x, module, f"{name}.{index}")
        return x

    def _residual(self, x: V, module: Residual, name: str) -> V:
        out = self._step(x, module.conv1, f"{name}.conv1", module.bn1)
        out = self._step(out, module.conv2, f"{name}.conv2")
        out = self._step(out, module.conv3, f"{name}.conv3")
        if module.skip is not None:
            x = self._step(x, module.skip, f"{name}.skip", relu=False)
        return self._ops.add(out, x)

    def _step(
        self, x: V, conv: nn.Conv2d, name: str, norm: nn.Module | None = None, relu: bool = True
    ) -> V:
        return self._ops.conv(self._ops.enter(x, name, norm, relu), name, conv)


def int8_graph(
    fused: FusedNetwork,
    spec: ModelSpec,
    entries: Mapping[str, Entry],
    corrections: Mapping[str, Doubles],
) -> Any:
    """The whole network as an `openvino.Model`, with the inputs and outputs of `graphs.py`.

    Args:
        fused: The network.
        spec: Its spec.
        entries: By name of convolution; one without an entry stays in floats.
        corrections: (O,) by name, added to the biases.
    """
    ops = _Nodes(fused, spec, entries, corrections)
    outputs = [opset.result(ops.finished(maps)) for maps in Walk(ops).run(fused)]
    return openvino.Model(outputs, [ops.crops], spec.name)


class _Nodes:
    """`Ops` on nodes of a graph."""

    def __init__(
        self,
        fused: FusedNetwork,
        spec: ModelSpec,
        entries: Mapping[str, Entry],
        corrections: Mapping[str, Doubles],
    ) -> None:
        self.crops = opset.parameter([1, *spec.input_size, 3], openvino.Type.u8, name="crops")
        self._fused = fused
        self._spec = spec
        self._entries = entries
        self._corrections = corrections
        # One of each for all: a seventh fewer nodes to compile.
        self._none, self._all = (opset.constant(np.float32(end)) for end in (0, STEPS))

    def picture(self) -> Any:
        x = opset.transpose(opset.convert(self.crops, "f32"), np.array([0, 3, 1, 2]))
        x = opset.multiply(x, np.float32(self._fused.pixel_scale))
        if self._fused.subtract_mean:
            x = opset.subtract(x, opset.constant(self._fused.mean.numpy()))
        return x

    def first(self, x: Any, conv: nn.Conv2d) -> Any:
        return opset.relu(_floating(x, conv))

    def enter(self, x: Any, name: str, norm: nn.Module | None, relu: bool) -> Any:
        entry = self._entries.get(name)
        if entry is not None:
            low, high = (_column(values) for values in entry.limits())
            return opset.fake_quantize(x, low, high, self._none, self._all, levels=STEPS + 1)
        if isinstance(norm, nn.BatchNorm2d):
            scale, shift = norm_of(norm, norm.num_features)
            x = opset.add(opset.multiply(x, _column(scale)), _column(shift))
        return opset.relu(x) if relu else x

    def conv(self, x: Any, name: str, conv: nn.Conv2d) -> Any:
        entry = self._entries.get(name)
        if entry is None:
            return _floating(x, conv)
        made = rounded(conv, entry)
        weights = opset.multiply(
            opset.convert(opset.constant(made.weights), "f32"),
            opset.constant(made.scale.astype(np.float32)[:, None, None, None]),
        )
        return opset.add(
            _convolution(x, weights, conv), _column(made.bias + self._corrections.get(name, 0))
        )

    def add(self, a: Any, b: Any) -> Any:
        return opset.add(a, b)

    def pool(self, x: Any) -> Any:
        return opset.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)

    def upsample(self, x: Any) -> Any:
        return opset.interpolate(
            x,
            np.array([2, 2], np.float32),
            "nearest",
            "scales",
            axes=np.array([2, 3]),
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ).output(0)

    def finished(self, maps: Any) -> Any:
        """The output, after `fused.probabilities` if it is logits.

        Between convolutions, OpenVINO has the channels last. Joint by joint is what the transpose
        makes of that; without it OpenVINO reorders the maps itself (0.6 of 8.5 ms).
        """
        joints, (height, width) = len(self._spec.joints), self._spec.map_size
        pixels = opset.transpose(maps, np.array([0, 2, 3, 1]))
        pixels = opset.reshape(pixels, np.array([1, height * width, joints]), False)
        flat = opset.transpose(pixels, np.array([0, 2, 1]))
        if self._fused.logits:
            nobody = opset.constant(np.zeros((1, joints, 1), np.float32))
            flat = opset.softmax(opset.concat([flat, nobody], 2), 2)
            start, end, step, axis = (np.array([v]) for v in (0, height * width, 1, 2))
            flat = opset.slice(flat, start, end, step, axis)
        return opset.reshape(flat, np.array([1, joints, height, width]), False)


def _floating(x: Any, conv: nn.Conv2d) -> Any:
    bias = conv.bias
    assert bias is not None
    out = _convolution(x, opset.constant(conv.weight.detach().numpy()), conv)
    return opset.add(out, _column(bias.detach().numpy()))


def _convolution(x: Any, weights: Any, conv: nn.Conv2d) -> Any:
    pads = [int(p) for p in conv.padding]
    return opset.convolution(x, weights, list(conv.stride), pads, pads, [1, 1])


def _column(values: NDArray[Any]) -> Any:
    return opset.constant(values.astype(np.float32).reshape(1, -1, 1, 1))
