"""The positions of the tiles in the stacks panel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from PySide6.QtCore import QRect

GAP = 8  # between tiles
FRAME = 3  # of the chosen tile


@dataclass(frozen=True)
class TileLayout:
    """Rows of equal tiles with a caption of `caption` pixels under each, centred in a widget."""

    columns: int
    width: int
    height: int
    left: int
    top: int
    caption: int

    def tile(self, stack: int) -> QRect:
        """The rectangle of a stack's picture, without its caption, in widget pixels."""
        row, column = divmod(stack, self.columns)
        return QRect(
            self.left + column * (self.width + GAP),
            self.top + row * (self.height + self.caption + GAP),
            self.width,
            self.height,
        )


@lru_cache(maxsize=8)
def fit(total: int, width: int, height: int, aspect: float, caption: int) -> TileLayout:
    """The layout with the largest tiles for `total` stacks in width x height pixels.

    `aspect` is a tile's width over its height.
    """
    columns, side = 1, 16
    for count in range(1, total + 1):
        rows = math.ceil(total / count)
        across = (width - 2 * FRAME - (count - 1) * GAP) / count / aspect
        down = (height - 2 * FRAME - (rows - 1) * GAP) / rows - caption
        if int(min(across, down)) > side:
            columns, side = count, int(min(across, down))
    rows = math.ceil(total / columns)
    tile = max(round(side * aspect), 1)
    used = columns * tile + (columns - 1) * GAP
    used_height = rows * (side + caption) + (rows - 1) * GAP
    top = max((height - used_height) // 2, FRAME)
    return TileLayout(columns, tile, side, (width - used) // 2, top, caption)
