"""What nobody thought of: it reaches the banner and the log, and the window goes on."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtGui import QGuiApplication

from pose_app.ui import app as ui_app
from tests.ui.conftest import WAIT_MS, wait_for_pose


@pytest.fixture
def hooked(open_window, qtbot, monkeypatch):
    """A window that runs, with the app's hooks; what threads raised goes to `logged`."""
    logged = []
    monkeypatch.setattr(threading, "excepthook", logged.append)
    window = open_window()
    hooks = ui_app._install_hooks(window)
    wait_for_pose(window, qtbot)
    yield window, logged
    ui_app._restore_hooks(hooks)


@pytest.mark.qt_no_exception_capture
def test_an_exception_of_a_thread_reaches_the_banner_with_a_report(hooked, qtbot):
    window, logged = hooked

    def mistake() -> None:
        raise KeyError("nobody thought of this")

    thread = threading.Thread(target=mistake, name="some thread")
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: window.banner.text != "", timeout=WAIT_MS)
    assert "KeyError, some thread" in window.banner.text
    assert [arguments.exc_type for arguments in logged] == [KeyError]
    window.banner.buttons[0].click()
    qtbot.waitUntil(lambda: "clipboard" in window.toast.text, timeout=WAIT_MS)
    report = QGuiApplication.clipboard().text()
    assert "frames:" in report
    assert "Python" in report
    before = window.bridge.last_stats.processed
    qtbot.waitUntil(lambda: window.bridge.last_stats.processed > before, timeout=WAIT_MS)


def test_a_sentence_of_the_app_needs_no_report(hooked):
    window, _ = hooked
    window.banner.show_text("<b>Plain</b> text.")
    assert window.banner.buttons == []
    assert window.banner.text == "<b>Plain</b> text."


@pytest.mark.parametrize("text", ["x", "AAAA", "\ud800", "QUJD" * 5000, "ä"])
def test_a_damaged_layout_does_not_keep_the_window_from_opening(open_window, qtbot, settings, text):
    settings.set("window.geometry", text)
    settings.set("window.state", text)
    wait_for_pose(open_window(), qtbot)
