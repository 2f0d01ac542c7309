"""`pose-app run` without a process of its own."""

from __future__ import annotations

import argparse
import re
import threading
from pathlib import Path

import pytest

from pose_app import cli, run_command
from pose_app.errors import PoseAppError
from pose_app.pipeline.session import Session
from tests.poses import FakeEstimator
from tests.scripted import ScriptedSource
from tests.unit.pipeline.session_run import RUN

ARGUMENTS = argparse.Namespace(seconds=0.3, frames=None, json=True)


def test_the_seconds_of_a_camera_that_goes_silent_begin_when_the_model_is_loaded() -> None:
    estimator, closed = FakeEstimator(), threading.Event()

    def load() -> FakeEstimator:
        closed.wait(1.0)
        return estimator

    source = ScriptedSource(None, live=True, fps=100)
    source.script = lambda number: bool(estimator.seen) and source.closed.wait(60) and None
    session = Session(lambda: source, load, RUN)
    try:
        session.start()
        run_command._watch(session, threading.Event(), ARGUMENTS)
        assert not session.finished.is_set()
        assert estimator.seen
    finally:
        assert session.stop().failure is None


def test_a_model_that_cannot_be_loaded_ends_the_run() -> None:
    def broken() -> FakeEstimator:
        raise PoseAppError("No such model.")

    session = Session(lambda: ScriptedSource(None, live=True, fps=100), broken, RUN)
    try:
        session.start()
        run_command._watch(session, threading.Event(), ARGUMENTS)
    finally:
        with pytest.raises(PoseAppError, match="No such model"):
            raise session.stop().failure or AssertionError


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--size", "640x480"], "--size is for cameras: leave it out for "),
        (["--fps", "30"], "--fps is for cameras and pictures: leave it out for "),
        (["--reconnect"], "--reconnect is for cameras and streams: leave it out for "),
    ],
)
def test_options_that_a_file_would_not_heed_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.jpg").touch()
    for source in ("demo", str(tmp_path / "a.mp4"), str(tmp_path / "a.jpg")):
        if words[0] == "--fps" and source.endswith("jpg"):
            continue
        assert cli.main(["run", source, *words]) == 2
        assert capsys.readouterr().err == f"pose-app: {told}{source}.\n"


def test_pictures_and_cameras_heed_a_rate(tmp_path: Path) -> None:
    for source in (str(tmp_path), str(tmp_path / "*.jpg"), "0", "rtsp://camera/1"):
        wanted = argparse.Namespace(source=source, size=None, fps=30.0, reconnect=False)
        run_command._check_camera_options(wanted)


def test_a_photo_has_people_and_no_rate() -> None:
    def told(session: Session) -> str:
        session.start()
        assert session.finished.wait(20)
        return run_command._summary(session.stop(), session.latest())

    one = Session(lambda: ScriptedSource(1), FakeEstimator, RUN)
    assert re.fullmatch(r"1 frame on .+, 1 person found, 0 dropped", told(one))
    more = Session(lambda: ScriptedSource(2), FakeEstimator, RUN)
    assert re.fullmatch(r"2 frames at [\d.]+ fps on .+, 0 dropped", told(more))
