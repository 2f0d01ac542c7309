"""What cameras can do, asked through the requests of Video4Linux and found out by opening them."""

from __future__ import annotations

import ctypes
import errno
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from pose_app.errors import SourceError
from pose_app.sources import camera, discover, modes
from pose_app.sources.discover import CameraInfo
from pose_app.sources.modes import CameraMode, best_modes, probe_modes, read_modes
from tests.fakes import FakeCamera, FakeCameras, FakeDriver
from tests.unit.sources.test_opening import run

HALF_HD, VGA = (1280, 720), (640, 480)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCameras]:
    with FakeCameras().install(monkeypatch) as installed:
        yield installed


def sizes(listed: tuple[CameraMode, ...]) -> list[tuple[int, int]]:
    return [(mode.width, mode.height) for mode in listed]


# The kernel's interface


def test_structures_and_requests_are_the_kernels() -> None:
    """The sizes and codes of <linux/videodev2.h>, as a C compiler gives them on 64 bits."""
    structures = (modes.FormatDescription, modes.SizeEntry, modes.IntervalEntry)
    assert [ctypes.sizeof(structure) for structure in structures] == [64, 44, 52]
    assert modes.ENUM_FORMATS == 0xC0405602
    assert modes.ENUM_SIZES == 0xC02C564A
    assert modes.ENUM_INTERVALS == 0xC034564B
    assert modes.FormatDescription.pixel_format.offset == 44
    assert modes.SizeEntry.numbers.offset == 12
    assert modes.IntervalEntry.numbers.offset == 20


def test_the_highest_rate_of_every_size_and_format() -> None:
    driver = FakeDriver(
        {
            "YUYV": {VGA: [(1, 30), (1, 15)], HALF_HD: [(1, 10), (2, 15)]},
            "MJPG": {VGA: [(1, 5), (1, 60)], HALF_HD: [(1001, 30000)]},
        }
    )
    assert read_modes(driver) == (
        CameraMode(1280, 720, 30000 / 1001, "MJPG"),
        CameraMode(1280, 720, 10.0, "YUYV"),
        CameraMode(640, 480, 60.0, "MJPG"),
        CameraMode(640, 480, 30.0, "YUYV"),
    )


def test_formats_that_cannot_be_read_are_left_out() -> None:
    driver = FakeDriver({"H264": {(1920, 1080): [(1, 60)]}, "Z16": {VGA: [(1, 90)]}, "GREY": {}})
    assert read_modes(driver) == ()


def test_rates_as_a_range() -> None:
    driver = FakeDriver({"NV12": {VGA: [(1, 90), (1, 1)]}}, ranges=True)
    assert read_modes(driver) == (CameraMode(640, 480, 90.0, "NV12"),)


@pytest.mark.parametrize("intervals", [[], [(0, 1)]])
def test_sizes_without_a_rate(intervals: list[tuple[int, int]]) -> None:
    assert read_modes(FakeDriver({"MJPG": {VGA: intervals}})) == (
        CameraMode(640, 480, None, "MJPG"),
    )


def test_of_any_size_within_limits_the_usual_ones() -> None:
    anything = ((2, 8192, 1), (2, 1080, 1))
    listed = read_modes(FakeDriver({"YUYV": {anything: [(1, 30)]}}))
    assert sizes(listed)[0] == (1920, 1080)
    assert VGA in sizes(listed)
    assert max(mode.height for mode in listed) == 1080
    steps = ((320, 1280, 320), (240, 720, 240))
    assert sizes(read_modes(FakeDriver({"YUYV": {steps: [(1, 30)]}}))) == [
        HALF_HD,
        VGA,
        (320, 240),
    ]


def test_a_list_without_an_end() -> None:
    def broken(request: int, structure: ctypes.Structure) -> None:
        if isinstance(structure, modes.FormatDescription):
            structure.pixel_format = int.from_bytes(b"MJPG", "little")
            if structure.index > 0:
                raise OSError(errno.EINVAL, "Invalid argument")
        else:
            structure.type, structure.numbers[:2] = 1, (640, 480)

    assert sizes(read_modes(broken)) == [VGA]


# A camera


def test_a_camera_on_this_machine_is_asked_without_being_opened(hub: FakeCameras) -> None:
    desk = hub.plug(FakeCamera("Desk camera", sizes=[VGA, HALF_HD], busy=True), index=3)
    (camera,) = discover.cameras()
    assert sizes(best_modes(modes.modes(camera))) == [HALF_HD, VGA]
    assert (hub.asked, desk.opened) == ([3], 0)


@pytest.mark.parametrize("error", [errno.ENODEV, errno.EIO, errno.EBUSY])
def test_a_driver_that_fails_is_told_to_the_log(
    hub: FakeCameras, error: int, caplog: pytest.LogCaptureFixture
) -> None:
    hub.plug(FakeCamera("Desk camera"), index=0).driver.error = error
    with caplog.at_level(logging.WARNING):
        assert modes.modes(discover.cameras()[0]) == ()
    assert "The sizes of Desk camera cannot be read" in caplog.text


def test_a_driver_that_knows_no_lists(hub: FakeCameras, caplog: pytest.LogCaptureFixture) -> None:
    hub.plug(FakeCamera("Desk camera"), index=0).driver.error = errno.ENOTTY
    assert modes.modes(discover.cameras()[0]) == ()
    assert caplog.text == ""


