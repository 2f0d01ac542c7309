"""How each family's authors cut the person out and average with the mirror image.

Needed to reproduce reported accuracies; the live app finds its own region instead.
"""

from __future__ import annotations

import numpy as np

from ..spec import ModelSpec
from ..types import Floats, Region


def flip_back(maps: Floats, spec: ModelSpec) -> Floats:
    """Heatmaps (..., K, h, w) of a mirrored picture as the picture's own.

    Mirrored, left and right joints exchanged, and moved right by the family's `flip_shift` map
    pixels (the column at the left border stays): heads trained with a corner offset answer mirrored
    pictures one pixel off.
    """
    own: Floats = maps[..., list(spec.flip), :, ::-1].copy()
    if shift := spec.flip_shift:
        own[..., shift:] = own[..., :-shift].copy()
    return own


def flip_average(maps: Floats, mirrored: Floats, spec: ModelSpec) -> Floats:
    """Mean of a picture's heatmaps and those of its mirror image, both (..., K, h, w)."""
    return np.asarray((maps + flip_back(mirrored, spec)) / 2, dtype=np.float32)


def region_of_person(spec: ModelSpec, centre: tuple[float, float], scale: float) -> Region:
    """The crop from MPII's annotation: 200 pixels per unit of scale, 15 lower, 1.25 x larger."""
    return _region(spec, (centre[0], centre[1] + 15 * scale), 200 * 1.25 * scale)


def region_of_box(spec: ModelSpec, box: tuple[float, float, float, float]) -> Region:
    """The crop from a box (x, y, width, height): grown to the input's aspect, 1.25 x larger."""
    x, y, width, height = box
    rows, columns = spec.input_size
    side = max(height, width * rows / columns) * 1.25
    return _region(spec, (x + width / 2, y + height / 2), side)


def _region(spec: ModelSpec, centre: tuple[float, float], side: float) -> Region:
    """Families with a decode offset place pixel edges on the crop's border, the others centres."""
    shift = 0.0 if spec.decode.offset else 0.5 - 0.5 * side / spec.input_size[0]
    return Region(centre[0] - side / 2 + shift, centre[1] - side / 2 + shift, side)
