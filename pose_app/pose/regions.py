"""The region of a person: from a box, from joints, and how it moves from frame to frame."""

from __future__ import annotations

import math

import numpy as np

from ..spec import ModelSpec
from ..types import Box, Floats, Region

MARGIN = 1.45  # side of the region / extent of the confident joints
BOX_MARGIN = 1.3  # side of the region / longer side of a box, as in training
CONFIDENT = 0.8  # a joint counts for the region from this share of the joint threshold

_FEWEST = 3  # confident joints that are needed for a region
_SMALLEST = 24.0  # pixels, smallest side of a region
_GROW, _SHRINK, _MOVE = 0.12, 0.5, 0.06  # seconds, time constants of the region's motion
_WIDEST_CHANGE = math.log(1.5)  # largest change of log(side) in a frame, against stray joints

# A region is never smaller than these multiples of the distance between two joints. Otherwise it
# would shrink to the joints that are confident, and the others would never come into view again.
# A tenth to a quarter of webcam framings are closer than this (measured on rendered ones).
_PARTS = (
    ("head_top", "upper_neck", 5.5),
    ("left_shoulder", "right_shoulder", 2.8),
    ("upper_neck", "pelvis", 1.8),
    ("left_ear", "right_ear", 8.0),
    ("left_eye", "right_eye", 16.0),
)


class RegionRule:
    """Computes the region of a person for the network of `spec`.

    Sizes are (width, height) of a frame in pixels.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self.aspect = spec.input_size[1] / spec.input_size[0]
        self.threshold = spec.threshold  # score from which a joint is present
        self.joints = len(spec.joints)
        self._parts = tuple(
            (spec.joints.index(a), spec.joints.index(b), factor)
            for a, b, factor in _PARTS
            if a in spec.joints and b in spec.joints
        )

    def region_from_box(self, box: Box, size: tuple[int, int], smallest: float = 0.0) -> Region:
        """The region of a person with the box `box`; its side is at least `smallest` pixels."""
        side = BOX_MARGIN * max(box.height, box.width / self.aspect)
        # Boxes are in coordinates of pixel corners, as regions are: see square().
        x, y = box.x + box.width / 2 - 0.5, box.y + box.height / 2 - 0.5
        return self.inside(square(x, y, max(side, smallest, _SMALLEST)), size)

    def region_from_keypoints(
        self, joints: Floats, scores: Floats, size: tuple[int, int]
    ) -> Region:
        """The region around the confident ones of joints (K, 2), with its middle in the frame.

        Where fewer than three are confident, the half with the higher scores counts as well.
        """
        confident = scores >= CONFIDENT * self.threshold
        if confident.sum() < _FEWEST:
            confident[np.argsort(scores)[len(scores) // 2 :]] = True
        points = joints[confident].astype(np.float64)
        low, high = points.min(axis=0), points.max(axis=0)
        width, height = high - low
        side = max(_SMALLEST, MARGIN * height, MARGIN * width / self.aspect)
        for a, b, factor in self._parts:
            if confident[a] and confident[b]:
                side = max(side, factor * float(np.hypot(*(joints[a] - joints[b]))))
        middle_x, middle_y = (low + high) / 2
        return self.inside(square(middle_x, middle_y, side), size)

    def inside(self, region: Region, size: tuple[int, int]) -> Region:
        """The region with its middle moved into the frame and its side limited by the frame's."""
        width, height = size
        side = min(region.side, MARGIN * whole_frame(size, self.aspect).side)
        x, y = middle(region)
        return square(min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0), side)


def whole_frame(size: tuple[int, int], aspect: float = 1.0) -> Region:
    """The smallest region that shows all of a frame of `size` (width, height).

    `aspect` is width / height of the network's input.
    """
    width, height = size
    return square((width - 1) / 2, (height - 1) / 2, float(max(height, width / aspect, 1)))


def square(x: float, y: float, side: float) -> Region:
    """The region with its middle at the pixel coordinate (x, y)."""
    return Region(float(x - side / 2 + 0.5), float(y - side / 2 + 0.5), float(side))


def middle(region: Region) -> tuple[float, float]:
    """The pixel coordinate of a region's middle."""
    return region.x + region.side / 2 - 0.5, region.y + region.side / 2 - 0.5


def halfway(a: Region, b: Region) -> Region:
    """The region between two: the mean of their middles, the geometric mean of their sides."""
    (x, y), (to_x, to_y) = middle(a), middle(b)
    return square((x + to_x) / 2, (y + to_y) / 2, math.sqrt(a.side * b.side))


def follow(old: Region, wanted: Region, step: float) -> Region:
    """The old region moved towards the wanted one by a low-pass filter over `step` seconds."""
    change = math.log(wanted.side / old.side)
    change = min(max(change, -_WIDEST_CHANGE), _WIDEST_CHANGE)
    change *= 1 - math.exp(-step / (_GROW if change > 0 else _SHRINK))
    share = 1 - math.exp(-step / _MOVE)
    (x, y), (to_x, to_y) = middle(old), middle(wanted)
    return square(x + share * (to_x - x), y + share * (to_y - y), old.side * math.exp(change))
