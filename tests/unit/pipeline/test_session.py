"""The session with real threads and scripted sources and estimators."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pose_app.engines import progress
from pose_app.errors import (
    CameraError,
    EngineError,
    ModelError,
    PoseAppError,
    RecordingError,
    SourceError,
)
from pose_app.pipeline import session as session_module
from pose_app.pipeline import source_supervisor
from pose_app.pipeline.events import Event
from pose_app.pipeline.options import SessionOptions
from pose_app.pipeline.session import RecordingRequest, Session, State
from pose_app.recording.keypoint_log import LogReader
from pose_app.recording.verify import verify
from pose_app.sources import open_source
from pose_app.types import Frame, Region
from tests.media import picture_number, regular, write_video
from tests.poses import FakeEstimator
from tests.scripted import ScriptedSource
from tests.unit.recording.test_video_writer import irregular, read_back

RUN = SessionOptions(lossless=True, paced=False, stacks="all", loop=False, reconnect=False)
WINDOW = SessionOptions(stacks="all")
DESK = {"name": "Desk camera", "index": "0", "backend": "200"}


class Run:
    """A session that collects its events and always ends."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.events: list[Event] = []

    def __call__(
        self, source: Any, estimator: Any = None, options: SessionOptions = RUN, **more: Any
    ) -> Session:
        opens = source if callable(source) else lambda: source
        estimator = FakeEstimator() if estimator is None else estimator
        loads = estimator if not isinstance(estimator, FakeEstimator) else lambda: estimator
        session = Session(opens, loads, options, **more)
        self.sessions.append(session)
        return session

    def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.kinds()
            time.sleep(0.003)

    def kinds(self) -> list[str]:
        self.events += self.sessions[-1].events()
        return [event.kind for event in self.events]

    def event(self, kind: str) -> Event:
        self.until(lambda: kind in self.kinds())
        return next(event for event in self.events if event.kind == kind)


def then(estimator: FakeEstimator) -> Callable[[object], list[Callable[[], Any]]]:
    """What to go on with when an engine has failed."""
    return lambda failed: [lambda: estimator]


@pytest.fixture
def run() -> Iterator[Run]:
    made = Run()
    yield made
    for session in made.sessions:
        report = session.stop()
        assert report.conserved
        assert report.stuck == ()


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


def test_auto_gives_up_stacks_that_do_not_keep_up(run: Run) -> None:
    estimator = Slow(stacks=4)
    session = run(ScriptedSource(None, live=True, fps=30), estimator, SessionOptions(stacks="auto"))
    session.start()
    run.until(lambda: [asked[0] for asked in estimator.asked[-5:]] == [2] * 5)
    assert session.metrics().stacks_now == 2
    assert session.metrics().stacks_all == 4


def test_limits_end_the_run(run: Run) -> None:
    for options, source, expected in (
        (replace(RUN, frames=7), ScriptedSource(30), 7),
        (replace(RUN, seconds=0.5), ScriptedSource(30, fps=10), 6),
        (replace(RUN, frames=5), ScriptedSource(None, live=True, fps=100), 5),
    ):
        session = run(source, options=options)
        session.start()
        assert session.finished.wait(20)
        report = session.stop()
        assert report.processed == expected
        assert report.failure is None


# Playing files in the window.


def test_files_are_played_at_their_own_speed(run: Run) -> None:
    shown: list[float] = []
    estimator = FakeEstimator(fault=lambda _: shown.append(time.perf_counter()))
    session = run(ScriptedSource(40, fps=100), estimator, SessionOptions(loop=False))
    session.start()
    assert session.finished.wait(20)
    # No timed assertion on a single frame: only that playing is neither unpaced nor stuck.
    assert 0.2 < shown[-1] - shown[0] < 5


def test_pause_step_and_seek(run: Run) -> None:
    estimator = FakeEstimator()
    session = run(ScriptedSource(300, fps=50), estimator, SessionOptions(loop=False))
    session.controls.paused = True
    session.start()
    run.event("source_opened")
    run.event("model_loaded")
    time.sleep(0.1)
    assert estimator.seen == []
    for expected in range(3):
        session.step()
        run.until(lambda: len(estimator.seen) == expected + 1)  # noqa: B023
    assert estimator.seen == [0, 1, 2]
    assert not estimator.same_video
    session.seek(2.0)
    run.until(lambda: len(estimator.seen) == 4)
    assert estimator.seen[-1] == 100
    assert estimator.resets >= 2  # a seek forgets the person,
    assert estimator.same_video  # but not the numbers
    time.sleep(0.1)
    assert len(estimator.seen) == 4
    session.controls.paused = False
    run.until(lambda: max(estimator.seen) >= 110)  # a busy machine may drop any one of them


