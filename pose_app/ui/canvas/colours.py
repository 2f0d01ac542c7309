"""The colours of skeletons, heatmaps and states, in one place."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor

# Right is warm and left is cool, as in the figures of most pose papers; both are told apart by
# people with any of the usual colour blindnesses (orange and blue).
SIDES = {"left": QColor("#38bdf8"), "right": QColor("#fb923c"), "centre": QColor("#f1f5f9")}
COMPARE_SIDES = {"left": QColor("#a7f3d0"), "right": QColor("#f9a8d4"), "centre": QColor("#d9f99d")}

ACCENT = QColor("#6366f1")
AMBER = QColor("#f59e0b")
RED = QColor("#ef4444")
GREEN = QColor("#22c55e")
REGION = QColor("#facc15")

# Names as people know them; all are in OpenCV.
COLOUR_MAPS = ("inferno", "viridis", "magma", "turbo", "hot", "bone")


@cache
def lookup(name: str) -> NDArray[np.uint8]:
    """(256, 3) uint8 RGB of a colour map. Raises KeyError for a name outside COLOUR_MAPS."""
    if name not in COLOUR_MAPS:
        raise KeyError(name)
    import cv2

    ramp = np.arange(256, dtype=np.uint8).reshape(256, 1)
    code = getattr(cv2, f"COLORMAP_{name.upper()}")
    table: NDArray[np.uint8] = np.ascontiguousarray(
        cv2.applyColorMap(ramp, code)[:, 0, ::-1], np.uint8
    )
    table.setflags(write=False)
    return table


@lru_cache(maxsize=256)
def overlay_lookup(name: str, opacity: float = 1.0) -> NDArray[np.uint32]:
    """(256,) premultiplied ARGB32 of a colour map whose opacity rises with the value.

    A heatmap is almost zero almost everywhere: there the picture must stay as it is.
    """
    rgb = lookup(name).astype(np.float32)
    alpha = np.clip(np.linspace(0.0, 1.6, 256), 0.0, 1.0) * opacity
    premultiplied = np.rint(rgb * alpha[:, None]).astype(np.uint32)
    table: NDArray[np.uint32] = (
        (np.rint(alpha * 255).astype(np.uint32) << 24)
        | (premultiplied[:, 0] << 16)
        | (premultiplied[:, 1] << 8)
        | premultiplied[:, 2]
    ).astype(np.uint32)
    table.setflags(write=False)
    return table
