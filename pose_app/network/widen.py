"""Gives a trained network more channels without changing its answers, as a start for training.

As in Chen, Goodfellow and Shlens (*Net2Net*, ICLR 2016): a new channel is a copy of an old one, and
whatever reads the two shares the old weight between them. The shares are random and uneven, so that
the copies become different in training.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..spec import ModelSpec
from .hourglass import Hourglass, Residual, Stack, StackedHourglass
from .native import build

_UNEVEN = 0.3  # a copy has 0.5 plus or minus at most so much of the weight

# For each new channel the old one that it copies; the old channels come first.
Origin = Tensor


def widened(
    network: nn.Module, spec: ModelSpec, width: int, increase: int, seed: int = 0
) -> tuple[StackedHourglass, ModelSpec]:
    """A copy of the network with `width` and `increase` channels as in `NetworkConfig`.

    The copied channels are those that the convolutions after them weigh most. The answers differ by
    rounding only. The spec keeps its calibration.

    Returns:
        (network, spec).

    Raises:
        ModelError: Any graph but Newell's, depthwise convolutions, fewer channels than before, or a
            block whose trained convolution beside the others would have no place any more.
    """
    old = spec.network
    if not isinstance(network, StackedHourglass) or old.depthwise:
        raise ModelError(f"{spec.name} cannot be widened: only Newell's graph can.")
    if width < old.width or width + increase < old.width + old.increase:
        raise ModelError(
            f"{spec.name} has {old.width} channels and {old.width + old.increase} in its inner "
            "levels: choose at least as many."
        )
    # A block has a convolution in its skip connection where its numbers of channels differ.
    if old.stem_second == width != old.width or increase == 0 < old.increase:
        raise ModelError(
            f"{spec.name} would lose a trained convolution with {width} channels and "
            f"{width + increase} in its inner levels: choose another width."
        )
    changed = replace(spec, network=replace(old, width=width, increase=increase))
    made = build(changed)
    assert isinstance(made, StackedHourglass)
    with torch.no_grad():
        _Widening(network, made, seed).copy()
    return made.train(network.training), changed


class _Widening:
    """Copies the weights of one network into a wider one."""

    def __init__(self, source: StackedHourglass, target: StackedHourglass, seed: int) -> None:
        self._source, self._target = source, target
        self._random = torch.Generator().manual_seed(seed)
        old, new = source.config, target.config
        # Residual connections join all blocks of the trunk, and all of the inner levels: in each of
        # the two, a channel has the same origin everywhere.
        inner_width = old.width + old.increase
        self._trunk = _origin(_readers(source, ".up.", old.width), new.width)
        inner = _origin(_readers(source, ".low2.", inner_width), new.width + new.increase)
        self._inner = self._trunk if new.increase == old.increase == 0 else inner

    def copy(self) -> None:
        source, target = self._source, self._target
        stem = source.stem, target.stem
        for part, into in zip(*(module.children() for module in stem), strict=True):
            if isinstance(part, Residual) and isinstance(into, Residual):
                inputs, outputs = part.conv1.in_channels, part.conv3.out_channels
                last = part is source.stem.res3
                self._residual(part, into, _same(inputs), self._trunk if last else _same(outputs))
            else:
                into.load_state_dict(part.state_dict())
        for part, into in zip(source.stacks, target.stacks, strict=True):
            assert isinstance(part, Stack)
            assert isinstance(into, Stack)
            self._stack(part, into)

    def _stack(self, part: Stack, into: Stack) -> None:
        self._hourglass(part.hourglass, into.hourglass, self._trunk, self._inner)
        self._residuals(part.after, into.after, self._trunk, self._trunk)
        feature = _origin([part.head], into.feature.out_channels)
        self._conv(part.feature, into.feature, self._trunk, feature)
        _norm(part.feature_bn, into.feature_bn, feature)
        joints = _same(part.head.out_channels)
        self._conv(part.head, into.head, feature, joints)
        if part.merge_feature is not None and part.merge_heatmaps is not None:
            assert into.merge_feature is not None
            assert into.merge_heatmaps is not None
            self._conv(part.merge_feature, into.merge_feature, feature, self._trunk)
            self._conv(part.merge_heatmaps, into.merge_heatmaps, joints, self._trunk)

    def _hourglass(self, part: Hourglass, into: Hourglass, outer: Origin, inner: Origin) -> None:
        self._residuals(part.up, into.up, outer, outer)
        self._residuals(part.low1, into.low1, outer, inner)
        if isinstance(part.low2, Hourglass) and isinstance(into.low2, Hourglass):
            self._hourglass(part.low2, into.low2, inner, inner)
        else:
            self._residuals(part.low2, into.low2, inner, inner)
        self._residuals(part.low3, into.low3, inner, outer)

    def _residuals(self, part: nn.Module, into: nn.Module, first: Origin, last: Origin) -> None:
        blocks = list(zip(part.children(), into.children(), strict=True))
        for (old, new), (inputs, outputs) in zip(
            blocks, pairwise([first, *[last] * len(blocks)]), strict=True
        ):
            assert isinstance(old, Residual)
            assert isinstance(new, Residual)
            self._residual(old, new, inputs, outputs)

    def _residual(self, part: Residual, into: Residual, inputs: Origin, outputs: Origin) -> None:
        first = _origin([part.conv2], into.conv2.in_channels)
        second = _origin([part.conv3], into.conv2.out_channels)
        _norm(part.bn1, into.bn1, inputs)
        self._conv(part.conv1, into.conv1, inputs, first)
        _norm(part.bn2, into.bn2, first)
        self._conv(part.conv2, into.conv2, first, second)
        _norm(part.bn3, into.bn3, second)
        self._conv(part.conv3, into.conv3, second, outputs)
        if into.skip is not None and part.skip is not None:
            self._conv(part.skip, into.skip, inputs, outputs)
        elif into.skip is not None:
            identity = torch.eye(part.conv1.in_channels)[:, :, None, None]
            into.skip.weight.copy_(self._shared(identity[outputs], inputs))
            assert into.skip.bias is not None
            into.skip.bias.zero_()

    def _conv(self, part: nn.Conv2d, into: nn.Conv2d, inputs: Origin, outputs: Origin) -> None:
        into.weight.copy_(self._shared(part.weight[outputs], inputs))
        if part.bias is not None and into.bias is not None:
            into.bias.copy_(part.bias[outputs])

    def _shared(self, weight: Tensor, inputs: Origin) -> Tensor:
        """Weights (out, old in, h, w) -> (out, new in, h, w): copies share those of their origin.

        A channel is copied once or, where more are wanted than there were, several times: each copy
        takes a part of what is left to its origin.
        """
        made = weight[:, inputs].clone()
        for channel in range(weight.shape[1], len(inputs)):
            origin = int(inputs[channel])
            part = torch.rand(len(weight), 1, 1, generator=self._random)
            part = 0.5 + _UNEVEN * (2 * part - 1)
            made[:, channel] = made[:, origin] * part
            made[:, origin] -= made[:, channel]
        return made


def _same(channels: int) -> Origin:
    return torch.arange(channels)


def _readers(network: nn.Module, where: str, width: int) -> list[nn.Conv2d]:
    """The first convolutions of the residual blocks at these places that read `width` channels."""
    return [
        module.conv1
        for name, module in network.named_modules()
        if isinstance(module, Residual)
        and where in f"{name}."
        and module.conv1.in_channels == width
    ]


def _origin(readers: list[nn.Conv2d], channels: int) -> Origin:
    """The origins of `channels` channels: the old ones, then copies of those that matter most."""
    weight = torch.stack([reader.weight.square().sum(dim=(0, 2, 3)) for reader in readers]).sum(0)
    order = weight.argsort(descending=True, stable=True)
    missing = channels - len(order)
    copies = order.repeat(missing // len(order) + 1)[:missing]
    return torch.cat((_same(len(order)), copies))


def _norm(part: nn.BatchNorm2d, into: nn.BatchNorm2d, channels: Origin) -> None:
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(into, name).copy_(getattr(part, name)[channels])
