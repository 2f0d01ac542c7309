"""Messages over the picture."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from pose_app.ui.banner import Toast


def test_a_toast_has_room_for_its_buttons_also_where_one_is_there_already(qtbot: QtBot) -> None:
    over = QWidget()
    qtbot.addWidget(over)
    over.resize(800, 600)
    over.show()
    toast = Toast(over)
    for name in ("first.mp4", "second, with a longer name.mp4", "c.mp4"):
        toast.show_text(f"Saved {name}", [("Open folder", over.hide), ("Play", over.hide)])
        for _ in range(3):
            QCoreApplication.processEvents()
        for part in (toast._label, *toast._buttons):
            assert part.width() >= part.sizeHint().width(), name
        assert toast.width() == toast.sizeHint().width()
        assert abs(toast.geometry().center().x() - 400) <= 1
