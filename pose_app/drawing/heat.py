"""From a stack's heatmaps to the one that is shown: the chosen joint's, or all joints combined.

The scale is fixed, so that brightness means the same at every moment and in every stack: the peak
of a joint's map is as bright as the joint's calibrated score, full brightness is a score of 1. For
networks with raw heatmaps and no calibration that is the map itself between 0 and 1; maps of
probabilities, whose peaks are around 0.1 because a sharp blob still covers many pixels, would be
invisible on their own scale. A tone curve lifts the dark end: doubt is worth seeing.
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import EngineError
from ..types import Floats, Image, Pose, Region

_TONE = np.rint(255 * (np.arange(256) / 255) ** 0.7).astype(np.uint8)
_NOTHING = 4  # of 255: a heatmap that is not seen
_STRIP = 2**17  # bytes
_SMOOTH = 4  # a heatmap is enlarged so many times before it is coloured

Levels = NDArray[np.uint8]


class HeatChoice(Protocol):
    """Which heatmap is shown: the window's ViewState and a recording's DrawOptions have these."""

    @property
    def joint(self) -> int | None:
        """The joint whose heatmap is shown; None = all that are visible, combined."""

    @property
    def combine(self) -> str:
        """How several joints become one heatmap: `max` or `sum`."""

    @property
    def visible(self) -> frozenset[int] | None:
        """The joints that are not hidden; None = all."""


def heat(pose: Pose, choice: HeatChoice, stack: int) -> Levels:
    """(h, w) 0..255: what to show over `pose.region` for `stack` (0 = first).

    Raises ValueError where that stack did not run or the maps were not kept.
    """
    return chosen(pose.heatmaps(stack), pose.stack_scores[stack], choice)


def copied_out(pose: Pose, stack: int) -> Floats | None:
    """(K, h, w) of one stack in main memory, None where there is none.

    The maps were not kept, or the device was lost: the session reports that, here is just no
    heatmap.
    """
    if pose.maps is None:
        return None
    try:
        return pose.heatmaps(stack)
    except EngineError:
        return None


def chosen(maps: Floats, scores: Floats, choice: HeatChoice) -> Levels:
    """The same of a stack's (K, h, w) heatmaps and (K,) scores."""
    joint, visible = choice.joint, choice.visible
    if joint is not None and joint < len(maps):
        return combine(maps, scores, joint, choice.combine)
    if visible is not None and len(visible) < len(maps):
        shown = [joint for joint in sorted(visible) if joint < len(maps)]
        if not shown:
            return np.zeros(maps.shape[1:], np.uint8)
        maps, scores = maps[shown], scores[shown]
    return combine(maps, scores, None, choice.combine)


def combine(maps: Floats, scores: Floats, joint: int | None, how: str = "max") -> Levels:
    """(h, w) 0..255 of (K, h, w) heatmaps and their (K,) scores 0..1; `how` is `max` or `sum`."""
    if joint is not None:
        maps, scores = maps[joint : joint + 1], scores[joint : joint + 1]
    flat = maps.reshape(len(maps), -1)
    peaks = np.max(flat, axis=1)
    gains = np.zeros_like(peaks)
    np.divide(255 * np.clip(scores, 0, 1), peaks, out=gains, where=peaks > 0)
    if joint is not None:
        together = flat[0] * gains[0]
    elif how == "sum":
        together = gains @ flat
    else:
        together = np.max(flat * gains[:, None], axis=0)
    levels: Levels = _TONE[np.clip(together, 0, 255).astype(np.uint8)]
    return levels.reshape(maps.shape[1:])


def covered(levels: Levels) -> tuple[slice, slice] | None:
    """Rows and columns of the part of a heatmap that has something in it; None where nothing has.

    To enlarge and mix the rest would cost most of the time and change nothing.
    """
    rows = np.flatnonzero(np.max(levels, axis=1) >= _NOTHING)
    columns = np.flatnonzero(np.max(levels, axis=0) >= _NOTHING)
    if not len(rows):
        return None
    height, width = levels.shape
    return (
        slice(max(int(rows[0]) - 2, 0), min(int(rows[-1]) + 3, height)),
        slice(max(int(columns[0]) - 2, 0), min(int(columns[-1]) + 3, width)),
    )


