"""Cameras in the window: plugged in and out, their sizes and rates in the source menu."""

from __future__ import annotations

import json

import cv2
import pytest
from PySide6.QtGui import QAction

from pose_app.settings import Settings
from pose_app.ui.controllers.known_cameras import KnownCameras
from pose_app.ui.controllers.openers import last_target
from tests.fakes import FakeCamera, FakeDriver
from tests.ui.conftest import WAIT_MS, close, demo_pictures, wait_for_pose


def entries(window) -> dict[str, QAction]:
    """Of the cameras in the source menu, by their texts."""
    found = {action.text(): action for action in window.source_button.menu().actions()}
    return {text: found[text] for text in found if "camera" in text}


def entry(window, name: str) -> QAction:
    (found,) = [action for text, action in entries(window).items() if text.startswith(name)]
    return found


def choices(window, name: str) -> list[QAction]:
    """What the submenu of a camera offers."""
    return [action for action in entry(window, name).menu().actions() if action.text()]


def texts(window, name: str) -> list[str]:
    return [action.text() for action in choices(window, name)]


def choose(window, name: str, text: str) -> None:
    (action,) = [action for action in choices(window, name) if action.text() == text]
    assert action.isEnabled()
    action.trigger()


def wait_for_cameras(window, qtbot) -> None:
    qtbot.waitUntil(lambda: bool(window.sources.cameras.found), timeout=WAIT_MS)


def wait_for_size(window, qtbot, size: tuple[int, int]) -> None:
    def given() -> bool:
        return window.sources.info is not None and window.sources.info.size == size

    qtbot.waitUntil(given, timeout=WAIT_MS)


def test_a_camera_is_unplugged_and_plugged_in_again(open_window, qtbot, cameras):
    camera = cameras.plug(FakeCamera("Desk camera", pictures=demo_pictures), 0)
    window = open_window("")
    wait_for_pose(window, qtbot)
    assert window.sources.info.kind == "camera"
    assert window.windowTitle().startswith("Desk camera")
    assert "Desk camera" in window.source_button.toolTip()
    assert window.view.mirror  # as in a mirror, without being asked
    cameras.unplug(camera)
    qtbot.waitUntil(lambda: window.banner.text != "", timeout=WAIT_MS)
    cameras.plug(camera, 2)  # at another place
    before = window.canvas.result.frame.index
    qtbot.waitUntil(lambda: window.banner.text == "", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: window.canvas.result.frame.index > before + 5, timeout=WAIT_MS)


def test_a_camera_that_is_plugged_in_later_is_offered(open_window, qtbot, cameras):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    qtbot.waitUntil(lambda: window.sources.cameras.found == [], timeout=WAIT_MS)
    cameras.plug(FakeCamera("New camera", pictures=demo_pictures), 1)
    window.sources.cameras.look()
    qtbot.waitUntil(lambda: "New camera" in window.toast.text, timeout=WAIT_MS)
    choices(window, "New camera")[0].trigger()
    qtbot.waitUntil(lambda: window.sources.info.kind == "camera", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: entry(window, "New camera").isChecked(), timeout=WAIT_MS)
    assert entry(window, "New camera").text() == "New camera  (640 × 480 · 30 fps)"


def test_the_last_camera_is_found_at_another_place(open_window, qtbot, cameras, settings):
    other = cameras.plug(FakeCamera("Other camera", vid=1, pid=1, pictures=demo_pictures), 0)
    camera = cameras.plug(FakeCamera("Desk camera", pictures=demo_pictures), 1)
    window = open_window("Desk camera")
    wait_for_pose(window, qtbot)
    close(window, qtbot)
    cameras.unplug(camera)
    cameras.plug(camera, 3)
    again = open_window(last_target(settings))
    wait_for_pose(again, qtbot)
    assert again.sources.info.name == "Desk camera"
    assert other.open_now == 0


# Sizes and rates


def test_sizes_and_rates_are_shown_without_opening_the_camera(open_window, qtbot, cameras):
    camera = cameras.plug(FakeCamera("Desk camera", sizes=[(640, 480), (1920, 1080)]), 0)
    camera.driver = FakeDriver(
        {
            "MJPG": {(640, 480): [(1, 30), (1, 60)], (1920, 1080): [(1, 30)]},
            "YUYV": {(640, 480): [(1, 30)], (1920, 1080): [(1, 5)], (320, 240): [(2, 15)]},
        }
    )
    window = open_window("demo")
    wait_for_cameras(window, qtbot)
    assert list(entries(window)) == ["Desk camera"]
    assert texts(window, "Desk camera") == [
        "Automatic",
        "1920 × 1080 · 30 fps",
        "640 × 480 · 60 fps",
        "320 × 240 · 7.5 fps",
    ]
    assert not any(action.isChecked() for action in choices(window, "Desk camera"))
    assert camera.opened == 0


