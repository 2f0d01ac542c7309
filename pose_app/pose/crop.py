"""Maps between an image and the network's input.

Coordinates are pixel centres: (0, 0) is the centre of the first pixel. Column i of a square input
with side H is at image coordinate `region.x - 0.5 + (i + 0.5) * side / H`. A rectangular input
(H, W) shows `side` as its height and `side * W / H` as its width, around the region's centre.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import PoseAppError
from ..types import Image, Region

_LARGEST = 1_000_000  # pixels, largest side of a region; many times that of any image


def check_image(image: Any) -> Image:
    """The image itself, if it is (H, W, 3) uint8 with at least one pixel. Raises PoseAppError."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = getattr(image, "dtype", type(image).__name__)
        raise PoseAppError(f"An image must be an array of 8-bit numbers (uint8), not {kind}.")
    if image.ndim != 3 or image.shape[2] != 3:
        raise PoseAppError(
            f"An image must have the shape (height, width, 3) in BGR order, not {image.shape}."
        )
    if image.size == 0:
        raise PoseAppError("The image is empty: it has no pixels.")
    return image


def check_region(region: Region, size: tuple[int, int]) -> Region:
    """The region itself, if it is valid and overlaps an image of `size` (width, height).

    Raises PoseAppError.
    """
    numbers = (region.x, region.y, region.side)
    text = ", ".join(f"{number:g}" for number in numbers)
    if not all(math.isfinite(number) for number in numbers) or not 1 <= region.side <= _LARGEST:
        raise PoseAppError(
            f"The region {text} is not valid: give the left edge, the top edge and a side of 1 to "
            f"{_LARGEST} pixels."
        )
    width, height = size
    if not (-region.side < region.x < width and -region.side < region.y < height):
        raise PoseAppError(
            f"The region {text} lies outside the image, which is {width} x {height} pixels."
        )
    return region


def _affine(region: Region, size: tuple[int, int]) -> tuple[float, float, float]:
    """(left, top, step): the input's corner in the image, and image pixels per input pixel."""
    height, width = size
    step = region.side / height
    return region.x - 0.5 + (region.side - step * width) / 2, region.y - 0.5, step


def to_picture(points: NDArray[Any], region: Region, size: tuple[int, int]) -> NDArray[Any]:
    """Input pixels (..., 2) x, y -> image pixels; `size` is the input's (height, width)."""
    left, top, step = _affine(region, size)
    value: NDArray[Any] = (points + 0.5) * step + np.array((left, top), dtype=points.dtype)
    return value


def to_input(points: NDArray[Any], region: Region, size: tuple[int, int]) -> NDArray[Any]:
    """Image pixels (..., 2) x, y -> input pixels; `size` is the input's (height, width)."""
    left, top, step = _affine(region, size)
    value: NDArray[Any] = (points - np.array((left, top), dtype=points.dtype)) / step - 0.5
    return value


def crop(image: Image, region: Region, size: tuple[int, int], out: Image | None = None) -> Image:
    """Cut out a region and resize it to the network's input.

    A region at least twice as large as the input is first halved by averaging: bilinear
    interpolation alone would skip pixels (aliasing). The cost depends on the region's size, not on
    the image's.

    Args:
        image: (H, W, 3) uint8 BGR.
        region: What to cut out; it may reach beyond the image.
        size: (height, width) of the input.
        out: (height, width, 3) uint8 to write to.

    Returns:
        (height, width, 3) uint8 BGR, black beyond the image's border; `out` if it was given.

    Raises:
        PoseAppError: The image is not valid, or the region does not overlap it.
    """
    image = check_image(image)
    region = check_region(region, (image.shape[1], image.shape[0]))
    left, top, step = _affine(region, size)
    halvings = max(0, math.floor(math.log2(step)))
    factor = 2**halvings
    first_x, last_x = _span(left, step * size[1], factor, image.shape[1])
    first_y, last_y = _span(top, step * size[0], factor, image.shape[0])
    part = image[first_y:last_y, first_x:last_x]
    for _ in range(halvings):
        half = (part.shape[1] + 1) // 2, (part.shape[0] + 1) // 2
        part = cv2.resize(part, half, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    ratio_x, ratio_y = (last_x - first_x) / part.shape[1], (last_y - first_y) / part.shape[0]
    # Centre of input pixel 0 in the part's (reduced) pixels, and the step there.
    start_x = (left + step / 2 - first_x + 0.5) / ratio_x - 0.5
    start_y = (top + step / 2 - first_y + 0.5) / ratio_y - 0.5
    matrix = np.array([[step / ratio_x, 0, start_x], [0, step / ratio_y, start_y]])
    return cv2.warpAffine(  # type: ignore[return-value]
        part,
        matrix,
        (size[1], size[0]),
        dst=out,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0, 0, 0),
    )


def _span(start: float, length: float, factor: int, limit: int) -> tuple[int, int]:
    """The pixels [first, last) of a line of `limit` pixels that the crop reads.

    Some more than it covers, so that interpolation at the edge has real neighbours. The length is
    a multiple of `factor` where the line is long enough: OpenCV averages whole blocks much faster.
    """
    margin = 2 * factor
    first = min(max(math.floor(start) - margin, 0), limit - 1)
    last = max(min(math.ceil(start + length) + margin, limit), first + 1)
    last = min(last + -(last - first) % factor, limit)
    missing = -(last - first) % factor
    return (first - missing if missing <= first else first), last
