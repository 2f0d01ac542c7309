"""Similarity of poses (OKS) and of boxes (IoU), and the assignment by similarity."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..spec import ModelSpec
from ..types import Box, Floats
from .crop_predictor import CropPrediction

# The standard deviation of human labels, as a share of the person's size: COCO's for its own joints
# (cocodataset.org, keypoint evaluation), CrowdPose's for head top and neck. The thorax has that of
# the shoulders, between which it lies.
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
_OTHER = 0.079  # of any other joint
_SCALE = 0.33  # square root of a person's area / side of the region, for a standing person


def sigmas(joints: tuple[str, ...]) -> Floats:
    """The sigma of each joint by its name, without its side: (K,), dimensionless."""
    sides = ("left_", "right_")
    names = [name.partition("_")[2] if name.startswith(sides) else name for name in joints]
    return np.array([_SIGMAS.get(name, _OTHER) for name in names], dtype=np.float32)


def oks(a: Floats, b: Floats, sigma: Floats, side: float) -> Floats:
    """Object keypoint similarity of each joint: (K,) from 0 (far apart) to 1 (equal).

    exp(-d^2 / (2 s^2 k^2)) with k = 2 sigma, as in COCO's keypoint evaluation.

    Args:
        a: (K, 2) joints in pixels.
        b: (K, 2) joints in the same pixels.
        sigma: (K,) of `sigmas`.
        side: Of the region in pixels; s, the square root of the person's area, is estimated from
            it.
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
    """Assign rows to columns greedily, the highest affinity first.

    For a handful of people this differs from the optimal assignment only where affinities are
    nearly equal.

    Args:
        affinity: (rows, columns).
        least: Pairs below it are not made.

    Returns:
        Pairs (row, column).
    """
    left = np.array(affinity, dtype=np.float64)
    pairs = []
    while left.size and left.max() >= least:
        row, column = (int(i) for i in np.unravel_index(int(left.argmax()), left.shape))
        pairs.append((row, column))
        left[row, :] = left[:, column] = -np.inf
    return pairs


class PoseSimilarity:
    """Compares the predictions of two regions of one image."""

    def __init__(self, spec: ModelSpec) -> None:
        self._threshold = spec.threshold
        self._sigma = sigmas(spec.joints)

    def agreement(self, a: CropPrediction | None, b: CropPrediction | None) -> float:
        """Mean similarity over the joints of the pose with fewer joints: 0..1.

        A joint of it that the other pose does not have counts as 0.
        """
        if a is None or b is None:
            return 0.0
        threshold = self._threshold
        fewer, other = sorted((a, b), key=lambda pose: int((pose.scores[-1] >= threshold).sum()))
        present = fewer.scores[-1] >= threshold
        if not present.any():
            return 0.0
        alike = np.where(other.scores[-1] >= 0.5 * threshold, self.alike(a, b), 0)
        return float(alike[present].mean())

    def alike(self, a: CropPrediction, b: CropPrediction) -> Floats:
        """Object keypoint similarity of the joints of two poses: (K,) 0..1."""
        side = math.sqrt(a.region.side * b.region.side)
        return oks(a.joints[-1], b.joints[-1], self._sigma, side)
