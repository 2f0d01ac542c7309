"""The colours of skeletons, people and heatmaps, as (red, green, blue)."""

from __future__ import annotations

from functools import cache, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from .options import COLOUR_MAPS

Colour = tuple[int, int, int]

# Right is warm and left is cool, as in the figures of most pose papers. Orange and blue can be told
# apart with all common kinds of colour blindness.
SIDES: dict[str, Colour] = {
    "left": (56, 189, 248),
    "right": (251, 146, 60),
    "centre": (241, 245, 249),
}
# Of a second skeleton drawn for comparison: paler, other hues.
COMPARE_SIDES: dict[str, Colour] = {
    "left": (167, 243, 208),
    "right": (249, 168, 212),
    "centre": (217, 249, 157),
}
# Of people's numbers, by track. None equals the colour of a side.
TINTS: tuple[Colour, ...] = (
    (52, 211, 153),
    (244, 114, 182),
    (250, 204, 21),
    (167, 139, 250),
    (248, 113, 113),
    (163, 230, 53),
    (34, 211, 238),
    (232, 121, 249),
)
REGION: Colour = (250, 204, 21)
REGION_ARM = 0.06  # of its corners, which are stronger: share of its side
REGION_OPACITY, REGION_BY_HAND = 0.35, 0.9  # of its outline
SHADE: Colour = (20, 24, 34)  # around limbs and joints, below text
WHITE: Colour = (255, 255, 255)


def bgr(colour: Colour) -> Colour:
    """The colour in OpenCV's order, (blue, green, red)."""
    return colour[2], colour[1], colour[0]


def tint(track_id: int) -> Colour:
    """The colour of a person's number."""
    return TINTS[track_id % len(TINTS)]


@cache
def lookup(name: str) -> NDArray[np.uint8]:
    """(256, 3) uint8 RGB of a colour map. Raises KeyError for a name outside COLOUR_MAPS."""
    if name not in COLOUR_MAPS:
        raise KeyError(name)
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

    Where a heatmap is nearly zero, the image under it stays visible.
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
