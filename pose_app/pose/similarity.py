"""How alike two poses and two boxes are, and who belongs to whom."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..spec import ModelSpec
from ..types import Box, Floats
from .crop_predictor import CropPrediction

# By how much of a person's size people who label joints disagree about them: COCO's for its own
# joints (cocodataset.org, keypoint evaluation), CrowdPose's for head top and neck. A joint that is
# on the line between others (thorax) has theirs.
_SIGMAS = {
    "nose": 0.026,
    "eye": 0.025,
    "ear": 0.035,
    "head_top": 0.079,
    "upper_neck": 0.079,
    "thorax": 0.079,
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "pelvis": 0.107,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,
}
_OTHER = 0.079  # of a joint that nobody has measured
_SCALE = 0.33  # square root of a person's area / side of the region, of somebody who stands


def sigmas(joints: tuple[str, ...]) -> Floats:
    """The sigma of each joint by its name: (K,), without unit."""
    sides = ("left_", "right_")
    names = [name.partition("_")[2] if name.startswith(sides) else name for name in joints]
    return np.array([_SIGMAS.get(name, _OTHER) for name in names], dtype=np.float32)


def oks(a: Floats, b: Floats, sigma: Floats, side: float) -> Floats:
    """Object keypoint similarity, joint by joint: (K,) from 0 (far apart) to 1 (the same place).

    exp(-d^2 / (2 s^2 k^2)) with k = 2 sigma, as COCO evaluates keypoints. `a` and `b` (K, 2) are in
    the same pixels; s, the root of the person's area, is estimated from the region's `side`.
    """
    square = ((a - b) ** 2).sum(axis=-1)
    scale = 2 * (2 * sigma * _SCALE * side) ** 2
    return np.asarray(np.exp(-square / scale), dtype=np.float32)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    both = intersection(a, b)
    return both / (a.width * a.height + b.width * b.height - both)


def intersection(a: Box, b: Box) -> float:
    """The area that two boxes share, in square pixels."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return max(width, 0.0) * max(height, 0.0)


def assign(affinity: NDArray[np.float64], least: float) -> list[tuple[int, int]]:
    """Pairs (row, column) one to one, the highest affinity first; none below `least`.

    `affinity` is (rows, columns). Greedy: for the handful of people of a picture this gives what
    the best sum would, except where two are as good as equal.
    """
    left = np.array(affinity, dtype=np.float64)
    pairs = []
    while left.size and left.max() >= least:
        row, column = (int(i) for i in np.unravel_index(int(left.argmax()), left.shape))
        pairs.append((row, column))
        left[row, :] = left[:, column] = -np.inf
    return pairs


class PoseSimilarity:
    """Compares what the network of `spec` saw in two regions of one picture."""

    def __init__(self, spec: ModelSpec) -> None:
        self._threshold = spec.threshold
        self._sigma = sigmas(spec.joints)

    def agreement(self, a: CropPrediction | None, b: CropPrediction | None) -> float:
        """Mean similarity of the joints of the pose that has fewer: 0..1.

        Joints that only this pose has speak against it being the other's.
        """
        if a is None or b is None:
            return 0.0
        threshold = self._threshold
        fewer, other = sorted((a, b), key=lambda seen: int((seen.scores[-1] >= threshold).sum()))
        present = fewer.scores[-1] >= threshold
        if not present.any():
            return 0.0
        alike = np.where(other.scores[-1] >= 0.5 * threshold, self.alike(a, b), 0)
        return float(alike[present].mean())

    def alike(self, a: CropPrediction, b: CropPrediction) -> Floats:
        """How similar the places of two poses' joints are: (K,) 0..1."""
        side = math.sqrt(a.region.side * b.region.side)
        return oks(a.joints[-1], b.joints[-1], self._sigma, side)