def over_picture(levels: Levels, table: NDArray[np.uint32], mirrored: bool) -> Image:
    """(h, w, 4) uint8 B, G, R, A: `levels` through a (256,) ARGB32 table, mirrored if asked for."""
    shown = levels[:, ::-1] if mirrored else levels
    painted: Image = np.ascontiguousarray(table[shown]).view(np.uint8).reshape(*levels.shape, 4)
    return painted


def coloured(levels: Levels, table: NDArray[np.uint32], mirrored: bool = False) -> Image:
    """A heatmap in colour, smoothly enlarged: (4h, 4w, 4) premultiplied BGRA.

    Coloured after it is enlarged: a colour map has other colours between two values than their
    mixture.
    """
    size = levels.shape[1] * _SMOOTH, levels.shape[0] * _SMOOTH
    return over_picture(cv2.resize(levels, size, interpolation=cv2.INTER_CUBIC), table, mirrored)  # type: ignore[arg-type]


def placed(
    pixels: Image, region: Region, step: float, corner: tuple[float, float], size: tuple[int, int]
) -> Image:
    """The part of a coloured heatmap over `region` that lies in a rectangle: (h, w, 4) BGRA.

    The rectangle is `size` (height, width) pixels of `step` picture pixels each; `corner` is its
    upper left one as the picture counts edges: the first pixel's are 0 and 1.
    """
    height, width = pixels.shape[:2]
    scale = height / region.side  # a rectangular input is as high as `side`
    left = region.centre[0] - width / scale / 2
    # Centre of pixel 0 of the rectangle in pixels of the heatmap, and the step there.
    shift_x = (corner[0] + step / 2 - left) * scale - 0.5
    shift_y = (corner[1] + step / 2 - region.y) * scale - 0.5
    matrix = np.array([[step * scale, 0, shift_x], [0, step * scale, shift_y]])
    return cv2.warpAffine(  # type: ignore[return-value]
        pixels,
        matrix,
        (size[1], size[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def mix(out: Image, over: Image) -> None:
    """Lay premultiplied (h, w, 4) BGRA over (h, w, 3) BGR, in place."""
    kept = cv2.cvtColor(255 - cv2.extractChannel(over, 3), cv2.COLOR_GRAY2BGR)
    cv2.multiply(out, kept, dst=out, scale=1 / 255)
    cv2.add(out, cv2.cvtColor(over, cv2.COLOR_BGRA2BGR), dst=out)


def paint_heat(
    out: Image, levels: Levels, region: Region, scale: float, table: NDArray[np.uint32]
) -> None:
    """Lay a heatmap (h, w) 0..255 over `region` of `out`, a picture at `scale` of the frame's size.

    Only the pixels of the part with something in it are touched.
    """
    part = covered(levels)
    if part is None:
        return
    height, width = levels.shape
    cell = region.side / height  # picture pixels per heatmap pixel
    left = region.centre[0] - cell * width / 2
    x0, x1 = (round((left + cell * edge) * scale) for edge in (part[1].start, part[1].stop))
    y0, y1 = (round((region.y + cell * edge) * scale) for edge in (part[0].start, part[0].stop))
    x0, y0 = max(x0, 0), max(y0, 0)
    x1, y1 = min(x1, out.shape[1]), min(y1, out.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    pixels = coloured(levels, table)
    # In strips that stay in the processor's cache.
    rows = max(_STRIP // (4 * (x1 - x0)), 8)
    for top in range(y0, y1, rows):
        strip = out[top : min(top + rows, y1), x0:x1]
        corner = x0 / scale, top / scale
        mix(strip, placed(pixels, region, 1 / scale, corner, strip.shape[:2]))
