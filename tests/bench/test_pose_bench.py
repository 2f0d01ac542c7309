"""What a pose costs beside the network: pytest tests/bench --benchmark-only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pose_app.pose.crop import crop
from pose_app.pose.decode import calibrate, decode
from pose_app.pose.smoothing import OneEuro
from pose_app.pose.tracking import Tracker
from pose_app.spec import DecodeRule
from pose_app.types import Region
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
    tracker, smooth = Tracker(dot_spec()), OneEuro(16)
    joints, scores = person(300, 60, 300).astype(np.float32), np.full(16, 0.9, np.float32)
    clock = iter(range(10**9))

    def step() -> None:
        seconds = next(clock) / 30
        region = tracker.propose_regions((640, 480))[0]
        tracker.update(region, joints, scores, 0.9, seconds, (640, 480))
        smooth(joints, scores > 0.5, seconds, region.side)

    benchmark(step)
