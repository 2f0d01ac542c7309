"""Small networks and specs for the tests of this package."""

from __future__ import annotations

from pose_app.skeletons import MPII_16, Skeleton
from pose_app.spec import ModelSpec, NetworkConfig


def small_spec(stacks: int = 1, skeleton: Skeleton = MPII_16, width: int = 8) -> ModelSpec:
    """A Newell network of a few thousand parameters, fed 64 x 64 pixels."""
    return ModelSpec(
        name="small",
        family="pose-app",
        network=NetworkConfig(
            stacks=stacks, width=width, joints=len(skeleton), stem=(4, 4), stem_second=8
        ),
        joints=skeleton.joints,
        limbs=skeleton.limbs,
        flip=skeleton.flip,
        input_size=(64, 64),
        licence="test",
    )
