"""Decodes heatmaps to joints and scores by the rules of the model's spec, all joints at once."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ..spec import ModelSpec
from ..types import Floats

Indices = NDArray[np.intp]

_WINDOW = 2  # half side of the 5x5 window of `centroid` and of the window score
_MASS = 3  # half side of the 7x7 window of `mass`
_HUGE = 1e30  # values are cut off here, so that sums of them stay finite
_TINY = 1e-10  # keeps logarithms finite, as in Zhang et al. CVPR 2020


def decode(maps: Floats, spec: ModelSpec) -> Floats:
    """Find the joint in each heatmap.

    A map of zeros gives the first pixel and score 0. Values that are not finite are ignored; a map
    without any finite value gives the first pixel and score NaN. With the rule's `positive_only`, a
    joint whose peak is not above 0 gets (0, 0).

    Args:
        maps: (K, h, w) or (S, K, h, w).
        spec: Has the decoding rule.

    Returns:
        (K, 3) or (S, K, 3) float32: x, y in pixels of the network's input, and the raw score, which
        `calibrate` turns into a probability.
    """
    lead, (height, width) = maps.shape[:-2], maps.shape[-2:]
    flat, index, peak = _peaks(maps.reshape(-1, height * width))
    grids = flat.reshape(-1, height, width)
    rule = spec.decode
    if rule.subpixel == "mass":
        index = _heaviest_window(grids)
    y, x = np.divmod(index, width)

    if spec.score == "window" or rule.subpixel in ("centroid", "mass"):
        half = _MASS if rule.subpixel == "mass" else _WINDOW
        mass = _window(grids, x, y, half).clip(0, _HUGE)
        total = mass.sum(axis=(1, 2))
    if rule.subpixel in ("centroid", "mass"):
        shift = _centroid(mass, total)
    else:
        shift = _quarter(grids, x, y, rule.tie, rule.border)
        if rule.subpixel == "dark":
            shift = _dark(grids, x, y, shift, spec.sigma)

    joints = np.empty((len(flat), 3), dtype=np.float32)
    joints[:, 0] = (x + shift[:, 0] + rule.offset) * spec.stride
    joints[:, 1] = (y + shift[:, 1] + rule.offset) * spec.stride
    joints[:, 2] = peak if spec.score == "peak" else np.where(np.isnan(peak), peak, total)
    if rule.positive_only:
        joints[~(peak > 0), :2] = 0
    return joints.reshape(*lead, 3)


def calibrate(raw: Floats, spec: ModelSpec) -> Floats:
    """Raw scores (S, K) of the first S stacks -> probabilities (S, K) in 0..1.

    Without a calibration in the spec, raw scores are only clipped to 0..1. NaN becomes 0.
    """
    raw = np.nan_to_num(np.asarray(raw, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if len(spec.calibration) == spec.network.stacks:
        curves = spec.calibration[: len(raw)]
        raw = np.stack(
            [np.interp(row, c.raw, c.probability) for row, c in zip(raw, curves, strict=True)]
        )
    elif spec.calibration:
        curves = spec.calibration[: raw.size]
        probabilities = [
            np.interp(value, c.raw, c.probability)
            for value, c in zip(raw.flat, curves, strict=True)
        ]
        raw = np.array(probabilities).reshape(raw.shape)
    return raw.clip(0, 1).astype(np.float32)


def _peaks(flat: Floats) -> tuple[Floats, Indices, Floats]:
    """(maps (N, h*w) with finite peaks, index of each peak (N,), its height or NaN (N,))."""
    rows = np.arange(len(flat))
    index = flat.argmax(axis=1)
    peak = flat[rows, index]
    broken = ~np.isfinite(peak)  # argmax stops at the first NaN and at positive infinity
    if broken.any():
        flat = flat.copy()  # the maps belong to the engine
        part = flat[broken]
        part[~np.isfinite(part)] = -np.inf
        nothing = part.max(axis=1) == -np.inf
        part[nothing] = 0
        flat[broken] = part
        index = flat.argmax(axis=1)
        peak = flat[rows, index]
        peak[np.flatnonzero(broken)[nothing]] = np.nan
    return flat, index, peak


def _heaviest_window(grids: Floats) -> Indices:
    """Index (N,) of the centre of the 7x7 window with the largest sum in each map (N, h, w)."""
    if grids.min() < 0 or grids.max() > _HUGE:
        grids = grids.clip(0, _HUGE)
    size = 2 * _MASS + 1, 2 * _MASS + 1
    sums = np.empty_like(grids[0])  # one buffer for all: allocating costs more than summing
    index = np.empty(len(grids), dtype=np.intp)
    for number, grid in enumerate(grids):
        cv2.boxFilter(grid, -1, size, dst=sums, normalize=False, borderType=cv2.BORDER_CONSTANT)
        index[number] = sums.argmax()
    return index


def _window(grids: Floats, x: Indices, y: Indices, half: int) -> Floats:
    """The square of 2 * half + 1 pixels around each (x, y), zero beyond the border: (N, n, n)."""
    count, height, width = grids.shape
    reach = np.arange(-half, half + 1)
    columns, lines = x[:, None] + reach, y[:, None] + reach
    inside = ((lines >= 0) & (lines < height))[:, :, None] & ((columns >= 0) & (columns < width))[
        :, None, :
    ]
    window = grids[
        np.arange(count)[:, None, None],
        lines.clip(0, height - 1)[:, :, None],
        columns.clip(0, width - 1)[:, None, :],
    ]
    value: Floats = np.where(inside, window, np.float32(0))
    return value


def _centroid(mass: Floats, total: Floats) -> Floats:
    """Centre of mass of the windows (N, n, n) relative to their middle: (N, 2) x, y."""
    half = mass.shape[1] // 2
    reach = np.arange(-half, half + 1, dtype=np.float32)
    shift = np.stack((mass.sum(axis=1) @ reach, mass.sum(axis=2) @ reach), axis=1)
    return np.where(total[:, None] > 0, shift / np.where(total > 0, total, 1)[:, None], 0)


def _quarter(grids: Floats, x: Indices, y: Indices, tie: float, border: str) -> Floats:
    """A quarter pixel towards the higher neighbour of each axis: (N, 2) x, y."""
    count, height, width = grids.shape
    rows = np.arange(count)
    right, left = grids[rows, y, (x + 1).clip(max=width - 1)], grids[rows, y, (x - 1).clip(min=0)]
    below, above = grids[rows, (y + 1).clip(max=height - 1), x], grids[rows, (y - 1).clip(min=0), x]
    first, second = np.stack((left, above), axis=1), np.stack((right, below), axis=1)
    shift = np.where(second > first, 0.25, np.where(second < first, -0.25, tie))
    if border == "interior":
        interior = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
        shift = np.where(interior[:, None], shift, 0)
    return shift.astype(np.float32)


def _dark(grids: Floats, x: Indices, y: Indices, otherwise: Floats, sigma: float) -> Floats:
    """The maximum of the parabola through the logarithm of the blurred map: (N, 2) x, y.

    Zhang et al., Distribution-Aware Coordinate Representation, CVPR 2020, with derivatives over two
    pixels as in their code. `otherwise` (N, 2) is used where the parabola has no maximum within a
    pixel.
    """
    radius = max(1, math.ceil(3 * sigma))
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(sigma, 1e-3)) ** 2)
    blur = np.zeros((5, 5 + 2 * radius))
    for i in range(5):
        blur[i, i : i + len(taps)] = taps / taps.sum()
    window = _window(grids, x, y, radius + 2).clip(min=0)
    log = np.log(np.maximum(blur @ window @ blur.T, _TINY))  # (N, 5, 5)
    dx, dy = (log[:, 2, 3] - log[:, 2, 1]) / 2, (log[:, 3, 2] - log[:, 1, 2]) / 2
    dxx = (log[:, 2, 4] - 2 * log[:, 2, 2] + log[:, 2, 0]) / 4
    dyy = (log[:, 4, 2] - 2 * log[:, 2, 2] + log[:, 0, 2]) / 4
    dxy = (log[:, 3, 3] - log[:, 1, 3] - log[:, 3, 1] + log[:, 1, 1]) / 4
    determinant = dxx * dyy - dxy**2
    peaked = (determinant > 1e-12) & (dxx < 0)
    safe = np.where(peaked, determinant, 1)
    shift = np.stack((dxy * dy - dyy * dx, dxy * dx - dxx * dy), axis=1) / safe[:, None]
    good = peaked & (np.abs(shift) <= 1).all(axis=1)
    return np.where(good[:, None], shift, otherwise)
