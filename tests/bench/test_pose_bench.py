"""What a pose costs beside the network: pytest tests/bench --benchmark-only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pose_app.pose.crop import crop
from pose_app.pose.crop_predictor import CropPrediction
from pose_app.pose.decode import calibrate, decode
from pose_app.pose.tracks import Tracks
from pose_app.spec import DecodeRule
from pose_app.types import Box, Region
from tests.unit.pose.colour_engine import dot_spec, person

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("width", "height", "side"), [(640, 480, 480), (1920, 1080, 1080)])
def test_crop(benchmark: Any, width: int, height: int, side: int) -> None:
    image = RNG.integers(0, 256, (height, width, 3)).astype(np.uint8)
    out = np.empty((256, 256, 3), np.uint8)
    benchmark(crop, image, Region(width / 4 + 0.3, 0.4, side), (256, 256), out)


@pytest.mark.parametrize("subpixel", ["quarter", "centroid", "dark", "mass"])
def test_decode_of_four_stacks(benchmark: Any, subpixel: str) -> None:
    spec = dot_spec(4, score="window", decode=DecodeRule(subpixel=subpixel))
    maps = RNG.random((4, 16, 64, 64), dtype=np.float32)
    benchmark(lambda: calibrate(decode(maps, spec)[..., 2], spec))


def test_track_and_smooth(benchmark: Any) -> None:
    """Four people."""
    tracks, clock = Tracks(dot_spec()), iter(range(10**9))
    scores = np.full((1, 16), 0.9, np.float32)
    people = [person(80 + 160 * index, 60, 300).astype(np.float32)[None] for index in range(4)]
    boxes = [Box(40 + 160 * index, 60, 120, 300, 0.9) for index in range(4)]

    def seen(regions: list[Region]) -> list[CropPrediction]:
        return [CropPrediction(r, j, scores, None) for r, j in zip(regions, people, strict=True)]

    def step() -> None:
        seconds = next(clock) / 30
        tracks.begin((640, 480), seconds)
        if tracks.active:
            tracks.follow(seen(tracks.regions), seconds)
        else:
            new = tracks.match(boxes, seconds)
            tracks.admit(new, seen([candidate.region for candidate in new]), seconds)
        tracks.settle(seconds, False)
        for track in tracks.visible:
            assert track.prediction is not None
            joints, present = track.prediction.joints[-1], track.scores > 0.5
            track.smoothing(joints, present, seconds, track.region.side)

    benchmark(step)
