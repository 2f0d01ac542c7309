"""Preprocessing and decoding of each published family, which its checkpoints do not state.

Taken from the families' own evaluation code (princeton-vl/pytorch_stacked_hourglass,
bearpaw/pytorch-pose, anibali/pytorch-stacked-hourglass, ilovepose/fast-human-pose-estimation,
yuanyuanli85/Fast_Human_Pose_Estimation_Pytorch, open-mmlab/mmpose). Using the rules of another
family silently costs accuracy, so they are stored in the spec of every converted file.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..skeletons import Skeleton, by_joint_count, custom
from ..spec import IMAGENET_MEAN, IMAGENET_STD, DecodeRule, ModelSpec, NetworkConfig
from . import layouts


@dataclass(frozen=True)
class Family:
    """The rules that all checkpoints of one publisher share; fields as in `ModelSpec`.

    `crop` is how the authors cut the person out: `centre` (MPII's annotated centre, moved down by
    15 pixels per unit of scale, in a square of 1.25 x 200 pixels per unit of scale) or `box` (a
    box enlarged 1.25 x, at the input's aspect ratio).
    """

    name: str
    licence: str
    colour: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    decode: DecodeRule
    flip_shift: int
    sigma: float
    crop: str


_NO_MEAN = (0.0, 0.0, 0.0)
_NO_STD = (1.0, 1.0, 1.0)  # the std in bearpaw's mean files is never applied by its loader
_MPII_MEAN = (0.4404, 0.4440, 0.4327)

_QUARTER_CENTRED = DecodeRule(subpixel="quarter", offset=0.5, tie=0.0, border="interior")
_QUARTER_CORNERED = DecodeRule(subpixel="quarter", offset=0.0, tie=0.0, border="interior")

FAMILIES = {
    family.name: family
    for family in (
        Family(
            name="princeton",
            licence="BSD-3-Clause",
            colour="RGB",
            mean=_NO_MEAN,
            std=_NO_STD,
            decode=DecodeRule(
                subpixel="quarter", offset=0.5, tie=-0.25, border="clamp", positive_only=True
            ),
            flip_shift=0,
            sigma=1.0,
            crop="centre",
        ),
        Family(
            name="bearpaw",
            licence="GPL-3.0",
            colour="RGB",
            mean=_MPII_MEAN,
            std=_NO_STD,
            decode=_QUARTER_CENTRED,
            flip_shift=0,
            sigma=1.0,
            crop="centre",
        ),
        Family(
            name="mobile-fpd",
            licence="Apache-2.0",
            colour="RGB",
            mean=_MPII_MEAN,
            std=_NO_STD,
            decode=_QUARTER_CENTRED,
            flip_shift=0,
            sigma=1.0,
            crop="centre",
        ),
        Family(
            name="fpd",
            licence="MIT",
            colour="BGR",
            # Its loader applies the RGB lists to BGR channels without reordering them, so that
            # red is normalised with the values of blue.
            mean=(IMAGENET_MEAN[2], IMAGENET_MEAN[1], IMAGENET_MEAN[0]),
            std=(IMAGENET_STD[2], IMAGENET_STD[1], IMAGENET_STD[0]),
            decode=_QUARTER_CORNERED,
            flip_shift=1,
            sigma=2.0,
            crop="centre",
        ),
        Family(
            name="mmpose",
            licence="Apache-2.0",
            colour="RGB",
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
            decode=_QUARTER_CORNERED,
            flip_shift=1,
            sigma=2.0,
            crop="box",
        ),
    )
}


def recognise(layout: str, config: NetworkConfig, wrapper_keys: Collection[str] = ()) -> str:
    """The family of a checkpoint, by its layout, its shape and the keys stored beside the tensors.

    Only mobile FPD has depthwise residuals. FPD's stem has width/4 channels, bearpaw's always 64;
    at width 256 they agree, and only the training state that FPD's code stores beside the tensors
    (`perf`, `best_state_dict`) tells them apart.
    """
    if layout != layouts.BEARPAW:
        return layout
    if config.depthwise:
        return "mobile-fpd"
    scaled_stem = config.stem[0] * 4 == config.width and config.width != 256
    saved_by_fpd = {"perf", "best_state_dict"} & set(wrapper_keys)
    return "fpd" if scaled_stem or saved_by_fpd else "bearpaw"


def spec_for(
    family: str, config: NetworkConfig, name: str, input_size: tuple[int, int] | None = None
) -> ModelSpec:
    """The spec of a published checkpoint. `input_size` is (height, width), default 256 x 256."""
    rules = FAMILIES[family]
    skeleton = by_joint_count(config.joints) or _nameless(config.joints)
    size = input_size or (256, 256)
    sigma = rules.sigma
    if family == "mmpose" and skeleton.name == "coco-17" and max(size) >= 384:
        sigma = 3.0
    return ModelSpec(
        name=name,
        family=family,
        network=config,
        joints=skeleton.joints,
        limbs=skeleton.limbs,
        flip=skeleton.flip,
        input_size=size,
        colour=rules.colour,
        mean=rules.mean,
        std=rules.std,
        decode=rules.decode,
        flip_shift=rules.flip_shift,
        sigma=sigma,
        licence=rules.licence,
        provenance=f"converted from a published checkpoint of the {family} family",
        extra={"crop": rules.crop},
    )


def _nameless(count: int) -> Skeleton:
    return custom(tuple(f"joint_{index}" for index in range(count)), (), tuple(range(count)))
