"""`pose.decode` on a torch device, so that only joints are copied to the host.

The same rules in the same order. No step needs values on the host, so that a CUDA graph can capture
it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from ..spec import ModelSpec

_WINDOW = 2
_MASS = 3
_TINY = 1e-10
_HUGE = 1e30


def decode(maps: Tensor, spec: ModelSpec) -> Tensor:
    """Joints of heatmaps (..., K, h, w): (..., K, 3) float32 x, y in input pixels and raw score."""
    lead, (height, width) = maps.shape[:-2], maps.shape[-2:]
    flat = maps.reshape(-1, height * width).float()
    flat = torch.where(flat.isfinite(), flat, -torch.inf)
    nothing = flat.amax(dim=1) == -torch.inf
    flat = torch.where(nothing[:, None], 0, flat)
    peak = flat.amax(dim=1)
    grids = flat.reshape(-1, height, width)
    rule = spec.decode
    ranked, highest = flat, peak
    if rule.subpixel == "mass":
        size = 2 * _MASS + 1
        sums = functional.avg_pool2d(grids[:, None].clamp(0, _HUGE), size, 1, _MASS)
        ranked = sums.reshape(flat.shape)
        highest = ranked.amax(dim=1)
    # The first of equal peaks; argmax on a device may return any of them.
    pixels = torch.arange(height * width, device=maps.device)
    index = torch.where(ranked == highest[:, None], pixels, height * width).amin(dim=1)
    x, y = index % width, index // width

    mass = _window(grids, x, y, _MASS if rule.subpixel == "mass" else _WINDOW).clamp(0, _HUGE)
    total = mass.sum(dim=(1, 2))
    if rule.subpixel in ("centroid", "mass"):
        shift = _centroid(mass, total)
    else:
        shift = _quarter(grids, x, y, rule.tie, rule.border)
        if rule.subpixel == "dark":
            shift = _dark(grids, x, y, shift, spec.sigma)

    joints = (torch.stack((x, y), dim=1) + shift + rule.offset) * spec.stride
    if rule.positive_only:
        joints = torch.where(peak[:, None] > 0, joints, 0)
    score = torch.where(nothing, torch.nan, total if spec.score == "window" else peak)
    return torch.cat((joints, score[:, None]), dim=1).float().reshape(*lead, 3)


def _window(grids: Tensor, x: Tensor, y: Tensor, half: int) -> Tensor:
    """The square of 2 * half + 1 pixels around each (x, y), zero beyond the border: (N, n, n)."""
    count, height, width = grids.shape
    reach = torch.arange(-half, half + 1, device=grids.device)
    columns, lines = (x[:, None] + reach)[:, None, :], (y[:, None] + reach)[:, :, None]
    inside = (lines >= 0) & (lines < height) & (columns >= 0) & (columns < width)
    rows = torch.arange(count, device=grids.device)[:, None, None]
    window = grids[rows, lines.clamp(0, height - 1), columns.clamp(0, width - 1)]
    return torch.where(inside, window, 0)


def _centroid(mass: Tensor, total: Tensor) -> Tensor:
    half = mass.shape[1] // 2
    reach = torch.arange(-half, half + 1, device=mass.device, dtype=mass.dtype)
    shift = torch.stack((mass.sum(dim=1) @ reach, mass.sum(dim=2) @ reach), dim=1)
    some = total[:, None] > 0
    return torch.where(some, shift / torch.where(some, total[:, None], 1), 0)


def _quarter(grids: Tensor, x: Tensor, y: Tensor, tie: float, border: str) -> Tensor:
    count, height, width = grids.shape
    rows = torch.arange(count, device=grids.device)
    right, left = (grids[rows, y, (x + d).clamp(0, width - 1)] for d in (1, -1))
    below, above = (grids[rows, (y + d).clamp(0, height - 1), x] for d in (1, -1))
    first, second = torch.stack((left, above), dim=1), torch.stack((right, below), dim=1)
    lower = torch.where(second < first, -0.25, tie)
    shift = torch.where(second > first, 0.25, lower)
    if border == "interior":
        interior = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
        shift = torch.where(interior[:, None], shift, 0)
    return shift


def _dark(grids: Tensor, x: Tensor, y: Tensor, otherwise: Tensor, sigma: float) -> Tensor:
    radius = max(1, math.ceil(3 * sigma))
    # Created on the device: a captured graph must not copy from the host.
    reach = torch.arange(-radius, radius + 1, device=grids.device, dtype=grids.dtype)
    taps = torch.exp(-0.5 * (reach / max(sigma, 1e-3)) ** 2)
    taps = taps / taps.sum()
    blur = torch.stack([functional.pad(taps, (i, 4 - i)) for i in range(5)])
    window = _window(grids, x, y, radius + 2).clamp(min=0)
    log = torch.log((blur @ window @ blur.T).clamp(min=_TINY))  # (N, 5, 5)
    dx, dy = (log[:, 2, 3] - log[:, 2, 1]) / 2, (log[:, 3, 2] - log[:, 1, 2]) / 2
    dxx = (log[:, 2, 4] - 2 * log[:, 2, 2] + log[:, 2, 0]) / 4
    dyy = (log[:, 4, 2] - 2 * log[:, 2, 2] + log[:, 0, 2]) / 4
    dxy = (log[:, 3, 3] - log[:, 1, 3] - log[:, 3, 1] + log[:, 1, 1]) / 4
    determinant = dxx * dyy - dxy**2
    peaked = (determinant > 1e-12) & (dxx < 0)
    safe = torch.where(peaked, determinant, 1)
    shift = torch.stack((dxy * dy - dyy * dx, dxy * dx - dxx * dy), dim=1) / safe[:, None]
    good = peaked & (shift.abs() <= 1).all(dim=1)
    return torch.where(good[:, None], shift, otherwise)
