"""The background behind the skeleton: the image, a blur in which nobody is recognised, or black.

With a background other than `picture`, everything that is shown or written is drawn on the result
of `backdrop`, so that no more of the frame than its grid of blocks can be in the file.

Strength of the blur: people recognise familiar faces from 7 x 10 pixels on (Sinha, Balas, Ostrovsky
and Russell, "Face recognition by humans: nineteen results", Proc. IEEE 94, 2006, result 1), and
networks trained on pixelated faces recognise strangers where people do not (McPherson, Shokri and
Shmatikov, "Defeating image obfuscation with deep learning", 2016). So the image is averaged to
BLOCKS blocks along its shorter side: a face as high as the image has 6 x 4 blocks, and in an
upright image one as wide as it 8 x 6, both below. A moving head is sampled a little differently in
every frame, which adds less than twice the resolution. The blocks are then blurred into each other.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

from ..pose.crop import crop
from ..types import Image, Region
from .options import BACKGROUNDS

BLOCKS = 6  # along the image's shorter side
_SPREAD = 0.7  # standard deviation of the blur, in blocks
_SMALL = 96  # pixels along the shorter side; larger sizes are interpolated linearly from it


def backdrop(image: Image, background: str, size: tuple[int, int] | None = None) -> Image:
    """A new image (H, W, 3) BGR to draw on: a copy, blurred beyond recognition, or black.

    `size` is (width, height), default the image's own. Raises ValueError for another background.
    """
    size = size or (image.shape[1], image.shape[0])
    if background == "black":
        return np.zeros((size[1], size[0], 3), np.uint8)
    if background == "blur":
        return _resized(averaged(image), size, cv2.INTER_LINEAR)
    if background != "picture":
        raise ValueError(f"{background!r} is no background: choose one of {BACKGROUNDS}")
    if size == (image.shape[1], image.shape[0]):
        value: Image = image.copy()
        return value
    smaller = size[0] < image.shape[1]
    return _resized(image, size, cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def averaged(image: Image) -> Image:
    """The blurred image with only _SMALL pixels along its shorter side, to be enlarged.

    It depends only on the averages of BLOCKS blocks along that side.
    """
    height, width = image.shape[:2]
    shorter = min(height, width)
    grid, small = (
        (max(round(width * pixels / shorter), 1), max(round(height * pixels / shorter), 1))
        for pixels in (BLOCKS, _SMALL)
    )
    # Averaging by a whole factor first is several times faster.
    factor = _divisor(math.gcd(width, height), shorter // (4 * BLOCKS))
    if factor > 1:
        image = _resized(image, (width // factor, height // factor), cv2.INTER_AREA)
    blocks = _resized(image, grid, cv2.INTER_AREA)
    blocks = cv2.GaussianBlur(blocks, (0, 0), _SPREAD, borderType=cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    return _resized(blocks, small, cv2.INTER_CUBIC)


def region_picture(image: Image, seen: Region, size: tuple[int, int], background: str) -> Image:
    """The part of an image in a region, with the given background: (h, w, 3); `size` is (h, w).

    Used wherever a part of a frame is shown separately, e.g. under a heatmap.
    """
    height, width = image.shape[:2]
    inside = -seen.side < seen.x < width and -seen.side < seen.y < height
    if background == "black" or not inside:
        return np.zeros((*size, 3), np.uint8)
    if background == "picture":
        return crop(image, seen, size)
    small = averaged(image)
    scale = min(small.shape[:2]) / min(height, width)
    # The border is continued by a pixel, because `crop` mixes it with the black around.
    small = cv2.copyMakeBorder(small, 1, 1, 1, 1, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    x, y = seen.x * scale + 1, seen.y * scale + 1
    part = crop(small, Region(x, y, max(seen.side * scale, 1.0)), size)
    zoom = size[0] / seen.side
    left, top = size[1] / 2 - seen.centre[0] * zoom, -seen.y * zoom  # of the image in the part
    across = slice(max(round(left), 0), max(round(left + width * zoom), 0))
    down = slice(max(round(top), 0), max(round(top + height * zoom), 0))
    made = np.zeros_like(part)
    made[down, across] = part[down, across]
    return made


def _divisor(number: int, most: int) -> int:
    """The largest divisor of a number that is not above `most`."""
    return next((part for part in range(most, 1, -1) if number % part == 0), 1)


def _resized(image: Any, size: tuple[int, int], how: int) -> Image:
    value: Image = cv2.resize(image, size, interpolation=how)
    return value
