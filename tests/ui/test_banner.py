"""Messages over the picture."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from pose_app.ui.chrome.banner import Banner, Toast
from pose_app.ui.notices import Notices


def let_it_settle() -> None:
    for _ in range(3):
        QCoreApplication.processEvents()


@pytest.fixture
def over(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.resize(800, 600)
    widget.show()
    return widget


def test_a_toast_has_room_for_its_buttons_also_where_one_is_there_already(over: QWidget) -> None:
    toast = Toast(over)
    for name in ("first.mp4", "second, with a longer name.mp4", "c.mp4"):
        toast.show_text(f"Saved {name}", [("Open folder", over.hide), ("Play", over.hide)])
        let_it_settle()
        for part in (toast._label, *toast._buttons):
            assert part.width() >= part.sizeHint().width(), name
        assert toast.width() == toast.sizeHint().width()
        assert abs(toast.geometry().center().x() - 400) <= 1


def test_a_long_sentence_is_wrapped_not_cut(over: QWidget) -> None:
    toast = Toast(over)
    toast.show_text("A sentence that goes on. " * 12, [("Play", over.hide)])
    let_it_settle()
    assert toast.width() <= over.width()
    assert toast.geometry().left() >= 0
    assert toast._label.height() >= toast._label.heightForWidth(toast._label.width())
    assert toast._buttons[0].width() >= toast._buttons[0].sizeHint().width()
    toast.show_text("Short.")
    let_it_settle()
    assert toast.height() < 60


def test_the_banner_shows_what_is_not_settled(qtbot: QtBot) -> None:
    notices = Notices()
    banner = Banner(notices)
    qtbot.addWidget(banner)
    pressed = []
    notices.error("model", "No model.", ("Choose", lambda: pressed.append("choose")))
    notices.error("recording", "The disk is full.")
    assert banner.text == "The disk is full."
    assert banner.buttons == []
    assert banner._more.text() == "1 more"
    notices.settle("recording")
    assert banner.text == "No model."
    assert banner._more.isHidden()
    banner.buttons[0].click()
    assert pressed == ["choose"]
    notices.settle("model")
    assert banner.isHidden()


def test_a_fact_that_was_closed_is_forgotten(over: QWidget) -> None:
    notices = Notices()
    toast = Toast(over, notices)
    notices.tell("recording", "Saved a.mp4", ("Play", lambda: None))
    assert toast.text == "Saved a.mp4"
    toast._buttons[0].click()
    assert notices.fact is None
    assert toast.isHidden()
    notices.tell("recording", "Saved a.mp4")
    assert toast.text == "Saved a.mp4"


def test_a_toast_leaves_also_after_its_window_was_minimised(over: QWidget) -> None:
    toast = Toast(over)
    toast.show_text("Saved a.mp4")
    over.hide()
    let_it_settle()
    over.show()
    let_it_settle()
    assert toast.isVisible()
    assert toast._timer.isActive()
