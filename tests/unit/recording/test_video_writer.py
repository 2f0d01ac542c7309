"""Recordings are read back with a decoder of their own, frame by frame."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import namedtuple
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from pose_app.drawing.draw import draw
from pose_app.drawing.options import DrawOptions
from pose_app.errors import RecordingError
from pose_app.recording import files, video_writer
from pose_app.recording import writer as writer_module
from pose_app.recording.recording import RecordingReport
from pose_app.recording.video_writer import Recorder
from pose_app.types import Frame, FrameResult, Image
from tests.faults import hanging_disk
from tests.media import numbered_picture, picture_number
from tests.poses import make_result

SUFFIXES = (".mp4", ".mkv")


def read_back(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        return [
            (float(frame.pts * frame.time_base), frame.to_ndarray(format="bgr24"))
            for frame in container.decode(video=0)
        ]


def irregular(count: int, seed: int = 1) -> list[float]:
    """Frames 1/120 to 1/5 of a second apart, with one pause of a minute."""
    chance = random.Random(seed)
    times, now = [], 0.0
    for number in range(count):
        times.append(now)
        now += 1 / chance.uniform(5, 120) + (60 if number == count // 2 else 0)
    return times


def skeleton(image: np.ndarray, result: FrameResult | None) -> np.ndarray:
    assert result is not None
    return draw(result, DrawOptions())


def record(path: Path, times: list[float], **options: object) -> object:
    recorder = Recorder(path, lossless=True, **options)  # type: ignore[arg-type]
    for number, seconds in enumerate(times):
        frame = Frame(number, 0, seconds, numbered_picture(number))
        assert recorder.offer(numbered_picture(number), seconds, make_result(frame))
    return recorder.close()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", ["raw", "annotated"])
def test_every_frame_comes_back_at_its_own_time(tmp_path: Path, suffix: str, kind: str) -> None:
    path, times = tmp_path / f"out{suffix}", irregular(90)
    report = record(path, times, kind=kind, draw=skeleton if kind == "annotated" else None)
    assert (report.offered, report.written, report.dropped) == (90, 90, {})  # type: ignore[attr-defined]
    assert report.conserved
    assert report.bytes == path.stat().st_size
    frames = read_back(path)
    assert len(frames) == 90
    tick = 1 / video_writer.TICKS[files.CONTAINERS[suffix]]
    assert [seconds for seconds, _ in frames] == pytest.approx(times, abs=tick)
    if kind == "raw":
        assert [picture_number(image) for _, image in frames] == list(range(90))


def test_pictures_stay_as_they_were(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 160, dtype=np.uint8)
    planes = np.tile(ramp, (96, 1)), np.tile(ramp[::-1], (96, 1)), np.full((96, 160), 90)
    image = np.stack(planes, axis=-1).astype(np.uint8)
    recorder = Recorder(tmp_path / "out.mp4", lossless=True)
    recorder.offer(image, 0.0)
    recorder.close()
    ((_, back),) = read_back(tmp_path / "out.mp4")
    assert np.abs(back.astype(int) - image).mean() < 2.5


@pytest.mark.parametrize("size", [(161, 97), (160, 97), (161, 96), (1, 1)])
def test_odd_sizes_get_one_more_row_or_column(tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    image = np.full((height, width, 3), (30, 120, 220), np.uint8)
    recorder = Recorder(tmp_path / "out.mp4", lossless=True)
    recorder.offer(image, 0.0)
    recorder.close()
    ((_, back),) = read_back(tmp_path / "out.mp4")
    assert back.shape[:2] == (height + height % 2, width + width % 2)
    assert np.abs(back.astype(int) - (30, 120, 220)).max() < 12  # the border, too


def test_times_that_stand_still_or_go_back_still_increase(tmp_path: Path) -> None:
    record(tmp_path / "out.mp4", [0.0, 0.1, 0.1, 0.05, 0.2])
    times = [seconds for seconds, _ in read_back(tmp_path / "out.mp4")]
    assert len(times) == 5
    assert all(b > a for a, b in pairwise(times))
    assert times[-1] == pytest.approx(0.2, abs=1e-4)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("work of weeks")
    recorder = Recorder(path)
    with pytest.raises(RecordingError, match="exists already"):
        recorder.opened.result(20)
    recorder.close()
    assert path.read_text() == "work of weeks"


@pytest.mark.parametrize("name", ["out.avi", "out", "out.mp4.txt"])
def test_other_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordingError, match=r"use \.mp4 or \.mkv"):
        Recorder(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "nowhere" / "out.mp4")
    with pytest.raises(RecordingError, match="cannot be written"):
        recorder.opened.result(20)
    assert "cannot be written" in str(recorder.close().error)


def test_a_recording_without_a_frame_leaves_no_file(tmp_path: Path) -> None:
    report = Recorder(tmp_path / "out.mp4").close()
    assert report.written == 0
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _disk_with(monkeypatch, [files.FREE_BYTES // 2])
    recorder = Recorder(tmp_path / "out.mp4")
    with pytest.raises(RecordingError, match="100 MB are free"):
        recorder.opened.result(20)
    recorder.close()
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_ends_the_recording_cleanly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = [10 * files.FREE_BYTES]
    _disk_with(monkeypatch, space)
    monkeypatch.setattr(writer_module, "WATCH_SECONDS", 0.0)
    failed = threading.Event()
    path = tmp_path / "out.mp4"
    recorder = Recorder(path, lossless=True, on_failure=lambda _: failed.set())
    for number in range(20):
        assert recorder.offer(numbered_picture(number), number / 30)
    _until(lambda: not recorder._queue)
    space[0] = files.FREE_BYTES - 1
    recorder.offer(numbered_picture(20), 20 / 30)
    assert failed.wait(10)
    assert not recorder.offer(numbered_picture(21), 21 / 30)
    report = recorder.close()
    assert "nearly full" in str(report.error)
    assert report.conserved
    assert 20 <= report.written <= 21
    assert len(read_back(path)) == report.written


def test_what_was_taken_before_the_disk_was_full_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space, real, slow = [10 * files.FREE_BYTES], Recorder._mux, threading.Event()
    _disk_with(monkeypatch, space)
    monkeypatch.setattr(writer_module, "WATCH_SECONDS", 0.0)

    def waiting(self: Recorder, frame: av.VideoFrame | None) -> int:
        slow.wait(10)
        return real(self, frame)

    monkeypatch.setattr(Recorder, "_mux", waiting)
    recorder = Recorder(tmp_path / "out.mp4")
    taken = [recorder.offer(numbered_picture(number), number / 30) for number in range(6)]
    space[0] = files.FREE_BYTES - 1
    slow.set()
    _until(lambda: recorder.error is not None)
    assert not recorder.offer(numbered_picture(6), 6 / 30)
    report = recorder.close()
    assert "nearly full" in str(report.error)
    assert all(taken)
    assert len(read_back(tmp_path / "out.mp4")) == report.written == len(taken)


def test_an_encoder_that_fails_leaves_everything_before_playable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Recorder._mux

    def failing(self: Recorder, frame: av.VideoFrame | None) -> int:
        if frame is not None and frame.pts >= 90_000:
            raise av.error.ExternalError(1, "the encoder broke")
        return real(self, frame)

    monkeypatch.setattr(Recorder, "_mux", failing)
    failures: list[str | None] = []
    recorder = Recorder(
        tmp_path / "out.mp4", lossless=True, on_failure=lambda w: failures.append(w.error)
    )
    for number in range(60):
        recorder.offer(numbered_picture(number), number / 30)
    report = recorder.close()
    assert "the encoder broke" in str(report.error)
    assert failures == [report.error]
    assert report.conserved
    assert report.written == 30
    assert [picture_number(image) for _, image in read_back(report.path)] == list(range(30))


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
def test_a_folder_that_is_deleted_ends_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "WATCH_SECONDS", 0.01)
    folder = tmp_path / "stick"
    folder.mkdir()
    recorder = Recorder(folder / "out.mp4", lossless=True)
    recorder.offer(numbered_picture(0), 0.0)
    _until(lambda: recorder._written > 0)
    (folder / "out.mp4").unlink()
    folder.rmdir()
    _until(lambda: recorder.error is not None)
    report = recorder.close()
    assert "is gone" in str(report.error)
    assert report.conserved


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
def test_a_file_deleted_just_before_the_end_is_told(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4", lossless=True)
    recorder.offer(numbered_picture(0), 0.0)
    _until(lambda: recorder._written > 0)
    recorder.path.unlink()
    report = recorder.close()
    assert "is gone" in str(report.error)
    assert report.conserved
    assert RecordingReport((report,)).paths == (), "it is not said to be saved"


def test_a_slow_encoder_drops_and_counts(tmp_path: Path) -> None:
    gate = threading.Event()

    def slow(image: np.ndarray, pose: object) -> np.ndarray:
        gate.wait(30)
        return image

    recorder = Recorder(tmp_path / "out.mp4", draw=slow)
    taken = [recorder.offer(numbered_picture(n), n / 30) for n in range(100)]
    assert taken.count(False) >= 100 - video_writer.QUEUE_FRAMES[1] - 1
    assert recorder.dropped == taken.count(False)
    gate.set()
    report = recorder.close()
    assert report.dropped == {writer_module.FULL: taken.count(False)}
    assert report.written == taken.count(True)
    assert report.conserved
    kept = [number for number, there in enumerate(taken) if there]
    assert [picture_number(image) for _, image in read_back(report.path)] == kept


def test_large_pictures_shorten_the_queue(tmp_path: Path) -> None:
    gate = threading.Event()

    def slow(image: np.ndarray, pose: object) -> np.ndarray:
        gate.wait(30)
        return image[:16, :16]

    recorder = Recorder(tmp_path / "out.mp4", draw=slow)
    image = np.zeros((2160, 3840, 3), np.uint8)  # 25 MB
    taken = [recorder.offer(image, n / 30) for n in range(12)]
    gate.set()
    recorder.close()
    assert taken.count(True) in (video_writer.QUEUE_FRAMES[0], video_writer.QUEUE_FRAMES[0] + 1)


def test_a_writer_that_hangs_is_left_behind_and_named(tmp_path: Path) -> None:
    gate = threading.Event()

    def hanging(image: np.ndarray, pose: object) -> np.ndarray:
        gate.wait(60)
        return image

    recorder = Recorder(tmp_path / "out.mp4", draw=hanging)
    for number in range(5):
        recorder.offer(numbered_picture(number), number / 30)
    report = recorder.close(timeout=0.2)
    assert recorder.thread.is_alive()
    assert recorder.thread.name == "write raw"
    assert report.conserved
    assert report.written == 0
    assert "does not answer" in str(report.error)
    gate.set()
    recorder.thread.join(10)


def test_a_disk_that_hangs_holds_nobody_but_its_own_thread(tmp_path: Path) -> None:
    """Neither at the start nor for a look at the file's size nor at the end."""
    with hanging_disk(tmp_path) as disk:
        recorder = Recorder(tmp_path / "out.mp4")
        assert recorder.offer(numbered_picture(0), 0.0), "it waits in the queue"
        assert (recorder.bytes, recorder.free_bytes) == (0, None)
        assert recorder.busy_since is not None
        report = recorder.close(timeout=0.2)
        assert recorder.thread.is_alive()
        assert disk.waiting == {"write raw"}
        assert disk.others == set()
        assert "out.mp4 was not finished, because its disk does not answer" in str(report.error)
        assert report.conserved
        disk.answers.set()
        recorder.thread.join(10)
        assert not recorder.thread.is_alive()


