"""Faults injected into the real pipeline: real decoders, network, encoder and files."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from pose_app import PoseEstimator, cli
from pose_app.pipeline import recording_manager, source_supervisor
from pose_app.pipeline.events import Event
from pose_app.pipeline.options import SessionOptions
from pose_app.pipeline.session import RecordingRequest, Session
from pose_app.recording import files, video_writer, writer
from pose_app.recording.keypoint_log import LogReader
from pose_app.recording.repair import repair
from pose_app.recording.verify import verify
from pose_app.sources.opening import open_source
from tests.e2e.test_run import command
from tests.fakes import FakeCamera, FakeCameras
from tests.servers import MjpegServer

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="of Unix")


class Desk:
    """A session as the window runs it, recording everything, with checks at its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Event] = []
        self.session: Session | None = None

    def start(
        self,
        source: Callable[[], Any],
        estimator: Callable[[], Any] = PoseEstimator.open,
        options: SessionOptions | None = None,
        **more: Any,
    ) -> Session:
        self.session = Session(
            source, estimator, options or SessionOptions(stall_seconds=1.0), **more
        )
        self.session.record(
            RecordingRequest(self.folder / "a.mp4", self.folder / "r.mkv", self.folder / "a.jsonl")
        )
        self.session.start()
        return self.session

    def until(self, condition: Callable[[], object], seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.told()
            time.sleep(0.01)

    def told(self) -> list[tuple[str, str]]:
        assert self.session is not None
        self.events += self.session.events()
        return [(event.kind, event.message) for event in self.events]

    def hears(self, kind: str, word: str = "") -> str:
        def found() -> list[str]:
            return [text for was, text in self.told() if was == kind and word in text]

        self.until(found)
        return found()[0]

    def goes_on(self, count: int = 5) -> None:
        """So many more poses come."""
        assert self.session is not None
        session, before = self.session, self.session.metrics().processed
        self.until(lambda: session.metrics().processed >= before + count)

    def end(self) -> Any:
        assert self.session is not None
        report = self.session.stop()
        self.told()
        assert report.conserved, report
        assert report.stuck == ()
        return report


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(source_supervisor, "FIRST_WAIT", 0.05)
    folder = tmp_path / "recordings"
    folder.mkdir()
    made = Desk(folder)
    yield made
    made.end()
    videos = [path for path in folder.iterdir() if path.suffix in (".mp4", ".mkv")]
    for video in videos:
        name = video.stem.replace("r", "a", 1) + ".jsonl"
        log = folder / name
        check = verify(video, log if log.exists() else None)
        assert check.good, (video.name, check.problems)
        assert check.closed
    for log in folder.glob("*.jsonl"):
        reader = LogReader(log)
        times = [frame.seconds for frame in reader]
        assert all(b > a for a, b in itertools.pairwise(times))
        assert not reader.torn


# Cameras, at the seam where the app meets the driver.


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCameras]:
    with FakeCameras().install(monkeypatch) as cameras:
        yield cameras


def test_a_camera_that_comes_back_at_another_index(desk: Desk, hub: FakeCameras) -> None:
    camera = hub.plug(FakeCamera("Desk camera"), index=0)
    desk.start(lambda: open_source("Desk camera"))
    desk.goes_on()
    hub.unplug(camera)
    desk.hears("source_lost")
    stranger = hub.plug(FakeCamera("Another camera", vid=1, pid=2), index=0)
    time.sleep(0.5)
    assert stranger.opened == 0  # another camera at the old place is not it
    hub.plug(camera, index=2)
    desk.hears("source_back", "Desk camera")
    desk.goes_on()
    assert len(list(desk.folder.glob("*.mp4"))) == 1  # one recording over the gap


@pytest.mark.parametrize("mode", ["blocked", "silent", "broken", "raises"])
def test_a_driver_that_fails_and_recovers(desk: Desk, hub: FakeCameras, mode: str) -> None:
    camera = hub.plug(FakeCamera("Desk camera"), index=0)
    desk.start(lambda: open_source("Desk camera"))
    desk.goes_on()
    camera.mode = mode
    desk.hears("source_lost")
    camera.mode = "live"
    desk.hears("source_back")
    desk.goes_on()


@pytest.mark.parametrize("mode", ["stale", "black"])
def test_pictures_of_no_use_stop_nothing(desk: Desk, hub: FakeCameras, mode: str) -> None:
    camera = hub.plug(FakeCamera("Desk camera"), index=0)
    desk.start(lambda: open_source("Desk camera"))
    desk.goes_on()
    camera.mode = mode
    desk.goes_on(20)
    camera.mode = "live"
    desk.goes_on()


