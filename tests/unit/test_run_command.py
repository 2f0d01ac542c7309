"""`pose-app run` without a process of its own."""

from __future__ import annotations

import argparse
import threading

import pytest

from pose_app import run_command
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
