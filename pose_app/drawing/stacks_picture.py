"""An image with all stacks: the frame, and below it a tile with the heatmap of every stack."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from ..pose.crop import to_input
from ..types import Image, Pose, Region
from . import colours, heat, privacy, strokes
from .options import DrawOptions

DARKEN = 0.62  # brightness of the grey region under a heatmap
_DIM = 0.35  # brightness of the tile of a stack that did not run
_NARROWEST, _WIDEST = 960, 1920  # pixels, width of the whole image
_ROW = 4  # tiles side by side; more stacks have several rows
_HIGHEST = 0.5  # height of a tile / height of the frame's image
_GAP = 0.006  # between tiles, as a share of the width

Rectangle = tuple[int, int, int, int]  # x, y, width, height


@dataclass(frozen=True)
class StacksLayout:
    """The rectangles of the frame's image and of each stack's tile; `size` is even."""

    size: tuple[int, int]
    picture: Rectangle
    tiles: tuple[Rectangle, ...]

    @classmethod
    def natural(cls, frame: tuple[int, int], stacks: int) -> StacksLayout:
        """The layout at the frame's own size, within limits of the width.

        Args:
            frame: (width, height) of the frame.
            stacks: How many tiles.
        """
        width = min(max(frame[0], _NARROWEST), _WIDEST) // 2 * 2
        height = max(round(frame[1] * width / frame[0]), 1)
        gap = max(2, round(width * _GAP))
        rows = math.ceil(stacks / _ROW)
        columns = math.ceil(stacks / rows)
        side = min((width - gap * (columns - 1)) // columns, round(height * _HIGHEST))
        left = (width - columns * side - gap * (columns - 1)) // 2
        tiles = tuple(
            (
                left + (stack % columns) * (side + gap),
                height + gap + (stack // columns) * (side + gap),
                side,
                side,
            )
            for stack in range(stacks)
        )
        full = height + rows * (side + gap)
        return cls((width, full + full % 2), (0, 0, width, height), tiles)

    def scaled(self, size: tuple[int, int]) -> StacksLayout:
        """The same layout at another size (width, height) with the same aspect ratio."""
        if size == self.size:
            return self
        scale = size[0] / self.size[0]

        def moved(rectangle: Rectangle) -> Rectangle:
            x, y, width, height = rectangle
            x0, y0 = math.floor(x * scale), math.floor(y * scale)
            return (
                x0,
                y0,
                max(min(math.floor((x + width) * scale), size[0]) - x0, 1),
                max(min(math.floor((y + height) * scale), size[1]) - y0, 1),
            )

        return StacksLayout(size, moved(self.picture), tuple(map(moved, self.tiles)))


def grey_region(image: Image, seen: Region, size: tuple[int, int], background: str) -> Image:
    """A region in dark grey, (h, w) uint8, to draw heatmaps over."""
    part = privacy.region_picture(image, seen, size, background)
    return cv2.convertScaleAbs(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), alpha=DARKEN)  # type: ignore[return-value]


def tile_opacity(opacity: float) -> float:
    """The opacity of a heatmap in a tile, higher than that in the main image."""
    value: float = round(opacity**0.5, 2)
    return value


def paint_stacks(
    out: Image, layout: StacksLayout, image: Image, person: Pose | None, options: DrawOptions
) -> None:
    """Paint every stack's tile: the person's region in grey, the heatmap, a caption."""
    grey: Image | None = None
    _, _, width, height = layout.tiles[0]
    if person is not None:
        grey = cv2.cvtColor(  # type: ignore[assignment]
            grey_region(image, person.region, (height, width), options.background),
            cv2.COLOR_GRAY2BGR,
        )
    table = colours.overlay_lookup(options.colour_map, tile_opacity(options.opacity))
    for stack, (x, y, width, height) in enumerate(layout.tiles):
        tile = out[y : y + height, x : x + width]
        if grey is None:
            tile[:] = 0
        else:
            tile[:] = (
                cv2.resize(grey, (width, height)) if grey.shape[:2] != tile.shape[:2] else grey
            )
        ran = person is not None and stack < person.stacks
        if person is not None and ran:
            _paint_heat(tile, person, stack, options, table)
            _paint_joint(tile, person, stack, options)
        elif person is not None:
            tile[:] = cv2.convertScaleAbs(tile, alpha=_DIM)
        words = f"Stack {stack + 1}"
        letters = max(height * 0.055, 8.0)
        strokes.paint_label(tile, words, (letters * 0.5, letters * 0.5), letters)


def _paint_heat(
    tile: Image, person: Pose, stack: int, options: DrawOptions, table: np.ndarray
) -> None:
    maps = heat.copied_out(person, stack)
    if maps is None:
        return
    levels = heat.chosen(maps, person.stack_scores[stack], options)
    region = person.region
    scale = tile.shape[0] / region.side
    width = tile.shape[1] / scale
    # The region in the coordinates of the tile.
    inside = Region((width - region.side) / 2, 0.0, region.side)
    heat.paint_heat(tile, levels, inside, scale, table)


def _paint_joint(tile: Image, person: Pose, stack: int, options: DrawOptions) -> None:
    """Mark the chosen joint of this stack (ring) and of the last stack (cross)."""
    joint = options.joint
    if joint is None or joint >= len(person.skeleton):
        return
    here, last = to_input(
        person.stack_joints[[stack, -1], joint].astype(np.float64), person.region, tile.shape[:2]
    )
    radius = min(max(tile.shape[0] * 0.06, 5.0), 18.0)  # around the blob, not on it
    width = max(tile.shape[0] / 180, 1.0)
    strokes.paint_ring(tile, here, radius, width)
    if float(np.hypot(*(here - last))) > radius / 2:
        strokes.paint_cross(tile, last, radius * 0.5, width)
