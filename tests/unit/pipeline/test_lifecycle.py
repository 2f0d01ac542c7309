"""The states of a session, and how its frames travel."""

from __future__ import annotations

import pytest

from pose_app.errors import PoseAppError
from pose_app.pipeline.delivery import DeliveryPolicy
from pose_app.pipeline.lifecycle import Lifecycle, State
from pose_app.pipeline.options import SessionOptions
from pose_app.sources.base import SourceInfo

FILE = SourceInfo("video", "clip.mp4", (64, 48), fps=30.0)
CAMERA = SourceInfo("camera", "Desk camera", (64, 48), fps=30.0, live=True)


def test_a_run_goes_from_loading_to_finished() -> None:
    life = Lifecycle()
    assert (life.state, life.exhausted) == (State.LOADING, False)
    assert life.to(State.RUNNING, only_from=(State.LOADING,))
    assert not life.to(State.RUNNING, only_from=(State.LOADING,))
    assert life.to(State.DRAINING)
    assert life.exhausted
    assert not life.finished.is_set()
    assert life.to(State.FINISHED)
    assert life.finished.is_set()
    assert life.failure is None


def test_an_error_while_frames_are_left_ends_in_failed() -> None:
    life, error = Lifecycle(), PoseAppError("The disk broke.")
    assert life.to(State.DRAINING, error)
    assert not life.finished.is_set(), "the frames that were read come first"
    assert life.to(State.FINISHED)
    assert (life.state, life.failure) == (State.FAILED, error)
    assert not life.to(State.FAILED, PoseAppError("Another one."))
    assert life.failure is error, "the first one is why"


def test_another_source_goes_on_after_the_end() -> None:
    life = Lifecycle()
    for over in (State.FINISHED, State.FAILED):
        assert life.to(over, PoseAppError("Broken.") if over is State.FAILED else None)
        assert life.finished.is_set()
        assert not life.to(State.DRAINING)
        assert life.to(State.RUNNING)
        assert not life.finished.is_set()


@pytest.mark.parametrize("source", [FILE, CAMERA])
@pytest.mark.parametrize("run", [True, False])
def test_how_frames_travel_is_decided_by_source_and_session(source: SourceInfo, run: bool) -> None:
    policy = DeliveryPolicy.of(SessionOptions(lossless=run, paced=not run), source)
    assert policy.live == source.live
    assert policy.lossless == (run and source is FILE)
    assert policy.paced == (not run and source is FILE)
    assert policy.after_model == run
    assert policy.resumes == (not run)
