"""Converts the state dicts of published checkpoints: keys renamed to those of `hourglass.py`.

Layouts: princeton-vl/pytorch_stacked_hourglass (`princeton`), and bearpaw/pytorch-pose, which
anibali's and both fast-human-pose-estimation repositories share (`bearpaw`). mmpose publishes
another graph, converted in `cornernet_layout.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ModelError
from ..spec import NetworkConfig
from . import cornernet_layout

if TYPE_CHECKING:
    from torch import Tensor

PRINCETON = "princeton"
BEARPAW = "bearpaw"
MMPOSE = "mmpose"


@dataclass(frozen=True)
class Converted:
    """A renamed checkpoint: the layout it had, its configuration and its tensors."""

    layout: str
    config: NetworkConfig
    tensors: dict[str, Tensor]


def convert(tensors: Mapping[str, Tensor]) -> Converted:
    """Rename the tensors of a published checkpoint; prefixes such as `module.` are removed.

    The layout is recognised by its keys. Raises ModelError, also for keys that belong to no part
    of the graph: without its further parts, such a network would run and give wrong results.
    """
    tensors = {
        key: value
        for key, value in _without_prefix(tensors).items()
        if not key.endswith("num_batches_tracked")
    }
    layout = detect(tensors)
    if not any(key.endswith("running_mean") for key in tensors):
        raise ModelError(
            "This is a GroupNorm variant of the stacked hourglass (it has no running statistics), "
            "which pose-app cannot run: use a checkpoint with batch normalisation."
        )
    if layout == MMPOSE:
        config, renamed = cornernet_layout.convert(tensors)
        return Converted(layout, config, renamed)
    rename = _rename_princeton if layout == PRINCETON else _rename_bearpaw
    depth = _bearpaw_depth(tensors) if layout == BEARPAW else 0
    renamed = {}
    for key, value in tensors.items():
        if layout == PRINCETON and _is_dead_skip(key, tensors):
            continue
        name = rename(key, depth)
        if name is None:
            raise ModelError(
                f"This checkpoint has a part that a stacked hourglass does not have ({key!r}): "
                "it is another network, or a variant that pose-app does not know."
            )
        renamed[name] = value
    return Converted(layout, newell_config(renamed), renamed)


def detect(tensors: Mapping[str, object]) -> str:
    """The name of the layout. Raises ModelError for unknown keys."""
    if any("hourglass_modules." in key for key in tensors):
        return MMPOSE
    if any(key.startswith("hgs.") for key in tensors):
        return PRINCETON
    if any(re.match(r"hg\.\d+\.hg\.", key) for key in tensors):
        return BEARPAW
    raise ModelError(
        "This checkpoint is no stacked hourglass of a known layout (Princeton, bearpaw, anibali, "
        "FPD, mmpose): its tensors have other names."
    )


def config_of(graph: str, tensors: Mapping[str, Tensor]) -> NetworkConfig:
    """The configuration of a network, from renamed tensors. Raises ModelError."""
    read = cornernet_layout.cornernet_config if graph == "cornernet" else newell_config
    return read(tensors)


def newell_config(tensors: Mapping[str, Tensor]) -> NetworkConfig:
    """The configuration of a Newell graph, from renamed tensors. Raises ModelError."""

    def shape(name: str, dimensions: int = 4) -> tuple[int, ...]:
        if name not in tensors:
            raise ModelError(f"This checkpoint is incomplete: the tensor of {name!r} is missing.")
        found = tuple(tensors[name].shape)
        if len(found) != dimensions or 0 in found:
            raise ModelError(f"The tensor of {name!r} has the shape {found}, which makes no sense.")
        return found

    depth = 1
    while any(k.startswith("stacks.0.hourglass." + "low2." * depth + "up.") for k in tensors):
        depth += 1
    first = "stacks.0.hourglass."
    joints, width = shape("stacks.0.head.weight")[:2]
    middle = shape(first + "up.0.conv2.weight")
    return NetworkConfig(
        graph="newell",
        stacks=_count(tensors, r"stacks\.(\d+)\."),
        width=width,
        joints=joints,
        stem=(shape("stem.conv.weight")[0], shape("stem.res1.conv3.weight")[0]),
        stem_second=shape("stem.res2.conv3.weight")[0],
        blocks=_count(tensors, r"stacks\.0\.hourglass\.up\.(\d+)\."),
        after_blocks=_count(tensors, r"stacks\.0\.after\.(\d+)\."),
        depth=depth,
        increase=shape(first + "low1.0.conv3.weight")[0] - width,
        depthwise=middle[1] == 1 and middle[0] > 1,
    )


def _count(tensors: Mapping[str, object], pattern: str) -> int:
    """How many different values the pattern's group has among the keys."""
    found = {match[1] for key in tensors if (match := re.match(pattern, key))}
    if not found:
        raise ModelError("This checkpoint is incomplete: it has no whole hourglass.")
    return len(found)


