"""The pictures in the tiles of the stacks panel: the grey region and the heatmap on it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from ...drawing import heat
from ...drawing.stacks_picture import grey_region, tile_opacity
from ...types import Floats, Image, Region
from ..canvas import colours
from ..state.view_state import ViewState
from .readings import Shown

ZOOM = 0.36  # of the region's side that a tile shows of one joint
_TRANSLUCENT = QImage.Format.Format_ARGB32_Premultiplied
_FOLLOW = 0.25  # share of the way to the joint that a close-up goes per frame


def close_up(region: Region, joint: Floats, aspect: float, before: Region | None) -> Region:
    """The part of a region around a joint (x, y in picture pixels), inside the region.

    `aspect` is the region's width over its height. The result moves smoothly from `before`, the
    last close-up, as one that jumps with the joint is unpleasant to watch.
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


def grey_picture(
    frame: Image, seen: Region, size: tuple[int, int], mirror: bool, background: str
) -> QImage:
    """The part `seen` of the frame in dark grey, blurred or black where the background is.

    `size` is (height, width) in pixels.
    """
    grey = grey_region(frame, seen, size, background)
    if mirror:
        grey = cv2.flip(grey, 1)  # type: ignore[assignment]
    return _image(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGRA), QImage.Format.Format_RGB32)


def heat_picture(
    levels: NDArray[np.uint8],
    table: NDArray[np.uint32],
    region: Region,
    seen: Region,
    size: tuple[int, int],
    mirror: bool,
) -> QImage:
    """The part `seen` of a heatmap (h, w) 0..255 that covers `region`, coloured by a (256,) table.

    It is enlarged by OpenCV, four times as fast as by a QPainter that scales smoothly.
    """
    if seen == region:
        return _image(heat.coloured(levels, table, mirror, size), _TRANSLUCENT)
    step = seen.side / size[0]
    corner = seen.centre[0] - step * size[1] / 2, seen.y
    large = heat.placed(heat.coloured(levels, table), region, step, corner, size)
    if mirror:
        large = cv2.flip(large, 1)  # type: ignore[assignment]
    return _image(large, _TRANSLUCENT)


def stack_picture(
    shown: Shown, stack: int, view: ViewState, seen: Region, size: tuple[int, int]
) -> QImage | None:
    """The heatmap of a stack as the view says; None where it has none."""
    if stack >= len(shown.maps):
        return None
    pose = shown.pose
    levels = heat.chosen(shown.maps[stack], pose.stack_scores[stack], view)
    table = colours.overlay_lookup(view.colour_map, tile_opacity(view.opacity))
    return heat_picture(levels, table, pose.region, seen, size, view.mirror)


def _image(pixels: Any, kind: QImage.Format) -> QImage:
    """(H, W, 4) uint8 as a QImage that owns its pixels."""
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, pixels.strides[0], kind).copy()
