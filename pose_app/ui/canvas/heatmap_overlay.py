"""From a stack's heatmaps to the one that is painted: the chosen joint's, or all joints combined.

The scale is fixed, so that brightness means the same at every moment and in every stack: the peak
of a joint's map is as bright as the joint's calibrated score, full brightness is a score of 1. For
networks with raw heatmaps and no calibration that is the map itself between 0 and 1; maps of
probabilities, whose peaks are around 0.1 because a sharp blob still covers many pixels, would be
invisible on their own scale. A tone curve lifts the dark end: doubt is worth seeing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...types import Floats, Image, Pose

if TYPE_CHECKING:
    from ..view_state import ViewState


_TONE = np.rint(255 * (np.arange(256) / 255) ** 0.7).astype(np.uint8)


def heat(pose: Pose, view: ViewState, stack: int) -> NDArray[np.uint8]:
    """(h, w) 0..255: what to paint over `pose.region` for `stack` (0 = first).

    Raises ValueError where that stack did not run or the maps were not kept.
    """
    return chosen(pose.heatmaps(stack), pose.stack_scores[stack], view)


def chosen(maps: Floats, scores: Floats, view: ViewState) -> NDArray[np.uint8]:
    """The same of a stack's (K, h, w) heatmaps and (K,) scores."""
    joint = view.joint if view.joint is not None and view.joint < len(maps) else None
    return combine(maps, scores, joint, view.combine)


def combine(maps: Floats, scores: Floats, joint: int | None, how: str = "max") -> NDArray[np.uint8]:
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
    levels: NDArray[np.uint8] = _TONE[np.clip(together, 0, 255).astype(np.uint8)]
    return levels.reshape(maps.shape[1:])


def over_picture(levels: NDArray[np.uint8], table: NDArray[np.uint32], mirrored: bool) -> Image:
    """(h, w, 4) uint8: `levels` through a (256,) ARGB32 table, mirrored for a mirrored view."""
    shown = levels[:, ::-1] if mirrored else levels
    painted: Image = np.ascontiguousarray(table[shown]).view(np.uint8).reshape(*levels.shape, 4)
    return painted
