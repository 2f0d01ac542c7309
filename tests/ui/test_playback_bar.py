"""The bar below the picture: a video has times, pictures have names and numbers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt

from tests.media import regular, write_video
from tests.ui.conftest import WAIT_MS


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(9):
        cv2.imwrite(str(folder / f"IMG_{number:02}.png"), np.full((40, 60, 3), 90, np.uint8))
    return folder


def test_a_folder_tells_the_file_and_which_of_how_many(open_window, qtbot, pictures) -> None:
    window = open_window(str(pictures))
    bar = window.playback
    qtbot.waitUntil(lambda: window.play.ended, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: bar.position.text() == "9 of 9", timeout=WAIT_MS)
    assert bar.file.text() == "IMG_08.png"
    assert bar.file.isVisible()
    bar.slider.setValue(3)  # by hand
    qtbot.waitUntil(lambda: bar.file.text() == "IMG_03.png", timeout=WAIT_MS)


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
