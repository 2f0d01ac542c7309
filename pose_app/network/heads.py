"""Replaces the heads of a trained network as a start for training: other joints, or a finder."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from ..errors import ModelError
from ..skeletons import FACE, Skeleton
from ..spec import BOX_MAPS, DecodeRule, ModelSpec
from .hourglass import StackedHourglass
from .native import build

_CENTRE_PRIOR = -2.2  # logit of 0.1

# A new joint of the face starts as the mean of these joints.
NEAR = dict.fromkeys(FACE, ("upper_neck", "head_top"))


def with_joints(
    network: nn.Module, spec: ModelSpec, skeleton: Skeleton
) -> tuple[StackedHourglass, ModelSpec]:
    """A copy of the network with one heatmap per joint of `skeleton`, and its spec.

    Only the heads and the convolutions that merge heatmaps into the trunk change. A joint of the
    same name keeps its weights. A new joint starts as the mean of its neighbours in NEAR where the
    network has them all, else from PyTorch's initial values; its merge weights start at zero, so
    that the outputs of the kept joints stay exactly the same (unless joints are dropped). The spec
    loses its calibration. Raises ModelError for any graph but Newell's.
    """
    if not isinstance(network, StackedHourglass):
        raise ModelError(
            f"{spec.name} has CornerNet's graph: training starts from networks of the Newell "
            "graph only (Princeton, bearpaw, anibali, FPD, our own)."
        )
    changed = replace(
        spec,
        network=replace(spec.network, joints=len(skeleton)),
        joints=skeleton.joints,
        limbs=skeleton.limbs,
        flip=skeleton.flip,
        calibration=(),
    )
    made = build(changed)
    assert isinstance(made, StackedHourglass)
    target, source = made.state_dict(), network.state_dict()
    pairs = [
        (skeleton.index(joint), old)
        for old, joint in enumerate(spec.joints)
        if joint in skeleton.joints
    ]
    near = {
        new: [spec.joints.index(neighbour) for neighbour in NEAR[joint]]
        for new, joint in enumerate(skeleton.joints)
        if joint not in spec.joints and all(n in spec.joints for n in NEAR.get(joint, ("",)))
    }
    with torch.no_grad():
        for key, value in target.items():
            if ".merge_heatmaps.weight" in key:
                value.zero_()
                for new, old in pairs:
                    value[:, new] = source[key][:, old]
            elif ".head." in key:
                for new, old in pairs:
                    value[new] = source[key][old]
                for new, olds in near.items():
                    value[new] = source[key][olds].mean(dim=0)
            else:
                value.copy_(source[key])
    return made.train(network.training), changed


def finder_from(network: nn.Module, spec: ModelSpec) -> tuple[StackedHourglass, ModelSpec]:
    """A person finder of one stack that starts with the stem and the first stack of a pose network.

    The head is new, with a prior of 0.1 for centres, as in Lin et al. (*Focal loss*, ICCV 2017)
    and Zhou et al. (*Objects as points*, 2019). Raises ModelError for any graph but Newell's.

    Returns:
        (network, spec).
    """
    if not isinstance(network, StackedHourglass):
        raise ModelError(f"{spec.name} has CornerNet's graph: a finder starts from Newell's only.")
    changed = replace(
        spec,
        network=replace(spec.network, stacks=1, joints=len(BOX_MAPS)),
        joints=BOX_MAPS,
        limbs=(),
        flip=tuple(range(len(BOX_MAPS))),
        output="boxes",
        score="peak",
        decode=DecodeRule(),
        calibration=(),
    )
    made = build(changed)
    assert isinstance(made, StackedHourglass)
    source = network.state_dict()
    with torch.no_grad():
        for key, value in made.state_dict().items():
            if ".head." not in key:
                value.copy_(source[key])
        head = made.stacks[0].head
        assert isinstance(head, nn.Conv2d)
        assert head.bias is not None
        nn.init.normal_(head.weight, std=0.01)
        head.bias.zero_()
        head.bias[0] = _CENTRE_PRIOR
    return made.train(network.training), changed
