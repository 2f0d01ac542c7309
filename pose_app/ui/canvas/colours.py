"""The colours of `drawing.colours` as QColor."""

from __future__ import annotations

from PySide6.QtGui import QColor

from ...drawing import colours, options

SIDES = {side: QColor(*colour) for side, colour in colours.SIDES.items()}
COMPARE_SIDES = {side: QColor(*colour) for side, colour in colours.COMPARE_SIDES.items()}

ACCENT = QColor("#6366f1")
AMBER = QColor("#f59e0b")
RED = QColor("#ef4444")
GREEN = QColor("#22c55e")
REGION = QColor(*colours.REGION)
SHADE = QColor(*colours.SHADE)

COLOUR_MAPS = options.COLOUR_MAPS
lookup = colours.lookup
overlay_lookup = colours.overlay_lookup


def tint(track_id: int) -> QColor:
    """The colour of a person's number, as in a recording."""
    return QColor(*colours.tint(track_id))