def test_a_camera_that_changes_its_size(desk: Desk, hub: FakeCameras) -> None:
    camera = hub.plug(FakeCamera("Desk camera"), index=0)
    desk.start(lambda: open_source("Desk camera"))
    desk.goes_on()
    camera.size = (320, 240)
    desk.goes_on(20)
    desk.end()
    sizes = {tuple(LogReader(log).header["size"]) for log in desk.folder.glob("*.jsonl")}
    assert len(sizes) == 2
    assert (320, 240) in sizes


def test_a_busy_camera_leaves_the_old_source_running(desk: Desk, hub: FakeCameras) -> None:
    hub.plug(FakeCamera("Busy camera"), index=0).busy = True
    session = desk.start(lambda: open_source("demo"))
    desk.goes_on()
    session.set_source(lambda: open_source("Busy camera"))
    desk.hears("source_failed")
    desk.goes_on()


def test_the_clock_of_the_system_may_change(
    desk: Desk, hub: FakeCameras, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.plug(FakeCamera("Desk camera"), index=0)
    desk.start(lambda: open_source("Desk camera"))
    desk.goes_on()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 86_400)
    desk.goes_on()


# Streams over the loopback interface.


@pytest.mark.parametrize("fault", ["reset", "cut", "end", "garbage", "half", "flood", "resolution"])
def test_a_network_camera_that_misbehaves(desk: Desk, fault: str) -> None:
    with MjpegServer() as server:
        desk.start(lambda: open_source(server.url))
        desk.goes_on()
        server.fault = fault
        time.sleep(0.5)
        server.fault = None
        desk.goes_on(20)
        desk.end()


def test_a_network_camera_that_stalls_and_comes_back(desk: Desk) -> None:
    with MjpegServer() as server:
        desk.start(lambda: open_source(server.url))
        desk.goes_on()
        server.fault = "stall"
        desk.hears("source_lost")
        server.fault = None
        desk.hears("source_back")
        desk.goes_on()
        desk.end()


def test_credentials_of_a_stream_are_told_to_nobody(desk: Desk) -> None:
    with MjpegServer(credentials=("admin", "s3cret")) as server:
        session = desk.start(lambda: open_source(server.address("/stream", "admin:s3cret")))
        desk.goes_on()
        server.fault = "reset"
        server.down = True
        desk.hears("source_lost")
        server.fault, server.down = None, False
        desk.hears("source_back")
        stats = session.metrics()
        desk.end()
    shown = [str(desk.told()), str(stats.source)]
    shown += [log.read_text() for log in desk.folder.glob("*.jsonl")]
    for text in shown:
        assert "s3cret" not in text
        assert "admin" not in text


# The engine.


class Faulty:
    """The real estimator, with an engine that fails as the test wants."""

    def __init__(self, fault: Callable[[int], object]) -> None:
        self.estimator = PoseEstimator.open()
        infer, count = self.estimator.engine.infer, itertools.count()

        def faulty(crops: Any, stacks: int) -> Any:
            answer = fault(next(count))
            maps = infer(crops, stacks)
            return maps if answer is None else answer

        self.estimator.engine.infer = faulty  # type: ignore[method-assign]

    def __call__(self) -> PoseEstimator:
        return self.estimator


class NoNumbers:
    """Heatmaps of a device that has gone mad."""

    batch, stacks = 1, 2

    def stack(self, stack: int, item: int = 0) -> Any:
        return np.full((16, 64, 64), np.nan, np.float32)

    def all_stacks(self, item: int = 0) -> Any:
        return np.full((2, 16, 64, 64), np.nan, np.float32)

    def peaks(self) -> None:
        return None


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    "fault",
    [
        lambda n: _raise(MemoryError("out of memory")) if n == 12 else None,
        lambda n: _raise(RuntimeError("device removed")) if n == 12 else None,
        lambda n: NoNumbers() if n >= 12 else None,
    ],
    ids=["memory", "removed", "nan"],
)
def test_an_engine_that_fails_is_replaced_by_the_next(desk: Desk, fault: Any) -> None:
    desk.start(lambda: open_source("demo"), Faulty(fault), fallbacks=[PoseEstimator.open])
    desk.hears("warning", "Going on with the next engine")
    assert "OpenVINO" in desk.hears("engine_changed")
    desk.goes_on(10)


