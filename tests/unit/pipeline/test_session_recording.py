"""Sessions: recordings."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from pose_app.errors import (
    PoseAppError,
    RecordingError,
)
from pose_app.pipeline.session import RecordingRequest, Session
from pose_app.recording.keypoint_log import LogReader
from pose_app.recording.verify import verify
from tests.media import picture_number
from tests.poses import FakeEstimator
from tests.scripted import ScriptedSource
from tests.unit.pipeline.session_run import RUN, WINDOW, Run
from tests.unit.recording.test_video_writer import read_back


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


@pytest.mark.parametrize("every", [20, 1], ids=["once", "with every picture"])
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "no raw"])
def test_a_run_loses_nothing_when_the_size_changes(
    run: Run, tmp_path: Path, every: int, raw: bool
) -> None:
    """The reader is ahead of the network, also while the model loads."""
    estimator = FakeEstimator(fault=lambda _: time.sleep(0.01))
    source = ScriptedSource(40, script=lambda n: (96, 192) if n // every % 2 else None)
    session = run(source, lambda: (time.sleep(0.3), estimator)[1])
    raw_path = tmp_path / "r.mp4" if raw else None
    session.record(RecordingRequest(tmp_path / "a.mp4", raw_path, tmp_path / "a.jsonl"))
    session.start()
    assert session.finished.wait(60)
    recordings = session.stop().recordings
    assert len(recordings) == 40 // every
    for recording in recordings:
        assert [file.written for file in recording.files] == [every] * (3 if raw else 2)
        for file in recording.files:
            check = verify(file.path, recording.files[-1].path)
            assert check.good, check.problems
    logged = [frame.index for one in recordings for frame in LogReader(one.files[-1].path)]
    assert logged == list(range(40))


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
