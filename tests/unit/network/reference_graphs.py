"""The published graphs once more, as plain functions on a dict of tensors with published names.

Nothing here is shared with the app: no modules, no renaming, one call per layer, written from the
graphs' descriptions. Random weights include the running statistics.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

Weights = dict[str, Tensor]

ADDED = (".conv3", ".conv3.conv", ".conv2")  # the last of a residual, summed onto the trunk


class Maker:
    """Makes random tensors under published names."""

    def __init__(self, seed: int) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.tensors: Weights = {}

    def conv(
        self, name: str, outputs: int, inputs: int, size: int, bias: bool = True, groups: int = 1
    ) -> None:
        shape = (outputs, inputs // groups, size, size)
        fan = shape[1] * size * size
        # Heatmaps of trained networks are about 1 high; without this, eight stacks reach hundreds.
        gain = 0.25 if name.endswith(ADDED) or "_" in name.partition(".")[0] else 1.0
        weight = torch.randn(shape, generator=self.random) * gain / fan**0.5
        self.tensors[f"{name}.weight"] = weight
        if bias:
            self.tensors[f"{name}.bias"] = torch.randn(outputs, generator=self.random) * 0.1

    def norm(self, name: str, channels: int) -> None:
        def uniform() -> Tensor:
            return torch.rand(channels, generator=self.random) + 0.5

        self.tensors[f"{name}.weight"] = uniform()
        self.tensors[f"{name}.bias"] = uniform() - 1
        self.tensors[f"{name}.running_mean"] = uniform() - 1
        self.tensors[f"{name}.running_var"] = uniform()
        self.tensors[f"{name}.num_batches_tracked"] = torch.tensor(7)


def conv(w: Weights, name: str, x: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
    weight = w[f"{name}.weight"]
    padding = (weight.shape[-1] - 1) // 2
    return functional.conv2d(x, weight, w.get(f"{name}.bias"), stride, padding, groups=groups)


def norm(w: Weights, name: str, x: Tensor) -> Tensor:
    return functional.batch_norm(
        x,
        w[f"{name}.running_mean"],
        w[f"{name}.running_var"],
        w[f"{name}.weight"],
        w[f"{name}.bias"],
    )


def relu(x: Tensor) -> Tensor:
    return x.clamp(min=0)


def pool(x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    return x.reshape(b, c, h // 2, 2, w // 2, 2).amax(dim=(3, 5))


def upsample(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


# --- Princeton -----------------------------------------------------------------------------------


def princeton(
    stacks: int, width: int, joints: int = 16, increase: int = 0, seed: int = 0
) -> Weights:
    make = Maker(seed)

    def residual(name: str, inputs: int, outputs: int) -> None:
        make.norm(f"{name}.bn1", inputs)
        make.conv(f"{name}.conv1.conv", outputs // 2, inputs, 1)
        make.norm(f"{name}.bn2", outputs // 2)
        make.conv(f"{name}.conv2.conv", outputs // 2, outputs // 2, 3)
        make.norm(f"{name}.bn3", outputs // 2)
        make.conv(f"{name}.conv3.conv", outputs, outputs // 2, 1)
        make.conv(f"{name}.skip_layer.conv", outputs, inputs, 1)  # stored in every residual

    def hourglass(name: str, level: int, outer: int, inner: int) -> None:
        residual(f"{name}.up1", outer, outer)
        residual(f"{name}.low1", outer, inner)
        if level > 1:
            hourglass(f"{name}.low2", level - 1, inner, inner)
        else:
            residual(f"{name}.low2", inner, inner)
        residual(f"{name}.low3", inner, outer)

    make.conv("pre.0.conv", 64, 3, 7)
    make.norm("pre.0.bn", 64)
    residual("pre.1", 64, 128)
    residual("pre.3", 128, 128)
    residual("pre.4", 128, width)
    for s in range(stacks):
        hourglass(f"hgs.{s}.0", 4, width, width + increase)
        residual(f"features.{s}.0", width, width)
        make.conv(f"features.{s}.1.conv", width, width, 1)
        make.norm(f"features.{s}.1.bn", width)
        make.conv(f"outs.{s}.conv", joints, width, 1)
        if s < stacks - 1:
            make.conv(f"merge_features.{s}.conv.conv", width, width, 1)
            make.conv(f"merge_preds.{s}.conv.conv", width, joints, 1)
    return make.tensors


def run_princeton(w: Weights, x: Tensor) -> list[Tensor]:
    def residual(name: str, x: Tensor) -> Tensor:
        out = conv(w, f"{name}.conv1.conv", relu(norm(w, f"{name}.bn1", x)))
        out = conv(w, f"{name}.conv2.conv", relu(norm(w, f"{name}.bn2", out)))
        out = conv(w, f"{name}.conv3.conv", relu(norm(w, f"{name}.bn3", out)))
        if x.shape[1] != out.shape[1]:
            x = conv(w, f"{name}.skip_layer.conv", x)
        return x + out

    def hourglass(name: str, level: int, x: Tensor) -> Tensor:
        low = residual(f"{name}.low1", pool(x))
        low = (
            hourglass(f"{name}.low2", level - 1, low)
            if level > 1
            else residual(f"{name}.low2", low)
        )
        return residual(f"{name}.up1", x) + upsample(residual(f"{name}.low3", low))

    x = relu(norm(w, "pre.0.bn", conv(w, "pre.0.conv", x, stride=2)))
    x = pool(residual("pre.1", x))
    x = residual("pre.4", residual("pre.3", x))
    answers = []
    s = 0
    while f"outs.{s}.conv.weight" in w:
        feature = residual(f"features.{s}.0", hourglass(f"hgs.{s}.0", 4, x))
        feature = relu(norm(w, f"features.{s}.1.bn", conv(w, f"features.{s}.1.conv", feature)))
        heatmaps = conv(w, f"outs.{s}.conv", feature)
        answers.append(heatmaps)
        if f"merge_preds.{s}.conv.conv.weight" in w:
            back = conv(w, f"merge_preds.{s}.conv.conv", heatmaps)
            x = x + back + conv(w, f"merge_features.{s}.conv.conv", feature)
        s += 1
    return answers


# --- bearpaw, anibali, FPD (scaled stem), mobile FPD (depthwise) ---------------------------------


def bearpaw(
    stacks: int,
    blocks: int = 1,
    width: int = 256,
    stem: int = 64,
    joints: int = 16,
    depthwise: bool = False,
    seed: int = 0,
) -> Weights:
    make = Maker(seed)

    def residual(name: str, inputs: int, outputs: int) -> None:
        half = outputs // 2
        make.norm(f"{name}.bn1", inputs)
        make.conv(f"{name}.conv1", half, inputs, 1)
        make.norm(f"{name}.bn2", half)
        make.conv(f"{name}.conv2", half, half, 3, groups=half if depthwise else 1)
        make.norm(f"{name}.bn3", half)
        make.conv(f"{name}.conv3", outputs, half, 1)
        if inputs != outputs:
            make.conv(f"{name}.downsample.0", outputs, inputs, 1)

    make.conv("conv1", stem, 3, 7)
    make.norm("bn1", stem)
    residual("layer1.0", stem, stem * 2)
    residual("layer2.0", stem * 2, stem * 4)
    residual("layer3.0", stem * 4, width)
    for s in range(stacks):
        for level in range(4):  # 0 is the innermost
            for place in range(4 if level == 0 else 3):
                for block in range(blocks):
                    residual(f"hg.{s}.hg.{level}.{place}.{block}", width, width)
        for block in range(blocks):
            residual(f"res.{s}.{block}", width, width)
        make.conv(f"fc.{s}.0", width, width, 1)
        make.norm(f"fc.{s}.1", width)
        make.conv(f"score.{s}", joints, width, 1)
        if s < stacks - 1:
            make.conv(f"fc_.{s}", width, width, 1)
            make.conv(f"score_.{s}", width, joints, 1)
    return make.tensors


def run_bearpaw(w: Weights, x: Tensor, blocks: int = 1, depthwise: bool = False) -> list[Tensor]:
    def residual(name: str, x: Tensor) -> Tensor:
        out = conv(w, f"{name}.conv1", relu(norm(w, f"{name}.bn1", x)))
        groups = out.shape[1] if depthwise else 1
        out = conv(w, f"{name}.conv2", relu(norm(w, f"{name}.bn2", out)), groups=groups)
        out = conv(w, f"{name}.conv3", relu(norm(w, f"{name}.bn3", out)))
        if f"{name}.downsample.0.weight" in w:
            x = conv(w, f"{name}.downsample.0", x)
        return out + x

    def row(name: str, x: Tensor) -> Tensor:
        for block in range(blocks):
            x = residual(f"{name}.{block}", x)
        return x

    def hourglass(name: str, n: int, x: Tensor) -> Tensor:
        beside = row(f"{name}.{n - 1}.0", x)
        low = row(f"{name}.{n - 1}.1", pool(x))
        low = hourglass(name, n - 1, low) if n > 1 else row(f"{name}.0.3", low)
        return beside + upsample(row(f"{name}.{n - 1}.2", low))

    x = relu(norm(w, "bn1", conv(w, "conv1", x, stride=2)))
    x = pool(residual("layer1.0", x))
    x = residual("layer3.0", residual("layer2.0", x))
    answers = []
    s = 0
    while f"score.{s}.weight" in w:
        y = row(f"res.{s}", hourglass(f"hg.{s}.hg", 4, x))
        y = relu(norm(w, f"fc.{s}.1", conv(w, f"fc.{s}.0", y)))
        score = conv(w, f"score.{s}", y)
        answers.append(score)
        if f"fc_.{s}.weight" in w:
            x = x + conv(w, f"fc_.{s}", y) + conv(w, f"score_.{s}", score)
        s += 1
    return answers


# --- mmpose: CornerNet's Hourglass-52/104 --------------------------------------------------------

PUBLISHED_CHANNELS = (256, 256, 384, 384, 384, 512)
PUBLISHED_BLOCKS = (2, 2, 2, 2, 2, 4)


def mmpose(  # noqa: C901 - one function a graph, as published
    stacks: int,
    channels: tuple[int, ...] = PUBLISHED_CHANNELS,
    blocks: tuple[int, ...] = PUBLISHED_BLOCKS,
    stem: int = 128,
    joints: int = 17,
    head: str = "keypoint_head",
    seed: int = 0,
) -> Weights:
    make = Maker(seed)
    trunk = channels[0]

    def block(name: str, inputs: int, outputs: int, changes: bool) -> None:
        make.conv(f"{name}.conv1", outputs, inputs, 3, bias=False)
        make.norm(f"{name}.bn1", outputs)
        make.conv(f"{name}.conv2", outputs, outputs, 3, bias=False)
        make.norm(f"{name}.bn2", outputs)
        if changes:
            make.conv(f"{name}.downsample.0", outputs, inputs, 1, bias=False)
            make.norm(f"{name}.downsample.1", outputs)

    def level(name: str, depth: int) -> None:
        here, below, count = channels[depth], channels[depth + 1], blocks[depth]
        for j in range(count):
            block(f"{name}.up1.{j}", here, here, False)
        block(f"{name}.low1.0", here, below, True)  # always strided
        for j in range(1, count):
            block(f"{name}.low1.{j}", below, below, False)
        if depth + 2 < len(channels):
            level(f"{name}.low2", depth + 1)
        else:
            for j in range(blocks[depth + 1]):
                block(f"{name}.low2.{j}", below, below, False)
        for j in range(count - 1):
            block(f"{name}.low3.{j}", below, below, False)
        block(f"{name}.low3.{count - 1}", below, here, below != here)

    make.conv("backbone.stem.0.conv", stem, 3, 7, bias=False)
    make.norm("backbone.stem.0.bn", stem)
    block("backbone.stem.1.0", stem, trunk, True)
    for s in range(stacks):
        level(f"backbone.hourglass_modules.{s}", 0)
        make.conv(f"backbone.out_convs.{s}.conv", trunk, trunk, 3, bias=False)
        make.norm(f"backbone.out_convs.{s}.bn", trunk)
        make.conv(f"{head}.multi_final_layers.{s}", joints, trunk, 1)
    for s in range(max(1, stacks - 1)):  # one that is never used where there is one stack
        block(f"backbone.inters.{s}", trunk, trunk, False)
    for s in range(stacks - 1):
        for name in ("conv1x1s", "remap_convs"):
            make.conv(f"backbone.{name}.{s}.conv", trunk, trunk, 1, bias=False)
            make.norm(f"backbone.{name}.{s}.bn", trunk)
    return make.tensors


def run_mmpose(
    w: Weights,
    x: Tensor,
    blocks: tuple[int, ...] = PUBLISHED_BLOCKS,
    head: str = "keypoint_head",
) -> list[Tensor]:
    def block(name: str, x: Tensor, stride: int = 1) -> Tensor:
        out = relu(norm(w, f"{name}.bn1", conv(w, f"{name}.conv1", x, stride=stride)))
        out = norm(w, f"{name}.bn2", conv(w, f"{name}.conv2", out))
        if f"{name}.downsample.0.weight" in w:
            x = norm(w, f"{name}.downsample.1", conv(w, f"{name}.downsample.0", x, stride=stride))
        return relu(out + x)

    def row(name: str, x: Tensor, count: int, stride: int = 1) -> Tensor:
        for j in range(count):
            x = block(f"{name}.{j}", x, stride if j == 0 else 1)
        return x

    def level(name: str, depth: int, x: Tensor) -> Tensor:
        low = row(f"{name}.low1", x, blocks[depth], stride=2)
        low = (
            level(f"{name}.low2", depth + 1, low)
            if depth + 2 < len(blocks)
            else row(f"{name}.low2", low, blocks[depth + 1])
        )
        low = row(f"{name}.low3", low, blocks[depth])
        return row(f"{name}.up1", x, blocks[depth]) + upsample(low)

    x = relu(norm(w, "backbone.stem.0.bn", conv(w, "backbone.stem.0.conv", x, stride=2)))
    x = block("backbone.stem.1.0", x, stride=2)
    answers = []
    s = 0
    while f"{head}.multi_final_layers.{s}.weight" in w:
        out = level(f"backbone.hourglass_modules.{s}", 0, x)
        out = conv(w, f"backbone.out_convs.{s}.conv", out)
        out = relu(norm(w, f"backbone.out_convs.{s}.bn", out))
        answers.append(conv(w, f"{head}.multi_final_layers.{s}", out))
        if f"backbone.conv1x1s.{s}.conv.weight" in w:
            x = norm(w, f"backbone.conv1x1s.{s}.bn", conv(w, f"backbone.conv1x1s.{s}.conv", x))
            back = conv(w, f"backbone.remap_convs.{s}.conv", out)
            x = x + norm(w, f"backbone.remap_convs.{s}.bn", back)
            x = block(f"backbone.inters.{s}", relu(x))
        s += 1
    return answers