def test_a_writer_that_failed_does_not_count_as_one_that_hangs(tmp_path: Path) -> None:
    def fail(image: Image, result: object) -> Image:
        raise RuntimeError("cannot draw this")

    recorder = Recorder(tmp_path / "out.mp4", draw=fail)
    recorder.offer(numbered_picture(0), 0.0)
    recorder.thread.join(10)
    assert recorder.error is not None
    assert recorder.busy_since is None
    recorder.close()


def test_a_lossless_writer_makes_the_sender_wait(tmp_path: Path) -> None:
    recorder = Recorder(
        tmp_path / "out.mp4", draw=lambda image, _: (time.sleep(0.005), image)[1], lossless=True
    )
    assert all(recorder.offer(numbered_picture(n), n / 30) for n in range(80))
    report = recorder.close()
    assert report.written == 80
    assert report.dropped == {}


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from pose_app.recording.video_writer import Recorder
from tests.media import numbered_picture
recorder = Recorder(Path(sys.argv[1]), lossless=True)
for number in range(10_000):
    recorder.offer(numbered_picture(number), number / 50)
    while recorder._written < number:
        time.sleep(0.001)
    print(number, flush=True)
    if number >= 100:
        time.sleep(0.02)
"""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_kill_costs_one_frame(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    root = str(Path(__file__).parents[3])
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED.format(root=root), str(path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    last = 0
    for line in process.stdout:
        last = int(line)
        if last == 120:
            break
    process.kill()
    last = max([last, *map(int, process.stdout.read().split())])
    process.wait()
    process.stdout.close()
    numbers = [picture_number(image) for _, image in read_back(path)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= last - 1  # `last` had been offered only


def _disk_with(monkeypatch: pytest.MonkeyPatch, space: list[int]) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage(10**12, 0, space[0]))


def _until(condition: object, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.005)
