"""What a drawing costs at 720p: `pytest tests/bench/test_drawing_bench.py --benchmark-only`.

Only the ratio to the first row, the skeleton alone, means the same on another machine: a recording
with a heatmap is to cost less than 6 ms a frame where the skeleton costs 1 to 2.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pose_app.drawing.draw import Drawing
from pose_app.drawing.options import DrawOptions
from pose_app.pose.estimator import PoseEstimator
from pose_app.sources.demo import open_demo
from pose_app.types import Frame, FrameResult

DRAWINGS = {
    "skeleton": DrawOptions("skeleton"),
    "heatmap": DrawOptions(heatmap=True, region=True),
    "heatmap of one joint": DrawOptions(heatmap=True, joint=9),
    "heatmap on a blurred picture": DrawOptions(background="blur", heatmap=True),
    "two stacks compared": DrawOptions(compare=0),
    "stacks side by side": DrawOptions("stacks"),
    "nothing": DrawOptions("raw"),
}


@pytest.fixture(scope="module")
def result() -> FrameResult:
    """A person as high as the picture, 1280 x 720."""
    source = open_demo()
    frame = source.read()
    source.close()
    assert frame is not None
    image = np.asarray(cv2.resize(frame.image, (1280, 960)))[:720].copy()
    large = Frame(0, frame.captured_ns, 0.0, image)
    with PoseEstimator.open() as estimator:
        poses = estimator.track(large)
    assert poses
    return FrameResult(large, tuple(poses), 0, {"network": 20.0})


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawing(benchmark: BenchmarkFixture, result: FrameResult, name: str) -> None:
    cv2.setNumThreads(1)
    drawing = Drawing(stacks=4)
    options = replace(DRAWINGS[name], text=True)
    assert benchmark(drawing.draw, result, options).dtype == np.uint8