@pytest.mark.parametrize("times", [regular(12), irregular(12)], ids=["regular", "irregular"])
def test_steps_go_back_and_forth_in_a_real_file(
    run: Run, tmp_path: Path, times: list[float]
) -> None:
    write_video(tmp_path / "clip.mp4", times)
    estimator = FakeEstimator()
    options = replace(WINDOW, loop=False)
    session = run(lambda: open_source(tmp_path / "clip.mp4"), estimator, options)
    session.controls.paused = True
    session.start()
    run.event("source_opened")
    run.event("model_loaded")

    def shown() -> int:
        result = session.latest()
        return -1 if result is None else picture_number(result.frame.image)

    session.step(back=True)  # there is nothing before the first one
    for expected in (0, 1, 2, 3, 4):
        session.step()
        run.until(lambda: shown() == expected)  # noqa: B023
    for expected in (3, 2):
        session.step(back=True)
        run.until(lambda: shown() == expected)  # noqa: B023
    session.step()
    run.until(lambda: shown() == 3)
    session.controls.speed = 10_000.0  # over a pause of a minute
    session.controls.paused = False
    run.until(lambda: session.state is State.FINISHED)
    session.controls.paused = True
    session.step(back=True)
    run.until(lambda: shown() == 10)


def test_the_end_waits_for_a_seek(run: Run) -> None:
    estimator = FakeEstimator()
    session = run(ScriptedSource(10, fps=200), estimator, SessionOptions(loop=False))
    session.start()
    assert session.finished.wait(20)
    assert session.metrics().finished
    session.seek(0.0)
    run.until(lambda: estimator.seen.count(9) == 2)
    assert session.finished.wait(20)
    session.set_source(lambda: ScriptedSource(None, live=True, fps=100, kind="stream"))
    run.until(lambda: not session.metrics().finished)
    assert run.kinds().count("source_ended") >= 1


def test_a_loop_begins_anew_and_time_goes_on(run: Run, tmp_path: Path) -> None:
    estimator = FakeEstimator()
    session = run(ScriptedSource(10, fps=100), estimator, SessionOptions(loop=True))
    session.record(RecordingRequest(log=tmp_path / "a.jsonl"))
    session.start()
    run.until(lambda: estimator.seen.count(0) >= 3)
    session.stop()
    times = [frame.seconds for frame in LogReader(tmp_path / "a.jsonl")]
    assert all(b > a for a, b in itertools.pairwise(times))
    assert "source_ended" not in run.kinds()


def test_a_paused_camera_drops_its_frames(run: Run) -> None:
    session = run(ScriptedSource(None, live=True, fps=200), options=WINDOW)
    session.controls.paused = True
    session.start()
    run.until(lambda: session.metrics().dropped.get("paused", 0) > 5)
    assert session.metrics().processed == 0
    session.controls.paused = False
    run.until(lambda: session.metrics().processed > 5)


# Changing over.


def test_another_source_takes_over_with_its_first_picture(run: Run) -> None:
    opened = threading.Event()
    first = ScriptedSource(None, live=True, fps=100, name="first")
    second = ScriptedSource(None, live=True, fps=100, name="second", kind="stream")
    session = run(first, options=WINDOW)
    session.start()
    run.until(lambda: session.metrics().processed > 3)
    session.set_source(lambda: (opened.wait(10), second)[1])
    before = session.metrics().processed
    run.until(lambda: session.metrics().processed > before + 3)  # the first goes on
    assert not first.closed.is_set()
    opened.set()
    run.until(lambda: (info := session.metrics().source) is not None and info.name == "second")
    assert first.closed.wait(10)
    run.until(lambda: session.metrics().fps > 0)


def test_a_source_that_cannot_be_opened_changes_nothing(run: Run) -> None:
    def broken() -> Any:
        raise SourceError("There is no such file.")

    first = ScriptedSource(None, live=True, fps=100, kind="stream")
    session = run(first, options=WINDOW)
    session.start()
    run.until(lambda: session.metrics().processed > 3)
    session.set_source(broken)
    assert run.event("source_failed").message == "There is no such file."
    before = session.metrics().processed
    run.until(lambda: session.metrics().processed > before + 3)
    assert session.failure is None


def test_of_several_wishes_the_last_wins(run: Run) -> None:
    made: list[ScriptedSource] = []

    def opener(name: str, wait: float) -> Callable[[], ScriptedSource]:
        def work() -> ScriptedSource:
            time.sleep(wait)
            made.append(ScriptedSource(None, live=True, fps=100, name=name, kind="stream"))
            return made[-1]

        return work

    session = run(opener("first", 0), options=WINDOW)
    session.start()
    run.until(lambda: session.metrics().processed > 0)
    session.set_source(opener("slow", 0.3))
    session.set_source(opener("last", 0.1))
    run.until(lambda: (info := session.metrics().source) is not None and info.name == "last")
    run.until(lambda: len(made) == 3)
    run.until(lambda: all(s.closed.is_set() for s in made if s.info.name != "last"))
    info = session.metrics().source
    assert info is not None
    assert info.name == "last"


