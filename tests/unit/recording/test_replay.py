"""The replay buffer: real pictures, really encoded, read back with a decoder of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from pose_app.errors import RecordingError
from pose_app.recording import replay
from pose_app.recording.replay import GROUP_SECONDS, ReplayTrack
from pose_app.recording.verify import verify
from tests.media import numbered_picture, picture_number
from tests.unit.recording.test_video_writer import _until, read_back

FPS = 20


def picture(number: int, size: tuple[int, int] = (192, 96)) -> Callable[[], np.ndarray]:
    return lambda: numbered_picture(number, size)


def feed(track: ReplayTrack, numbers: range, start: float = 0.0) -> None:
    for number in numbers:
        _until(lambda: len(track._queue) < track._room)
        assert track.offer(picture(number), start + number / FPS)
    _until(lambda: not (track._queue or track._busy))


@pytest.fixture
def track():
    made = ReplayTrack("annotated", 3.0)
    yield made
    made.close()
    assert not made.thread.is_alive()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_last_seconds_are_a_whole_file(track: ReplayTrack, tmp_path: Path, suffix: str) -> None:
    feed(track, range(200), start=1000.0)
    path = tmp_path / f"replay{suffix}"
    report = track.save(path)
    frames = read_back(path)
    numbers = [picture_number(image) for _, image in frames]
    assert numbers == list(range(numbers[0], 200))  # the newest, without a hole
    times = [seconds for seconds, _ in frames]
    assert times[0] == 0
    assert times == pytest.approx([(n - numbers[0]) / FPS for n in numbers], abs=2e-3)
    assert 3.0 <= times[-1] <= 3.0 + GROUP_SECONDS + 1 / FPS
    assert verify(path).good
    assert verify(path).closed
    assert report.conserved
    assert (report.written, report.path, report.kind) == (len(frames), path, "annotated")
    assert report.bytes == path.stat().st_size
    assert report.seconds == pytest.approx(times[-1], abs=1e-3)


def test_it_begins_with_a_key_frame_and_can_be_wound(track: ReplayTrack, tmp_path: Path) -> None:
    feed(track, range(120))
    track.save(tmp_path / "replay.mp4")
    with av.open(str(tmp_path / "replay.mp4")) as container:
        stream = container.streams.video[0]
        keys = [float(p.pts * p.time_base) for p in container.demux(stream) if p.is_keyframe]
    assert keys[0] == 0
    assert len(keys) >= 3
    assert all(b - a == pytest.approx(GROUP_SECONDS, abs=2 / FPS) for a, b in pairwise(keys))


def test_saving_stops_nothing(track: ReplayTrack, tmp_path: Path) -> None:
    feed(track, range(80))
    track.save(tmp_path / "first.mp4")
    feed(track, range(80, 160))
    track.save(tmp_path / "second.mp4")
    first, second = (read_back(tmp_path / f"{name}.mp4") for name in ("first", "second"))
    assert picture_number(first[-1][1]) == 79
    assert picture_number(second[-1][1]) == 159
    assert track.dropped == 0


def test_frames_at_any_times_keep_them(track: ReplayTrack, tmp_path: Path) -> None:
    times = [0.0, 0.01, 0.5, 0.5, 1.9, 1.95]
    for number, seconds in enumerate(times):
        _until(lambda: len(track._queue) < track._room)
        assert track.offer(picture(number), seconds)
    track.save(tmp_path / "replay.mkv")
    back = [seconds for seconds, _ in read_back(tmp_path / "replay.mkv")]
    assert back == pytest.approx(times, abs=2e-3)
    assert all(b > a for a, b in pairwise(back))


@pytest.mark.parametrize("gap", [2.0, 600.0])
def test_a_pause_is_not_what_has_just_happened(
    track: ReplayTrack, tmp_path: Path, gap: float
) -> None:
    """As long as the camera was away, the buffer is not longer than it should be."""
    feed(track, range(100))
    feed(track, range(100, 140), start=gap)
    assert track.kept_seconds <= 3.0 + 2 * GROUP_SECONDS
    track.save(tmp_path / "replay.mp4")
    frames = read_back(tmp_path / "replay.mp4")
    numbers = [picture_number(image) for _, image in frames]
    assert numbers == list(range(numbers[0], 140))
    assert numbers[0] == 100 or gap < 3.0
    assert frames[-1][0] <= 3.0 + 2 * GROUP_SECONDS


def test_memory_is_what_is_kept(track: ReplayTrack) -> None:
    assert (track.bytes, track.kept_seconds) == (0, 0.0)
    feed(track, range(100))
    early = track.bytes
    assert early > 0
    feed(track, range(100, 400))
    assert 0.3 * early < track.bytes < 3 * early
    assert 3.0 <= track.kept_seconds <= 3.0 + 2 * GROUP_SECONDS
    track.clear()
    assert (track.bytes, track.kept_seconds) == (0, 0.0)


def test_memory_has_a_bound_whatever_the_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MOST_BYTES", 40_000)
    track = ReplayTrack("raw", 600.0)
    noise = np.random.default_rng(0)
    for number in range(120):
        _until(lambda: len(track._queue) < track._room)
        image = noise.integers(0, 255, (48, 64, 3), np.uint8)
        track.offer(lambda image=image: image, number / FPS)
    _until(lambda: not (track._queue or track._busy))
    assert 0 < track.kept_seconds < 5
    group = max(g.bytes for g in track._groups)
    assert track.bytes <= 40_000 + 2 * group
    track.close()
    assert track.bytes == 0


@pytest.mark.parametrize("change", ["size", "time", "clear"])
def test_another_source_begins_anew(track: ReplayTrack, tmp_path: Path, change: str) -> None:
    feed(track, range(60))
    if change == "clear":
        track.clear()
    size, start = ((130, 97) if change == "size" else (192, 96)), (60.0 if change != "time" else 0)
    for number in range(30):
        _until(lambda: len(track._queue) < track._room)
        assert track.offer(picture(100 + number, size), start + number / FPS)
    track.save(tmp_path / "replay.mp4")
    frames = read_back(tmp_path / "replay.mp4")
    assert len(frames) == 30
    assert frames[0][1].shape[:2] == (size[1] + size[1] % 2, size[0] + size[0] % 2)
    if change != "size":
        assert picture_number(frames[0][1]) == 100


def test_a_slow_encoder_drops_and_never_makes_anybody_wait(tmp_path: Path) -> None:
    gate, track = threading.Event(), ReplayTrack("annotated", 3.0)

    def slow() -> np.ndarray:
        assert gate.wait(30)
        return numbered_picture(1)

    taken = [track.offer(slow, number / FPS) for number in range(20)]
    assert not all(taken)
    assert track.dropped == taken.count(False)
    gate.set()
    track.save(tmp_path / "replay.mp4")
    assert len(read_back(tmp_path / "replay.mp4")) == taken.count(True)
    track.close()


def test_a_drawing_that_fails_is_told_when_saving(tmp_path: Path) -> None:
    def failing() -> np.ndarray:
        raise ValueError("no such stack")

    track = ReplayTrack("annotated", 3.0)
    track.offer(failing, 0.0)
    _until(lambda: not track.thread.is_alive())
    assert not track.offer(picture(1), 1.0)
    with pytest.raises(RecordingError, match="The replay buffer has stopped"):
        track.save(tmp_path / "replay.mp4")
    track.close()


def test_saving_is_refused_with_a_reason_and_leaves_nothing(
    track: ReplayTrack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RecordingError, match="nothing to save yet"):
        track.save(tmp_path / "replay.mp4")
    feed(track, range(10))
    with pytest.raises(RecordingError, match=r"use \.mp4 or \.mkv"):
        track.save(tmp_path / "replay.avi")
    (tmp_path / "taken.mp4").write_text("work of weeks")
    with pytest.raises(RecordingError, match="exists already"):
        track.save(tmp_path / "taken.mp4")
    assert (tmp_path / "taken.mp4").read_text() == "work of weeks"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(replay, "_write", full)
    with pytest.raises(RecordingError, match="no space left"):
        track.save(tmp_path / "replay.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.mp4"]