@pytest.mark.skipif(sys.platform != "linux", reason="Video4Linux is Linux's")
@pytest.mark.parametrize("path", ["/dev/null", "/dev/there is no such thing"])
def test_what_is_no_camera_has_no_modes(path: str) -> None:
    """Through the kernel itself."""
    assert modes.modes(CameraInfo("No camera", 0, discover.backend(), path=path)) == ()


def test_no_lists_on_other_systems(hub: FakeCameras) -> None:
    hub.drivers_tell = False
    hub.plug(FakeCamera("Desk camera"), index=0)
    assert modes.modes(discover.cameras()[0]) == ()
    assert hub.asked == []


# What people choose from


def test_one_entry_for_each_size() -> None:
    listed = (
        CameraMode(640, 480, 30.0, "YUYV"),
        CameraMode(640, 480, 30000 / 1001, "MJPG"),
        CameraMode(1280, 720, 10.0, "MJPG"),
        CameraMode(1280, 720, 60.0, "YUYV"),
        CameraMode(320, 240, None, None),
    )
    assert best_modes(listed) == (
        CameraMode(1280, 720, 60.0, "YUYV"),
        CameraMode(640, 480, 30000 / 1001, "MJPG"),
        CameraMode(320, 240, None, None),
    )


def test_of_formats_alike_the_first_of_the_driver() -> None:
    names = ["YUYV", "NV12", "UYVY", "YU12", "GREY", "RGB3"]
    for first in names:
        order = [first, *(name for name in names if name != first)]
        listed = read_modes(FakeDriver({name: {VGA: [(1, 30)]} for name in order}))
        assert [mode.pixel_format for mode in listed] == order
        assert best_modes(listed) == (CameraMode(640, 480, 30.0, first),)


def test_of_many_sizes_the_usual_ones_are_kept() -> None:
    odd = tuple(CameraMode(4000 - 2 * n, 3000 - 2 * n, 5.0, "MJPG") for n in range(30))
    chosen = best_modes((*odd, CameraMode(640, 480, 30.0, "MJPG"), *odd))
    assert len(chosen) == 12
    assert sizes(chosen)[0] == (4000, 3000)
    assert sizes(chosen)[-1] == VGA


# Found out by opening


def test_opening_finds_what_the_camera_really_gives(hub: FakeCameras) -> None:
    desk = hub.plug(FakeCamera("Desk camera", sizes=[VGA, HALF_HD], fps=200), index=0)
    found = probe_modes(discover.cameras()[0])
    assert found == (
        CameraMode(1280, 720, 200.0, "MJPG"),
        CameraMode(640, 480, 200.0, "MJPG"),
    )
    assert desk.open_now == 0


def test_finding_out_can_be_stopped(hub: FakeCameras) -> None:
    desk = hub.plug(FakeCamera("Desk camera", fps=200), index=0)
    probe_modes(discover.cameras()[0], lambda: desk.opened == 2)
    assert desk.opened == 2


def test_a_busy_camera_cannot_be_found_out(hub: FakeCameras) -> None:
    hub.plug(FakeCamera("Desk camera", busy=True), index=0)
    with pytest.raises(SourceError, match="close other programs"):
        probe_modes(discover.cameras()[0])


@pytest.mark.parametrize(
    ("bad", "kept"),
    [
        ([(800, 600)], 4),
        ([(1920, 1080)], 4),
        ([(800, 600), (320, 240)], 3),
        ([(640, 480), (320, 240)], 3),
    ],
)
def test_a_size_that_fails_leaves_the_others(
    hub: FakeCameras,
    monkeypatch: pytest.MonkeyPatch,
    bad: list[tuple[int, int]],
    kept: int,
) -> None:
    desk = hub.plug(FakeCamera("Desk camera", sizes=list(modes._TRIED_SIZES), fps=200), index=0)
    real = camera.CameraSource

    def opened(*arguments: Any, size: tuple[int, int], **more: Any) -> camera.CameraSource:
        if size in bad:
            raise SourceError("Desk camera gives no picture: try another size.")
        return real(*arguments, size=size, **more)

    monkeypatch.setattr(camera, "CameraSource", opened)
    found = probe_modes(discover.cameras()[0])
    assert {(mode.width, mode.height) for mode in found} == set(modes._TRIED_SIZES) - set(bad)
    assert len(found) == kept
    assert desk.open_now == 0


# The command


def test_the_command_prints_what_the_driver_lists(
    hub: FakeCameras, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = hub.plug(FakeCamera("Desk camera"), index=2)
    desk.driver = FakeDriver(
        {
            "MJPG": {(320, 240): [(1, 60)], VGA: [(1, 60)], HALF_HD: []},
            "YUYV": {VGA: [(2, 15)]},
        }
    )
    assert run() == 0
    assert capsys.readouterr().out.splitlines() == [
        "  2  Desk camera (046d:0825)",
        "     MJPG 60 fps: 640x480 320x240",
        "     MJPG: 1280x720",
        "     YUYV 7.5 fps: 640x480",
    ]
    assert run("--json") == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["modes"] == [
        {"size": [1280, 720], "fps": None, "format": "MJPG"},
        {"size": [640, 480], "fps": 60.0, "format": "MJPG"},
        {"size": [640, 480], "fps": 7.5, "format": "YUYV"},
        {"size": [320, 240], "fps": 60.0, "format": "MJPG"},
    ]
    assert desk.opened == 0
