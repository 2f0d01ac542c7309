"""CornerNet's stacked hourglass (Law and Deng, ECCV 2018) as mmpose publishes it for poses.

It differs from Newell's graph: post-activation residuals of two 3x3 convolutions without bias,
strided convolutions instead of pooling, more channels and blocks at the deeper levels. Hourglass-52
has one stack, Hourglass-104 two. Parts that correspond have the names of `hourglass.py`.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from ..spec import NetworkConfig
from .hourglass import Stacked


class BasicBlock(nn.Module):
    """3x3-BN-ReLU, 3x3-BN, plus the input (through 1x1-BN where the shape changes), ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        changes = stride != 1 or inputs != outputs
        self.skip = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False) if changes else None
        self.skip_bn = nn.BatchNorm2d(outputs) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.skip is not None and self.skip_bn is not None:
            x = self.skip_bn(self.skip(x))
        return functional.relu(out + x)


def widening(inputs: int, outputs: int, count: int, stride: int = 1) -> nn.Sequential:
    """`count` blocks; the first changes the number of channels and, with `stride`, the size."""
    return nn.Sequential(
        BasicBlock(inputs, outputs, stride),
        *(BasicBlock(outputs, outputs) for _ in range(count - 1)),
    )


def narrowing(inputs: int, outputs: int, count: int) -> nn.Sequential:
    """`count` blocks; the last changes the number of channels."""
    return nn.Sequential(
        *(BasicBlock(inputs, inputs) for _ in range(count - 1)), BasicBlock(inputs, outputs)
    )


class CornerNetLevel(nn.Module):
    """One level: a branch at full resolution, plus a branch through the next, coarser level."""

    def __init__(self, channels: tuple[int, ...], blocks: tuple[int, ...]) -> None:
        super().__init__()
        here, below = channels[:2]
        self.up = widening(here, here, blocks[0])
        self.low1 = widening(here, below, blocks[0], stride=2)
        self.low2: nn.Module = (
            CornerNetLevel(channels[1:], blocks[1:])
            if len(channels) > 2
            else widening(below, below, blocks[1])
        )
        self.low3 = narrowing(below, here, blocks[0])

    def forward(self, x: Tensor) -> Tensor:
        low = self.low3(self.low2(self.low1(x)))
        value: Tensor = self.up(x) + functional.interpolate(low, scale_factor=2.0, mode="nearest")
        return value


class CornerNetStem(nn.Module):
    """7x7 convolution and a block, both of stride 2: (B, 3, H, W) -> (B, trunk, H/4, W/4)."""

    def __init__(self, trunk: int, first: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, first, 7, stride=2, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(first)
        self.block = BasicBlock(first, trunk, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(functional.relu(self.bn(self.conv(x))))
        return out


class CornerNetStack(nn.Module):
    """One hourglass, its feature and its heatmap head; all but the last merge into the trunk."""

    def __init__(self, config: NetworkConfig, last: bool) -> None:
        super().__init__()
        trunk, width = config.level_channels[0], config.width
        self.hourglass = CornerNetLevel(config.level_channels, config.level_blocks)
        self.feature = nn.Conv2d(trunk, width, 3, padding=1, bias=False)
        self.feature_bn = nn.BatchNorm2d(width)
        self.head = nn.Conv2d(width, config.joints, 1)
        if not last:
            self.merge_trunk = nn.Conv2d(trunk, trunk, 1, bias=False)
            self.merge_trunk_bn = nn.BatchNorm2d(trunk)
            self.merge_feature = nn.Conv2d(width, trunk, 1, bias=False)
            self.merge_feature_bn = nn.BatchNorm2d(trunk)
            self.between = BasicBlock(trunk, trunk)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(heatmaps (B, K, H/4, W/4), feature (B, width, H/4, W/4))."""
        feature = functional.relu(self.feature_bn(self.feature(self.hourglass(x))))
        return self.head(feature), feature

    def merge(self, x: Tensor, heatmaps: Tensor, feature: Tensor) -> Tensor:
        """The input of the next stack; unlike Newell's graph, it does not use the heatmaps."""
        x = self.merge_trunk_bn(self.merge_trunk(x))
        out: Tensor = self.between(
            functional.relu(x + self.merge_feature_bn(self.merge_feature(feature)))
        )
        return out


class CornerNetHourglass(Stacked):
    """The whole network. Published ones have depth 5: input sides are multiples of 128."""

    def __init__(self, config: NetworkConfig) -> None:
        last = config.stacks - 1
        stacks = (CornerNetStack(config, last=index == last) for index in range(config.stacks))
        super().__init__(config, CornerNetStem(config.level_channels[0], config.stem[0]), stacks)
