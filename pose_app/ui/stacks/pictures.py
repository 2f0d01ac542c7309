"""The pictures in the tiles of the stacks panel: the grey region and the heatmap on it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from ...pose.crop import crop
from ...types import Floats, Image, Region
from ..canvas import colours
from ..canvas.heatmap_overlay import over_picture

ZOOM = 0.36  # of the region's side that a tile shows of one joint
_FOLLOW = 0.25  # share of the way to the joint that a close-up goes per frame
_DARKEN = 0.62  # of the grey region, so that heatmaps stand out


def close_up(region: Region, joint: Floats, aspect: float, before: Region | None) -> Region:
    """The part of a region around a joint (x, y in picture pixels), inside of the region.

    `aspect` is the region's width over its height. It follows `before`, the last close-up, calmly:
    one that jumps with every step of the joint is unpleasant to watch.
    """
    side = region.side * ZOOM
    x, y = float(joint[0]), float(joint[1])
    if before is not None and before.side < region.side:
        from_x, from_y = before.centre
        if np.hypot(x - from_x, y - from_y) < before.side / 2:
            x, y = from_x + (x - from_x) * _FOLLOW, from_y + (y - from_y) * _FOLLOW
    room = (region.side - side) / 2
    x = float(np.clip(x, region.centre[0] - room * aspect, region.centre[0] + room * aspect))
    y = float(np.clip(y, region.centre[1] - room, region.centre[1] + room))
    return Region(x - side / 2, y - side / 2, side)


def grey_picture(frame: Image, seen: Region, size: tuple[int, int], mirror: bool) -> QImage:
    """What `seen` covers of the frame in dark grey; `size` is (height, width) in pixels."""
    grey = cv2.cvtColor(crop(frame, seen, size), cv2.COLOR_BGR2GRAY)
    grey = cv2.convertScaleAbs(grey, alpha=_DARKEN)
    if mirror:
        grey = cv2.flip(grey, 1)
    return _image(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGRA), QImage.Format.Format_RGB32)


def heat_picture(
    levels: NDArray[np.uint8],
    colour_map: str,
    region: Region,
    seen: Region,
    size: tuple[int, int],
    mirror: bool,
) -> QImage:
    """The part `seen` of a heatmap (h, w) 0..255 that covers `region`, with transparency.

    OpenCV enlarges it four times as fast as a painter that scales smoothly.
    """
    small = over_picture(levels, colours.overlay_lookup(colour_map), False)
    height, width = levels.shape
    per_pixel = height / region.side  # heatmap pixels per pixel of the picture
    step = seen.side * per_pixel / size[0]
    left = width / 2 + (seen.centre[0] - region.centre[0]) * per_pixel - step * size[1] / 2
    top = (seen.y - region.y) * per_pixel
    # Centre of pixel 0 of the tile in heatmap pixels, and the step there.
    matrix = np.array([[step, 0, left + step / 2 - 0.5], [0, step, top + step / 2 - 0.5]])
    large = cv2.warpAffine(
        small,
        matrix,
        (size[1], size[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if mirror:
        large = cv2.flip(large, 1)
    return _image(large, QImage.Format.Format_ARGB32_Premultiplied)


def _image(pixels: Any, kind: QImage.Format) -> QImage:
    """(H, W, 4) uint8 as a QImage that owns its pixels."""
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, pixels.strides[0], kind).copy()
