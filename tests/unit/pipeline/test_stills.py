"""Recording pictures to be looked at: the video lasts as long as they are shown."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose_app.drawing.options import DrawOptions
from pose_app.pipeline.capture import AGAIN_SECONDS
from pose_app.pipeline.delivery import SEQUENCE_FPS
from pose_app.pipeline.lifecycle import State
from pose_app.recording.recording import RecordingRequest, ReplayRequest
from pose_app.recording.verify import verify
from pose_app.sources.images import ImagesSource
from tests.poses import FakeEstimator
from tests.unit.pipeline.session_run import RUN, WINDOW, Run
from tests.unit.recording.test_video_writer import read_back

ONCE = replace(WINDOW, loop=False)
GREY = 90, 160  # of the pictures
SECONDS_OF_A_PICTURE = 600.0  # of a slide show, longer than the test


def folder_of(tmp_path: Path, count: int) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(count):
        image = np.full((240, 320, 3), GREY[number], np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


def source_of(folder: Path) -> ImagesSource:
    return ImagesSource(folder, fps=1 / SECONDS_OF_A_PICTURE)


def request_in(tmp_path: Path) -> RecordingRequest:
    return RecordingRequest(tmp_path / "a.mp4", tmp_path / "raw.mp4", tmp_path / "a.jsonl")


def written(run: Run) -> float:
    state = run.sessions[-1].metrics().recording
    return 0.0 if state is None else state.seconds


def test_a_single_picture_is_recorded_as_long_as_it_is_shown(run: Run, tmp_path: Path) -> None:
    estimator = FakeEstimator()
    session = run(source_of(folder_of(tmp_path, 1)), estimator, ONCE)
    session.start()
    run.until(lambda: session.state is State.FINISHED and session.latest() is not None)
    before = len(estimator.seen)
    session.record(request_in(tmp_path))
    run.until(lambda: written(run) > 8 * AGAIN_SECONDS)
    session.set_drawing(DrawOptions(background="black"))
    at = written(run)
    run.until(lambda: written(run) > at + 8 * AGAIN_SECONDS)
    session.stop_recording()
    run.event("recording_finished")
    assert len(estimator.seen) <= before + 1  # the network is not asked again and again
    check = verify(tmp_path / "a.mp4")
    assert check.good
    assert check.gaps == ()
    assert check.frames >= 10
    assert check.log_frames == check.frames
    assert verify(tmp_path / "raw.mp4").good
    corners = [int(image[5, 5, 0]) for _, image in read_back(tmp_path / "a.mp4")]
    assert corners[0] > GREY[0] - 9  # the picture, then the black that was chosen meanwhile
    assert corners[-1] < 9
    assert all(int(image[5, 5, 0]) > GREY[0] - 9 for _, image in read_back(tmp_path / "raw.mp4"))


def test_pictures_stepped_through_last_as_long_as_they_were_shown(run: Run, tmp_path: Path) -> None:
    session = run(source_of(folder_of(tmp_path, 2)), FakeEstimator(), ONCE)
    session.controls.paused = True
    session.start()
    run.event("source_opened")
    session.step()
    run.until(lambda: session.latest() is not None)
    session.record(request_in(tmp_path))
    run.until(lambda: written(run) > 5 * AGAIN_SECONDS)
    session.step()
    run.until(lambda: (latest := session.latest()) is not None and latest.frame.index == 1)
    at = written(run)
    run.until(lambda: written(run) > at + 5 * AGAIN_SECONDS)
    session.stop_recording()
    run.event("recording_finished")
    check = verify(tmp_path / "a.mp4")
    assert check.good
    assert check.seconds < SECONDS_OF_A_PICTURE / 10
    corners = [int(image[5, 5, 0]) for _, image in read_back(tmp_path / "a.mp4")]
    assert [abs(corners[place] - GREY[number]) < 9 for place, number in ((0, 0), (-1, 1))] == [
        True,
        True,
    ]
    changes = [b for a, b in pairwise(corners) if abs(a - b) > 30]
    assert len(changes) == 1
    assert corners.index(changes[0]) >= 3


def test_the_last_seconds_of_a_still_are_kept(run: Run, tmp_path: Path) -> None:
    session = run(source_of(folder_of(tmp_path, 1)), FakeEstimator(), ONCE)
    session.keep_replay(ReplayRequest(seconds=10 * AGAIN_SECONDS, raw=True))
    session.start()
    run.until(lambda: (kept := session.replay()) is not None and kept.seconds > 5 * AGAIN_SECONDS)
    session.save_replay(tmp_path / "last.mp4", tmp_path / "raw.mp4")
    for name in ("last.mp4", "raw.mp4"):
        check = verify(tmp_path / name)
        assert check.good
        assert check.frames >= 4
    session.keep_replay(None)
    run.until(lambda: session.metrics().captured > 4)
    captured = session.metrics().captured
    time.sleep(3 * AGAIN_SECONDS)
    assert session.metrics().captured <= captured + 1


def test_without_a_recording_a_picture_is_delivered_once(run: Run, tmp_path: Path) -> None:
    session = run(source_of(folder_of(tmp_path, 1)), FakeEstimator(), ONCE)
    session.start()
    run.until(lambda: session.state is State.FINISHED)
    assert session.metrics().captured == 1


def test_nobody_is_followed_from_one_still_to_the_next(run: Run, tmp_path: Path) -> None:
    estimator = FakeEstimator()
    session = run(source_of(folder_of(tmp_path, 2)), estimator, ONCE)
    session.controls.paused = True
    session.start()
    run.event("source_opened")
    for number in range(2):
        session.step()
        run.until(
            lambda wanted=number: (
                (latest := session.latest()) is not None and latest.frame.index == wanted
            )
        )
    assert estimator.resets == 2
    assert not estimator.same_video
    assert all(estimator.twice)


@pytest.mark.parametrize(("fps", "resets"), [(1.0, 2), (25.0, 1)])
def test_pictures_are_stills_or_the_frames_of_a_video(
    run: Run, tmp_path: Path, fps: float, resets: int
) -> None:
    estimator = FakeEstimator()
    session = run(ImagesSource(folder_of(tmp_path, 2), fps=fps), estimator, RUN)
    session.start()
    run.until(lambda: session.state is State.FINISHED)
    assert estimator.seen == [0, 1]
    assert estimator.resets == resets
    assert estimator.twice == [fps < SEQUENCE_FPS] * 2
