"""The stacked hourglass network (Newell, Yang and Deng, ECCV 2016), configurable.

Shapes: B images, S stacks, K joints, H x W input pixels. Attributes stand in the order of
computation; `layouts.py` renames the keys of published checkpoints to them.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..spec import NetworkConfig


class Residual(nn.Module):
    """Pre-activation bottleneck: BN-ReLU-1x1, BN-ReLU-3x3, BN-ReLU-1x1, plus the raw input."""

    def __init__(self, inputs: int, outputs: int, depthwise: bool = False) -> None:
        super().__init__()
        middle = outputs // 2
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, middle, 1)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, padding=1, groups=middle if depthwise else 1)
        self.bn3 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, outputs, 1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(functional.relu(self.bn1(x)))
        out = self.conv2(functional.relu(self.bn2(out)))
        out = self.conv3(functional.relu(self.bn3(out)))
        value: Tensor = out + (x if self.skip is None else self.skip(x))
        return value


def residuals(inputs: int, outputs: int, count: int, depthwise: bool) -> nn.Sequential:
    """`count` residual blocks; the first changes the number of channels."""
    return nn.Sequential(
        *(Residual(inputs if i == 0 else outputs, outputs, depthwise) for i in range(count))
    )


class Hourglass(nn.Module):
    """One level: a branch at full resolution, plus pool, low1, the next level, low3, upsampling.

    `depth` is the number of levels from here, this one included. Only the outermost level widens
    by `increase` channels.
    """

    def __init__(self, depth: int, width: int, increase: int, blocks: int, depthwise: bool) -> None:
        super().__init__()
        inner = width + increase
        self.up = residuals(width, width, blocks, depthwise)
        self.low1 = residuals(width, inner, blocks, depthwise)
        self.low2: nn.Module = (
            Hourglass(depth - 1, inner, 0, blocks, depthwise)
            if depth > 1
            else residuals(inner, inner, blocks, depthwise)
        )
        self.low3 = residuals(inner, width, blocks, depthwise)

    def forward(self, x: Tensor) -> Tensor:
        low = self.low3(self.low2(self.low1(functional.max_pool2d(x, 2))))
        value: Tensor = self.up(x) + functional.interpolate(low, scale_factor=2.0, mode="nearest")
        return value


class Stem(nn.Module):
    """7x7 stride 2, residual, pool, residual, residual: (B, 3, H, W) -> (B, width, H/4, W/4)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        first, second = config.stem
        self.conv = nn.Conv2d(3, first, 7, stride=2, padding=3)
        self.bn = nn.BatchNorm2d(first)
        self.res1 = Residual(first, second, config.depthwise)
        self.res2 = Residual(second, config.stem_second, config.depthwise)
        self.res3 = Residual(config.stem_second, config.width, config.depthwise)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn(self.conv(x)))  # (B, first, H/2, W/2)
        x = functional.max_pool2d(self.res1(x), 2)  # (B, second, H/4, W/4)
        value: Tensor = self.res3(self.res2(x))
        return value


class Stack(nn.Module):
    """One hourglass and its heatmap head; all but the last merge both back into the trunk."""

    def __init__(self, config: NetworkConfig, last: bool) -> None:
        super().__init__()
        width, joints = config.width, config.joints
        self.hourglass = Hourglass(
            config.depth, width, config.increase, config.blocks, config.depthwise
        )
        self.after = residuals(width, width, config.after_blocks, config.depthwise)
        self.feature = nn.Conv2d(width, width, 1)
        self.feature_bn = nn.BatchNorm2d(width)
        self.head = nn.Conv2d(width, joints, 1)
        self.merge_feature = None if last else nn.Conv2d(width, width, 1)
        self.merge_heatmaps = None if last else nn.Conv2d(joints, width, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(heatmaps (B, K, H/4, W/4), feature (B, width, H/4, W/4))."""
        feature = self.feature(self.after(self.hourglass(x)))
        feature = functional.relu(self.feature_bn(feature))
        return self.head(feature), feature

    def merge(self, x: Tensor, heatmaps: Tensor, feature: Tensor) -> Tensor:
        """The input of the next stack: x + merged heatmaps + merged feature."""
        assert self.merge_feature is not None
        assert self.merge_heatmaps is not None
        value: Tensor = x + self.merge_heatmaps(heatmaps) + self.merge_feature(feature)
        return value


class Stacked(nn.Module):
    """A stem and several stacks, for any kind of hourglass.

    A stack maps its input x to (heatmaps, feature); `merge(x, heatmaps, feature)` is the input of
    the next one. Outputs are raw heatmaps, or logits where the spec says so.
    """

    def __init__(self, config: NetworkConfig, stem: nn.Module, stacks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.config = config
        self.stem = stem
        self.stacks = nn.ModuleList(stacks)

    def forward(self, x: Tensor, stacks: int | None = None) -> Tensor:
        """Heatmaps of the first stacks.

        Args:
            x: (B, 3, H, W) float, normalised as the spec says.
            stacks: How many stacks to run, 1 to config.stacks; default all. Outputs of the earlier
                stacks do not depend on the later ones.

        Returns:
            (B, S, K, H/4, W/4).

        Raises:
            ValueError: For any other number of stacks, or where H or W is not a multiple of
                4 * 2**depth.
        """
        return torch.stack(self.forward_stacks(x, stacks), dim=1)

    def forward_stacks(self, x: Tensor, stacks: int | None = None) -> list[Tensor]:
        """As `forward`, but as a list of one (B, K, H/4, W/4) per stack."""
        count = self.config.stacks if stacks is None else stacks
        if not 1 <= count <= self.config.stacks:
            raise ValueError(f"stacks must be 1 to {self.config.stacks}, not {count}")
        multiple = 4 * 2**self.config.depth
        if x.shape[-2] % multiple or x.shape[-1] % multiple:
            raise ValueError(f"input sides must be multiples of {multiple}, not {x.shape[-2:]}")
        x = self.stem(x)
        answers: list[Tensor] = []
        for stack in list(self.stacks)[:count]:
            heatmaps, feature = stack(x)
            answers.append(heatmaps)
            if len(answers) < count:
                x = stack.merge(x, heatmaps, feature)  # type: ignore[operator]
        return answers


class StackedHourglass(Stacked):
    """Newell's network."""

    def __init__(self, config: NetworkConfig) -> None:
        last = config.stacks - 1
        stacks = (Stack(config, last=index == last) for index in range(config.stacks))
        super().__init__(config, Stem(config), stacks)


class HeatmapLoss(nn.Module):
    """Mean squared error per image and stack, each stack against the same target (Newell 2016)."""

    def forward(
        self, prediction: Tensor, target: Tensor, joint_weight: Tensor | None = None
    ) -> Tensor:
        """The mean over joints and pixels, (B, S).

        Args:
            prediction: (B, S, K, h, w).
            target: (B, K, h, w); all zero for a joint that is not in the image.
            joint_weight: (B, K) or (K,). 0 leaves a joint out of the mean: it was not labelled.
        """
        error = (prediction - target[:, None]).square().mean(dim=(3, 4))  # (B, S, K)
        if joint_weight is None:
            return error.mean(dim=2)
        weight = joint_weight.to(error).expand(error.shape[0], error.shape[2])[:, None]
        return (error * weight).sum(dim=2) / weight.sum(dim=2).clamp_min(1e-9)
