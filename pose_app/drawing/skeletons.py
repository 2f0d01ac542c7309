"""How strong, how wide and in which colour a skeleton is drawn: for every painter there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..skeletons import FACE, Skeleton
from ..types import Floats, Pose

# Limb width per person: about the proportion of a stick figure to its height.
_WIDTH_OF_REGION = 0.013
_THINNEST, _THICKEST = 2.0, 11.0
# A joint this far above the threshold is drawn in full colour.
_CERTAIN = 0.35
_FAINTEST = 0.3
_FAINT = 0.25  # opacity of everything but the soloed joint
OTHERS = 0.6  # line width of people who are not selected, and of a stack compared with
DASH = 2.2, 1.6  # of a dashed skeleton, in line widths: drawn, not drawn
_DISC, _DISC_OF_DASHED = 0.95, 0.7  # radius of a joint's disc in line widths
_FACE_LINE, _FACE_DISC = 0.4, 0.5  # of the width and of the radius: a face is small


class JointChoice(Protocol):
    """Which joints are drawn: the window's ViewState and a recording's DrawOptions have these."""

    @property
    def visible(self) -> frozenset[int] | None:
        """The joints that are not hidden; None = all."""

    @property
    def solo(self) -> int | None:
        """The joint that stands out, all others are faint; None = none does."""


def line_width(side: float, unit: float = 1.0) -> float:
    """Pixels that a limb is wide: in proportion to the person, never a hair or a plank.

    `side` is the person's region in pixels of what is drawn on, `unit` their size: 1 on a screen,
    more where a picture has more of them than a screen shows.
    """
    return float(np.clip(side * _WIDTH_OF_REGION, _THINNEST * unit, _THICKEST * unit))


def strength(score: float, threshold: float) -> float:
    """0.3..1: how opaque a joint is drawn, from barely over the threshold to certain."""
    certain = min(threshold + _CERTAIN, 1.0)
    if score >= certain:
        return 1.0
    part = (score - threshold) / max(certain - threshold, 1e-6)
    return _FAINTEST + (1 - _FAINTEST) * float(np.clip(part, 0.0, 1.0))


def strengths(pose: Pose, stack: int, choice: JointChoice) -> NDArray[np.float64]:
    """(K,) 0..1: how opaque each joint of a stack is drawn, 0 = absent, hidden or nowhere."""
    joints, scores = of_stack(pose, stack)
    somewhere = np.all(np.isfinite(joints), axis=1).tolist()
    found = np.zeros(len(scores))
    for joint, score in enumerate(scores):
        hidden = choice.visible is not None and joint not in choice.visible
        if score >= pose.threshold and somewhere[joint] and not hidden:
            found[joint] = strength(float(score), pose.threshold)
            if choice.solo not in (None, joint):
                found[joint] *= _FAINT
    return found


def of_stack(pose: Pose, stack: int) -> tuple[Floats, Floats]:
    """(K, 2) joints and (K,) scores of a stack; smoothed where the pose itself is of that stack."""
    if stack == pose.stack:
        return pose.joints, pose.scores
    return pose.stack_joints[stack], pose.stack_scores[stack]


def stack_of(pose: Pose, wanted: int | None) -> int:
    """The stack to show (0 = first): the wanted one as far as it ran, None = that of the joints."""
    return pose.stack if wanted is None else min(wanted, pose.stacks - 1)


@dataclass(frozen=True, slots=True)
class Limb:
    """A limb as it is drawn: from joint `a` to joint `b`, `width` pixels, `opacity` over 0 to 1."""

    a: int
    b: int
    width: float
    side: str
    opacity: float


@dataclass(frozen=True, slots=True)
class Disc:
    """A joint as it is drawn: `radius` in pixels, `opacity` over 0 to 1."""

    joint: int
    radius: float
    side: str
    opacity: float


def limbs(
    skeleton: Skeleton, strengths: NDArray[np.float64], width: float, face: bool = True
) -> list[Limb]:
    """The limbs to draw: each is as strong as the weaker of its joints; a face has thin lines.

    Args:
        skeleton: Whose limbs.
        strengths: (K,) of the joints, 0..1, 0 = not drawn.
        width: Of a limb, in pixels.
        face: Whether there are lines between the points of a face at all.
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
    """The joints to draw on limbs of that width in pixels: smaller on dashed limbs and in faces."""
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
    """A limb has the side of its joints; `centre` where they have two."""
    sides = {skeleton.side(a), skeleton.side(b)} - {"centre"}
    return sides.pop() if len(sides) == 1 else "centre"


def is_face(skeleton: Skeleton, *joints: int) -> bool:
    """Whether all of these joints are points of the face: drawn small, with thin lines."""
    return all(skeleton.joints[joint] in FACE for joint in joints)


def number_anchor(joints: Floats, shown: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Where a person's number stands: the highest of the (K, 2) joints that are drawn.

    None where none is.
    """
    if not shown.any():
        return None
    points = joints[shown]
    highest = points[np.argmin(points[:, 1])]
    return float(highest[0]), float(highest[1])
