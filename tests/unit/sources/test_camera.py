"""Webcams, through a fake driver: what is asked for, what comes, and what goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import cv2
import cv2_enumerate_cameras
import numpy as np
import pytest

from pose_app.errors import SourceError
from pose_app.sources import camera, open_source, reopen
from pose_app.sources.camera import CameraSource
from pose_app.sources.discover import cameras, find
from tests.fakes import FakeCamera, FakeCameras, moving_picture


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCameras]:
    with FakeCameras().install(monkeypatch) as installed:
        yield installed


def never() -> CameraSource:
    raise AssertionError("a camera with an identity is not opened by its old index")


# What is asked for


def test_size_rate_and_format_are_asked_for_together(hub: FakeCameras) -> None:
    desk = hub.plug(FakeCamera("Desk camera", sizes=[(640, 480), (1920, 1080)]), index=0)
    source = CameraSource(0, size=(1920, 1080), fps=30)
    assert source.info.size == (1920, 1080)
    assert source.info.identity["given_format"] == "MJPG"
    assert source.info.note is None
    assert desk.opened == 1
    source.close()


def test_another_pixel_format_is_asked_for_and_asked_for_again(hub: FakeCameras) -> None:
    desk = hub.plug(FakeCamera("Desk camera", formats=["MJPG", "NV12", "YUYV"]), index=0)
    source = CameraSource(0, size=(640, 480), fps=7.5, pixel_format="NV12")
    source.close()
    again = reopen(source.info, never)
    again.close()
    for info in (source.info, again.info):
        assert info.identity["given_format"] == "NV12"
    for wish in desk.wishes:
        assert wish[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"NV12")
        assert wish[cv2.CAP_PROP_FRAME_WIDTH] == 640
        assert wish[cv2.CAP_PROP_FPS] == 8


def test_the_truth_is_told_when_the_camera_gives_something_else(hub: FakeCameras) -> None:
    hub.plug(FakeCamera("Desk camera", sizes=[(640, 480)], fps=15), index=0)
    source = CameraSource(0, size=(1280, 720), fps=30)
    assert source.info.size == (640, 480)
    assert source.info.fps == 15
    assert source.info.note == "Asked for 1280x720 at 30 fps, the camera gives 640x480 at 15 fps."
    source.close()


def test_a_camera_without_motion_jpeg(hub: FakeCameras) -> None:
    hub.plug(FakeCamera("Old camera", formats=["YUYV"]), index=0)
    source = CameraSource(0)
    assert source.info.identity["given_format"] == "YUYV"
    assert source.info.note is None
    source.close()


def test_a_camera_whose_motion_jpeg_gives_no_picture(
    hub: FakeCameras, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = hub.plug(FakeCamera("Desk camera", fps=200, silent_formats=["MJPG"]), index=0)
    source = CameraSource(0)
    assert source.info.identity["given_format"] == "YUYV"
    assert desk.open_now == 1
    source.close()
    assert desk.open_now == 0


def test_a_mode_whose_every_try_takes_long_is_given_up_in_time(
    hub: FakeCameras, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.plug(FakeCamera("Desk camera", fps=5, silent_formats=["MJPG"]), index=0)
    monkeypatch.setattr(camera, "_FIRST_SECONDS", 0.1)
    monkeypatch.setattr(camera, "_OPEN_SECONDS", 1.5)
    source = CameraSource(0)
    assert source.info.identity["given_format"] == "YUYV"
    source.close()


def test_a_camera_that_nobody_waits_for_any_more_is_let_go(
    hub: FakeCameras, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = hub.plug(FakeCamera("Desk camera", fps=5), index=0)
    desk.mode = "silent"
    monkeypatch.setattr(camera, "_OPEN_SECONDS", 0.1)
    with pytest.raises(SourceError, match="Desk camera does not answer"):
        CameraSource(0)
    assert (desk.opened, desk.open_now) == (1, 0)


def test_by_name_by_part_of_it_and_by_index(hub: FakeCameras) -> None:
    hub.plug(FakeCamera("Integrated Camera"), index=0)
    hub.plug(FakeCamera("HD Pro Webcam C920"), index=2)
    for wanted in ("HD Pro Webcam C920", "c920", "2", 2):
        source = open_source(wanted)
        assert source.info.name == "HD Pro Webcam C920"
        assert source.info.identity["index"] == "2"
        assert source.info.identity["vid"] == "046d"
        source.close()


def test_grey_pictures_become_colour(hub: FakeCameras) -> None:
    def grey(number: int, size: tuple[int, int]) -> np.ndarray:
        return cv2.cvtColor(moving_picture(number, size), cv2.COLOR_BGR2GRAY)

    hub.plug(FakeCamera("Infrared camera", pictures=grey), index=0)
    source = CameraSource(0)
    frame = source.read()
    assert frame is not None
    assert frame.image.shape == (720, 1280, 3)
    source.close()


# Which camera it is


def test_the_same_camera_is_found_at_another_index(hub: FakeCameras) -> None:
    desk = hub.plug(FakeCamera("Desk camera"), index=0)
    source = CameraSource(0, size=(640, 480))
    identity = source.info.identity
    hub.unplug(desk)
    assert find(identity) is None
    hub.plug(FakeCamera("Other camera", pid=0x1234), index=0)
    assert find(identity) is None
    with pytest.raises(SourceError, match="Desk camera is not plugged in"):
        reopen(source.info, never)
    hub.plug(desk, index=3)
    source.close()
    again = reopen(source.info, never)
    assert again.info.identity["index"] == "3"
    assert again.info.size == (640, 480)
    assert again.read() is not None
    again.close()


def test_same_name_but_another_product_is_another_camera(hub: FakeCameras) -> None:
    hub.plug(FakeCamera("USB Camera", vid=1, pid=2), index=0)
    known = cameras()[0].identity
    hub.plugged.clear()
    hub.plug(FakeCamera("USB Camera", vid=1, pid=3), index=0)
    assert find(known) is None


def test_of_two_alike_the_one_at_the_old_place(hub: FakeCameras) -> None:
    for index in (0, 2, 4):
        hub.plug(FakeCamera("USB Camera"), index=index)
    known = cameras()[1].identity
    found = find(known)
    assert found is not None
    assert found.index == 2


def test_a_camera_that_is_not_listed_is_opened_again_by_its_index(
    hub: FakeCameras, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2_enumerate_cameras, "supported_backends", ())
    hub.plug(FakeCamera("Desk camera"), index=5)
    source = open_source(5)
    assert source.info.name == "Camera 5"
    source.close()
    again = reopen(source.info, lambda: open_source(5))
    assert again.read() is not None
    again.close()


def test_reopen_of_other_sources_opens_them_again() -> None:
    demo = open_source("demo")
    demo.close()
    again = reopen(demo.info, lambda: open_source("demo"))
    assert again.read() is not None
    again.close()


# What goes wrong at the start


def test_no_camera_at_all(hub: FakeCameras) -> None:
    with pytest.raises(SourceError, match="There is no camera: plug one in"):
        open_source(0)


def test_no_camera_of_that_number(hub: FakeCameras) -> None:
    hub.plug(FakeCamera("Desk camera"), index=1)
    with pytest.raises(SourceError, match="There is no camera 7: choose one of 1 Desk camera"):
        open_source("7")


def test_no_camera_of_that_name(hub: FakeCameras) -> None:
    hub.plug(FakeCamera("Desk camera"), index=1)
    with pytest.raises(SourceError, match="no file and no camera called Garden"):
        open_source("Garden")


def test_busy(hub: FakeCameras) -> None:
    hub.plug(FakeCamera("Desk camera", busy=True), index=0)
    with pytest.raises(SourceError, match="Desk camera cannot be opened"):
        open_source(0)


@pytest.mark.parametrize("mode", ["silent", "broken", "raises"])
def test_opens_but_gives_no_picture(hub: FakeCameras, mode: str) -> None:
    desk = hub.plug(FakeCamera("Desk camera", fps=500), index=0)
    desk.mode = mode
    with pytest.raises(SourceError, match="Desk camera gives no picture"):
        open_source(0)
    assert desk.open_now == 0


# What goes wrong while it runs


def read_until_error(source: CameraSource) -> str:
    def read_all() -> None:
        while source.read() is not None:
            pass

    with pytest.raises(SourceError) as caught:
        read_all()
    return str(caught.value)


def test_unplugged(hub: FakeCameras) -> None:
    desk = hub.plug(FakeCamera("Desk camera", fps=200), index=0)
    source = CameraSource(0)
    hub.unplug(desk)
    assert read_until_error(source) == (
        "Desk camera is gone: plug it in again, or choose another source."
    )
    source.close()
    assert desk.open_now == 0


@pytest.mark.parametrize("mode", ["silent", "broken", "raises"])
def test_stops_giving_pictures(hub: FakeCameras, mode: str) -> None:
    desk = hub.plug(FakeCamera("Desk camera", fps=200), index=0)
    source = CameraSource(0)
    desk.mode = mode
    assert "Desk camera is gone" in read_until_error(source)
    source.close()
    assert desk.open_now == 0


def test_a_failed_grab_now_and_then_is_nothing(hub: FakeCameras) -> None:
    desk = hub.plug(FakeCamera("Desk camera", fps=200), index=0)
    source = CameraSource(0)
    for _ in range(3):
        desk.fail_next(2)
        before = desk.grabbed
        while desk.grabbed <= before + 2:
            assert source.read() is not None
    source.close()


def test_a_driver_that_blocks_for_ever(hub: FakeCameras) -> None:
    desk = hub.plug(FakeCamera("Desk camera", fps=200), index=0)
    source = CameraSource(0, stall_seconds=0.2)
    desk.mode = "blocked"
    assert "has stopped sending" in read_until_error(source)
    source.close()
    assert source.held
    assert source.read() is None
    holder = next(t for t in threading.enumerate() if t.name == "driver of Desk camera")
    assert holder.daemon
    desk.mode = "live"
    holder.join(10)
    assert not source.held
    assert desk.open_now == 0


def test_close_while_the_driver_blocks_ends_the_reader(hub: FakeCameras) -> None:
    desk = hub.plug(FakeCamera("Desk camera", fps=200), index=0)
    source = CameraSource(0, stall_seconds=60)
    desk.mode = "blocked"
    frames: list[object] = []

    def read_all() -> None:
        while (frame := source.read()) is not None:
            frames.append(frame)

    reader = threading.Thread(target=read_all)
    reader.start()
    source.close()
    reader.join(10)
    assert not reader.is_alive()


def test_a_size_that_changes_in_mid_stream(hub: FakeCameras) -> None:
    desk = hub.plug(FakeCamera("Desk camera", fps=200), index=0)
    source = CameraSource(0, size=(640, 480))
    desk.size = (333, 211)
    while (frame := source.read()) is not None and frame.size != (333, 211):
        assert frame.size == (640, 480)
    assert source.info.size == (333, 211)
    source.close()


@pytest.mark.parametrize(("mode", "word"), [("black", "is black"), ("stale", "repeats")])
def test_black_and_repeated_pictures_are_noted_and_forgiven(
    hub: FakeCameras, mode: str, word: str
) -> None:
    desk = hub.plug(FakeCamera("Desk camera", fps=500), index=0)
    source = CameraSource(0)
    desk.mode = mode
    while source.info.note is None:
        assert source.read() is not None
    assert word in source.info.note
    desk.mode = "live"
    while source.info.note is not None:
        assert source.read() is not None
    source.close()


def test_seconds_are_those_of_the_grab(hub: FakeCameras) -> None:
    hub.plug(FakeCamera("Dark camera", fps=12), index=0)
    source = CameraSource(0)
    frames = [frame for frame in (source.read() for _ in range(4)) if frame is not None]
    grabbed = [(frame.captured_ns - frames[0].captured_ns) / 1e9 for frame in frames]
    assert [frame.seconds for frame in frames] == pytest.approx(grabbed)
    source.close()


def test_a_reader_that_is_late_gets_new_pictures_and_sees_the_gap(hub: FakeCameras) -> None:
    desk = hub.plug(FakeCamera("Desk camera", fps=500), index=0)
    source = CameraSource(0)
    first = source.read()
    while desk.grabbed < 60:
        threading.Event().wait(0.01)
    late = source.read()
    assert first is not None
    assert late is not None
    assert late.index > first.index + 40
    source.close()
