"""The evaluation protocol of each family: how a person is cropped, and the flip test.

Needed to reproduce reported accuracies; the live app uses its own regions instead.
"""

from __future__ import annotations

import numpy as np

from ..spec import ModelSpec
from ..types import Floats, Region


def flip_back(maps: Floats, spec: ModelSpec) -> Floats:
    """Turn the heatmaps (..., K, h, w) of a mirrored image into those of the image itself.

    They are mirrored, left and right joints are exchanged, and the maps are shifted right by the
    spec's `flip_shift` pixels (the column at the left border stays): networks trained with pixel
    corners as coordinates are one pixel off on mirrored images.
    """
    own: Floats = maps[..., list(spec.flip), :, ::-1].copy()
    if shift := spec.flip_shift:
        own[..., shift:] = own[..., :-shift].copy()
    return own


def flip_average(maps: Floats, mirrored: Floats, spec: ModelSpec) -> Floats:
    """Flip test: the mean of the heatmaps of an image and of its mirror image, (..., K, h, w)."""
    return np.asarray((maps + flip_back(mirrored, spec)) / 2, dtype=np.float32)


def region_of_person(spec: ModelSpec, centre: tuple[float, float], scale: float) -> Region:
    """The crop of an MPII annotation: see `Family.crop`, `centre`."""
    return _region(spec, (centre[0], centre[1] + 15 * scale), 200 * 1.25 * scale)


def region_of_box(spec: ModelSpec, box: tuple[float, float, float, float]) -> Region:
    """The crop of a box (x, y, width, height): grown to the input's aspect, 1.25 x larger."""
    x, y, width, height = box
    rows, columns = spec.input_size
    side = max(height, width * rows / columns) * 1.25
    return _region(spec, (x + width / 2, y + height / 2), side)


def _region(spec: ModelSpec, centre: tuple[float, float], side: float) -> Region:
    """The region whose pixel edges (families with a decode offset) or centres meet the border."""
    shift = 0.0 if spec.decode.offset else 0.5 - 0.5 * side / spec.input_size[0]
    return Region(centre[0] - side / 2 + shift, centre[1] - side / 2 + shift, side)
