"""The pictures of stacks that did not run for the newest frame."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QImage

from ...types import Floats, Region
from ..state.view_state import ViewState
from .pictures import grey_picture, stack_picture
from .readings import Shown


@dataclass(frozen=True)
class _Tile:
    joints: Floats  # of the pose that it shows, which itself would keep its device's heatmaps
    seen: Region
    size: tuple[int, int]
    grey: QImage
    heat: QImage | None


class OlderTiles:
    """Makes each picture once: it stays the same while newer frames come.

    `clear` is to be called when anything in the view changed.
    """

    def __init__(self, view: ViewState) -> None:
        self._view = view
        self._tiles: dict[int, _Tile] = {}  # by stack

    def clear(self) -> None:
        self._tiles.clear()

    def pictures(
        self, stack: int, shown: Shown, seen: Region, size: tuple[int, int]
    ) -> tuple[QImage, QImage | None]:
        """(grey region, heatmap on it) of the part `seen`; `size` (height, width) in pixels."""
        tile, view = self._tiles.get(stack), self._view
        joints = shown.pose.stack_joints
        if tile is None or tile.joints is not joints or (tile.seen, tile.size) != (seen, size):
            grey = grey_picture(shown.frame, seen, size, view.mirror, view.backdrop)
            heat = stack_picture(shown, stack, view, seen, size)
            tile = self._tiles[stack] = _Tile(joints, seen, size, grey, heat)
        return tile.grey, tile.heat