def test_a_camera_that_opens_only_once_is_let_go_first(run: Run) -> None:
    """The same camera in another size: the driver refuses a second opener."""
    holder: list[ScriptedSource] = []

    def opener(name: str) -> Callable[[], ScriptedSource]:
        def work() -> ScriptedSource:
            if any(not source.closed.is_set() for source in holder):
                raise CameraError("The camera is busy.", DESK)
            holder.append(ScriptedSource(None, live=True, fps=100, name=name))
            holder[-1].info = replace(holder[-1].info, identity={**DESK, "given_fps": "30"})
            return holder[-1]

        return work

    session = run(opener("small"), options=WINDOW)
    session.start()
    run.until(lambda: session.metrics().processed > 3)
    session.set_source(opener("large"))
    run.until(lambda: (info := session.metrics().source) is not None and info.name == "large")
    assert "source_failed" not in run.kinds()


@pytest.mark.parametrize(
    "error",
    [SourceError("There is no such file."), CameraError("It is busy.", {"name": "Roof camera"})],
)
def test_a_camera_is_kept_while_anything_else_cannot_be_opened(run: Run, error: Exception) -> None:
    camera, asked = ScriptedSource(None, live=True, fps=100), []
    camera.info = replace(camera.info, identity=DESK)

    def broken() -> Any:
        asked.append(1)
        raise error

    session = run(camera, options=WINDOW)
    session.start()
    run.until(lambda: session.metrics().processed > 3)
    session.set_source(broken)
    assert run.event("source_failed").message == str(error)
    before = session.metrics().processed
    run.until(lambda: session.metrics().processed > before + 3)
    assert asked == [1], "it is tried once"
    assert not camera.closed.is_set()
    assert "source_back" not in run.kinds()


def test_another_model_takes_over_when_it_is_loaded(run: Run) -> None:
    first, second = FakeEstimator("first"), FakeEstimator("second")
    session = run(ScriptedSource(None, live=True, fps=100), first, WINDOW)
    session.start()
    run.until(lambda: first.seen)
    session.set_estimator(lambda: second)
    run.until(lambda: second.seen)
    run.until(lambda: first.closed == 1)
    assert first.threads == {"inference", "close model"}
    assert session.metrics().model == "second"


def test_a_faster_engine_takes_over_with_the_people_it_finds(run: Run) -> None:
    """Nobody asks for it; no frame is lost to it; the same is tried once, not again and again."""
    opened: list[FakeEstimator] = []
    known = threading.Event()

    def opener() -> Any:
        opened.append(FakeEstimator(device="GPU" if opened else "CPU"))
        opened[-1].engine.search = SimpleNamespace(better=known.is_set)
        return opened[-1]

    session = run(ScriptedSource(None, live=True, fps=100), opener, WINDOW)
    session.start()
    run.until(lambda: len(opened[0].seen) > 3 if opened else False)
    assert len(opened) == 1
    known.set()
    run.until(lambda: len(opened) > 1 and len(opened[1].seen) > 3)
    assert opened[1].before is opened[0]
    assert opened[1].resets == 0
    assert opened[0].closed == 1
    told = run.event("engine_improved")
    assert told.message == "Now running on Fake · GPU · f32: measured to be faster here."
    assert not told.bad
    assert "no model" not in session.metrics().dropped


def test_in_a_file_every_frame_has_the_same_engine(run: Run) -> None:
    estimator = FakeEstimator()
    estimator.engine.search = SimpleNamespace(better=lambda: pytest.fail("asked"))
    session = run(ScriptedSource(30), estimator, RUN)
    session.start()
    assert session.finished.wait(20)
    assert len(estimator.seen) == 30


def test_frames_go_on_while_the_model_before_is_closed(run: Run) -> None:
    """An engine that compiles cannot be closed at once."""
    first, second, compiled = FakeEstimator(), FakeEstimator(), threading.Event()
    close = first.close
    first.close = lambda: (compiled.wait(60), close())[1]  # type: ignore[method-assign]
    session = run(ScriptedSource(None, live=True, fps=100), first, WINDOW)
    session.start()
    run.until(lambda: len(first.seen) > 3)
    session.set_estimator(lambda: second)
    try:
        run.until(lambda: len(second.seen) > 3)
        assert first.closed == 0
    finally:
        compiled.set()
    run.until(lambda: first.closed == 1)


def test_a_model_that_does_not_load_changes_nothing(run: Run) -> None:
    def broken() -> Any:
        raise PoseAppError("This is no model.")

    first = FakeEstimator()
    session = run(ScriptedSource(None, live=True, fps=100), first, WINDOW)
    session.start()
    run.until(lambda: first.seen)
    session.set_estimator(broken)
    assert run.event("model_failed").message == "This is no model."
    count = len(first.seen)
    run.until(lambda: len(first.seen) > count)
    assert session.failure is None


