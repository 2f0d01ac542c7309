"""Paints people in front over in the crop of somebody behind them.

A pose network answers with one person per crop: with the one in front, if that one fills most of
it. Once that person is painted over, it finds the other, or nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from ..spec import ModelSpec
from ..types import Floats, Image, Region
from .crop import to_input

if TYPE_CHECKING:
    from .crop_predictor import CropPrediction

Points = NDArray[np.float64]

GREY = 115  # near the mean of the training pictures, like boxes painted over them there

# How thick a body is around its bones, as a share of the distance between the shoulders; chosen by
# eye on rendered and photographed people.
_LIMBS = {
    ("shoulder", "elbow"): 0.34,
    ("elbow", "wrist"): 0.3,
    ("hip", "knee"): 0.42,
    ("knee", "ankle"): 0.32,
}
_NECK, _TRUNK, _HAND = 0.45, 0.35, 0.26
_HEAD = 0.62  # radius of the head / distance from its top to the neck
_TRUNK_LENGTH = 2.0  # from the shoulders to where they end in the picture, if the hips are unknown
_FAR = 10_000.0  # input pixels; what is further away is drawn there


class Cover:
    """Paints with the joints of the skeleton of `spec`, as far as it has those of a body."""

    def __init__(self, spec: ModelSpec) -> None:
        self._joints = {name: index for index, name in enumerate(spec.joints)}
        self._threshold = spec.threshold
        self._size = spec.input_size

    def paint(
        self, crop: Image, region: Region, people: Sequence[CropPrediction]
    ) -> NDArray[np.bool_]:
        """Paint people over in a crop.

        Args:
            crop: (H, W, 3) uint8 BGR, the network's input for `region`; it is changed.
            region: What the crop shows.
            people: Who is painted over, from their joints of the last stack.

        Returns:
            (H, W) bool: what is painted over.
        """
        mask = np.zeros(crop.shape[:2], np.uint8)
        for person in people:
            points = to_input(person.joints[-1].astype(np.float64), region, self._size)
            self.draw(mask, points, person.scores[-1] >= self._threshold)
        painted = mask > 0
        crop[painted] = GREY
        return painted

    def seen_scores(self, seen: CropPrediction, painted: NDArray[np.bool_]) -> Floats:
        """The scores (S, K) of a prediction, 0 for joints where the crop is painted over."""
        height, width = painted.shape
        points = np.rint(to_input(seen.joints, seen.region, self._size)).astype(np.int64)
        x, y = points[..., 0].clip(0, width - 1), points[..., 1].clip(0, height - 1)
        scores: Floats = np.where(painted[y, x], np.float32(0), seen.scores)
        return scores

    def draw(self, mask: NDArray[np.uint8], joints: Points, present: NDArray[np.bool_]) -> None:
        """Set the pixels of a mask (H, W) to 255 where a body is.

        `joints` (K, 2) are in pixels of the mask; those that are `present` (K,) are used.
        """
        joints = joints.clip(-_FAR, _FAR)
        points = {name: joints[k] for name, k in self._joints.items() if present[k]}
        width = _shoulder_width(points)
        if width == 0:
            return

        def thick(share: float) -> int:
            return max(1, round(share * width))

        def line(a: Points, b: Points, share: float) -> None:
            cv2.line(mask, _pixel(a), _pixel(b), 255, thick(share))

        if (head := _pair(points, "head_top", "upper_neck")) is not None:
            radius = max(1, round(_HEAD * float(np.hypot(*(head[0] - head[1])))))
            cv2.circle(mask, _pixel(head.mean(axis=0)), radius, 255, -1)
        if (shoulders := _pair(points, "left_shoulder", "right_shoulder")) is not None:
            hips = _pair(points, "left_hip", "right_hip")
            if hips is None:
                hips = shoulders + _TRUNK_LENGTH * width * _down(head)
            corners = np.array([_pixel(corner) for corner in (*shoulders, *hips)], np.int32)
            trunk = cv2.convexHull(corners)
            cv2.fillConvexPoly(mask, trunk, 255)
            cv2.polylines(mask, [trunk], True, 255, thick(_TRUNK))
            if head is not None:
                line(shoulders.mean(axis=0), head[1], _NECK)
        for side in ("left", "right"):
            for (a, b), share in _LIMBS.items():
                if (limb := _pair(points, f"{side}_{a}", f"{side}_{b}")) is not None:
                    line(limb[0], limb[1], share)
            if (wrist := points.get(f"{side}_wrist")) is not None:
                cv2.circle(mask, _pixel(wrist), thick(_HAND), 255, -1)


def _pair(points: dict[str, Points], a: str, b: str) -> Points | None:
    """Two joints (2, 2), or None where one is not present."""
    return np.stack((points[a], points[b])) if a in points and b in points else None


def _shoulder_width(points: dict[str, Points]) -> float:
    """In pixels; from the head or the trunk where that is more, of people seen from the side.

    A head from its top to the neck is about as long as the shoulders are wide, a trunk twice.
    """
    shoulders = _pair(points, "left_shoulder", "right_shoulder")
    hips = _pair(points, "left_hip", "right_hip")
    head = _pair(points, "head_top", "upper_neck")
    pairs = [pair for pair in (shoulders, head) if pair is not None]
    widths = [float(np.hypot(*(pair[0] - pair[1]))) for pair in pairs]
    if shoulders is not None and hips is not None:
        widths.append(float(np.hypot(*(shoulders.mean(axis=0) - hips.mean(axis=0)))) / 2)
    return max(widths, default=0.0)


def _down(head: Points | None) -> Points:
    """The direction from head to neck, of length 1; without a head, down in the picture."""
    along = np.array([0.0, 1.0]) if head is None else head[1] - head[0]
    made: Points = along / max(float(np.hypot(*along)), 1e-6)
    return made


def _pixel(point: Points) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