def test_a_driver_is_asked_once_as_long_as_its_camera_is_there(open_window, qtbot, cameras):
    camera = cameras.plug(FakeCamera("Desk camera"), 0)
    window = open_window("demo")

    def look() -> None:
        qtbot.waitUntil(lambda: not window.sources.cameras._looking, timeout=WAIT_MS)
        window.sources.cameras.look()
        qtbot.waitUntil(lambda: not window.sources.cameras._looking, timeout=WAIT_MS)

    look()
    look()
    assert cameras.asked == [0]
    cameras.plug(FakeCamera("Other camera"), 1)
    look()
    assert cameras.asked == [0, 1]
    cameras.unplug(camera)
    look()
    cameras.plug(camera, 0)
    look()
    assert cameras.asked == [0, 1, 0]


def test_a_chosen_size_is_opened_and_remembered(open_window, qtbot, cameras, settings):
    camera = cameras.plug(FakeCamera("Desk camera", fps=60, formats=["NV12", "YUYV"]), 0)
    window = open_window("")
    wait_for_size(window, qtbot, (1280, 720))
    wait_for_cameras(window, qtbot)
    checked = [action.text() for action in choices(window, "Desk camera") if action.isChecked()]
    assert checked == ["Automatic", "1280 × 720 · 60 fps"]
    choose(window, "Desk camera", "640 × 480 · 60 fps")
    wait_for_size(window, qtbot, (640, 480))
    checked = [action.text() for action in choices(window, "Desk camera") if action.isChecked()]
    assert checked == ["640 × 480 · 60 fps"]
    close(window, qtbot)
    asked = len(camera.wishes)
    again = open_window(last_target(settings), settings=Settings.load(settings.path))
    wait_for_size(again, qtbot, (640, 480))
    for wish in (camera.wishes[asked - 1], camera.wishes[asked]):
        assert wish[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"NV12")
        assert wish[cv2.CAP_PROP_FRAME_WIDTH] == 640
        assert wish[cv2.CAP_PROP_FRAME_HEIGHT] == 480
        assert wish[cv2.CAP_PROP_FPS] == 60
    wait_for_cameras(again, qtbot)
    choose(again, "Desk camera", "Automatic")
    wait_for_size(again, qtbot, (1280, 720))
    assert again.settings.get("source.cameras") == ()


@pytest.mark.parametrize("named", ["0", "desk"])
def test_a_chosen_size_is_that_of_a_camera_named_at_the_start(
    open_window, qtbot, cameras, settings, named
):
    cameras.plug(FakeCamera("Desk camera"), 0)
    window = open_window("demo")
    wait_for_cameras(window, qtbot)
    choose(window, "Desk camera", "640 × 480 · 30 fps")
    wait_for_size(window, qtbot, (640, 480))
    close(window, qtbot)
    again = open_window(named, settings=Settings.load(settings.path))
    wait_for_size(again, qtbot, (640, 480))
    assert again.sources.info.name == "Desk camera"


def test_a_choice_is_of_one_camera_alone(open_window, qtbot, cameras):
    desk = cameras.plug(FakeCamera("Desk camera"), 0)
    other = cameras.plug(FakeCamera("Other camera", pid=7), 1)
    window = open_window("demo")
    wait_for_cameras(window, qtbot)
    choose(window, "Desk camera", "640 × 480 · 30 fps")
    wait_for_size(window, qtbot, (640, 480))
    qtbot.waitUntil(lambda: entry(window, "Desk camera").isChecked(), timeout=WAIT_MS)
    choose(window, "Other camera", "Automatic")
    wait_for_size(window, qtbot, (1280, 720))
    assert not entry(window, "Desk camera").isChecked()
    assert desk.wishes[-1][cv2.CAP_PROP_FRAME_WIDTH] == 640
    assert other.wishes[-1][cv2.CAP_PROP_FRAME_WIDTH] == 1280


