"""The bar below the picture: a video has times, pictures have names and numbers."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt

from pose_app.sources.kinds import is_pictures
from tests.media import picture_number, regular, write_video
from tests.ui.conftest import WAIT_MS, wait_for_pose


def folder_of(path: Path, count: int) -> Path:
    """Pictures, each brighter than the one before."""
    path.mkdir()
    for number in range(count):
        brightness = 20 + 20 * number
        picture = np.full((40, 60, 3), brightness, np.uint8)
        cv2.imwrite(str(path / f"IMG_{number:02}.png"), picture)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "pictures", 9)


def shows(window, number: int, count: int = 9):
    """Whether the bar and the picture are those of this file of a folder."""

    def there() -> bool:
        result = window.canvas.result
        return (
            window.playback.position.text() == f"{number + 1} of {count}"
            and window.playback.file.text() == f"IMG_{number:02}.png"
            and result is not None
            and int(result.frame.image[0, 0, 0]) == 20 + 20 * number
        )

    return there


def test_a_folder_holds_its_first_picture_and_is_stepped_through(
    open_window, qtbot, settings, pictures
) -> None:
    settings.set("source.fps", 60)  # of cameras
    window = open_window(str(pictures))
    bar = window.playback
    qtbot.waitUntil(shows(window, 0), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: window.play.paused, timeout=WAIT_MS)
    assert bar.file.isVisible()
    for command, expected in (
        ("step", 1), ("step", 2), ("step_back", 1), ("forward", 2), ("back", 1), ("start", 0),
    ):  # fmt: skip
        window.commands[command].trigger()
        qtbot.waitUntil(shows(window, expected), timeout=WAIT_MS)
        assert window.play.paused
    bar.slider.setValue(3)  # by hand
    qtbot.waitUntil(shows(window, 3), timeout=WAIT_MS)
    assert window.play.paused
    assert window.commands["step"].text() == "Next picture"
    qtbot.waitUntil(lambda: window.status.figures.text() == "", timeout=WAIT_MS)


def test_a_folder_is_shown_although_what_was_before_is_paused(open_window, qtbot, pictures) -> None:
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    window.commands["pause"].trigger()
    window.sources.open(str(pictures))
    qtbot.waitUntil(shows(window, 0), timeout=WAIT_MS)
    assert window.play.paused
    assert not window.play.ended


def test_a_folder_plays_to_its_end_and_can_be_stepped_back_from_there(
    open_window, qtbot, tmp_path
) -> None:
    window = open_window(str(folder_of(tmp_path / "few", 3)))
    qtbot.waitUntil(shows(window, 0, 3), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: window.play.paused, timeout=WAIT_MS)
    window.play.speed = 4.0
    window.commands["pause"].trigger()
    qtbot.waitUntil(lambda: window.play.ended, timeout=WAIT_MS)
    qtbot.waitUntil(shows(window, 2, 3), timeout=WAIT_MS)
    window.commands["back"].trigger()
    qtbot.waitUntil(shows(window, 1, 3), timeout=WAIT_MS)
    assert (window.play.paused, window.play.ended) == (True, False)
    window.commands["pause"].trigger()
    qtbot.waitUntil(lambda: window.play.ended, timeout=WAIT_MS)
    window.commands["pause"].trigger()  # from the start again
    qtbot.waitUntil(lambda: not window.play.paused, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: window.play.ended, timeout=WAIT_MS)


def test_a_recorded_folder_begins_with_the_picture_that_is_shown(
    open_window, qtbot, tmp_path
) -> None:
    window = open_window(str(folder_of(tmp_path / "few", 3)))
    qtbot.waitUntil(shows(window, 0, 3), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: window.bridge.session.metrics().engine is not None, timeout=WAIT_MS)
    window.commands["step"].trigger()
    qtbot.waitUntil(shows(window, 1, 3), timeout=WAIT_MS)
    window.play.speed = 4.0
    window.commands["record_raw"].trigger()
    qtbot.waitUntil(lambda: window.play.ended, timeout=WAIT_MS)
    window.commands["record_raw"].trigger()
    qtbot.waitUntil(lambda: window.recordings.last is not None, timeout=WAIT_MS)
    with av.open(str(window.recordings.last.paths[0])) as container:
        frames = list(container.decode(video=0))
    seen = [round(float(frame.to_ndarray(format="gray").mean()) / 20) - 1 for frame in frames]
    assert [number for number, _ in groupby(seen)] == [1, 2]
    # As long as it was seen: three seconds at four times the speed.
    assert float(frames[seen.index(2)].time) > 0.7
    assert seen.count(1) > 2


def test_what_is_a_folder_of_pictures(tmp_path: Path) -> None:
    assert is_pictures(str(folder_of(tmp_path / "few", 2)))
    assert is_pictures(str(tmp_path / "few" / "IMG_00.png"))
    assert is_pictures(str(tmp_path / "few" / "*.png"))
    assert not is_pictures("http://127.0.0.1/picture.jpg?small")
    assert not is_pictures("demo")


def test_a_single_picture_has_only_its_name(open_window, qtbot, pictures) -> None:
    window = open_window(str(pictures / "IMG_04.png"))
    bar = window.playback
    qtbot.waitUntil(lambda: bar.file.text() == "IMG_04.png", timeout=WAIT_MS)
    assert bar.file.isVisible()
    for widget in (bar.slider, bar.position, bar.speed):
        assert widget.isHidden()


def test_a_video_has_times_again_after_pictures(open_window, qtbot, pictures, tmp_path) -> None:
    clip = tmp_path / "clip.mp4"
    write_video(clip, regular(40), size=(96, 64))
    window = open_window(str(pictures / "IMG_04.png"))
    bar = window.playback
    qtbot.waitUntil(lambda: bar.file.text() == "IMG_04.png", timeout=WAIT_MS)
    window.sources.open(str(clip))
    qtbot.waitUntil(lambda: "/" in bar.position.text() and bar.slider.isVisible(), timeout=WAIT_MS)
    assert bar.file.isHidden()
    assert bar.slider.orientation() == Qt.Orientation.Horizontal
    assert bar.slider.maximum() > 40


def test_the_time_of_a_held_video_tells_one_frame_from_the_next(
    open_window, qtbot, tmp_path
) -> None:
    clip = tmp_path / "clip.mp4"
    write_video(clip, regular(20), size=(192, 96))
    window = open_window(str(clip))
    position = window.playback.position
    qtbot.waitUntil(lambda: window.play.ended, timeout=WAIT_MS)
    for command, frame, text in (
        ("step_back", 18, "0:00.72"), ("step_back", 17, "0:00.68"), ("step", 18, "0:00.72"),
    ):  # fmt: skip
        window.commands[command].trigger()
        qtbot.waitUntil(lambda: position.text().startswith(text), timeout=WAIT_MS)  # noqa: B023
        assert picture_number(window.canvas.result.frame.image) == frame
        assert (window.play.paused, window.play.ended) == (True, False)
    window.commands["pause"].trigger()
    qtbot.waitUntil(lambda: window.play.ended, timeout=WAIT_MS)


def test_an_arrow_on_the_slider_is_a_frame(open_window, qtbot, tmp_path) -> None:
    clip = tmp_path / "clip.mp4"
    write_video(clip, regular(20), size=(192, 96))
    window = open_window(str(clip))
    qtbot.waitUntil(lambda: window.playback.slider.maximum() == 80, timeout=WAIT_MS)
    window.activateWindow()
    window.playback.slider.setFocus()
    qtbot.waitUntil(window.playback.slider.hasFocus, timeout=WAIT_MS)
    sought: list[float] = []
    window.playback.slider.setValue(72)
    window.playback.sought.connect(sought.append)
    qtbot.keyClick(window.playback.slider, Qt.Key.Key_Left)
    qtbot.keyClick(window.playback.slider, Qt.Key.Key_Right)
    assert sought == [pytest.approx(0.68), pytest.approx(0.72)]
