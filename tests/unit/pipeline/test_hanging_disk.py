"""A recording on a disk that does not answer, as a network share without a network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pose_app.pipeline import recording_manager
from pose_app.pipeline.options import SessionOptions
from pose_app.pipeline.session import RecordingRequest, Session
from pose_app.recording import writer
from pose_app.recording.video_writer import Recorder
from tests.faults import hanging_disk
from tests.poses import FakeEstimator
from tests.scripted import ScriptedSource
from tests.unit.pipeline.session_run import RUN, WINDOW


@pytest.mark.parametrize("options", [RUN, WINDOW], ids=["run", "window"])
def test_only_the_threads_of_its_files_ask_the_disk(
    tmp_path: Path, options: SessionOptions
) -> None:
    """From the folder that is made to the last file that is left behind; stopping ends in time."""
    share = tmp_path / "share"
    request = RecordingRequest(
        share / "a.mp4", share / "r.mkv", share / "a.jsonl", make_folder=True
    )
    with hanging_disk(share) as disk, _Running(options) as session:
        session.start()
        opened = session.record(request)
        _until(lambda: len(disk.waiting) == 1, "one thread begins all files")
        _until(lambda: session.metrics().processed > 5, "the picture goes on")
        state = session.metrics().recording
        assert state is not None
        assert (state.bytes, state.free_bytes) == (0, None)
        assert not opened.done()
        report = session.stop(timeout=2.0)
        (recording,) = report.recordings
        assert {file.path for file in recording.files} == set(request.paths)
        for file in recording.files:
            assert f"{file.path.name} was not finished" in str(file.error)
            assert [name for name in report.stuck if str(file.path) in name]
        assert recording.conserved
        assert any("a.mp4" in event.message for event in session.events())
        disk.answers.set()
        _wait_for_writers()
        assert disk.others == set()


@pytest.mark.parametrize("options", [RUN, WINDOW], ids=["run", "window"])
def test_one_that_hangs_later_stops_neither_the_picture_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: SessionOptions
) -> None:
    answers, mux = threading.Event(), Recorder._mux
    monkeypatch.setattr(Recorder, "_mux", lambda *args: (answers.wait(60), mux(*args))[1])
    with _Running(options) as session:
        session.start()
        session.record(RecordingRequest(tmp_path / "a.mp4"))
        _until(lambda: session.metrics().processed >= 5, "the picture goes on")
        assert session.metrics().recording is not None
        report = session.stop(timeout=2.0)
        (recording,) = report.recordings
        assert "a.mp4 was not finished" in str(recording.error)
        assert recording.conserved
        assert [name for name in report.stuck if str(tmp_path / "a.mp4") in name]
        assert any("a.mp4" in event.message for event in session.events())
        answers.set()
        _wait_for_writers()


@pytest.mark.parametrize("when", ["at the look every second", "at the end of the file"])
def test_one_that_hangs_outside_of_writing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Between two items, as when the picture stands still, and when an encoder is closed."""
    monkeypatch.setattr(writer, "WATCH_SECONDS", 0.02)
    monkeypatch.setattr(recording_manager, "STALL_SECONDS", 0.1)
    answers, looks = threading.Event(), [0]
    look, finish = Recorder._check_file, Recorder._finish

    def hanging_look(recorder: Recorder) -> int:
        looks[0] += 1
        if looks[0] > 1:  # the first one belongs to the start
            assert answers.wait(60)
        return look(recorder)

    def hanging_finish(recorder: Recorder) -> int:
        assert answers.wait(60)
        return finish(recorder)

    if when == "at the look every second":
        monkeypatch.setattr(Recorder, "_check_file", hanging_look)
    else:
        monkeypatch.setattr(Recorder, "_finish", hanging_finish)
        monkeypatch.setattr(Recorder, "_write", lambda *_: 1 / 0)
    told: list[str] = []
    with _Running(RUN) as session:
        session.start()
        session.record(RecordingRequest(tmp_path / "a.mp4"))

        def is_told() -> bool:
            told.extend(event.message for event in session.events())
            return any("a.mp4 has not been written to" in message for message in told)

        try:
            _until(is_told, "a warning")
        finally:
            answers.set()
    assert not [t for t in threading.enumerate() if t.name.startswith("write ")]


class _Running:
    """A session that is stopped whatever happens."""

    def __init__(self, options: SessionOptions) -> None:
        source = ScriptedSource(None, live=not options.lossless, fps=100)
        self._session = Session(lambda: source, FakeEstimator, options)

    def __enter__(self) -> Session:
        return self._session

    def __exit__(self, *_: object) -> None:
        self._session.stop()


def _until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.003)


def _wait_for_writers() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("write "):
            thread.join(20)