def test_a_camera_of_which_nothing_is_known_is_a_plain_entry(open_window, qtbot, cameras):
    camera = cameras.plug(FakeCamera("Desk camera"), 0)
    camera.driver = FakeDriver({})
    window = open_window("demo")
    wait_for_cameras(window, qtbot)
    assert entry(window, "Desk camera").menu() is None
    entry(window, "Desk camera").trigger()
    wait_for_size(window, qtbot, (1280, 720))
    assert entry(window, "Desk camera").isChecked()


def test_a_size_of_a_busy_camera_is_not_ticked(open_window, qtbot, cameras):
    cameras.plug(FakeCamera("Desk camera", busy=True), 0)
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    wait_for_cameras(window, qtbot)
    choose(window, "Desk camera", "640 × 480 · 30 fps")
    qtbot.waitUntil(lambda: "close other programs" in window.banner.text, timeout=WAIT_MS)
    assert window.sources.info.kind == "demo"
    assert not any(action.isChecked() for action in choices(window, "Desk camera"))


# Where drivers do not tell


def test_sizes_are_found_out_and_remembered(open_window, qtbot, cameras, settings):
    cameras.drivers_tell = False
    camera = cameras.plug(FakeCamera("Desk camera"), 0)
    window = open_window("demo")
    wait_for_cameras(window, qtbot)
    assert texts(window, "Desk camera") == ["Automatic", "Find out sizes and rates"]
    choose(window, "Desk camera", "Find out sizes and rates")
    assert not entry(window, "Desk camera").isEnabled()
    qtbot.waitUntil(lambda: "in the menu now" in window.toast.text, timeout=WAIT_MS)
    found = ["Automatic", "1280 × 720 · 30 fps", "640 × 480 · 30 fps"]
    assert entry(window, "Desk camera").isEnabled()
    assert texts(window, "Desk camera") == found
    assert (window.sources.info.kind, camera.open_now) == ("demo", 0)
    close(window, qtbot)
    opened = camera.opened
    again = open_window("demo", settings=Settings.load(settings.path))
    wait_for_cameras(again, qtbot)
    assert texts(again, "Desk camera") == found
    assert camera.opened == opened
    choose(again, "Desk camera", "640 × 480 · 30 fps")
    wait_for_size(again, qtbot, (640, 480))


def test_the_running_camera_is_not_opened_again_to_find_out(open_window, qtbot, cameras):
    cameras.drivers_tell = False
    camera = cameras.plug(FakeCamera("Desk camera"), 0)
    window = open_window("")
    qtbot.waitUntil(
        lambda: any(action.isChecked() for action in entries(window).values()), timeout=WAIT_MS
    )
    automatic, find_out = choices(window, "Desk camera")
    assert automatic.isChecked()
    assert not find_out.isEnabled()
    assert "in use" in find_out.toolTip()
    assert camera.opened == 1


def test_a_busy_camera_cannot_be_found_out(open_window, qtbot, cameras, settings):
    cameras.drivers_tell = False
    cameras.plug(FakeCamera("Desk camera", busy=True), 0)
    window = open_window("demo")
    wait_for_cameras(window, qtbot)
    choose(window, "Desk camera", "Find out sizes and rates")
    qtbot.waitUntil(lambda: "close other programs" in window.banner.text, timeout=WAIT_MS)
    assert texts(window, "Desk camera") == ["Automatic", "Find out sizes and rates"]
    assert settings.get("source.cameras") == ()


def test_half_of_the_sizes_are_not_remembered(open_window, qtbot, cameras, settings):
    cameras.drivers_tell = False
    camera = cameras.plug(FakeCamera("Desk camera"), 0)
    window = open_window("demo")
    wait_for_cameras(window, qtbot)
    choose(window, "Desk camera", "Find out sizes and rates")
    close(window, qtbot)
    assert camera.open_now == 0
    assert settings.get("source.cameras") == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"name": ["x"], "chosen": null, "found": []}',
        '{"name": "x", "chosen": [640], "found": []}',
        '{"name": "x", "chosen": [640, -1, 30, null], "found": []}',
        '{"name": "x", "chosen": null, "found": [[640, 480, "30", null]]}',
        '{"name": "x", "chosen": null, "found": [[640, 480, 30, 5]]}',
    ],
)
def test_what_cannot_be_read_is_forgotten(text: str, caplog) -> None:
    good = '{"name": "Desk camera", "chosen": [640, 480, 30.0, "MJPG"], "found": []}'
    assert [json.loads(kept)["name"] for kept in KnownCameras([text, good]).texts] == [
        "Desk camera"
    ]
    assert "cannot be read" in caplog.text
