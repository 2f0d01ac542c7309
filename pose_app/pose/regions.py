"""The square of the picture in which a person is: from a box, from joints, and how it moves."""

from __future__ import annotations

import math

import numpy as np

from ..spec import ModelSpec
from ..types import Box, Floats, Region

MARGIN = 1.45  # side of the region / extent of the confident joints
BOX_MARGIN = 1.3  # side of the region / longer side of a box, as in the crops of the training
CONFIDENT = 0.5  # share of the joint threshold from which a joint counts for the region

_FEWEST = 3  # confident joints that make a region
_SMALLEST = 24.0  # pixels, smallest side of a region
_GROW, _SHRINK, _MOVE = 0.12, 0.5, 0.06  # seconds, time constants of the region's motion
_WIDEST_CHANGE = math.log(1.5)  # of the side within one frame, so that one stray joint is harmless

# A region is never smaller than these multiples of a body part: what the network is not sure of in
# one frame must stay in view, or a region drawn to the sure joints would shrink to the head alone.
# A tenth to a quarter of webcam framings are closer than this (measured on rendered ones).
_PARTS = (
    ("head_top", "upper_neck", 5.5),
    ("left_shoulder", "right_shoulder", 2.8),
    ("upper_neck", "pelvis", 1.8),
    ("left_ear", "right_ear", 8.0),
    ("left_eye", "right_eye", 16.0),
)


class RegionRule:
    """What the network of `spec` is shown of a person. Sizes are (width, height) of a frame."""

    def __init__(self, spec: ModelSpec) -> None:
        self.aspect = spec.input_size[1] / spec.input_size[0]
        self.threshold = spec.threshold  # of joints that are there
        self.joints = len(spec.joints)
        self._parts = tuple(
            (spec.joints.index(a), spec.joints.index(b), factor)
            for a, b, factor in _PARTS
            if a in spec.joints and b in spec.joints
        )

    def region_from_box(self, box: Box, size: tuple[int, int], smallest: float = 0.0) -> Region:
        """The region of somebody whose visible part is `box`; its side is at least `smallest`."""
        side = BOX_MARGIN * max(box.height, box.width / self.aspect)
        # A box counts the corners of pixels, as regions do: see square().
        x, y = box.x + box.width / 2 - 0.5, box.y + box.height / 2 - 0.5
        return self.inside(square(x, y, max(side, smallest, _SMALLEST)), size)

    def region_from_keypoints(
        self, joints: Floats, scores: Floats, size: tuple[int, int]
    ) -> Region:
        """The region around the confident ones of joints (K, 2), or the better half if too few.

        Its middle is in the frame, wherever the joints are.
        """
        confident = scores >= CONFIDENT * self.threshold
        if confident.sum() < _FEWEST:
            confident[np.argsort(scores)[len(scores) // 2 :]] = True
        places = joints[confident].astype(np.float64)
        low, high = places.min(axis=0), places.max(axis=0)
        width, height = high - low
        side = max(_SMALLEST, MARGIN * height, MARGIN * width / self.aspect)
        for a, b, factor in self._parts:
            if confident[a] and confident[b]:
                side = max(side, factor * float(np.hypot(*(joints[a] - joints[b]))))
        middle_x, middle_y = (low + high) / 2
        return self.inside(square(middle_x, middle_y, side), size)

    def inside(self, region: Region, size: tuple[int, int]) -> Region:
        """The region with its middle in the frame and not much larger than shows all of it."""
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
    """The region whose middle is the pixel coordinate (x, y)."""
    return Region(float(x - side / 2 + 0.5), float(y - side / 2 + 0.5), float(side))


def middle(region: Region) -> tuple[float, float]:
    """The pixel coordinate of a region's middle."""
    return region.x + region.side / 2 - 0.5, region.y + region.side / 2 - 0.5


def follow(old: Region, wanted: Region, step: float) -> Region:
    """The old region moved towards the wanted one, as far as `step` seconds allow."""
    change = math.log(wanted.side / old.side)
    change = min(max(change, -_WIDEST_CHANGE), _WIDEST_CHANGE)
    change *= 1 - math.exp(-step / (_GROW if change > 0 else _SHRINK))
    share = 1 - math.exp(-step / _MOVE)
    (x, y), (to_x, to_y) = middle(old), middle(wanted)
    return square(x + share * (to_x - x), y + share * (to_y - y), old.side * math.exp(change))
