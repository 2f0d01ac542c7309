"""The window in tests: no display, no waiting dialogs, no timer left behind."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import cv2
import numpy as np
import pytest
import shiboken6
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QDialog, QWidget

from pose_app.settings import Settings
from pose_app.ui import app as ui_app
from pose_app.ui.dialogs.asking import Dialogs
from pose_app.ui.main_window import MainWindow
from tests.fakes import FakeCameras
from tests.media import Image
from tests.servers import demo_jpegs

WAIT_MS = 200_000  # for things that take a second: the machine may be busy


class SilentDialogs(Dialogs):
    """Answers what a test put into it; remembers what was asked and opened."""

    def __init__(self) -> None:
        self.answer = ""
        self.accept = True
        self.has_player = True
        self.on_show: Callable[[QDialog], None] = lambda dialog: None
        self.shown: list[str] = []
        self.opened: list[Path] = []

    def open_file(self, parent: QWidget, title: str, folder: str, filters: str = "") -> str:
        self.shown.append(title)
        return self.answer

    def open_folder(self, parent: QWidget, title: str, folder: str) -> str:
        self.shown.append(title)
        return self.answer

    def text(self, parent: QWidget, title: str, label: str) -> str:
        self.shown.append(title)
        return self.answer

    def show(self, dialog: QDialog) -> bool:
        self.shown.append(dialog.windowTitle())
        self.on_show(dialog)
        dialog.deleteLater()
        return self.accept

    def open_path(self, path: Path) -> bool:
        self.opened.append(path)
        return True

    def can_open(self, kind: str) -> bool:
        return self.has_player

    def reveal(self, path: Path) -> None:
        self.opened.append(path)


def running_timers() -> list[QTimer]:
    return [
        thing
        for thing in gc.get_objects()
        if issubclass(type(thing), QTimer) and shiboken6.isValid(thing) and thing.isActive()
    ]


@pytest.fixture(scope="session", autouse=True)
def modules_are_frozen() -> None:
    """What all imports have made is neither collected nor searched for timers after every test."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_timer_left_behind(modules_are_frozen: None) -> Iterator[None]:
    """Fail a test after which a timer runs; it is stopped then, and is no other test's fault."""
    yield
    left = running_timers()
    for timer in left:
        timer.stop()
    if left:
        pytest.fail("timers left behind: " + ", ".join(repr(timer.parent()) for timer in left))


@pytest.fixture
def dialogs() -> SilentDialogs:
    return SilentDialogs()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings.load(tmp_path / "settings" / "settings.json")
    made.set("window.hint_seen", True)
    made.set("recording.folder", str(tmp_path / "recordings"))
    made.set("model.precision", "f32")  # the same figures on every machine
    made.set("model.stacks", 2)  # whatever else the machine does
    return made


OpenWindow = Callable[..., MainWindow]


@pytest.fixture
def open_window(qtbot, qapp, settings, dialogs) -> Iterator[OpenWindow]:
    """Makes, shows and starts windows; closes those that the test left open."""
    opened: list[MainWindow] = []

    def make(target: str = "demo", size: tuple[int, int] = (1280, 800), **more) -> MainWindow:
        window = ui_app.make_window(more.get("settings", settings), target, dialogs)
        opened.append(window)
        window.resize(*size)
        window.show()
        window.start()
        return window

    yield make
    for window in opened:
        close(window, qtbot)


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCameras]:
    with FakeCameras() as hub:
        yield hub.install(monkeypatch)


def demo_pictures(number: int, size: tuple[int, int]) -> Image:
    """What a camera in front of the demo person would see."""
    data = demo_jpegs()
    picture = cv2.imdecode(np.frombuffer(data[number % len(data)], np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def close(window: MainWindow, qtbot) -> None:
    """Close as a person does, and wait until everything is finished; once is enough."""
    if not shiboken6.isValid(window):
        return
    if not window.has_stopped:
        with qtbot.waitSignal(window.closed, timeout=WAIT_MS):
            window.close()
    qtbot.waitUntil(lambda: not window.tasks.busy, timeout=WAIT_MS)
    window.deleteLater()


def save_settings(window: MainWindow, qtbot) -> Settings:
    """Save the window's settings; what is in the file then."""
    done: list[bool] = []
    window.settings.save(lambda: done.append(True))
    qtbot.waitUntil(lambda: bool(done), timeout=WAIT_MS)
    return Settings.load(window.settings.stored.path)


def wait_for_pose(window: MainWindow, qtbot):
    """The first result with somebody in it that is painted."""

    def seen() -> bool:
        result = window.canvas.result
        painted = window.canvas.painted_ns is not None
        return painted and result is not None and bool(result.poses)

    qtbot.waitUntil(seen, timeout=WAIT_MS)
    return window.canvas.result
