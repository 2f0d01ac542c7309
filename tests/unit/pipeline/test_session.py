"""Sessions: every frame of a file, the newest of a camera, stacks and limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pose_app.errors import PoseAppError
from pose_app.pipeline.options import SessionOptions
from pose_app.types import Frame, Region
from tests.media import picture_number
from tests.poses import FakeEstimator
from tests.scripted import ScriptedSource
from tests.unit.pipeline.session_run import RUN, WINDOW, Run


def test_a_file_loses_no_frame_however_slow_the_network_is(run: Run) -> None:
    estimator = FakeEstimator(fault=lambda _: time.sleep(0.004))
    session = run(ScriptedSource(60), estimator)
    session.start()
    assert session.finished.wait(20)
    report = session.stop()
    assert estimator.seen == list(range(60))
    assert (report.captured, report.processed, report.dropped) == (60, 60, {})
    assert report.failure is None
    assert run.kinds().count("source_ended") == 1
    assert estimator.closed == 1
    assert estimator.threads <= {"inference", "close model"}
    assert {"read", "crop", "network"} <= set(report.stages)
    assert session.stop() is report


@pytest.mark.parametrize("slow", ["network", "file"])
def test_files_at_full_speed_are_looked_ahead_in_whoever_is_slower(run: Run, slow: str) -> None:
    estimator = FakeEstimator(fault=lambda _: time.sleep(0.004 * (slow == "network")))
    source = ScriptedSource(20)
    if slow == "file":
        read = source.read
        source.read = lambda: (time.sleep(0.004), read())[1]  # type: ignore[method-assign]
    session = run(source, estimator)
    session.start()
    assert session.finished.wait(20)
    assert estimator.seen == list(range(20))
    assert estimator.following == [[i for i in (n + 1, n + 2) if i < 20] for n in range(20)]


def test_a_camera_after_a_file_is_not_waited_for(run: Run) -> None:
    file: ScriptedSource
    file = ScriptedSource(None, script=lambda number: number < 3 or file.closed.wait(20))
    estimator = FakeEstimator()
    session = run(file, estimator)
    session.start()
    run.until(lambda: estimator.seen == [0])  # the next one waits for those after it
    session.set_source(lambda: ScriptedSource(None, live=True, fps=100, name="camera"))
    run.until(lambda: session.metrics().processed > 5)


@pytest.mark.parametrize(
    ("options", "live"),
    [
        (WINDOW, False),
        (replace(RUN, paced=True), False),
        (replace(RUN, stacks="auto"), False),
        (RUN, True),
    ],
)
def test_nothing_else_waits_for_later_frames(run: Run, options: SessionOptions, live: bool) -> None:
    estimator = FakeEstimator()
    session = run(ScriptedSource(None, fps=100, live=live), estimator, options)
    session.start()
    run.until(lambda: len(estimator.seen) > 5)
    session.stop()
    assert not any(estimator.following)


def test_a_file_waits_for_a_model_that_loads_slowly(run: Run) -> None:
    loaded = threading.Event()
    estimator = FakeEstimator()
    session = run(ScriptedSource(20), lambda: (loaded.wait(10), estimator)[1])
    session.start()
    run.event("source_opened")
    assert session.metrics().processed == 0
    loaded.set()
    assert session.finished.wait(20)
    assert estimator.seen == list(range(20))


def test_a_live_source_drops_the_stale_frames_and_counts_them(run: Run) -> None:
    estimator = FakeEstimator(fault=lambda _: time.sleep(0.03))
    session = run(ScriptedSource(None, fps=200, live=True), estimator)
    session.start()
    run.until(lambda: len(estimator.seen) > 10)
    report = session.stop()
    assert report.dropped["newer frame"] > 10
    assert all(b > a for a, b in zip(estimator.seen, estimator.seen[1:], strict=False))
    # The newest frame wins: an answer is never much older than the network's own time.
    assert report.age is not None
    assert report.age.median < 2 * 30 + 30


def test_pictures_come_before_the_model_is_loaded(run: Run) -> None:
    loaded = threading.Event()
    session = run(
        ScriptedSource(None, live=True, fps=100),
        lambda: (loaded.wait(10), FakeEstimator())[1],
        WINDOW,
    )
    session.start()
    run.until(lambda: session.latest() is not None)
    first = session.latest()
    assert first is not None
    assert (first.poses, first.estimated) == ((), False)
    loaded.set()
    run.until(lambda: (latest := session.latest()) is not None and bool(latest.poses))
    report = session.stop()
    assert report.dropped["no model"] > 0
    assert run.event("model_loaded").data.engine == "Fake"


def test_latest_is_the_same_object_until_there_is_a_newer_one(run: Run) -> None:
    session = run(ScriptedSource(1))
    assert session.latest() is None
    session.start()
    assert session.finished.wait(10)
    assert session.latest() is session.latest()
    result = session.latest()
    assert result is not None
    assert picture_number(result.frame.image) == 0


def test_controls_reach_the_estimator(run: Run) -> None:
    estimator = FakeEstimator(stacks=4)
    session = run(ScriptedSource(None, live=True, fps=100), estimator, WINDOW)
    session.start()
    run.until(lambda: estimator.asked)
    assert estimator.asked[-1] == (4, None, None)
    assert estimator.threshold == 0.3
    region = Region(1, 2, 50)
    controls = session.controls
    controls.stacks, controls.shown, controls.region = 2, 1, region
    controls.threshold, controls.smoothing = 0.7, False
    run.until(lambda: estimator.asked[-1] == (2, 1, region))
    assert (estimator.threshold, estimator.smoothing) == (0.7, False)
    controls.stacks, controls.threshold = 99, None
    run.until(lambda: estimator.asked[-1][0] == 4 and estimator.threshold == 0.3)
    with pytest.raises(AttributeError):
        controls.colour = "red"  # type: ignore[attr-defined]


class Slow(FakeEstimator):
    """Takes 12 ms a stack."""

    def track(self, frame: Frame, **wishes: Any) -> Any:
        time.sleep(0.012 * wishes["stacks"])
        poses = super().track(frame, **wishes)
        self.timings = {**self.timings, "network": 12.0 * wishes["stacks"]}
        return poses


def test_all_stacks_run_now_and_then_where_somebody_looks_at_them(run: Run) -> None:
    estimator = Slow(stacks=4)
    session = run(ScriptedSource(None, live=True, fps=30), estimator, SessionOptions(stacks="auto"))
    session.start()
    run.until(lambda: [asked[0] for asked in estimator.asked[-5:]] == [2] * 5)
    session.controls.all_every = 0.4
    before = len(estimator.asked)
    run.until(lambda: [asked[0] for asked in estimator.asked[before:]].count(4) >= 3)
    asked = estimator.asked[before:]
    # The joints stay those of the stack that usually is the last: the skeleton does not jump.
    assert {shown for stacks, shown, _ in asked if stacks == 4} <= {0, 1}
    assert sum(stacks < 4 for stacks, _, _ in asked) > 6
    assert session.metrics().stacks_now in (1, 2)
    session.controls.all_every = None
    before = len(estimator.asked) + 1
    run.until(lambda: len(estimator.asked) > before + 20)
    assert 4 not in {stacks for stacks, _, _ in estimator.asked[before:]}


def test_a_stack_that_is_looked_at_runs_whatever_number_was_chosen(run: Run) -> None:
    estimator = FakeEstimator(stacks=4)
    session = run(ScriptedSource(None, live=True, fps=100), estimator, SessionOptions(stacks=1))
    session.start()
    run.until(lambda: estimator.asked)
    assert estimator.asked[-1][0] == 1
    session.controls.fewest = 3
    run.until(lambda: estimator.asked[-1][0] == 3)


def test_the_first_poses_do_not_wait_for_all_stacks(run: Run) -> None:
    estimator, prepared = FakeEstimator(stacks=4), threading.Event()
    estimator.engine.ready = (  # type: ignore[method-assign]
        lambda stacks, batch=1: stacks == 1 or prepared.is_set()
    )
    session = run(ScriptedSource(None, live=True, fps=30), estimator, SessionOptions(stacks="auto"))
    session.start()
    run.until(lambda: len(estimator.asked) > 5)
    assert {stacks for stacks, _, _ in estimator.asked} == {1}
    prepared.set()
    run.until(lambda: estimator.asked[-1][0] == 4)


def test_auto_gives_up_stacks_that_do_not_keep_up(run: Run) -> None:
    estimator = Slow(stacks=4)
    session = run(ScriptedSource(None, live=True, fps=30), estimator, SessionOptions(stacks="auto"))
    session.start()
    run.until(lambda: [asked[0] for asked in estimator.asked[-5:]] == [2] * 5)
    assert session.metrics().stacks_now == 2
    assert session.metrics().stacks_all == 4


@pytest.mark.parametrize(
    ("speed", "read"),
    [(0.25, lambda _: None), (1.0, lambda _: time.sleep(1 / 15))],
    ids=["played slowly", "read slowly"],
)
def test_auto_keeps_up_with_the_frames_that_are_shown(
    run: Run, speed: float, read: Callable[[int], None]
) -> None:
    estimator = Slow(stacks=4)
    source = ScriptedSource(None, fps=60, script=read)
    session = run(source, estimator, SessionOptions(stacks="auto", loop=False))
    session.controls.speed = speed
    session.start()
    run.until(lambda: len(estimator.asked) > 40)
    assert [asked[0] for asked in estimator.asked[-5:]] == [4] * 5


def test_limits_end_the_run(run: Run) -> None:
    for options, source, expected in (
        (replace(RUN, frames=7), ScriptedSource(30), 7),
        (replace(RUN, seconds=0.5), ScriptedSource(30, fps=10), 5),
        (replace(RUN, seconds=1.0), ScriptedSource(90, fps=30), 30),
        (replace(RUN, seconds=0.5), ScriptedSource(90, fps=60), 30),
        (replace(RUN, seconds=2.0), ScriptedSource(90, fps=5), 10),
        (replace(RUN, seconds=0.01), ScriptedSource(30, fps=10), 1),
        (replace(RUN, frames=5), ScriptedSource(None, live=True, fps=100), 5),
    ):
        session = run(source, options=options)
        session.start()
        assert session.finished.wait(20)
        report = session.stop()
        assert report.processed == expected
        assert report.failure is None


def test_the_seconds_of_a_live_source_begin_when_its_model_is_loaded(run: Run) -> None:
    loaded, estimator = threading.Event(), FakeEstimator()
    source = ScriptedSource(None, live=True, fps=100)
    session = run(source, lambda: (loaded.wait(20), estimator)[1], replace(RUN, seconds=0.3))
    session.start()
    run.until(lambda: session.metrics().captured > 60)
    assert not session.finished.is_set()
    loaded.set()
    assert session.finished.wait(20)
    assert session.stop().failure is None
    assert len(estimator.seen) > 1
    assert estimator.seen[-1] - estimator.seen[0] < 40


def test_a_live_run_whose_model_cannot_be_loaded_ends(run: Run) -> None:
    def broken() -> FakeEstimator:
        raise PoseAppError("No such model.")

    session = run(ScriptedSource(None, live=True, fps=100), broken, replace(RUN, seconds=60.0))
    session.start()
    assert session.finished.wait(20)
    assert str(session.stop().failure) == "No such model."
