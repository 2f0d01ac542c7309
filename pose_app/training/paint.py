"""Paints somebody else over in crops for training, as the app does with whoever is in front.

The body of another person of the batch is moved, mirrored and scaled, and painted over as in
`pose.cover`; mostly a seam of that person's own picture is left around it, as in the app, which
does not know where a body ends.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..pose.cover import GREY, Cover
from .augment import sampled
from .data import PRESENT
from .store import to_device

_SHARE = 0.13  # of the crops
_SEAM = 0.8  # of these
_SMALLEST, _LARGEST = 0.6, 1.3  # scale
_FEWEST = 5  # joints of the person painted over
_LEFT = 0.35  # of the crop's own joints that stay in view


def paint_people(
    images: Tensor,
    points: Tensor,
    states: Tensor,
    cover: Cover,
    random: np.random.Generator,
) -> Tensor:
    """Images (B, 3, S, S) 0..1, some of them with somebody painted over.

    Args:
        images: (B, 3, S, S); not changed.
        points: (B, K, 2) in input pixels.
        states: (B, K) MASKED, PRESENT or ABSENT.
        cover: Draws bodies of these joints.
        random: For all random numbers.
    """
    count, _, size, _ = images.shape
    at, present = points.cpu().double().numpy(), (states == PRESENT).cpu().numpy()
    rows, others, masks, moves = [], [], [], []
    for row in range(count):
        other = int(random.integers(count))
        scale, flip = random.uniform(_SMALLEST, _LARGEST), random.random() < 0.5
        shift = random.uniform(-0.55, 0.55, 2) * size
        wide = round(size * random.uniform(0.01, 0.06)) if random.random() < _SEAM else 0
        if random.random() >= _SHARE or other == row or present[other].sum() < _FEWEST:
            continue
        # A point of the other crop -> this crop: x' = a * x + b.
        a = np.array([-scale if flip else scale, scale])
        middle = (size - 1) / 2
        b = middle + shift - a * middle
        mask = np.zeros((size, size), np.uint8)
        cover.draw(mask, at[other] * a + b, present[other])
        own = np.rint(at[row][present[row]]).clip(0, size - 1).astype(int)
        if len(own) and (mask[own[:, 1], own[:, 0]] == 0).mean() < _LEFT:
            continue
        body = mask > 0
        around = cv2.dilate(mask, _disc(wide)) > 0 if wide else body
        rows.append(row)
        others.append(other)
        masks.append(np.stack((body, around)))
        moves.append(_sampling(a, b, size))
    if not rows:
        return images
    device = images.device
    grid = functional.affine_grid(
        to_device(np.array(moves, np.float32), device), [len(rows), 3, size, size], False
    )
    moved = sampled(images[others], grid.to(images.dtype))
    both = to_device(np.array(masks), device)
    painted = torch.where(both[:, 1:], moved, images[rows])
    painted = painted.masked_fill(both[:, :1], GREY / 255)
    images = images.clone()
    images[rows] = painted
    return images


def _disc(radius: int) -> np.ndarray:
    side = 2 * radius + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))


def _sampling(a: np.ndarray, b: np.ndarray, size: int) -> list[list[float]]:
    """The map of `affine_grid` from this crop to the other, x = (x' - b) / a, in -1..1.

    Pixel centres x are at (2 x + 1) / size - 1 there.
    """
    shift = (size - 1 - 2 * b) / (size * a) - (size - 1) / size
    return [[1 / a[0], 0.0, shift[0]], [0.0, 1 / a[1], shift[1]]]
