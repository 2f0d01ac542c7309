"""Recordings over long gaps, and where they cannot go on."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pose_app.recording.repair import repair
from pose_app.recording.verify import verify
from pose_app.sources import open_source
from tests.fakes import FakeCamera, FakeCameras
from tests.running import Running


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCameras]:
    with FakeCameras().install(monkeypatch) as installed:
        yield installed


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_camera_that_is_gone_for_a_minute(hub: FakeCameras, tmp_path: Path) -> None:
    """It is looked for all the time; the recording has a gap of a minute and its true times."""
    camera = hub.plug(FakeCamera("Desk camera", sizes=[(320, 240)]), index=0)
    with Running(lambda: open_source("Desk camera"), tmp_path) as running:
        running.until_processed(5)
        request = running.record()
        running.until_processed(15)
        hub.unplug(camera)
        running.until_event("source_lost")
        running.session.finished.wait(61)
        assert not running.session.finished.is_set()
        hub.plug(camera, index=3)
        running.until_event("source_back")
        running.until_processed(15)
    assert request.annotated is not None
    check = verify(request.annotated)
    assert check.good, check.problems
    ((start, length),) = check.gaps
    assert 60 < length < 90
    assert start < 30
    copy, frames, _ = repair(request.annotated)
    assert frames == check.frames
    assert verify(copy, request.log).gaps == check.gaps


@pytest.mark.skipif(sys.platform == "win32", reason="an open folder cannot be deleted there")
def test_a_recording_whose_folder_is_gone_does_not_go_on_in_new_files(
    hub: FakeCameras, tmp_path: Path
) -> None:
    """A camera that changes its size needs new files, but their folder is gone: it is told once,
    and the pictures go on.
    """
    camera = hub.plug(FakeCamera("Desk camera", sizes=[(320, 240)]), index=0)
    folder = tmp_path / "gone"
    folder.mkdir()
    running = Running(lambda: open_source("Desk camera"), folder)
    running.session.start()
    running.until_processed(5)
    running.record()
    running.until_processed(5)
    shutil.rmtree(folder)
    camera.size = (200, 160)
    running.until_event("warning", "does not go on")
    running.until_processed(10)
    assert running.session.metrics().recording is None
    report = running.session.stop()
    assert report.conserved
    assert report.stuck == ()
    assert not folder.exists()


def test_a_recording_after_one_that_failed(
    hub: FakeCameras, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pose_app.recording.video_writer import Recorder

    mux = Recorder._mux
    broken = [True]

    def breaks(recorder: Recorder, frame: object) -> int:
        if broken[0]:
            raise OSError(5, "Input/output error")
        return mux(recorder, frame)  # type: ignore[arg-type]

    monkeypatch.setattr(Recorder, "_mux", breaks)
    hub.plug(FakeCamera("Desk camera", sizes=[(320, 240)]), index=0)
    running = Running(lambda: open_source("Desk camera"), tmp_path)
    running.session.start()
    running.until_processed(5)
    running.record()
    running.until_event("warning", "input/output error")
    running.session.stop_recording()
    running.until_event("recording_finished")
    broken[0] = False
    request = running.record()
    running.until_event("recording_started")
    running.until_processed(20)
    report = running.session.stop()
    assert report.conserved
    assert report.recordings[0].error is not None
    assert report.recordings[1].error is None
    assert request.annotated is not None
    assert request.raw is not None
    for video in (request.annotated, request.raw):
        check = verify(video, request.log)
        assert check.good, check.problems
        assert check.frames >= 9