def test_a_wish_that_comes_before_anything_is_loaded_and_fails(run: Run) -> None:
    """What was asked for before it is loaded after all, instead of ending the session."""
    first, let_go = FakeEstimator("first"), threading.Event()

    def slow() -> Any:
        assert let_go.wait(20)
        return first

    def broken() -> Any:
        raise PoseAppError("This is no model.")

    session = run(ScriptedSource(None, live=True, fps=100), slow, WINDOW)
    session.start()
    session.set_estimator(broken)
    session.set_estimator(broken)
    run.event("model_failed")
    let_go.set()
    run.until(lambda: len(first.seen) > 5)
    assert session.failure is None
    assert session.metrics().model == "first"


def test_of_several_wishes_for_a_model_the_last_wins(run: Run) -> None:
    """Whichever is loaded first or last; what comes too late is closed and never runs."""
    first, made = FakeEstimator("first"), {}
    gates = {name: threading.Event() for name in ("slow", "slower", "last")}

    def opener(name: str) -> Callable[[], FakeEstimator]:
        def work() -> FakeEstimator:
            assert gates[name].wait(20)
            made[name] = FakeEstimator(name)
            return made[name]

        return work

    session = run(ScriptedSource(None, live=True, fps=100), first, WINDOW)
    session.start()
    run.until(lambda: first.seen)
    for name in gates:
        session.set_estimator(opener(name))
    gates["slow"].set()
    run.until(lambda: "slow" in made and made["slow"].closed)
    assert session.metrics().model == "first", "it goes on until the wanted one is there"
    gates["last"].set()
    run.until(lambda: session.metrics().model == "last" and len(made["last"].seen) > 3)
    gates["slower"].set()
    run.until(lambda: "slower" in made and made["slower"].closed)
    count = len(made["last"].seen)
    run.until(lambda: len(made["last"].seen) > count)
    assert session.metrics().model == "last"
    assert not made["slow"].seen
    assert not made["slower"].seen
    assert "model_failed" not in run.kinds()


# Faults.


def test_frames_that_were_read_are_finished_when_a_file_breaks(run: Run) -> None:
    """A slow network has some of them before it when the reader meets the damage."""
    broken = threading.Event()

    def script(number: int) -> None:
        if number == 12:
            broken.set()
            raise SourceError("clip.mp4 is damaged.")

    def slow(frame: Frame) -> None:
        if frame.index == 7:
            assert broken.wait(20)

    estimator = FakeEstimator(fault=slow)
    session = run(ScriptedSource(30, script=script), estimator)
    session.start()
    assert session.finished.wait(20)
    report = session.stop()
    assert str(session.failure) == "clip.mp4 is damaged."
    assert report.failure is session.failure
    assert session.state is State.FAILED
    assert estimator.seen == list(range(12))
    assert (report.captured, report.processed, report.dropped) == (12, 12, {})


def test_states_of_a_session(run: Run) -> None:
    loaded = threading.Event()
    estimator = FakeEstimator()
    session = run(ScriptedSource(5), lambda: (loaded.wait(20), estimator)[1])
    assert session.state is State.LOADING
    session.start()
    run.until(lambda: session.metrics().captured == 5)
    run.until(lambda: session.state is State.DRAINING)
    assert not session.finished.is_set()
    loaded.set()
    assert session.finished.wait(20)
    assert session.state is State.FINISHED


@pytest.mark.parametrize("error", [SourceError("No such camera."), OSError("driver")])
def test_a_source_that_cannot_be_opened_ends_a_run(run: Run, error: Exception) -> None:
    def broken() -> Any:
        raise error

    session = run(broken)
    session.start()
    assert session.finished.wait(10)
    assert isinstance(session.failure, SourceError)


def test_a_source_without_pictures_ends_a_run(run: Run) -> None:
    session = run(ScriptedSource(0))
    session.start()
    assert session.finished.wait(10)
    assert "has no frames" in str(session.failure)


def test_a_file_that_breaks_keeps_what_was_processed(run: Run, tmp_path: Path) -> None:
    def script(index: int) -> None:
        if index == 12:
            raise SourceError("The file is damaged.")

    session = run(ScriptedSource(30, script=script))
    session.record(RecordingRequest(tmp_path / "a.mp4", log=tmp_path / "a.jsonl"))
    session.start()
    assert session.finished.wait(10)
    session.stop()
    assert str(session.failure) == "The file is damaged."
    check = verify(tmp_path / "a.mp4")
    assert check.good
    assert check.frames >= 8  # what was still queued when it broke may be missing


