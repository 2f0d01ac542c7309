"""Converts the state dict of mmpose's Hourglass-52/104 (0.x and 1.x): keys renamed to ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import ModelError
from ..spec import NetworkConfig

if TYPE_CHECKING:
    from torch import Tensor

_BRANCHES = {"up1": "up", "low1": "low1", "low3": "low3"}
_BLOCK = {
    "conv1": "conv1",
    "bn1": "bn1",
    "conv2": "conv2",
    "bn2": "bn2",
    "downsample.0": "skip",
    "downsample.1": "skip_bn",
}
_BLOCK_PATTERN = r"(conv1|bn1|conv2|bn2|downsample\.0|downsample\.1)"
_END = {
    ("out_convs", "conv"): "feature",
    ("out_convs", "bn"): "feature_bn",
    ("conv1x1s", "conv"): "merge_trunk",
    ("conv1x1s", "bn"): "merge_trunk_bn",
    ("remap_convs", "conv"): "merge_feature",
    ("remap_convs", "bn"): "merge_feature_bn",
}


def convert(tensors: Mapping[str, Tensor]) -> tuple[NetworkConfig, dict[str, Tensor]]:
    """(configuration, renamed tensors) of an mmpose checkpoint. Raises ModelError."""
    renamed = {}
    for key, value in tensors.items():
        if key.startswith("data_preprocessor."):
            continue  # mean and std as buffers in some 1.x files
        name = _rename(key)
        if name is None:
            raise ModelError(
                f"This checkpoint has a part that mmpose's hourglass does not have ({key!r}): it "
                "is another network, or a variant that pose-app does not know."
            )
        renamed[name] = value
    config = cornernet_config(renamed)
    # mmpose builds this block after the last stack as well, and never uses it there.
    last = f"stacks.{config.stacks - 1}.between."
    return config, {key: value for key, value in renamed.items() if not key.startswith(last)}


def cornernet_config(tensors: Mapping[str, Tensor]) -> NetworkConfig:
    """The configuration of a CornerNet graph, from renamed tensors. Raises ModelError."""

    def shape(name: str) -> tuple[int, ...]:
        if name not in tensors:
            raise ModelError(f"This checkpoint is incomplete: the tensor of {name!r} is missing.")
        found = tuple(tensors[name].shape)
        if len(found) != 4 or 0 in found:
            raise ModelError(f"The tensor of {name!r} has the shape {found}, which makes no sense.")
        return found

    def count(prefix: str) -> int:
        pattern = re.compile(re.escape(prefix) + r"(\d+)\.")
        return len({match[1] for key in tensors if (match := pattern.match(key))})

    channels, blocks = [], []
    level = "stacks.0.hourglass."
    while f"{level}up.0.conv1.weight" in tensors:
        channels.append(shape(f"{level}up.0.conv1.weight")[0])
        blocks.append(count(f"{level}up."))
        level += "low2."
    channels.append(shape(f"{level}0.conv1.weight")[0])
    blocks.append(count(level))
    if len(channels) < 2:
        raise ModelError("This checkpoint is incomplete: it has no whole hourglass.")
    joints, width = shape("stacks.0.head.weight")[:2]
    return NetworkConfig(
        graph="cornernet",
        stacks=count("stacks."),
        width=width,
        joints=joints,
        stem=(shape("stem.conv.weight")[0], channels[0]),
        stem_second=channels[0],
        blocks=blocks[0],
        depth=len(channels) - 1,
        level_channels=tuple(channels),
        level_blocks=tuple(blocks),
    )


def _rename(key: str) -> str | None:
    owner, _, leaf = key.rpartition(".")
    if match := re.fullmatch(r"(?:keypoint_)?head\.multi_final_layers\.(\d+)", owner):
        return f"stacks.{match[1]}.head.{leaf}"
    if not owner.startswith("backbone."):
        return None
    owner = owner[len("backbone.") :]
    if match := re.fullmatch(r"stem\.0\.(conv|bn)", owner):
        return f"stem.{match[1]}.{leaf}"
    if match := re.fullmatch(rf"stem\.1\.0\.{_BLOCK_PATTERN}", owner):
        return f"stem.block.{_BLOCK[match[1]]}.{leaf}"
    if match := re.fullmatch(
        rf"hourglass_modules\.(\d+)\.((?:low2\.)*)(?:(up1|low1|low3)\.)?(\d+)\.{_BLOCK_PATTERN}",
        owner,
    ):
        stack, levels, branch, block, part = match.groups()
        where = f"{_BRANCHES[branch]}." if branch else ""
        return f"stacks.{stack}.hourglass.{levels}{where}{block}.{_BLOCK[part]}.{leaf}"
    if match := re.fullmatch(rf"inters\.(\d+)\.{_BLOCK_PATTERN}", owner):
        return f"stacks.{match[1]}.between.{_BLOCK[match[2]]}.{leaf}"
    if match := re.fullmatch(r"(out_convs|conv1x1s|remap_convs)\.(\d+)\.(conv|bn)", owner):
        return f"stacks.{match[2]}.{_END[match[1], match[3]]}.{leaf}"
    return None
