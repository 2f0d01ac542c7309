"""Another joint set on a trained network, as a start for fine-tuning."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from ..errors import ModelError
from ..skeletons import Skeleton
from ..spec import ModelSpec
from .hourglass import StackedHourglass
from .native import build


def with_joints(
    network: nn.Module, spec: ModelSpec, skeleton: Skeleton
) -> tuple[StackedHourglass, ModelSpec]:
    """The network with one heatmap per joint of `skeleton`, and its spec without calibration.

    Everything but the heads (and the way of the heatmaps back into the trunk) is kept. A joint of
    the same name keeps its weights, a new one starts from PyTorch's initial values. The given
    network is not changed. Raises ModelError for any other graph than Newell's.
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
    with torch.no_grad():
        for key, value in target.items():
            if ".merge_heatmaps.weight" in key:
                for new, old in pairs:
                    value[:, new] = source[key][:, old]
            elif ".head." in key:
                for new, old in pairs:
                    value[new] = source[key][old]
            else:
                value.copy_(source[key])
    return made.train(network.training), changed
