"""The heatmap that is shown of a stack: of one joint, or of several combined.

Brightness has the same meaning in every frame and stack: the peak of a joint's map is as bright as
the joint's calibrated score, full brightness is a score of 1. For raw heatmaps without calibration
this is the map itself, clipped to 0..1. Probability maps would be too dark on their own scale:
their peaks are around 0.1, because even a sharp blob covers many pixels. A tone curve brightens low
values.
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import EngineError
from ..types import Floats, Image, Pose, Region

_TONE = np.rint(255 * (np.arange(256) / 255) ** 0.7).astype(np.uint8)
_INVISIBLE = 4  # of 255; lower values of a heatmap are not drawn
_STRIP = 2**17  # bytes
_SMOOTH = 4  # factor by which a heatmap is enlarged before it is coloured

Levels = NDArray[np.uint8]


class HeatChoice(Protocol):
    """Which heatmap is shown: implemented by `ViewState` and `DrawOptions`."""

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
    """The heatmap to show over `pose.region` for `stack` (0 = first): (h, w) 0..255.

    Raises ValueError where that stack did not run or the maps were not kept.
    """
    return chosen(pose.heatmaps(stack), pose.stack_scores[stack], choice)


def copied_out(pose: Pose, stack: int) -> Floats | None:
    """(K, h, w) of one stack in main memory.

    None where the maps were not kept or the device was lost, which the session reports.
    """
    if pose.maps is None:
        return None
    try:
        return pose.heatmaps(stack)
    except EngineError:
        return None


def chosen(maps: Floats, scores: Floats, choice: HeatChoice) -> Levels:
    """As `heat`, from a stack's (K, h, w) heatmaps and (K,) scores."""
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
    """One heatmap of several joints, or of `joint` alone.

    Args:
        maps: (K, h, w).
        scores: (K,) calibrated, 0..1.
        joint: Its index; None = all.
        how: `max` or `sum`.

    Returns:
        (h, w) 0..255.
    """
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
    """Rows and columns of the visible part of a heatmap; None where nothing is visible.

    Enlarging and blending only this part saves most of the time.
    """
    rows = np.flatnonzero(np.max(levels, axis=1) >= _INVISIBLE)
    columns = np.flatnonzero(np.max(levels, axis=0) >= _INVISIBLE)
    if not len(rows):
        return None
    height, width = levels.shape
    return (
        slice(max(int(rows[0]) - 2, 0), min(int(rows[-1]) + 3, height)),
        slice(max(int(columns[0]) - 2, 0), min(int(columns[-1]) + 3, width)),
    )


def over_picture(levels: Levels, table: NDArray[np.uint32], mirrored: bool) -> Image:
    """Colour `levels` by a (256,) ARGB32 table: (h, w, 4) uint8 B, G, R, A, perhaps mirrored."""
    shown = cv2.flip(levels, 1) if mirrored else levels
    # A pixel is looked up as one number of 32 bits: seven times as fast as by NumPy's indexing.
    painted: Image = cv2.LUT(shown, table.view(np.int32)).view(np.uint8)
    return painted.reshape(*levels.shape, 4)


def coloured(
    levels: Levels,
    table: NDArray[np.uint32],
    mirrored: bool = False,
    size: tuple[int, int] | None = None,
) -> Image:
    """A heatmap smoothly resized, then coloured: premultiplied BGRA.

    In this order, because colours between two values of a colour map are not their mixture.

    Args:
        levels: (h, w) 0..255.
        table: (256,) ARGB32.
        mirrored: Whether left and right change places.
        size: (height, width) of the result; None = (4h, 4w).
    """
    height, width = size or (levels.shape[0] * _SMOOTH, levels.shape[1] * _SMOOTH)
    resized = cv2.resize(levels, (width, height), interpolation=cv2.INTER_CUBIC)
    return over_picture(resized, table, mirrored)  # type: ignore[arg-type]


def placed(
    pixels: Image, region: Region, step: float, corner: tuple[float, float], size: tuple[int, int]
) -> Image:
    """Resample a coloured heatmap into a rectangle.

    Args:
        pixels: Coloured heatmap of `region`, BGRA.
        region: In pixels of the frame.
        step: Frame pixels per pixel of the rectangle.
        corner: Its upper left corner (x, y) in frame coordinates of pixel edges: the first pixel
            lies between 0 and 1.
        size: (height, width) of the rectangle in its own pixels.

    Returns:
        (height, width, 4) BGRA.
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
    """Blend premultiplied (h, w, 4) BGRA over (h, w, 3) BGR, in place."""
    kept = cv2.cvtColor(255 - cv2.extractChannel(over, 3), cv2.COLOR_GRAY2BGR)
    cv2.multiply(out, kept, dst=out, scale=1 / 255)
    cv2.add(out, cv2.cvtColor(over, cv2.COLOR_BGRA2BGR), dst=out)


def paint_heat(
    out: Image, levels: Levels, region: Region, scale: float, table: NDArray[np.uint32]
) -> None:
    """Draw a heatmap (h, w) 0..255 over `region` of `out`, an image at `scale` of the frame's size.

    Touches only the pixels of its visible part.
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
    # In strips that fit into the processor's cache.
    rows = max(_STRIP // (4 * (x1 - x0)), 8)
    for top in range(y0, y1, rows):
        strip = out[top : min(top + rows, y1), x0:x1]
        corner = x0 / scale, top / scale
        mix(strip, placed(pixels, region, 1 / scale, corner, strip.shape[:2]))
