"""Sessions: sources and engines that break, hang or are not there."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose_app.engines import progress
from pose_app.errors import (
    EngineError,
    ModelError,
    PoseAppError,
    SourceError,
)
from pose_app.pipeline import session as session_module
from pose_app.pipeline import source_supervisor
from pose_app.pipeline.options import SessionOptions
from pose_app.pipeline.session import RecordingRequest, Session, State
from pose_app.recording.verify import verify
from pose_app.types import Frame, Region
from tests.poses import FakeEstimator
from tests.scripted import ScriptedSource
from tests.unit.pipeline.session_run import RUN, WINDOW, Run, then


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
