"""Metrics of joints: PCK, PCKh and the area under the curve of PCKh.

PCK@0.2 (Yang and Ramanan 2013): the share of joints within 0.2 torso of their label; torso = the
longer of the diagonals right hip - left shoulder and left hip - right shoulder. PCKh@0.5 (Andriluka
et al. 2014): within half the head's length, here head top - upper neck. Shares are over all
labelled joints of all persons whose torso (or head) is labelled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..skeletons import Skeleton
from ..types import Floats
from .data import PRESENT

LIMBS = tuple(
    f"{side}_{part}"
    for part in ("ankle", "knee", "hip", "wrist", "elbow", "shoulder")
    for side in ("right", "left")
)
UPPER_BODY = (
    *(f"{side}_{part}" for part in ("elbow", "shoulder") for side in ("right", "left")),
    "upper_neck",
    "head_top",
)
FOURTEEN = (*LIMBS, "upper_neck", "head_top")
TORSO_SHARE, HEAD_SHARE = 0.2, 0.5
_DIAGONALS = (("right_hip", "left_shoulder"), ("left_hip", "right_shoulder"))
# Webcams do not see hips: the longest of these multiples replaces the torso. It is strict: in the
# rendered training data the torso is 1.4 times as long (median).
_SHOULDERS, _HEADS, _EARS = 1.3, 2.0, 4.0
_VISIBLE = 2  # v of a joint that is labelled and not hidden


def lengths(
    points: Floats,
    present: NDArray[np.bool_],
    skeleton: Skeleton,
    pairs: tuple[tuple[str, str], ...],
) -> NDArray[np.float64]:
    """(n,): the longest distance of the given pairs of joints; NaN where none is labelled."""
    longest = np.full(len(points), np.nan)
    for a, b in pairs:
        if a in skeleton.joints and b in skeleton.joints:
            i, j = skeleton.index(a), skeleton.index(b)
            length = np.linalg.norm(points[:, i] - points[:, j], axis=-1)
            longest = np.fmax(longest, np.where(present[:, i] & present[:, j], length, np.nan))
    return np.where(longest > 0, longest, np.nan)


def torso_lengths(
    points: Floats, states: NDArray[np.int8], skeleton: Skeleton
) -> NDArray[np.float64]:
    """(n,) pixels; NaN where neither diagonal is labelled."""
    return lengths(points, states == PRESENT, skeleton, _DIAGONALS)


def head_lengths(
    points: Floats, states: NDArray[np.int8], skeleton: Skeleton
) -> NDArray[np.float64]:
    """(n,) pixels; NaN where the head is not labelled. Without head top, 2 x ear to ear."""
    present = states == PRESENT
    if "head_top" in skeleton.joints:
        return lengths(points, present, skeleton, (("head_top", "upper_neck"),))
    return 2 * lengths(points, present, skeleton, (("left_ear", "right_ear"),))


def body_lengths(
    points: Floats, present: NDArray[np.bool_], skeleton: Skeleton
) -> NDArray[np.float64]:
    """(n,) pixels: the torso, or an estimate where hips are not labelled.

    The estimate is the longest of 1.3 x the shoulders, 2 x the head and 4 x ear to ear. NaN where
    none is labelled.
    """
    torso = lengths(points, present, skeleton, _DIAGONALS)
    shoulders = lengths(points, present, skeleton, (("right_shoulder", "left_shoulder"),))
    head = lengths(points, present, skeleton, (("head_top", "upper_neck"),))
    ears = lengths(points, present, skeleton, (("left_ear", "right_ear"),))
    instead = np.fmax(np.fmax(_SHOULDERS * shoulders, _HEADS * head), _EARS * ears)
    return np.where(np.isfinite(torso), torso, instead)


def accuracy(
    found: Floats, points: Floats, states: NDArray[np.int8], skeleton: Skeleton
) -> dict[str, Any]:
    """The metrics of one stack.

    Args:
        found: (n, K, 2) joints of the network.
        points: (n, K, 2) labels.
        states: (n, K) of the labels.
        skeleton: Of the joints.

    Returns:
        n (persons with a torso), pck_limbs, pck_14, pckh, auc (of PCKh from 0 to 0.5, as a share),
        per_joint (PCK@0.2). None where there are no labels.
    """
    present = states == PRESENT
    distance = np.linalg.norm(found - points, axis=-1)
    torso = torso_lengths(points, states, skeleton)[:, None]
    head = head_lengths(points, states, skeleton)[:, None]
    with np.errstate(invalid="ignore"):
        of_torso, of_head = distance / torso, distance / head
    torso_counts, head_counts = present & np.isfinite(torso), present & np.isfinite(head)

    def columns(names: tuple[str, ...]) -> list[int]:
        return [skeleton.index(name) for name in names if name in skeleton.joints]

    limbs, fourteen = columns(LIMBS), columns(FOURTEEN)
    heads = of_head[:, fourteen][head_counts[:, fourteen]]
    steps = np.linspace(0, HEAD_SHARE, 51)
    curve = [float((heads <= step).mean()) for step in steps] if len(heads) else []
    per_joint = {
        joint: _share(of_torso[:, [k]], torso_counts[:, [k]])
        for k, joint in enumerate(skeleton.joints)
    }
    return {
        "n": int(torso_counts.any(axis=1).sum()),
        "pck_limbs": _share(of_torso[:, limbs], torso_counts[:, limbs]),
        "pck_14": _share(of_torso[:, fourteen], torso_counts[:, fourteen]),
        "pckh": float((heads <= HEAD_SHARE).mean()) if len(heads) else None,
        # The trapezium rule over equal steps.
        "auc": sum(curve[:-1] + curve[1:]) / (2 * len(steps[1:])) if curve else None,
        "per_joint": per_joint,
    }


def upper_body(found: Floats, keypoints: Floats, skeleton: Skeleton) -> tuple[float | None, int]:
    """(share of persons with all shoulders, elbows, neck and head top right, number of persons).

    `found` is (n, K, 2), `keypoints` (n, K, 3) x, y and v. Right means within 0.2 torso. Hidden
    joints, and persons without a visible joint or a known length, are left out. The share is None
    without persons.
    """
    points, present = keypoints[..., :2], keypoints[..., 2] > 0
    torso = lengths(points, present, skeleton, _DIAGONALS)
    shoulders = lengths(points, present, skeleton, (("right_shoulder", "left_shoulder"),))
    head = lengths(points, present, skeleton, (("head_top", "upper_neck"),))
    torso = np.where(np.isfinite(torso), torso, np.fmax(_SHOULDERS * shoulders, _HEADS * head))[
        :, None
    ]
    columns = [skeleton.index(name) for name in UPPER_BODY if name in skeleton.joints]
    seen = (keypoints[..., 2] == _VISIBLE)[:, columns]
    near = np.linalg.norm(found - points, axis=-1)[:, columns] <= TORSO_SHARE * torso
    counts = seen.any(axis=1) & np.isfinite(torso[:, 0])
    right = (near | ~seen).all(axis=1)[counts]
    return (float(right.mean()) if len(right) else None), len(right)


def _share(ratio: NDArray[np.float64], counts: NDArray[np.bool_]) -> float | None:
    values = ratio[counts]
    return float((values <= TORSO_SHARE).mean()) if len(values) else None


def percent(value: float | None) -> str:
    """A share 0..1 as text; a dash for None."""
    return "-" if value is None else f"{100 * value:.1f}%"
