"""Who is in front of whom, from boxes and poses."""

from __future__ import annotations

from collections.abc import Sequence

from ..types import Box, Region
from .crop_predictor import CropPrediction
from .similarity import intersection, iou
from .track import Track

HIDDEN = 0.1  # share of a lost person's box from which whoever is there may be in front of them


def seen_of(tracks: Sequence[Track]) -> list[CropPrediction]:
    """The predictions of those that have one."""
    return [track.prediction for track in tracks if track.prediction is not None]


def put_in_front(front: Track, behind: Track) -> None:
    """Remember who hides whom: the pose in the region of the one is that of the other."""
    if front.shown and behind.shown and is_of(front, behind) and front not in behind.in_front:
        behind.in_front.append(front)
        front.in_front = [track for track in front.in_front if track is not behind]


def is_of(other: Track, track: Track) -> bool:
    """Whether the joints seen in a person's region fit another person's box better."""
    extent = track.extent()
    if extent is None or track.box is None or other.box is None:
        return False
    return iou(extent, other.box) > iou(extent, track.box)


def is_in(other: Track, region: Region) -> bool:
    """Whether a part of a person is in a region, as far as is known."""
    square = Box(region.x, region.y, region.side, region.side, 0.0)
    return other.box is None or intersection(square, other.box) > 0


def hides(front: Box | None, behind: Box) -> bool:
    """Whether a box covers so much of another that one person may hide the other."""
    return (
        front is not None and intersection(front, behind) >= HIDDEN * behind.width * behind.height
    )
