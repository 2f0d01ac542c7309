"""The app's own icons: all there, tinted, sharp."""

from __future__ import annotations

import gc

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QPixmap

from pose_app.errors import PoseAppError
from pose_app.ui.icons import COLOURED, icon, names

NEEDED = {
    *("camera", "video", "link", "folder", "demo", "play", "pause", "step", "loop", "stop"),
    *("record", "record-raw", "snapshot", "mirror", "fit", "fullscreen", "heatmap", "compare"),
    *("joints", "stacks", "plots", "movement", "models", "download", "settings", "help"),
    *("info", "warning", "close", "reset", "zoom", "app"),
}

pytestmark = pytest.mark.usefixtures("qapp")


def test_every_icon_the_window_needs_is_bundled() -> None:
    assert set(names()) >= NEEDED


@pytest.mark.parametrize("name", names())
def test_an_icon_is_painted_in_the_asked_colour_only(name: str) -> None:
    colour = QColor("#ff8800")
    image = icon(name, colour).pixmap(QSize(48, 48)).toImage()
    seen = {
        image.pixelColor(x, y).name()
        for x in range(48)
        for y in range(48)
        if image.pixelColor(x, y).alpha() == 255
    }
    assert seen, "nothing opaque was painted"
    if name in COLOURED:
        assert len(seen) > 2
    else:
        assert seen == {colour.name()}


def test_a_disabled_icon_is_another_colour() -> None:
    play = icon("play")
    assert play.pixmap(QSize(24, 24)).toImage() != (
        play.pixmap(QSize(24, 24), QIcon.Mode.Disabled).toImage()
    )


def test_an_icon_has_as_many_pixels_as_a_dense_screen() -> None:
    pixmap = icon("camera").pixmap(QSize(24, 24), 2.0)
    assert pixmap.width() >= 48
    assert pixmap.deviceIndependentSize().toSize() == QSize(24, 24)


def test_an_unknown_icon_is_an_error_at_once() -> None:
    with pytest.raises(PoseAppError):
        icon("no-such-icon")


def test_altering_a_shared_icon_is_safe() -> None:
    for _ in range(50):
        shared = icon("camera")
        altered = QIcon(shared)
        altered.addPixmap(QPixmap(4, 4))
        del shared
        gc.collect()
        assert not altered.pixmap(QSize(16, 16)).isNull()
