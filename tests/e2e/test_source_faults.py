"""Sources that fail in every way they do on desks, under the real pipeline.

Whatever happens: nothing hangs, every frame is accounted for, every file is whole (`Running` checks
this at its end), and an event says what happened.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pose_app.pipeline import source_supervisor
from pose_app.recording.keypoint_log import LogReader
from pose_app.sources import open_source
from pose_app.sources.base import Source, SourceInfo
from pose_app.sources.camera import CameraSource
from pose_app.sources.stream import LiveStreamSource, MjpegSource
from pose_app.types import Frame
from tests.fakes import FakeCamera, FakeCameras, moving_picture
from tests.media import regular, write_video
from tests.rtsp import RtspServer
from tests.running import Running, video_times
from tests.servers import MjpegServer

SIZE = (320, 240)


@pytest.fixture(autouse=True)
def quick_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_supervisor, "FIRST_WAIT", 0.1)
    monkeypatch.setattr(source_supervisor, "LONGEST_WAIT", 0.2)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCameras]:
    with FakeCameras().install(monkeypatch) as installed:
        yield installed


def desk_camera(**options: object) -> FakeCamera:
    return FakeCamera("Desk camera", sizes=[SIZE], **options)  # type: ignore[arg-type]


# A camera


def test_unplugged_and_back_at_another_index(hub: FakeCameras, tmp_path: Path) -> None:
    desk = hub.plug(desk_camera(), index=0)
    with Running(lambda: open_source(0), tmp_path) as running:
        running.until_processed(5)
        running.record()
        running.until_processed(5)
        hub.unplug(desk)
        lost = running.until_event("source_lost")
        assert "Desk camera is gone" in lost.message
        other = hub.plug(FakeCamera("Other camera", pid=1), index=0)
        time.sleep(1.0)  # several attempts, each of which must leave the other camera alone
        hub.plug(desk, index=2)
        back = running.until_event("source_back")
        assert back.message == "Desk camera is back."
        assert back.data.identity["index"] == "2"
        running.until_processed(5)
        assert other.opened == 0
    assert desk.open_now == 0
    assert len(list(tmp_path.glob("*.mp4"))) == 1  # one recording over the gap


def test_no_camera_at_the_start_is_a_failure(hub: FakeCameras, tmp_path: Path) -> None:
    running = Running(lambda: open_source(0), tmp_path)
    running.session.start()
    failed = running.until_event("source_failed")
    assert "There is no camera" in failed.message
    running.until(lambda: running.session.finished.is_set())
    report = running.session.stop()
    assert report.failure is not None
    assert report.stuck == ()


def test_unplugged_without_looking_for_it_ends_with_whole_files(
    hub: FakeCameras, tmp_path: Path
) -> None:
    desk = hub.plug(desk_camera(), index=0)
    with Running(lambda: open_source(0), tmp_path, reconnect=False) as running:
        running.until_processed(3)
        request = running.record()
        running.until_processed(8)  # up to two were captured before the recording began
        hub.unplug(desk)
        running.until_event("source_failed", "Desk camera is gone")
        running.until(lambda: running.session.finished.is_set())
    assert request.raw is not None
    assert len(video_times(request.raw)) >= 5


@pytest.mark.parametrize(
    ("mode", "word"),
    [
        ("blocked", "has stopped sending"),
        ("silent", "is gone"),
        ("broken", "is gone"),
        ("raises", "is gone"),
    ],
)
def test_a_driver_that_fails_and_recovers(
    hub: FakeCameras, tmp_path: Path, mode: str, word: str
) -> None:
    desk = hub.plug(desk_camera(), index=0)
    with Running(lambda: CameraSource(0, stall_seconds=0.5), tmp_path) as running:
        running.until_processed(5)
        running.record()
        desk.mode = mode
        running.until_event("source_lost", word)
        desk.mode = "live"
        running.until_event("source_back")
        running.until_processed(5)


def test_a_driver_that_blocks_for_ever_does_not_keep_the_session(
    hub: FakeCameras, tmp_path: Path
) -> None:
    desk = hub.plug(desk_camera(), index=0)
    with Running(lambda: CameraSource(0, stall_seconds=60), tmp_path, stuck=True) as running:
        running.until_processed(5)
        running.record()
        running.until_processed(5)
        desk.mode = "blocked"
    held = [t for t in threading.enumerate() if t.name == "driver of Desk camera"]
    assert len(held) == 1
    assert held[0].daemon
    assert running.report is not None
    assert running.report.stuck == ("driver of Desk camera",)
    assert "driver of Desk camera" in running.until_event("warning", "Did not end").message


def test_a_driver_that_blocks_while_it_is_opened(hub: FakeCameras, tmp_path: Path) -> None:
    """The demo goes on until another source has delivered, and the session can be stopped."""
    desk = hub.plug(desk_camera(), index=0)
    desk.mode = "blocked"
    with Running(lambda: open_source("demo"), tmp_path) as running:
        running.until_event("source_opened")
        running.session.set_source(lambda: open_source(0))
        running.until_processed(20)
        running.until(lambda: desk.open_now == 1)
        desk.mode = "silent"
        running.until_event("source_failed", "gives no picture")
        running.until_processed(5)


@pytest.mark.parametrize(("mode", "word"), [("black", "is black"), ("stale", "repeats")])
def test_black_and_stale_pictures_are_told(
    hub: FakeCameras, tmp_path: Path, mode: str, word: str
) -> None:
    desk = hub.plug(desk_camera(fps=120), index=0)
    with Running(lambda: open_source(0), tmp_path) as running:
        running.until_processed(5)
        desk.mode = mode
        running.until_event("warning", word)
        desk.mode = "live"
        running.until(lambda: (info := running.session.metrics().source) and info.note is None)
        running.until_processed(5)
        assert "source_lost" not in running.kinds()


def test_a_size_that_changes_in_mid_recording(hub: FakeCameras, tmp_path: Path) -> None:
    desk = hub.plug(desk_camera(), index=0)
    with Running(lambda: open_source(0), tmp_path) as running:
        running.until_processed(5)
        running.record()
        running.until_processed(5)
        desk.size = (211, 333)
        running.until_event("warning", "is now 211 x 333")
        running.until_processed(5)
        desk.size = None
        running.until_event("warning", "is now 320 x 240")
        running.until_processed(5)
    assert running.report is not None
    written = [file for recording in running.report.recordings for file in recording.files]
    assert all(file.written for file in written)
    assert len({file.path for file in written}) == len(written)
    assert len([file for file in written if file.kind == "raw"]) == 3
    sizes = [tuple(LogReader(file.path).header["size"]) for file in written if file.kind == "log"]
    assert sizes == [SIZE, (211, 333), SIZE]


def test_a_busy_camera_leaves_the_old_source_running(hub: FakeCameras, tmp_path: Path) -> None:
    hub.plug(FakeCamera("Busy camera"), index=0).busy = True
    with Running(lambda: open_source("demo"), tmp_path) as running:
        running.until_processed(5)
        running.record()
        running.session.set_source(lambda: open_source("Busy camera"))
        running.until_event("source_failed")
        running.until_processed(5)


def test_plugged_in_and_out_again_and_again(hub: FakeCameras, tmp_path: Path) -> None:
    desk = hub.plug(desk_camera(fps=60), index=0)
    with Running(lambda: open_source(0), tmp_path) as running:
        running.until_processed(2)
        running.record()
        for index in (1, 0, 3, 1):
            hub.unplug(desk)
            running.until_event("source_lost")
            hub.plug(desk, index=index)
            running.until_event("source_back")
            running.until_processed(3)
    assert desk.open_now == 0


# Clocks


class OddClock:
    """A camera whose frames carry `stamps`: (seconds since its start, true) -> what it says."""

    def __init__(self, says: Callable[[float], float]) -> None:
        self.info = SourceInfo("camera", "Odd clock", SIZE, fps=60.0, live=True)
        self._says = says
        self._count = itertools.count()
        self._closed = threading.Event()
        self._start = time.perf_counter()

    def read(self) -> Frame | None:
        if self._closed.wait(1 / 60):
            return None
        now, index = time.perf_counter_ns(), next(self._count)
        return Frame(index, now, self._says(now * 1e-9 - self._start), moving_picture(index, SIZE))

    def seek(self, seconds: float) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self._closed.set()


@pytest.mark.parametrize(
    "says",
    [
        lambda true: 5.0,
        lambda true: -true,
        lambda true: true - 1000 * (true > 1.2),
        lambda true: true + 1e6 * (true > 1.2),
        lambda true: random.Random(int(true * 1e6)).uniform(-100, 100),
    ],
    ids=["stands still", "runs backwards", "jumps back", "jumps ahead", "rolls dice"],
)
def test_clocks_that_are_wrong(says: Callable[[float], float], tmp_path: Path) -> None:
    with Running(lambda: OddClock(says), tmp_path) as running:
        running.until_processed(5)
        begun = time.perf_counter()
        request = running.record()
        running.until(lambda: running.session.metrics().recording)
        running.until_processed(60)
    took = time.perf_counter() - begun
    assert request.raw is not None
    times = video_times(request.raw)
    # The recording is as long as it took, whatever the camera's clock says.
    assert 0 < times[-1] <= took + 1.5
    assert np.diff(times).max() < took


def test_the_system_clock_is_changed(
    hub: FakeCameras, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.plug(desk_camera(), index=0)
    with Running(lambda: open_source(0), tmp_path) as running:
        running.until_processed(5)
        running.record()
        running.until_processed(5)
        real = time.time
        for shift in (-86_400, 86_400 * 365):
            monkeypatch.setattr(time, "time", lambda shift=shift: real() + shift)
            running.until_processed(5)
        monkeypatch.undo()


# A network camera


@pytest.fixture
def camera() -> Iterator[MjpegServer]:
    with MjpegServer() as server:
        yield server


@pytest.mark.parametrize("fault", ["stall", "reset", "cut", "end", "garbage", "endless"])
def test_http_camera_breaks_and_comes_back(camera: MjpegServer, tmp_path: Path, fault: str) -> None:
    with Running(lambda: MjpegSource(camera.url, stall_seconds=0.5), tmp_path) as running:
        running.until_processed(5)
        running.record()
        running.until_processed(5)
        camera.fault = fault
        lost = running.until_event("source_lost")
        assert "Looking for it" in lost.message
        camera.fault = None
        running.until_event("source_back")
        running.until_processed(5)


@pytest.mark.parametrize("fault", ["half", "flood"])
def test_http_camera_that_can_be_lived_with(
    camera: MjpegServer, tmp_path: Path, fault: str
) -> None:
    with Running(lambda: open_source(camera.url), tmp_path) as running:
        running.until_processed(5)
        running.record()
        camera.fault = fault
        running.until_processed(30)
        assert "source_lost" not in running.kinds()


def test_http_camera_changes_its_resolution(camera: MjpegServer, tmp_path: Path) -> None:
    with Running(lambda: open_source(camera.url), tmp_path) as running:
        running.until_processed(5)
        running.record()
        running.until_processed(3)
        camera.fault = "resolution"
        running.until_event("warning", "is now 320 x 240")
        running.until_processed(5)


def test_http_camera_is_switched_off_and_on(tmp_path: Path) -> None:
    server = MjpegServer()
    with Running(lambda: open_source(server.url), tmp_path) as running:
        running.until_processed(5)
        running.record()
        running.until_processed(3)
        server.close()
        running.until_event("source_lost")
        with MjpegServer(port=server.port):
            running.until_event("source_back")
            running.until_processed(5)


def test_no_password_in_any_message(tmp_path: Path) -> None:
    with MjpegServer(credentials=("admin", "s3cret")) as server:
        url = server.address("/stream", "admin:s3cret")
        with Running(lambda: MjpegSource(url, stall_seconds=0.5), tmp_path) as running:
            running.until_processed(3)
            request = running.record()
            running.until_processed(3)
            server.fault = "refuse"
            seen = [running.until_event("source_lost")]
            server.fault = None
            seen.append(running.until_event("source_back"))
            running.until_processed(3)
            seen += running.events
            shown = repr(seen) + repr(running.session.metrics())
        assert request.log is not None
        shown += repr(running.report) + repr(running.events) + request.log.read_text()
        assert "s3cret" not in shown
        assert "admin" not in shown


@pytest.mark.parametrize("fault", ["stall", "end", "reset"])
def test_rtsp_camera_breaks_and_comes_back(tmp_path: Path, fault: str) -> None:
    with (
        RtspServer(fps=30) as server,
        Running(lambda: LiveStreamSource(server.url, stall_seconds=1), tmp_path) as running,
    ):
        running.until_processed(5)
        running.record()
        server.fault = fault
        running.until_event("source_lost")
        server.fault = None
        running.until_event("source_back")
        running.until_processed(5)


@pytest.mark.parametrize("fault", ["half", "garbage", "resolution"])
def test_rtsp_camera_that_sends_something_else(tmp_path: Path, fault: str) -> None:
    """With or without a new connection: pictures come again, and every file is whole."""
    with (
        RtspServer(fps=30) as server,
        Running(lambda: LiveStreamSource(server.url, stall_seconds=2), tmp_path) as running,
    ):
        running.until_processed(5)
        running.record()
        running.until_processed(5)
        server.fault = fault
        if fault == "resolution":
            running.until_event("warning", "is now 200 x 160")
            running.until_processed(5)
        time.sleep(1.0)
        server.fault = None
        running.until_processed(20)
        if fault == "resolution":
            running.until_event("warning", "is now 320 x 240")


# Files


def test_a_video_with_a_broken_middle(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", regular(90), size=SIZE, bidirectional=False)
    data = bytearray(path.read_bytes())
    damage = random.Random(3).randbytes(len(data) // 12)
    data[len(data) * 2 // 5 : len(data) * 2 // 5 + len(damage)] = damage
    path.write_bytes(data)
    options = {"lossless": True, "paced": False, "reconnect": False}
    with Running(lambda: open_source(str(path)), tmp_path, **options) as running:
        running.record()
        running.until_event("warning", "damaged")
        running.until(lambda: running.session.finished.is_set())
    assert running.report is not None
    assert running.report.processed == running.report.captured
    assert 50 < running.report.captured < 90


def test_a_video_that_vanishes_while_it_plays(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", regular(60), size=SIZE)
    options = {"lossless": True, "paced": False, "reconnect": False}
    with Running(lambda: open_source(str(path)), tmp_path, **options) as running:
        running.until_event("source_opened")
        path.unlink(missing_ok=True)
        running.until(lambda: running.session.finished.is_set())


def test_a_bad_source_leaves_the_good_one_running(camera: MjpegServer, tmp_path: Path) -> None:
    bad: list[Callable[[], Source]] = [
        lambda: open_source("no such file.mp4"),
        lambda: open_source(camera.address("/nothing")),
        lambda: open_source(camera.address("/page.html")),
    ]
    with Running(lambda: open_source("demo"), tmp_path) as running:
        running.until_processed(3)
        for opener in bad:
            running.session.set_source(opener)
            running.until_event("source_failed")
            running.until_processed(3)
        running.session.set_source(lambda: open_source(camera.url))
        running.until_event("source_opened", camera.url)
        running.until_processed(3)