def _without_prefix(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    for prefix in ("model.module.", "module."):
        if tensors and all(key.startswith(prefix) for key in tensors):
            return {key[len(prefix) :]: value for key, value in tensors.items()}
    return dict(tensors)


# --- Princeton -----------------------------------------------------------------------------------

_PRINCETON_STEM = {"pre.1": "res1", "pre.3": "res2", "pre.4": "res3"}
_PRINCETON_BRANCHES = {"up1": "up", "low1": "low1", "low3": "low3"}
_PRINCETON_END = {
    "features.{}.1.conv": "feature",
    "features.{}.1.bn": "feature_bn",
    "outs.{}.conv": "head",
    "merge_features.{}.conv.conv": "merge_feature",
    "merge_preds.{}.conv.conv": "merge_heatmaps",
}


def _is_dead_skip(key: str, tensors: Mapping[str, Tensor]) -> bool:
    """Whether it is an unused skip: Princeton stores one in every residual block."""
    owner, found, _ = key.rpartition("skip_layer.conv.")
    weight = tensors.get(f"{owner}skip_layer.conv.weight") if found else None
    return weight is not None and weight.ndim == 4 and weight.shape[0] == weight.shape[1]


def _rename_princeton(key: str, depth: int) -> str | None:
    owner, _, leaf = key.rpartition(".")
    if owner in ("pre.0.conv", "pre.0.bn"):
        return f"stem.{owner[6:]}.{leaf}"
    if match := re.fullmatch(r"(pre\.[134])\.(.+)", owner):
        part = _princeton_residual(match[2])
        return part and f"stem.{_PRINCETON_STEM[match[1]]}.{part}.{leaf}"
    if match := re.fullmatch(r"hgs\.(\d+)\.0\.((?:low2\.)*)(?:(up1|low1|low3)\.)?(.+)", owner):
        stack, levels, branch, rest = match.groups()
        part = _princeton_residual(rest)
        where = f"{_PRINCETON_BRANCHES[branch]}." if branch else ""
        return part and f"stacks.{stack}.hourglass.{levels}{where}0.{part}.{leaf}"
    if match := re.fullmatch(r"features\.(\d+)\.0\.(.+)", owner):
        part = _princeton_residual(match[2])
        return part and f"stacks.{match[1]}.after.0.{part}.{leaf}"
    for pattern, name in _PRINCETON_END.items():
        if match := re.fullmatch(pattern.replace(".", r"\.").replace("{}", r"(\d+)"), owner):
            return f"stacks.{match[1]}.{name}.{leaf}"
    return None


def _princeton_residual(part: str) -> str | None:
    if re.fullmatch(r"bn[123]", part):
        return part
    if match := re.fullmatch(r"(conv[123])\.conv", part):
        return match[1]
    return "skip" if part == "skip_layer.conv" else None


# --- bearpaw, anibali and the two FPD repositories -----------------------------------------------

_BEARPAW_STEM = {
    "conv1": "conv",
    "bn1": "bn",
    "layer1.0": "res1",
    "layer2.0": "res2",
    "layer3.0": "res3",
}
_BEARPAW_BRANCHES = ("up.", "low1.", "low3.", "low2.")
_BEARPAW_END = {
    r"fc\.(\d+)\.0": "feature",
    r"fc\.(\d+)\.1": "feature_bn",
    r"score\.(\d+)": "head",
    r"fc_\.(\d+)": "merge_feature",
    r"score_\.(\d+)": "merge_heatmaps",
}


def _bearpaw_depth(tensors: Mapping[str, object]) -> int:
    return _count(tensors, r"hg\.0\.hg\.(\d+)\.")


def _rename_bearpaw(key: str, depth: int) -> str | None:
    owner, _, leaf = key.rpartition(".")
    if owner in ("conv1", "bn1"):
        return f"stem.{_BEARPAW_STEM[owner]}.{leaf}"
    if match := re.fullmatch(r"(layer[123]\.0)\.(.+)", owner):
        part = _bearpaw_residual(match[2])
        return part and f"stem.{_BEARPAW_STEM[match[1]]}.{part}.{leaf}"
    if match := re.fullmatch(r"hg\.(\d+)\.hg\.(\d+)\.([0-3])\.(\d+)\.(.+)", owner):
        stack, level, branch, block, rest = match.groups()
        below = depth - 1 - int(level)  # bearpaw counts levels from the innermost
        part = _bearpaw_residual(rest)
        if below < 0 or (branch == "3" and int(level) != 0):
            return None
        where = "low2." * below + _BEARPAW_BRANCHES[int(branch)]
        return part and f"stacks.{stack}.hourglass.{where}{block}.{part}.{leaf}"
    if match := re.fullmatch(r"res\.(\d+)\.(\d+)\.(.+)", owner):
        part = _bearpaw_residual(match[3])
        return part and f"stacks.{match[1]}.after.{match[2]}.{part}.{leaf}"
    for pattern, name in _BEARPAW_END.items():
        if match := re.fullmatch(pattern, owner):
            return f"stacks.{match[1]}.{name}.{leaf}"
    return None


def _bearpaw_residual(part: str) -> str | None:
    if re.fullmatch(r"(bn|conv)[123]", part):
        return part
    return "skip" if part == "downsample.0" else None
