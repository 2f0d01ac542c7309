"""The replay buffer in a session with real threads: kept, saved, changed, ended."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from pose_app.drawing.options import DrawOptions
from pose_app.errors import RecordingError
from pose_app.pipeline.replay_manager import ReplayManager
from pose_app.recording.recording import RecordingRequest, ReplayRequest
from pose_app.recording.replay import GROUP_SECONDS
from pose_app.recording.verify import verify
from tests.media import picture_number
from tests.scripted import ScriptedSource
from tests.unit.pipeline.session_run import WINDOW, Run
from tests.unit.recording.test_video_writer import read_back


def numbers(path: Path) -> list[int]:
    assert verify(path).good
    return [picture_number(image) for _, image in read_back(path)]


def kept(session: object) -> float:
    state = session.replay()  # type: ignore[attr-defined]
    assert state is not None
    assert state.error is None
    return float(state.seconds)


def test_the_last_seconds_of_a_camera_drawn_and_raw(run: Run, tmp_path: Path) -> None:
    session = run(ScriptedSource(None, live=True, fps=60.0), options=WINDOW)
    assert session.replay() is None
    session.keep_replay(ReplayRequest(1.0, annotated=True, raw=True))
    session.start()
    run.until(lambda: session.metrics().processed > 180)  # three times what is kept
    assert 1.0 <= kept(session) <= 1.0 + 2 * GROUP_SECONDS
    drawn, raw = tmp_path / "drawn.mp4", tmp_path / "raw.mkv"
    report = session.save_replay(drawn, raw)
    assert [file.path for file in report.files] == [drawn, raw]
    assert report.conserved
    shown = numbers(raw)
    assert shown == sorted(shown)
    assert verify(drawn).good
    for path in (drawn, raw):
        assert 1.0 <= verify(path).seconds < 1.0 + 2 * GROUP_SECONDS
    # The skeleton is in one of them alone, in its middle.
    last = [read_back(path)[-1][1][20:76, 60:130].astype(int) for path in (drawn, raw)]
    colour = [np.ptp(image, axis=2).max() for image in last]
    assert colour[0] > 100 > 60 > colour[1]
    # It goes on.
    run.until(lambda: session.metrics().processed > 240)
    session.save_replay(raw=tmp_path / "later.mp4")
    assert numbers(tmp_path / "later.mp4")[-1] > shown[-1]


def test_it_is_off_until_it_is_asked_for_and_again_afterwards(
    run: Run,
    tmp_path: Path,
) -> None:
    session = run(ScriptedSource(None, live=True, fps=60.0), options=WINDOW)
    session.start()
    run.until(lambda: session.metrics().processed > 5)
    with pytest.raises(RecordingError, match="replay buffer is off"):
        session.save_replay(tmp_path / "a.mp4")
    assert not any(thread.name.startswith("replay") for thread in threading.enumerate())
    session.keep_replay(ReplayRequest(1.0))
    run.until(lambda: kept(session) > 0.2)
    with pytest.raises(RecordingError, match="replay buffer is off"):
        session.save_replay(raw=tmp_path / "a.mp4")
    with pytest.raises(RecordingError, match="name a video"):
        session.save_replay()
    session.keep_replay(None)
    assert session.replay() is None
    run.until(lambda: not any(thread.name.startswith("replay") for thread in threading.enumerate()))
    assert not list(tmp_path.iterdir())


def test_ending_it_waits_for_nothing_but_the_session_does() -> None:
    manager = ReplayManager()
    drawing, go_on = threading.Event(), threading.Event()

    def slow_picture() -> np.ndarray:
        drawing.set()
        go_on.wait(30)
        return np.zeros((64, 96, 3), np.uint8)

    manager.keep(ReplayRequest(1.0))
    track = manager._annotated
    assert track is not None
    track.offer(slow_picture, 0.0)
    assert drawing.wait(30)
    join = track.thread.join
    track.thread.join = lambda timeout=None: pytest.fail("it waits")  # type: ignore[method-assign]
    manager.keep(ReplayRequest(1.0))
    manager.keep(None)
    assert manager.state() is None
    track.thread.join = join  # type: ignore[method-assign]
    go_on.set()
    manager.close()
    assert not track.thread.is_alive()
    assert track.bytes == 0


def test_what_is_drawn_may_change_and_a_recording_runs_beside_it(
    run: Run,
    tmp_path: Path,
) -> None:
    session = run(ScriptedSource(None, live=True, fps=60.0), options=WINDOW)
    session.keep_replay(ReplayRequest(5.0))
    session.record(RecordingRequest(tmp_path / "recording.mp4"))
    session.start()
    run.until(lambda: kept(session) > 0.4)
    session.set_drawing(DrawOptions("raw", "black"))
    session.set_replay_drawing(DrawOptions("raw", "black"))
    run.until(lambda: kept(session) > 1.0)
    session.save_replay(tmp_path / "replay.mp4")
    session.stop()
    for name in ("recording.mp4", "replay.mp4"):
        bright = [image[:4].max() > 60 for _, image in read_back(tmp_path / name)]
        assert bright[0]
        assert not bright[-1]
        assert bright == sorted(bright, reverse=True)


def test_another_size_begins_another_video(run: Run, tmp_path: Path) -> None:
    source = ScriptedSource(
        None, live=True, fps=60.0, script=lambda number: (96, 64) if number >= 40 else None
    )
    session = run(source, options=WINDOW)
    session.keep_replay(ReplayRequest(5.0, annotated=True, raw=True))
    session.start()
    run.until(lambda: session.metrics().processed > 60)
    session.save_replay(tmp_path / "a.mp4", tmp_path / "r.mp4")
    for name in ("a.mp4", "r.mp4"):
        frames = read_back(tmp_path / name)
        assert {image.shape for _, image in frames} == {(64, 96, 3)}