def test_an_engine_that_hangs_is_replaced_by_the_next(desk: Desk) -> None:
    let_go = threading.Event()
    faulty = Faulty(lambda n: let_go.wait(60) and None if n == 12 else None)
    desk.start(lambda: open_source("demo"), faulty, fallbacks=[PoseEstimator.open])
    desk.hears("warning", "no answer")
    desk.hears("engine_changed")
    desk.goes_on(10)
    let_go.set()
    desk.end()
    faulty.estimator.close()  # the session leaves a hanging one alone


# Files.


def test_an_encoder_that_falls_behind_drops_and_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = video_writer.Recorder._mux

    def slow(self: Any, frame: Any) -> int:
        time.sleep(0.2)
        return real(self, frame)

    monkeypatch.setattr(video_writer.Recorder, "_mux", slow)
    monkeypatch.setattr(video_writer, "QUEUE_FRAMES", (2, 2))
    session = desk.start(lambda: open_source("demo"))
    desk.until(lambda: (r := session.metrics().recording) is not None and r.dropped > 10)
    report = desk.end()
    dropped = [file.dropped.get(writer.FULL, 0) for file in report.recordings[0].files]
    assert max(dropped) > 5
    desk.hears("recording_finished", "dropped")


def test_an_encoder_that_hangs_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real, let_go = video_writer.Recorder._mux, threading.Event()

    def hang(self: Any, frame: Any) -> int:
        if frame is not None and frame.pts > 0 and self.kind == "annotated":
            let_go.wait(60)
        return real(self, frame)

    monkeypatch.setattr(video_writer.Recorder, "_mux", hang)
    monkeypatch.setattr(recording_manager, "STALL_SECONDS", 0.5)
    desk.start(lambda: open_source("demo"))
    desk.hears("warning", "a.mp4 has not been written to")
    desk.goes_on(10)
    let_go.set()


def test_a_disk_that_fills_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    usage, free = namedtuple("usage", "total used free"), [10**10]
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage(10**12, 0, free[0]))
    monkeypatch.setattr(writer, "WATCH_SECONDS", 0.05)
    session = desk.start(lambda: open_source("demo"))
    desk.goes_on(20)
    free[0] = files.FREE_BYTES - 1
    desk.hears("warning", "nearly full")
    desk.hears("recording_finished")
    desk.goes_on(10)  # the pictures go on
    assert session.metrics().recording is None
    assert len(list(LogReader(desk.folder / "a.jsonl"))) >= 15


def test_a_run_ends_when_its_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage, looks = namedtuple("usage", "total used free"), itertools.count()
    monkeypatch.setattr(
        files.shutil, "disk_usage", lambda _: usage(1, 0, 10**10 if next(looks) < 60 else 10**6)
    )
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


def test_a_real_disk_that_fills_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device itself says no: /dev/full takes the place of the file."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    real = video_writer.Recorder._open

    def on_a_full_device(self: Any, width: int, height: int) -> None:
        real(self, width, height)
        if self.kind == "raw":
            self._container.close()
            (desk.folder / "r.mkv").unlink()
            path, self.path = self.path, Path("/dev/full")
            real(self, width, height)
            self.path = path

    monkeypatch.setattr(video_writer.Recorder, "_open", on_a_full_device)
    desk.start(lambda: open_source("demo"))
    desk.hears("warning", "r.mkv")
    desk.goes_on(10)
    report = desk.end()
    kinds = {file.kind: file.error for file in report.recordings[0].files}
    assert "no space left" in str(kinds["raw"])
    assert kinds["annotated"] is None  # the others go on


@POSIX
def test_a_folder_that_is_deleted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "WATCH_SECONDS", 0.05)
    desk.start(lambda: open_source("demo"))
    desk.goes_on()
    shutil.rmtree(desk.folder)
    desk.hears("warning", "is gone")
    desk.hears("recording_finished")
    desk.goes_on()
    desk.end()
    desk.folder.mkdir()


@POSIX
def test_a_folder_that_becomes_read_only(desk: Desk) -> None:
    desk.start(lambda: open_source("demo"))
    desk.goes_on()
    desk.folder.chmod(0o500)
    desk.goes_on(10)
    desk.end()
    desk.folder.chmod(0o700)


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
    _until(lambda: _lines(tmp_path / "a.jsonl") > 120)
    process.kill()
    process.communicate(timeout=60)
    logged = [frame.seconds for frame in LogReader(tmp_path / "a.jsonl")]
    assert len(logged) >= 119
    for name in ("a.mp4", "r.mkv"):
        check = verify(tmp_path / name, tmp_path / "a.jsonl")
        assert check.good, check.problems
        assert not check.closed
        assert check.seconds > logged[-1] - 1
        path, frames = repair(tmp_path / name)
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
        if path.stat().st_size:  # claimed, but killed before the first frame
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
