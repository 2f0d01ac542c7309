"""Sessions: files played in the window, and held pictures."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pose_app.pipeline.options import SessionOptions
from pose_app.pipeline.session import RecordingRequest, State
from pose_app.recording.keypoint_log import LogReader
from pose_app.sources import open_source
from pose_app.types import Region
from tests.media import picture_number, regular, write_video
from tests.poses import FakeEstimator
from tests.scripted import ScriptedSource
from tests.unit.pipeline.session_run import RUN, WINDOW, Run
from tests.unit.recording.test_video_writer import irregular


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
