"""The functions that run for every frame: `pytest tests/bench --benchmark-only`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pose_app.engines.base import Engine
from pose_app.engines.choose import open_engine
from pose_app.pose.crop import crop
from pose_app.pose.estimator import PoseEstimator
from pose_app.pose.opening import open_finder
from pose_app.sources.demo import open_demo
from pose_app.types import Frame, Image, Pose, Region

REGION = Region(80, 0, 480)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = open_engine()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    source = open_demo()
    try:
        return [frame for frame in (source.read() for _ in range(30)) if frame is not None]
    finally:
        source.close()


@pytest.fixture(scope="module")
def crops(engine: Engine, frames: list[Frame]) -> Image:
    return crop(frames[0].image, REGION, engine.spec.input_size)[None]


@pytest.fixture(scope="module")
def pose(engine: Engine, frames: list[Frame]) -> Pose:
    (pose,) = PoseEstimator(engine).estimate(frames[0].image, REGION)
    return pose


def test_network(benchmark: BenchmarkFixture, engine: Engine, crops: Image) -> None:
    stacks = engine.spec.network.stacks
    maps = benchmark(engine.infer, crops, stacks)
    assert maps.stacks == stacks


def test_network_with_one_stack(benchmark: BenchmarkFixture, engine: Engine, crops: Image) -> None:
    assert benchmark(engine.infer, crops, 1).stacks == 1


def test_track(benchmark: BenchmarkFixture, engine: Engine, frames: list[Frame]) -> None:
    """Everything for one frame of a video, the network included."""
    estimator = PoseEstimator(engine, open_finder(), smoothing=True)
    turn = iter(range(10**9))

    def following() -> Pose:
        number = next(turn)
        image = frames[number % len(frames)].image
        (pose,) = estimator.track(Frame(number, 0, number / 30, image))
        return pose

    assert benchmark(following).joints.shape == (len(engine.spec.joints), 2)
