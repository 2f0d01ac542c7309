"""Engines, encoders, disks and processes that fail, under the real pipeline: real decoders,
network, encoder and files. Sources that fail are in test_source_faults.py.

Whatever happens: nothing hangs, every frame is accounted for, every file is whole (`Running` checks
this at its end), and an event says what happened.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from pose_app import PoseEstimator, cli
from pose_app.pipeline import recording_manager
from pose_app.recording import files, video_writer, writer
from pose_app.recording.keypoint_log import LogReader
from pose_app.recording.repair import repair
from pose_app.recording.verify import verify
from pose_app.sources import open_source
from tests.e2e.test_run import command
from tests.faults import EngineFault
from tests.running import Running

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="of Unix")


def recorded_demo(folder: Path, **options: Any) -> Running:
    """The demo, recorded from its first frame on; however busy the machine is, nothing hangs."""
    options = {"stall_seconds": 60.0, **options}
    running = Running(lambda: open_source("demo"), folder, **options)
    running.record()
    return running


# The engine.


@pytest.mark.parametrize("kind", ["raises", "out of memory", "NaN", "hangs"])
def test_an_engine_that_fails_is_replaced_by_the_next(tmp_path: Path, kind: str) -> None:
    fault = EngineFault()
    opened: list[PoseEstimator] = []

    def opener() -> PoseEstimator:
        opened.append(fault.opener(PoseEstimator.open)())
        return opened[-1]

    stall = {"stall_seconds": 5.0} if kind == "hangs" else {}
    with recorded_demo(tmp_path, estimator=opener, **stall) as running:
        running.until_processed(12)
        fault.next = kind
        word = "no answer" if kind == "hangs" else "Going on with the next engine"
        running.until_event("warning", word)
        running.until_event("engine_changed", "Now running on PyTorch")  # not what has just failed
        running.until_processed(10)
        fault.released.set()
        running.until(lambda: [t.name for t in threading.enumerate()].count("inference") == 1)
    assert fault.happened == 1
    if kind == "hangs":
        opened[0].close()  # the session leaves a hanging one alone


# Files.


def test_an_encoder_that_falls_behind_drops_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = video_writer.Recorder._mux

    def slow(self: Any, frame: Any) -> int:
        time.sleep(0.2)
        return real(self, frame)

    monkeypatch.setattr(video_writer.Recorder, "_mux", slow)
    monkeypatch.setattr(video_writer, "QUEUE_FRAMES", (2, 2))
    with recorded_demo(tmp_path) as running:
        running.until_processed(3)  # without any there is no log
        running.until(
            lambda: (r := running.session.metrics().recording) is not None and r.dropped > 10
        )
    assert running.report is not None
    dropped = [file.dropped.get(writer.FULL, 0) for file in running.report.recordings[0].files]
    assert max(dropped) > 5
    running.until_event("recording_finished", "dropped")


def test_an_encoder_that_hangs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, let_go = video_writer.Recorder._mux, threading.Event()

    def hang(self: Any, frame: Any) -> int:
        if frame is not None and frame.pts > 0 and self.kind == "annotated":
            let_go.wait(60)
        return real(self, frame)

    monkeypatch.setattr(video_writer.Recorder, "_mux", hang)
    monkeypatch.setattr(recording_manager, "STALL_SECONDS", 0.5)
    with recorded_demo(tmp_path) as running:
        running.until_event("warning", "take1.mp4 has not been written to")
        running.until_processed(10)
        let_go.set()


def test_a_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage, free = namedtuple("usage", "total used free"), [10**10]
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage(10**12, 0, free[0]))
    monkeypatch.setattr(writer, "WATCH_SECONDS", 0.05)
    with recorded_demo(tmp_path, broken=True) as running:
        running.until_processed(20)
        free[0] = files.FREE_BYTES - 1
        running.until_event("warning", "nearly full")
        running.until_event("recording_finished")
        running.until_processed(10)  # the pictures go on
        assert running.session.metrics().recording is None
    assert len(list(LogReader(tmp_path / "take1.jsonl"))) >= 15


def test_a_run_ends_when_its_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = namedtuple("usage", "total used free")

    def disk_usage(_: object) -> Any:
        written = sum(path.stat().st_size for path in tmp_path.iterdir())
        return usage(1, 0, 10**10 if written < 200_000 else 10**6)

    monkeypatch.setattr(files.shutil, "disk_usage", disk_usage)
    monkeypatch.setattr(writer, "WATCH_SECONDS", 0.1)
    words = ["--record", tmp_path / "a.mp4", "--log", tmp_path / "a.jsonl", "--json"]
    assert cli.main(["run", "demo", "--frames", "10000000", *map(str, words)]) == 1
    shown = capsys.readouterr()
    assert "nearly full" in shown.err
    report = json.loads(shown.out)
    assert report["conserved"]
    assert all("nearly full" in file["error"] for file in report["recorded"])
    assert verify(tmp_path / "a.mp4").frames > 0
    assert len(list(LogReader(tmp_path / "a.jsonl"))) > 0


def test_a_real_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device itself says no: /dev/full takes the place of the file."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    real = video_writer.Recorder._open

    def on_a_full_device(self: Any, width: int, height: int) -> None:
        real(self, width, height)
        if self.kind == "raw":
            self._container.close()
            (tmp_path / "take1-raw.mkv").unlink()
            path, self.path = self.path, Path("/dev/full")
            real(self, width, height)
            self.path = path

    monkeypatch.setattr(video_writer.Recorder, "_open", on_a_full_device)
    with recorded_demo(tmp_path, broken=True) as running:
        running.until_event("warning", "take1-raw.mkv")
        running.until_processed(10)
    assert running.report is not None
    kinds = {file.kind: file.error for file in running.report.recordings[0].files}
    assert "no space left" in str(kinds["raw"])
    assert kinds["annotated"] is None  # the others go on


@POSIX
def test_a_folder_that_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "WATCH_SECONDS", 0.05)
    folder = tmp_path / "recordings"
    folder.mkdir()
    with recorded_demo(folder, broken=True) as running:
        running.until_processed(5)
        shutil.rmtree(folder)
        running.until_event("warning", "is gone")
        running.until_event("recording_finished")
        running.until_processed(5)


@POSIX
def test_a_folder_that_becomes_read_only(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    with recorded_demo(folder) as running:
        running.until_processed(5)
        folder.chmod(0o500)
        running.until_processed(10)
    folder.chmod(0o700)


# The whole process.


def _start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("run", "demo", "--frames", 10**7, "--record", folder / "a.mp4", "--raw",
                folder / "r.mkv", "--log", folder / "a.jsonl", *words),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _lines(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


def _until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_kill_leaves_everything_playable_to_the_last_second(tmp_path: Path) -> None:
    process = _start(tmp_path)
    _until(lambda: _lines(tmp_path / "a.jsonl") > 60)
    process.kill()
    process.communicate(timeout=60)
    logged = [frame.seconds for frame in LogReader(tmp_path / "a.jsonl")]
    assert len(logged) >= 59
    for name in ("a.mp4", "r.mkv"):
        check = verify(tmp_path / name, tmp_path / "a.jsonl")
        assert check.good, check.problems
        assert not check.closed
        assert check.seconds > logged[-1] - 1
        path, frames, _ = repair(tmp_path / name)
        repaired = verify(path, tmp_path / "a.jsonl")
        assert repaired.frames == frames >= check.frames - 1
        assert repaired.closed


@POSIX
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("wait", [0.05, 0.6, 1.6])
def test_ending_at_any_phase_leaves_no_process_and_no_broken_file(
    tmp_path: Path, number: int, wait: float
) -> None:
    process = _start(tmp_path)
    watched = psutil.Process(process.pid)
    time.sleep(wait)
    children = watched.children(recursive=True)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert not psutil.pid_exists(process.pid)
    assert not [child for child in children if child.is_running()]
    if number != signal.SIGKILL and process.returncode == 0:
        assert "Traceback" not in err
    for path in tmp_path.glob("[ar].m*"):
        # Killed before the first frame, a file is empty, or an mp4 has no description of its video.
        data = path.read_bytes()
        if b"moov" in data or (data and path.suffix != ".mp4"):
            check = verify(path, None)
            assert check.good or check.frames == 0, check.problems
    for log in tmp_path.glob("*.jsonl"):
        if log.stat().st_size:
            list(LogReader(log))


def test_two_copies_at_once(tmp_path: Path) -> None:
    """Both want the same names: one gets them, the other says so and touches nothing."""
    first = _start(tmp_path)
    _until(lambda: _lines(tmp_path / "a.jsonl") > 5)
    second = _start(tmp_path)
    _, err = second.communicate(timeout=60)
    assert second.returncode == 2
    assert "exists already" in err
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert verify(tmp_path / "a.mp4").good
