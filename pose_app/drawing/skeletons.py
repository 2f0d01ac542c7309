"""Opacity, width and side of the limbs and joints of a skeleton, for all painters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..skeletons import FACE, Skeleton
from ..types import Floats, Pose

_WIDTH_OF_REGION = 0.013  # width of a limb / side of the region
_THINNEST, _THICKEST = 2.0, 11.0  # pixels on a screen
_CERTAIN = 0.35  # above the threshold, from which a joint is fully opaque
_FAINTEST = 0.3  # opacity at the threshold
_FAINT = 0.25  # factor of the opacity of everything but the solo joint
OTHERS = 0.6  # factor of the line width for people not selected, and for a compared stack
DASH = 2.2, 1.6  # drawn part and gap of dashed limbs, in line widths
_DISC, _DISC_OF_DASHED = 0.95, 0.7  # radius of a joint's disc in line widths
_FACE_LINE, _FACE_DISC = 0.4, 0.5  # factors of width and radius in the face


class JointChoice(Protocol):
    """Which joints are drawn: implemented by `ViewState` and `DrawOptions`."""

    @property
    def visible(self) -> frozenset[int] | None:
        """The joints that are not hidden; None = all."""

    @property
    def solo(self) -> int | None:
        """The joint that is emphasised, all others are faint; None = none."""


def line_width(side: float, unit: float = 1.0) -> float:
    """The width of a limb in pixels, in proportion to the person and within limits.

    `side` is the side of the person's region in output pixels, `unit` the number of output pixels
    per screen pixel.
    """
    return float(np.clip(side * _WIDTH_OF_REGION, _THINNEST * unit, _THICKEST * unit))


def strength(score: float, threshold: float) -> float:
    """Opacity of a joint: from 0.3 at the threshold to 1 where it is certain."""
    certain = min(threshold + _CERTAIN, 1.0)
    if score >= certain:
        return 1.0
    part = (score - threshold) / max(certain - threshold, 1e-6)
    return _FAINTEST + (1 - _FAINTEST) * float(np.clip(part, 0.0, 1.0))


def strengths(pose: Pose, stack: int, choice: JointChoice) -> NDArray[np.float64]:
    """Opacity of each joint of a stack: (K,) 0..1, 0 = absent, hidden or not finite."""
    joints, scores = of_stack(pose, stack)
    finite = np.all(np.isfinite(joints), axis=1).tolist()
    found = np.zeros(len(scores))
    for joint, score in enumerate(scores):
        hidden = choice.visible is not None and joint not in choice.visible
        if score >= pose.threshold and finite[joint] and not hidden:
            found[joint] = strength(float(score), pose.threshold)
            if choice.solo not in (None, joint):
                found[joint] *= _FAINT
    return found


def of_stack(pose: Pose, stack: int) -> tuple[Floats, Floats]:
    """(K, 2) joints and (K,) scores of a stack; smoothed if it is the pose's own stack."""
    if stack == pose.stack:
        return pose.joints, pose.scores
    return pose.stack_joints[stack], pose.stack_scores[stack]


def stack_of(pose: Pose, wanted: int | None) -> int:
    """The stack to show (0 = first): the wanted or the last that ran; for None the pose's own."""
    return pose.stack if wanted is None else min(wanted, pose.stacks - 1)


@dataclass(frozen=True, slots=True)
class Limb:
    """A limb to draw from joint `a` to joint `b`; `width` in pixels, `opacity` in (0, 1]."""

    a: int
    b: int
    width: float
    side: str
    opacity: float


@dataclass(frozen=True, slots=True)
class Disc:
    """A joint to draw; `radius` in pixels, `opacity` in (0, 1]."""

    joint: int
    radius: float
    side: str
    opacity: float


def limbs(
    skeleton: Skeleton, strengths: NDArray[np.float64], width: float, face: bool = True
) -> list[Limb]:
    """The limbs to draw, each as opaque as the fainter of its joints; thin in the face.

    Args:
        skeleton: Has the limbs.
        strengths: (K,) opacity of the joints, 0..1, 0 = not drawn.
        width: Of a limb, in pixels.
        face: Whether to draw lines between the joints of the face.
    """
    found = []
    for a, b in skeleton.limbs:
        opacity = float(min(strengths[a], strengths[b]))
        of_face = is_face(skeleton, a, b)
        if opacity > 0 and (face or not of_face):
            wide = width * _FACE_LINE if of_face else width
            found.append(Limb(a, b, wide, side_of_limb(skeleton, a, b), opacity))
    return found


def discs(
    skeleton: Skeleton, strengths: NDArray[np.float64], width: float, dashed: bool = False
) -> list[Disc]:
    """The joints to draw, for limbs of `width` pixels; smaller on dashed limbs and in faces."""
    radius = width * (_DISC_OF_DASHED if dashed else _DISC)
    return [
        Disc(
            joint,
            radius * _FACE_DISC if is_face(skeleton, joint) else radius,
            skeleton.side(joint),
            float(strengths[joint]),
        )
        for joint in np.flatnonzero(strengths > 0).tolist()
    ]


def side_of_limb(skeleton: Skeleton, a: int, b: int) -> str:
    """`left`, `right` or `centre`: the side of its joints; `centre` where both sides meet."""
    sides = {skeleton.side(a), skeleton.side(b)} - {"centre"}
    return sides.pop() if len(sides) == 1 else "centre"


def is_face(skeleton: Skeleton, *joints: int) -> bool:
    """Whether all of these joints belong to the face, which is drawn small with thin lines."""
    return all(skeleton.joints[joint] in FACE for joint in joints)


def number_anchor(joints: Floats, shown: NDArray[np.bool_]) -> tuple[float, float] | None:
    """The position (x, y) of a person's number: the highest drawn joint of (K, 2), or None."""
    if not shown.any():
        return None
    points = joints[shown]
    highest = points[np.argmin(points[:, 1])]
    return float(highest[0]), float(highest[1])
