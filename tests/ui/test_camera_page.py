"""The page of the preferences with what a camera sees; fake cameras at OpenCV's seam."""

from __future__ import annotations

import re

import cv2
import pytest
from PySide6.QtWidgets import QApplication

from pose_app.ui.dialogs.camera_page import CameraPage
from tests.fakes import FakeCamera
from tests.ui.conftest import WAIT_MS, demo_pictures


def on_page(window, dialogs, then) -> None:
    """Open the page as its command does; `then(page)` is what the person does there."""

    def use(dialog) -> None:
        dialog.show()
        then(dialog.camera)

    dialogs.on_show = use
    window.commands["cameras"].trigger()
    QApplication.processEvents()


def choose(page: CameraPage, name: str) -> None:
    (index,) = [i for i in range(page.camera.count()) if page.camera.itemText(i).startswith(name)]
    page.camera.setCurrentIndex(index)


def wait_for_picture(page: CameraPage, qtbot, size: tuple[int, int] | None = None) -> None:
    def seen() -> bool:
        image = page.picture.image
        return image is not None and size in (None, (image.width(), image.height()))

    qtbot.waitUntil(seen, timeout=WAIT_MS)


def wait_for_cameras(window, qtbot, count: int = 1) -> None:
    """Until so many are listed and something delivers pictures."""
    qtbot.waitUntil(
        lambda: (
            window.sources.cameras.found is not None
            and len(window.sources.cameras.found) == count
            and window.sources.info is not None
            and window.canvas.result is not None
        ),
        timeout=WAIT_MS,
    )


@pytest.fixture
def desk_camera(open_window, qtbot, cameras):
    """Plugs a camera in and opens a window that has found it: (camera, window)."""

    def opened(target: str = "demo", **camera):
        plugged = cameras.plug(FakeCamera("Desk camera", **camera), 0)
        window = open_window(target)
        wait_for_cameras(window, qtbot)
        return plugged, window

    return opened


def test_the_running_camera_is_shown_without_opening_it_again(qtbot, desk_camera, dialogs) -> None:
    camera, window = desk_camera("", pictures=demo_pictures)
    seen = []

    def look(page: CameraPage) -> None:
        assert page.camera.currentText() == "Desk camera (running)"
        wait_for_picture(page, qtbot)
        seen.append(page.words.text())

    on_page(window, dialogs, look)
    assert re.search(r"^\d+ × \d+ · [\d.]+ fps$", seen[0])  # both as they are, not as asked for
    assert (camera.opened, camera.open_now) == (1, 1)
    before = window.canvas.result.frame.index  # OK with nothing changed: it goes on
    qtbot.waitUntil(lambda: window.canvas.result.frame.index > before + 5, timeout=WAIT_MS)
    assert camera.opened == 1


def test_no_camera_is_opened_before_one_is_chosen(qtbot, desk_camera, dialogs) -> None:
    camera, window = desk_camera()

    def look(page: CameraPage) -> None:
        qtbot.wait(150)
        assert page.chosen is None
        assert "Choose a camera" in page.picture.text

    on_page(window, dialogs, look)
    assert camera.opened == 0
    assert window.sources.info.kind == "demo"


def test_another_camera_is_seen_then_run_and_never_open_twice(qtbot, desk_camera, dialogs) -> None:
    most_open = []
    camera, window = desk_camera(pictures=demo_pictures)
    window.bridge.stats.connect(lambda stats: most_open.append(camera.open_now))

    def use(page: CameraPage) -> None:
        choose(page, "Desk camera")
        wait_for_picture(page, qtbot)
        most_open.append(camera.open_now)
        page.size_choice.setCurrentText("640 × 480")
        qtbot.waitUntil(lambda: len(camera.wishes) == 2, timeout=WAIT_MS)
        most_open.append(camera.open_now)
        assert window.sources.info.kind == "demo"  # not before OK

    on_page(window, dialogs, use)
    qtbot.waitUntil(lambda: window.sources.info.kind == "camera", timeout=WAIT_MS)
    assert camera.wishes[-1][cv2.CAP_PROP_FRAME_WIDTH] == 640
    assert window.sources.cameras.mode(window.sources.cameras.found[0]).width == 640
    assert max(most_open) == 1


def test_cancel_lets_go_of_the_camera(qtbot, desk_camera, dialogs) -> None:
    camera, window = desk_camera()

    def use(page: CameraPage) -> None:
        choose(page, "Desk camera")
        wait_for_picture(page, qtbot)

    dialogs.accept = False
    on_page(window, dialogs, use)
    qtbot.waitUntil(lambda: camera.open_now == 0, timeout=WAIT_MS)
    assert window.sources.info.kind == "demo"


def test_a_page_that_is_not_looked_at_has_no_camera_open(qtbot, desk_camera, dialogs) -> None:
    camera, window = desk_camera()

    def use(dialog) -> None:
        dialog.show()
        choose(dialog.camera, "Desk camera")
        wait_for_picture(dialog.camera, qtbot)
        dialog.pages.setCurrentRow(0)
        qtbot.waitUntil(lambda: camera.open_now == 0, timeout=WAIT_MS)

    dialogs.on_show = use
    dialogs.accept = False
    window.commands["cameras"].trigger()


