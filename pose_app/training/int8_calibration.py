"""Calibration of 8-bit activations: their ranges, and corrections of biased means."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..engines.fused import FusedNetwork
from ..types import Image
from .int8_graph import STEPS, Doubles, Entry, Walk, norm_of, rounded

_BATCH = 8  # crops at a time
# Of step sizes behind a ReLU: from 0, each channel its own range (then large weights of one channel
# make those of the others coarse), to 1, the same for all channels. Measured: 0.3 to 0.5 is best.
_EVENNESS = 0.3
_NARROWEST = 1e-6


def find_entries(fused: FusedNetwork, crops: Image) -> dict[str, Entry]:
    """The ranges of every convolution's input on `crops` (n, H, W, 3) uint8 BGR.

    They are minimum and maximum. Ranges with the least mean squared error on these crops would be
    narrower, but clamp important values of others, which costs 10 dB.
    """
    ops = _Watching(fused)
    with torch.inference_mode():
        for start in range(0, len(crops), _BATCH):
            ops.crops = torch.from_numpy(crops[start : start + _BATCH])
            Walk(ops).run(fused)
    return {name: watched.entry() for name, watched in ops.watched.items()}


def find_corrections(
    fused: FusedNetwork, entries: dict[str, Entry], crops: Image
) -> tuple[dict[str, Doubles], dict[str, float]]:
    """Correct the mean output of each quantized convolution (bias correction).

    Both networks run side by side; each correction is applied before the following layers run.

    Returns:
        (corrections (O,) to add to the output, by name; signal-to-noise ratios in dB after it).
    """
    ops = _Beside(fused, entries, torch.from_numpy(crops))
    with torch.inference_mode():
        Walk(ops).run(fused)
    return ops.corrections, ops.ratios


class _Watched:
    """The range of the inputs y of one convolution."""

    def __init__(self, scale: Doubles, shift: Doubles, relu: bool) -> None:
        self._norm = scale, shift
        self._relu = relu
        self._low = np.full(len(scale), 0.0 if relu else np.inf)
        self._high = np.full(len(scale), -np.inf)

    def see(self, y: Tensor) -> None:
        flat = y.transpose(0, 1).flatten(1)
        self._low = np.minimum(self._low, flat.amin(1).numpy())
        self._high = np.maximum(self._high, flat.amax(1).numpy())

    def entry(self) -> Entry:
        high = np.maximum(self._high, self._low + _NARROWEST)
        if self._relu:
            high = high ** (1 - _EVENNESS) * high.max() ** _EVENNESS
        return Entry(*self._norm, self._low, high)


class _Tensors:
    """The operations of `Ops` that are the same for all torch tensors."""

    def __init__(self, fused: FusedNetwork) -> None:
        self._fused = fused
        self.crops: Tensor = torch.empty(0)

    def picture(self) -> Tensor:
        return self._fused.pictures(self.crops)

    def first(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        return functional.relu(conv(x))

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b

    def pool(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(x, 2)

    def upsample(self, x: Tensor) -> Tensor:
        return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class _Watching(_Tensors):
    """Runs the network in floats and records the range of every convolution's input."""

    def __init__(self, fused: FusedNetwork) -> None:
        super().__init__(fused)
        self.watched: dict[str, _Watched] = {}

    def enter(self, x: Tensor, name: str, norm: nn.Module | None, relu: bool) -> Tensor:
        scale, shift = norm_of(norm, x.shape[1])
        y = _normalised(x, scale, shift, relu)
        self.watched.setdefault(name, _Watched(scale, shift, relu)).see(y)
        return y

    def conv(self, x: Tensor, name: str, conv: nn.Conv2d) -> Tensor:
        answer: Tensor = conv(x)
        return answer


class _Beside(_Tensors):
    """Runs the network in floats (first half of every batch) and in 8 bits (second half)."""

    def __init__(self, fused: FusedNetwork, entries: dict[str, Entry], crops: Tensor) -> None:
        super().__init__(fused)
        self.crops = torch.cat((crops, crops))
        self._entries = entries
        self.corrections: dict[str, Doubles] = {}
        self.ratios: dict[str, float] = {}

    def enter(
        self, x: Tensor, name: str, norm: nn.Module | None, relu: bool
    ) -> tuple[Tensor, Tensor]:
        """(y in floats, q in 8 bits); without an entry, both are in floats."""
        true, other = x.chunk(2)
        entry = self._entries.get(name)
        if entry is None:
            both = _normalised(x, *norm_of(norm, x.shape[1]), relu).chunk(2)
            return both[0], both[1]
        lower, upper = (_column(values) for values in entry.limits())
        rounded_x = ((other.clamp(lower, upper) - lower) * (STEPS / (upper - lower))).round()
        return _normalised(true, entry.scale, entry.shift, relu), rounded_x

    def conv(self, x: tuple[Tensor, Tensor], name: str, conv: nn.Conv2d) -> Tensor:
        true: Tensor = conv(x[0])
        entry = self._entries.get(name)
        if entry is None:
            return torch.cat((true, conv(x[1])))
        made = rounded(conv, entry)
        weights = torch.from_numpy(made.weights * made.scale[:, None, None, None]).float()
        bias = torch.from_numpy(made.bias).float()
        other = functional.conv2d(x[1], weights, bias, conv.stride, conv.padding)
        correction = (true - other).mean((0, 2, 3))
        other = other + correction.view(1, -1, 1, 1)
        self.corrections[name] = correction.double().numpy()
        noise = float((true - other).square().sum())
        self.ratios[name] = 10 * float(np.log10(float(true.square().sum()) / max(noise, 1e-12)))
        return torch.cat((true, other))


def _normalised(x: Tensor, scale: Doubles, shift: Doubles, relu: bool) -> Tensor:
    y = x * _column(scale) + _column(shift)
    return functional.relu(y) if relu else y


def _column(values: Doubles) -> Tensor:
    return torch.from_numpy(values).float().view(1, -1, 1, 1)
