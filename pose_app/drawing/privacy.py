"""What is behind the skeleton: the picture, a blur in which nobody is recognised, or black.

Every picture that is shown or written with a background other than `picture` is made from what
`backdrop` returns, and from nothing else: what is not in its grid of blocks cannot be in the file.

How strong: people recognise faces they know from 7 x 10 pixels on (Sinha, Balas, Ostrovsky and
Russell, "Face recognition by humans: nineteen results", Proc. IEEE 94, 2006, result 1), and
networks trained on pixelated faces recognise strangers' where people do not (McPherson, Shokri and
Shmatikov, "Defeating image obfuscation with deep learning", 2016). So the picture is averaged in
BLOCKS blocks along its shorter side: a face that is a quarter of it high is 3 x 2 blocks, one of
half of it 6 x 4, both far below. A moving head is averaged a little differently in every frame,
which is worth less than twice the resolution: still below. The blocks are then blurred into each
other, for the eye and against whoever would read their edges.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

from ..pose.crop import crop
from ..types import Image, Region
from .options import BACKGROUNDS

BLOCKS = 12  # along the picture's shorter side
_SPREAD = 0.7  # standard deviation of the blur, in blocks
_SMALL = 96  # pixels along the shorter side from which on straight lines between them look smooth


def backdrop(image: Image, background: str, size: tuple[int, int] | None = None) -> Image:
    """A picture (H, W, 3) BGR to draw on: a copy, blurred beyond recognition, or black.

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
    """The blurred picture in few pixels, _SMALL along its shorter side: enlarge it to any size.

    It depends on the averages of BLOCKS blocks alone.
    """
    height, width = image.shape[:2]
    shorter = min(height, width)
    grid, small = (
        (max(round(width * pixels / shorter), 1), max(round(height * pixels / shorter), 1))
        for pixels in (BLOCKS, _SMALL)
    )
    # Whole factors are averaged several times faster, and what is left is a small picture.
    factor = _divisor(math.gcd(width, height), shorter // (4 * BLOCKS))
    if factor > 1:
        image = _resized(image, (width // factor, height // factor), cv2.INTER_AREA)
    blocks = _resized(image, grid, cv2.INTER_AREA)
    blocks = cv2.GaussianBlur(blocks, (0, 0), _SPREAD, borderType=cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    return _resized(blocks, small, cv2.INTER_CUBIC)


def region_picture(image: Image, seen: Region, size: tuple[int, int], background: str) -> Image:
    """What a region shows of the picture in front of `background`, (h, w, 3); `size` is (h, w).

    The one way to a part of a frame that is shown beside the picture, e.g. under a heatmap.
    """
    height, width = image.shape[:2]
    inside = -seen.side < seen.x < width and -seen.side < seen.y < height
    if background == "black" or not inside:
        return np.zeros((*size, 3), np.uint8)
    if background == "picture":
        return crop(image, seen, size)
    small = averaged(image)
    scale = min(small.shape[:2]) / min(height, width)
    # Pixel centres are whole numbers: the edge of the picture is at -0.5.
    x, y = (seen.x + 0.5) * scale - 0.5, (seen.y + 0.5) * scale - 0.5
    return crop(small, Region(x, y, max(seen.side * scale, 1.0)), size)


def _divisor(number: int, most: int) -> int:
    """The largest divisor of a number that is at most `most`, 1 at least."""
    return next((part for part in range(most, 1, -1) if number % part == 0), 1)


def _resized(image: Any, size: tuple[int, int], how: int) -> Image:
    value: Image = cv2.resize(image, size, interpolation=how)
    return value