def test_a_driver_that_hangs_stops_neither_the_page_nor_the_window(
    open_window, qtbot, cameras, dialogs
) -> None:
    stuck = cameras.plug(FakeCamera("Stuck camera"), 0)
    good = cameras.plug(FakeCamera("Good camera", pid=7), 1)
    window = open_window("demo")
    wait_for_cameras(window, qtbot, 2)

    def use(page: CameraPage) -> None:
        stuck.mode = "blocked"
        choose(page, "Stuck camera")
        qtbot.waitUntil(lambda: stuck.open_now == 1, timeout=WAIT_MS)
        assert "Opening" in page.picture.text
        before = window.canvas.result.frame.index
        qtbot.waitUntil(lambda: window.canvas.result.frame.index > before + 3, timeout=WAIT_MS)
        choose(page, "Good camera")
        wait_for_picture(page, qtbot)

    on_page(window, dialogs, use)
    qtbot.waitUntil(lambda: window.sources.info.name == "Good camera", timeout=WAIT_MS)
    stuck.mode = "live"
    qtbot.waitUntil(lambda: stuck.open_now == 0, timeout=WAIT_MS)
    assert good.open_now == 1


def test_a_camera_that_cannot_be_opened_says_why(open_window, qtbot, cameras, dialogs) -> None:
    cameras.plug(FakeCamera("Busy camera", busy=True), 0)
    window = open_window("demo")
    wait_for_cameras(window, qtbot)

    def use(page: CameraPage) -> None:
        choose(page, "Busy camera")
        qtbot.waitUntil(lambda: "close other programs" in page.words.text(), timeout=WAIT_MS)

    dialogs.accept = False
    on_page(window, dialogs, use)
    assert window.banner.text == ""


def test_cameras_come_and_go_while_the_page_is_open(open_window, qtbot, cameras, dialogs) -> None:
    window = open_window("demo")
    wait_for_cameras(window, qtbot, 0)

    def use(page: CameraPage) -> None:
        qtbot.waitUntil(lambda: "No camera found" in page.picture.text, timeout=WAIT_MS)
        camera = cameras.plug(FakeCamera("Desk camera"), 0)
        window.sources.cameras.look()
        qtbot.waitUntil(lambda: page.camera.count() == 1, timeout=WAIT_MS)
        choose(page, "Desk camera")
        wait_for_picture(page, qtbot)
        cameras.unplug(camera)
        qtbot.waitUntil(lambda: not window.sources.cameras._looking, timeout=WAIT_MS)
        window.sources.cameras.look()
        qtbot.waitUntil(lambda: page.chosen is None, timeout=WAIT_MS)
        assert page.camera.count() == 0

    on_page(window, dialogs, use)
    assert window.sources.info.kind == "demo"


def test_sizes_that_no_driver_tells_are_found_out_from_the_page(
    qtbot, cameras, desk_camera, dialogs
) -> None:
    cameras.drivers_tell = False
    camera, window = desk_camera()

    def use(page: CameraPage) -> None:
        choose(page, "Desk camera")
        wait_for_picture(page, qtbot)
        assert page.size_choice.count() == 1
        assert page.find_out.isVisible()
        page.find_out.click()
        qtbot.waitUntil(lambda: page.size_choice.findText("640 × 480") > 0, timeout=WAIT_MS)
        wait_for_picture(page, qtbot)
        assert camera.open_now == 1

    dialogs.accept = False
    on_page(window, dialogs, use)
    qtbot.waitUntil(lambda: camera.open_now == 0, timeout=WAIT_MS)


def test_another_size_of_the_running_camera_is_taken_with_ok(qtbot, desk_camera, dialogs) -> None:
    camera, window = desk_camera("")

    def use(page: CameraPage) -> None:
        wait_for_picture(page, qtbot, (1280, 720))
        page.size_choice.setCurrentText("640 × 480")
        qtbot.waitUntil(lambda: "with OK" in page.words.text(), timeout=WAIT_MS)
        assert camera.opened == 1

    on_page(window, dialogs, use)
    qtbot.waitUntil(lambda: window.sources.info.size == (640, 480), timeout=WAIT_MS)
    # By the session, which tries the new size before it lets go of the old one; never by the page.
    assert camera.opened == 2
    qtbot.waitUntil(lambda: camera.open_now == 1, timeout=WAIT_MS)


def test_a_camera_that_is_plugged_out_while_it_runs_goes_from_the_page(
    qtbot, cameras, desk_camera, dialogs
) -> None:
    camera, window = desk_camera("")

    def use(page: CameraPage) -> None:
        wait_for_picture(page, qtbot)
        cameras.unplug(camera)
        qtbot.waitUntil(lambda: not window.sources.cameras._looking, timeout=WAIT_MS)
        window.sources.cameras.look()
        qtbot.waitUntil(lambda: page.camera.count() == 0, timeout=WAIT_MS)
        qtbot.waitUntil(lambda: "No camera" in page.picture.text, timeout=WAIT_MS)

    on_page(window, dialogs, use)
    assert camera.opened == 1