def test_a_lost_camera_is_looked_for_until_it_is_back(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(source_supervisor, "FIRST_WAIT", 0.02)
    monkeypatch.setattr("pose_app.sources.opening.reopen", lambda info, again: again())
    attempts: list[int] = []

    def unplugged(index: int) -> None:
        if index == 5:
            raise SourceError("The camera is unplugged.")

    def opens() -> ScriptedSource:
        attempts.append(1)
        if 1 < len(attempts) < 4:
            raise SourceError("No such camera.")
        script = unplugged if len(attempts) == 1 else None
        return ScriptedSource(None, live=True, fps=100, script=script)

    session = run(opens, options=WINDOW)
    session.record(RecordingRequest(raw=tmp_path / "raw.mp4"))
    session.start()
    assert "unplugged" in run.event("source_lost").message
    run.event("source_back")
    back = session.metrics().processed
    run.until(lambda: session.metrics().processed > back + 5)
    session.stop()
    assert session.failure is None
    assert len(attempts) == 4
    check = verify(tmp_path / "raw.mp4")
    assert check.good  # one file, over the gap, with increasing times
    assert check.frames > 10


def test_a_driver_that_blocks_for_ever_is_left_behind(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pose_app.sources.opening.reopen", lambda info, again: again())
    let_go, count = threading.Event(), [0]

    def opens() -> ScriptedSource:
        count[0] += 1

        def block(index: int) -> None:
            if index == 3:
                let_go.wait(60)

        return ScriptedSource(None, live=True, fps=100, script=block if count[0] == 1 else None)

    session = run(opens, options=SessionOptions(stall_seconds=0.2))
    session.start()
    assert "no frame" in run.event("source_lost").message
    run.event("source_back")
    run.until(lambda: session.metrics().processed > 10)
    let_go.set()


def test_a_thread_that_a_driver_holds_is_named_at_the_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_module, "JOIN_SECONDS", 0.2)
    let_go = threading.Event()

    def block(index: int) -> None:
        if index == 3:
            let_go.wait(60)

    session = Session(
        lambda: ScriptedSource(None, live=True, fps=100, script=block), FakeEstimator, WINDOW
    )
    session.start()
    while session.metrics().captured < 3:
        time.sleep(0.01)
    report = session.stop()
    assert report.stuck == ("read source",)
    assert report.conserved
    let_go.set()


def test_a_model_that_still_loads_at_the_stop_is_named_and_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A conversion cannot be interrupted: it ends at its next step, and what it made is closed."""
    monkeypatch.setattr(session_module, "JOIN_SECONDS", 0.2)
    loading, let_go, told = threading.Event(), threading.Event(), []
    estimator = FakeEstimator()

    def convert() -> Any:
        progress.check()
        loading.set()
        let_go.wait(20)
        try:
            progress.check()
        except progress.UnwantedError as error:
            told.append(error)
        return estimator

    session = Session(lambda: ScriptedSource(None, live=True, fps=100), convert, WINDOW)
    session.start()
    assert loading.wait(20)
    assert session.stop().stuck == ("load model",)
    (thread,) = [one for one in threading.enumerate() if one.name == "load model"]
    let_go.set()
    thread.join(20)
    assert len(told) == 1
    assert estimator.closed == 1
    progress.check()  # on this thread nobody ever asked


@pytest.mark.parametrize("options", [RUN, WINDOW], ids=["run", "window"])
@pytest.mark.parametrize("how", ["raises", "engine error", "nan"])
def test_a_failing_engine_is_replaced(run: Run, options: SessionOptions, how: str) -> None:
    def fault(frame: Frame) -> None:
        if frame.index >= 5 and how == "raises":
            raise MemoryError("out of memory")
        if frame.index >= 5 and how == "engine error":
            raise EngineError("The device was removed.")

    class Broken(FakeEstimator):
        def track(self, frame: Frame, **wishes: Any) -> Any:
            poses = super().track(frame, **wishes)
            if frame.index >= 5 and how == "nan":
                poses[0].joints[0] = np.nan
            return poses

    first, second = Broken(fault=fault, device="CUDA"), FakeEstimator()
    lossless = options.lossless
    source = ScriptedSource(30) if lossless else ScriptedSource(None, live=True, fps=100)
    session = run(source, first, options, other_estimators=then(second))
    session.start()
    assert "CUDA" in run.event("warning").message
    changed = run.event("engine_changed")
    assert changed.data.device == "CPU"
    assert changed.bad
    assert re.match(r"Fake on CUDA failed: .+\. Now running on Fake · CPU", changed.message)
    run.until(lambda: len(second.seen) > 5)
    if lossless:
        assert session.finished.wait(20)
    report = session.stop()
    assert session.failure is None
    assert first.closed == 1
    if lossless:
        assert second.seen[0] == 5  # the very frame that failed
        assert report.processed == 30


def test_a_model_that_did_not_load_takes_no_engine_away(run: Run) -> None:
    """The engines to go on with are those of the model that runs."""
    broken = threading.Event()

    def fault(frame: Frame) -> None:
        if broken.is_set():
            raise EngineError("The device was removed.")

    def bad() -> Any:
        raise ModelError("This is no model.")

    second = FakeEstimator()
    source = ScriptedSource(None, live=True, fps=100)
    session = run(source, FakeEstimator(fault=fault), WINDOW, other_estimators=then(second))
    session.start()
    run.event("model_loaded")
    session.set_estimator(bad, lambda failed: [bad, bad])
    run.event("model_failed")
    broken.set()
    run.event("engine_changed")
    run.until(lambda: len(second.seen) > 5)


@pytest.mark.parametrize("loads", [True, False])
def test_an_engine_that_fails_while_another_model_loads(run: Run, loads: bool) -> None:
    """What was asked for comes first; where it does not load, the next engine of the old one."""
    broken, let_go = threading.Event(), threading.Event()
    wanted, second = FakeEstimator("wanted"), FakeEstimator("next engine")

    def fault(frame: Frame) -> None:
        if broken.is_set():
            raise EngineError("The device was removed.")

    def slow() -> Any:
        assert let_go.wait(20)
        if not loads:
            raise ModelError("This is no model.")
        return wanted

    source = ScriptedSource(None, live=True, fps=100)
    session = run(source, FakeEstimator(fault=fault), WINDOW, other_estimators=then(second))
    session.start()
    run.event("model_loaded")
    session.set_estimator(slow)
    broken.set()
    assert "device was removed" in run.event("warning").message
    let_go.set()
    run.until(lambda: len((wanted if loads else second).seen) > 5)
    assert session.failure is None
    assert not (second if loads else wanted).seen


def test_without_another_engine_a_run_ends(run: Run) -> None:
    def fault(frame: Frame) -> None:
        if frame.index == 5:
            raise EngineError("The device was removed.")

    session = run(ScriptedSource(30), FakeEstimator(fault=fault))
    session.start()
    assert session.finished.wait(20)
    assert "The device was removed" in str(session.failure)
    assert session.stop().processed == 5


def test_an_engine_that_hangs_is_left_behind(run: Run) -> None:
    let_go = threading.Event()

    def hang(frame: Frame) -> None:
        if frame.index >= 5:  # a busy machine drops frames
            let_go.wait(60)

    first, second = FakeEstimator(fault=hang), FakeEstimator()
    session = run(
        ScriptedSource(None, live=True, fps=100),
        first,
        SessionOptions(stall_seconds=1.0),
        other_estimators=then(second),
    )
    session.start()
    assert "no answer" in run.event("warning").message
    run.event("engine_changed")
    run.until(lambda: len(second.seen) > 5)
    assert first.closed == 0
    let_go.set()
    run.until(lambda: first.closed == 1)  # it has threads of its own, perhaps
    assert session.metrics().dropped["engine hung"] == 1


def test_a_region_outside_the_picture_is_forgotten_in_the_window(run: Run) -> None:
    class Picky(FakeEstimator):
        def track(self, frame: Frame, **wishes: Any) -> Any:
            if wishes["region"] is not None:
                raise PoseAppError("The region is outside the picture.")
            return super().track(frame, **wishes)

    session = run(ScriptedSource(None, live=True, fps=100), Picky(), WINDOW)
    session.controls.region = Region(9999, 0, 10)
    session.start()
    assert "outside" in run.event("warning").message
    assert session.controls.region is None
    run.until(lambda: session.metrics().processed > 3)


def test_a_region_outside_the_picture_ends_a_run(run: Run) -> None:
    def refuse(frame: Frame) -> None:
        raise PoseAppError("The region is outside the picture.")

    session = run(
        ScriptedSource(30), FakeEstimator(fault=refuse), replace(RUN, region=Region(9999, 0, 10))
    )
    session.start()
    assert session.finished.wait(10)
    assert "outside" in str(session.failure)


# Recording.


def test_a_recording_has_every_frame_and_its_own_joints(run: Run, tmp_path: Path) -> None:
    session = run(ScriptedSource(40))
    request = RecordingRequest(tmp_path / "a.mp4", tmp_path / "r.mkv", tmp_path / "a.jsonl")
    session.record(request)
    session.start()
    assert session.finished.wait(20)
    report = session.stop()
    (recording,) = report.recordings
    assert [file.written for file in recording.files] == [40, 40, 40]
    assert [picture_number(image) for _, image in read_back(tmp_path / "r.mkv")] == list(range(40))
    for name in ("a.mp4", "r.mkv"):
        assert verify(tmp_path / name, tmp_path / "a.jsonl").good
    assert run.event("recording_started")
    assert run.event("recording_finished").data == recording


def test_a_run_of_a_camera_records_from_its_first_pose_on(run: Run, tmp_path: Path) -> None:
    """However long the model loads and the first inference takes."""
    estimator = FakeEstimator(fault=lambda frame: time.sleep(0 if estimator.seen else 0.4))
    session = run(
        ScriptedSource(None, live=True, fps=100),
        lambda: (time.sleep(0.4), estimator)[1],
        replace(RUN, frames=20),
    )
    session.record(RecordingRequest(tmp_path / "a.mp4", tmp_path / "r.mp4", tmp_path / "a.jsonl"))
    session.start()
    assert session.finished.wait(20)
    report = session.stop()
    assert report.processed == 20
    assert report.dropped["no model"] > 0
    log = list(LogReader(tmp_path / "a.jsonl"))
    assert [frame.index for frame in log] == estimator.seen
    assert log[0].seconds == 0.0
    assert all(frame.stacks for frame in log)
    for name in ("a.mp4", "r.mp4"):
        check = verify(tmp_path / name, tmp_path / "a.jsonl")
        assert check.good, check.problems
        assert check.frames >= 20


def test_recordings_start_and_stop_while_it_runs(run: Run, tmp_path: Path) -> None:
    session = run(ScriptedSource(None, live=True, fps=100), options=WINDOW)
    session.start()
    run.until(lambda: session.metrics().processed > 3)
    for number in range(3):
        session.record(RecordingRequest(tmp_path / "a.mp4", log=tmp_path / "a.jsonl"))
        with pytest.raises(PoseAppError, match="A recording is running"):
            session.record(RecordingRequest(tmp_path / "b.mp4"))
        run.until(lambda: (r := session.metrics().recording) is not None and r.seconds > 0.1)
        session.stop_recording()
        run.until(lambda: run.kinds().count("recording_finished") == number + 1)  # noqa: B023
        assert session.metrics().recording is None
    for name in ("a", "a (2)", "a (3)"):
        check = verify(tmp_path / f"{name}.mp4")
        assert check.good, check.problems
        assert check.log_frames
    assert not list(tmp_path.glob("b*"))


def test_a_change_of_size_goes_on_in_new_files(run: Run, tmp_path: Path) -> None:
    source = ScriptedSource(40, script=lambda index: (96, 192) if index >= 20 else None)
    session = run(source)
    session.record(RecordingRequest(tmp_path / "a.mp4", tmp_path / "r.mp4", tmp_path / "a.jsonl"))
    session.start()
    assert session.finished.wait(20)
    session.stop()
    assert len(session.stop().recordings) == 2
    for name, numbers in (("r.mp4", range(20)), ("r (2).mp4", range(20, 40))):
        assert [picture_number(image) for _, image in read_back(tmp_path / name)] == list(numbers)
    first, second = LogReader(tmp_path / "a.jsonl"), LogReader(tmp_path / "a (2).jsonl")
    assert first.header["size"] == [192, 96]
    assert second.header["size"] == [96, 192]
    assert [frame.index for frame in second] == list(range(20, 40))


def test_stopping_at_any_moment_leaves_nothing(tmp_path: Path) -> None:
    """Before it runs, while things load, while it records."""
    for number, wait in enumerate((0.0, 0.0, 0.01, 0.05, 0.15)):
        session = Session(
            lambda: ScriptedSource(None, live=True, fps=100),
            lambda: (time.sleep(0.03), FakeEstimator())[1],
            WINDOW,
        )
        if number:
            session.start()
        session.record(RecordingRequest(tmp_path / f"{number}.mp4"))
        time.sleep(wait)
        report = session.stop()
        assert report.conserved
        assert report.stuck == ()
        for path in tmp_path.iterdir():
            assert verify(path).good


def test_a_recording_is_one_over_changes_of_the_source(run: Run, tmp_path: Path) -> None:
    """It goes on in further files, is told as one, and can be stopped at any time."""
    session = run(ScriptedSource(None, live=True, fps=100, name="first"), options=WINDOW)
    opened = session.record(RecordingRequest(tmp_path / "a.mp4", log=tmp_path / "a.jsonl"))
    session.start()
    assert [path.name for path in opened.result(20).paths] == ["a.mp4", "a.jsonl"]
    run.until(lambda: (r := session.metrics().recording) is not None and r.seconds > 0.1)
    session.set_source(lambda: ScriptedSource(None, live=True, fps=100, name="next", kind="stream"))
    told = run.event("recording_continued")
    assert told.message == (
        "Saved a.mp4, a.jsonl; the recording goes on in a (2).mp4, a (2).jsonl."
    )
    assert [path.name for path in told.data.paths] == ["a (2).mp4", "a (2).jsonl"]
    assert "recording_finished" not in run.kinds()
    # Each file's thread takes its real name when it comes to it.
    second = ["a (2).mp4", "a (2).jsonl"]
    run.until(
        lambda: (
            (r := session.metrics().recording) is not None
            and [path.name for path in r.paths] == second
        )
    )
    state = session.metrics().recording
    assert state is not None
    assert len(state.files) == 4
    assert state.seconds > 0.1, "elapsed in all of its files"
    assert state.free_bytes
    with pytest.raises(PoseAppError, match="A recording is running"):
        session.record(RecordingRequest(tmp_path / "b.mp4"))
    session.stop_recording()
    assert session.metrics().recording is None
    report = run.event("recording_finished").data
    names = ["a.mp4", "a.jsonl", "a (2).mp4", "a (2).jsonl"]
    assert [file.path.name for file in report.files] == names
    assert run.kinds().count("recording_started") == 1
    for path in report.paths:
        assert verify(path).good


def test_stopping_the_session_completes_the_recording(run: Run, tmp_path: Path) -> None:
    session = run(ScriptedSource(None, live=True, fps=100), options=WINDOW)
    session.record(RecordingRequest(tmp_path / "a.mp4"))
    session.start()
    run.until(lambda: (r := session.metrics().recording) is not None and r.seconds > 0.1)
    (recording,) = session.stop().recordings
    assert recording.error is None
    check = verify(tmp_path / "a.mp4")
    assert check.good
    assert check.closed


def test_a_recording_that_cannot_be_begun_is_told_and_over(run: Run, tmp_path: Path) -> None:
    session = run(ScriptedSource(None, live=True, fps=100), options=WINDOW)
    session.start()
    opened = session.record(RecordingRequest(tmp_path / "no" / "a.mp4", log=tmp_path / "a.jsonl"))
    with pytest.raises(RecordingError, match="cannot be written"):
        opened.result(20)
    assert "cannot be written" in run.event("recording_finished").data.error
    assert run.kinds().count("warning") == 1
    assert "recording_started" not in run.kinds()
    run.until(lambda: session.metrics().recording is None)
    session.record(RecordingRequest(tmp_path / "b.mp4")).result(20)
    assert not list(tmp_path.glob("a*"))


# A held picture.


def test_a_held_picture_stays_alive(run: Run) -> None:
    """Paused: other wishes run the network once, with all stacks; counts and files do not."""
    estimator = FakeEstimator(stacks=4)
    options = replace(WINDOW, stacks=2)
    session = run(ScriptedSource(None, fps=100), estimator, options)
    session.start()
    run.until(lambda: len(estimator.asked) > 3)
    assert {asked[0] for asked in estimator.asked} == {2}
    session.controls.paused = True
    run.until(lambda: estimator.asked[-1][0] == 4)  # paused always means all stacks
    run.until(lambda: session.metrics().stacks_now == 4)  # and is told so
    result = session.latest()
    assert result is not None
    before, processed = len(estimator.asked), session.metrics().processed
    time.sleep(0.3)
    assert len(estimator.asked) == before, "nothing new, nothing to do"
    held = estimator.seen[-1]

    region = Region(10, 10, 50)
    session.controls.region = region
    run.until(lambda: estimator.asked[-1] == (4, None, region))
    session.controls.region = None
    run.until(lambda: estimator.asked[-1] == (4, None, None))
    session.controls.shown = 1
    run.until(lambda: estimator.asked[-1] == (4, 1, None))
    session.controls.threshold = 0.8
    run.until(lambda: len(estimator.asked) == before + 4)
    session.refresh()
    run.until(lambda: len(estimator.asked) == before + 5)
    assert set(estimator.seen[before:]) == {held}
    run.until(lambda: (now := session.latest()) is not None and now.poses[0].threshold == 0.8)

    other = FakeEstimator("other", stacks=3)
    session.set_estimator(lambda: other)
    run.until(lambda: other.asked)
    assert other.asked == [(3, 1, None)]
    assert other.seen == [held]
    assert session.metrics().processed == processed
    session.controls.paused = False
    run.until(lambda: other.asked[-1][0] == 2)


def test_a_files_end_is_a_held_picture_too(run: Run, tmp_path: Path) -> None:
    estimator = FakeEstimator(stacks=4)
    session = run(ScriptedSource(3, fps=100), estimator, replace(WINDOW, stacks=1, loop=False))
    session.record(RecordingRequest(log=tmp_path / "a.jsonl"))
    session.start()
    run.until(lambda: estimator.asked and estimator.asked[-1][0] == 4)
    session.controls.region = Region(10, 10, 50)
    run.until(lambda: estimator.asked[-1] == (4, None, Region(10, 10, 50)))
    assert estimator.seen[-1] == 2
    report = session.stop()
    assert report.processed == len(list(LogReader(tmp_path / "a.jsonl")))


def test_a_run_looks_at_every_frame_once(run: Run) -> None:
    for live in (False, True):
        estimator = FakeEstimator(stacks=4)
        source = ScriptedSource(5, fps=100, live=live)
        session = run(source, estimator, replace(RUN, stacks=1))
        session.start()
        assert session.finished.wait(20)
        time.sleep(0.2)
        session.stop()
        assert len(set(estimator.seen)) == len(estimator.seen)
        assert {asked[0] for asked in estimator.asked} == {1}
