"""Frames that are looked at before their turn: the same answers, from the halves of an engine."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from pose_app.engines.base import HostHeatmaps
from pose_app.errors import EngineError
from pose_app.pose.estimator import PoseEstimator
from pose_app.pose.similarity import iou
from pose_app.pose.speculative import NEAR, near
from pose_app.types import Box, Frame, Image, Pose, Region
from tests.unit.pose.colour_engine import ColourEngine, draw, person
from tests.unit.pose.dot_finder import DotFinder

SIZE = (640, 480)


def frames(places: np.ndarray) -> list[Frame]:
    """A video of a person whose head is at these x."""
    pictures = [draw(SIZE, person(x, 60, 300)) for x in places]
    return [Frame(i, 0, i / 30, picture) for i, picture in enumerate(pictures)]


def tracked(estimator: PoseEstimator, video: list[Frame], ahead: int) -> list[Pose]:
    return [
        pose
        for i, frame in enumerate(video)
        for pose in estimator.track(frame, following=video[i + 1 : i + 1 + ahead])
    ]


@pytest.fixture
def engine() -> ColourEngine:
    made = ColourEngine()
    made.parts = [ColourEngine(), ColourEngine()]
    return made


@pytest.fixture
def estimator(engine: ColourEngine) -> Iterator[PoseEstimator]:
    with PoseEstimator(engine, DotFinder()) as made:
        yield made


@pytest.mark.parametrize("ahead", [1, 2])
def test_the_halves_see_the_following_frames(
    estimator: PoseEstimator, engine: ColourEngine, ahead: int
) -> None:
    places = np.linspace(200, 230, 20)
    poses = tracked(estimator, frames(places), ahead)
    for x, pose in zip(places, poses, strict=True):
        assert np.abs(pose.joints - person(x, 60, 300)).max() < 0.5
        assert pose.track_id == 1
    assert estimator.timings["network"] > 0
    first, second = engine.parts
    assert min(len(first.batches), len(second.batches)) > 0
    # All but the first two, whose region nobody knew before their turn.
    assert len(first.batches) + len(second.batches) == 18
    searched = len(engine.batches)
    alone = ColourEngine()
    tracked(PoseEstimator(alone, DotFinder()), frames(places), 0)
    assert len(alone.batches) == searched + 18


def test_who_moves_too_far_is_looked_at_again(
    estimator: PoseEstimator, engine: ColourEngine
) -> None:
    places = np.concatenate([np.linspace(200, 210, 6), np.linspace(260, 500, 5)])
    poses = tracked(estimator, frames(places), 2)
    alone = tracked(PoseEstimator(ColourEngine(), DotFinder()), frames(places), 0)
    for x, pose, other in zip(places, poses, alone, strict=True):
        assert np.abs(pose.joints - person(x, 60, 300)).max() < 0.6
        assert near(pose.region, other.region)
    done = sum(len(part.batches) for part in engine.parts)
    assert 4 <= done < len(places) - 2  # after one that was for nothing none is begun
    assert len(engine.batches) > len(places) - done + 1  # some were looked at twice


def test_a_chosen_region_is_looked_at_ahead_too(
    estimator: PoseEstimator, engine: ColourEngine
) -> None:
    video, region = frames(np.full(6, 300.0)), Region(150, 40, 350)
    for i, frame in enumerate(video):
        (pose,) = estimator.track(frame, region=region, following=video[i + 1 : i + 3])
        assert (pose.region, pose.manual) == (region, True)
    assert engine.batches == [1]
    assert sum(len(part.batches) for part in engine.parts) == 5


def test_other_frames_stacks_and_sizes_than_announced(
    estimator: PoseEstimator, engine: ColourEngine
) -> None:
    video = frames(np.full(8, 300.0))
    estimator.track(video[0])
    estimator.track(video[1], following=video[2:4])
    assert estimator.track(video[4])  # neither of them
    estimator.track(video[5], following=video[6:7])
    assert [pose.stacks for pose in estimator.track(video[6], stacks=1)] == [1]
    larger = Frame(7, 0, 7 / 30, draw((800, 600), person(300, 60, 300)))
    estimator.track(video[7], following=[larger])
    assert estimator.track(larger)
    estimator.close()  # waits for what was begun
    assert sum(len(part.batches) for part in engine.parts) == 3


def test_after_a_reset_nothing_early_counts(estimator: PoseEstimator) -> None:
    video = frames(np.full(4, 200.0))
    estimator.track(video[0])
    estimator.track(video[1], following=video[2:4])
    estimator.reset()
    (pose,) = estimator.track(video[2])
    assert np.abs(pose.joints - person(200, 60, 300)).max() < 0.5


def test_an_engine_without_halves_looks_alone() -> None:
    with PoseEstimator(ColourEngine(), DotFinder()) as estimator:
        assert len(tracked(estimator, frames(np.full(5, 250.0)), 2)) == 5
        assert "look ahead" not in [thread.name for thread in threading.enumerate()]


def test_a_half_that_fails_fails_its_own_frame(engine: ColourEngine) -> None:
    class Failing(ColourEngine):
        def infer(self, crops: np.ndarray, stacks: int) -> HostHeatmaps:
            if len(self.batches) == 2:
                raise EngineError("The device has gone.")
            return super().infer(crops, stacks)

    engine.parts = [Failing()]
    video = frames(np.full(8, 250.0))
    with PoseEstimator(engine, DotFinder()) as estimator:
        for i in range(4):
            assert estimator.track(video[i], following=video[i + 1 : i + 3])
        with pytest.raises(EngineError, match="gone"):
            estimator.track(video[4], following=video[5:7])


def test_several_people_are_looked_at_ahead_together(
    estimator: PoseEstimator, engine: ColourEngine
) -> None:
    pictures = [
        np.maximum(draw(SIZE, person(150 + i, 60, 300)), draw(SIZE, person(480 - i, 90, 240)))
        for i in range(12)
    ]
    video = [Frame(i, 0, i / 30, picture) for i, picture in enumerate(pictures)]
    for i, frame in enumerate(video):
        left, right = estimator.track(frame, following=video[i + 1 : i + 3])
        assert np.abs(left.joints - person(150 + i, 60, 300)).max() < 0.6
        assert np.abs(right.joints - person(480 - i, 90, 240)).max() < 0.6
    ahead = [size for part in engine.parts for size in part.batches]
    assert ahead == [2] * 10


def test_who_comes_is_looked_at_in_time(estimator: PoseEstimator, engine: ColourEngine) -> None:
    """What was begun for one person does not count once there are two."""
    alone = draw(SIZE, person(150, 60, 300))
    two = np.maximum(alone, draw(SIZE, person(480, 90, 240)))
    video = [Frame(i, 0, i / 30, alone if i < 5 else two) for i in range(20)]
    counts = [
        len(estimator.track(frame, following=video[i + 1 : i + 3])) for i, frame in enumerate(video)
    ]
    assert counts == sorted(counts)
    assert counts[-1] == 2
    assert 2 in [size for part in engine.parts for size in part.batches]


class WatchedFinder(DotFinder):
    """Notes which thread runs it; the call number `fails` raises."""

    def __init__(self, fails: int | None = None) -> None:
        super().__init__()
        self.threads: list[str] = []
        self.fails = fails

    def find(self, image: Image, most: int = 8, threshold: float | None = None) -> list[Box]:
        self.threads.append(threading.current_thread().name)
        if len(self.threads) == self.fails:
            raise EngineError("The finder has gone.")
        return super().find(image, most, threshold)


def test_the_finder_runs_ahead_of_its_turn_with_the_same_result(engine: ColourEngine) -> None:
    video, finder, alone = frames(np.linspace(200, 230, 20)), WatchedFinder(), WatchedFinder()
    with PoseEstimator(engine, finder) as estimator:
        estimator.steady = True
        poses = tracked(estimator, video, 2)
    assert not [thread for thread in threading.enumerate() if thread.name == "find ahead"]
    with PoseEstimator(ColourEngine(), alone) as estimator:
        estimator.steady = True
        others = tracked(estimator, video, 0)
    assert finder.threads.count("find ahead") >= 2  # 20 frames at 30 fps, every fifth of a second
    assert "find ahead" not in alone.threads
    assert len(finder.threads) == len(alone.threads)
    for pose, other in zip(poses, others, strict=True):
        assert iou(pose.box, other.box) > 0.99
        assert np.abs(pose.joints - other.joints).max() < 0.5


def test_a_finder_that_fails_ahead_of_its_turn_fails_its_own_frame(engine: ColourEngine) -> None:
    video = frames(np.full(20, 250.0))
    searches = WatchedFinder()
    with PoseEstimator(ColourEngine(), searches) as estimator:
        estimator.steady = True
        before = [len(searches.threads) for frame in video if estimator.track(frame)]
    last = before[-1]
    with PoseEstimator(engine, WatchedFinder(fails=last)) as estimator:
        estimator.steady = True
        for i in range(before.index(last)):
            assert estimator.track(video[i], following=video[i + 1 : i + 3])
        i = before.index(last)
        with pytest.raises(EngineError, match="finder has gone"):
            estimator.track(video[i], following=video[i + 1 : i + 3])


def test_near_is_a_matter_of_place_and_size() -> None:
    region = Region(100, 100, 200)
    assert near(region, region)
    assert near(Region(100 + 0.9 * NEAR * 200, 100, 200), region)
    assert not near(Region(100 + 1.1 * NEAR * 200, 100, 200), region)
    for factor, expected in (
        (1 + 0.9 * NEAR, True),
        (1 + 1.2 * NEAR, False),
        (1 - 1.2 * NEAR, False),
    ):
        side = 200 * factor
        assert near(Region(200 - side / 2, 200 - side / 2, side), region) is expected
