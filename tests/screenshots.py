"""The pictures of README; with `--all`, every part of the window, to be looked at.

    python -m tests.screenshots                 # makes assets/screenshots anew
    python -m tests.screenshots --all FOLDER    # sizes, themes, panels, menus, dialogs, full screen

It needs no display. What is measured (frames per second, plots) is that of this machine, so let it
be at rest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import av
import cv2
from PySide6.QtCore import QPoint, QSize
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication, QDialog, QMenu, QWidget

from pose_app.settings import Settings
from pose_app.ui.app import application, make_window
from pose_app.ui.dialogs.about import AboutDialog
from pose_app.ui.dialogs.asking import Dialogs
from pose_app.ui.dialogs.preferences import PreferencesDialog
from pose_app.ui.main_window import MainWindow

SCREENSHOTS = Path(__file__).parent.parent / "assets" / "screenshots"
SIZE = QSize(1280, 800)
_PATIENCE = 180.0  # seconds for whatever is waited for: the machine may be busy
_MOMENT = 9.0  # seconds into the demo clip: all of the person is to be seen
_HIDDEN = 6.0  # one wrist is hidden behind the other arm

# Of the short film: which seconds of the demo clip, its width, its pictures a second.
_FILM_FROM, _FILM_SECONDS, _FILM_WIDTH, _FILM_RATE, _FILM_QUALITY = 4.0, 8.0, 520, 10, 60


class Photographed(Dialogs):
    """Dialogs that show themselves to `look(dialog)`, then are cancelled."""

    def __init__(self) -> None:
        self.look: Callable[[QDialog], None] = lambda dialog: None

    def show(self, dialog: QDialog) -> bool:
        dialog.show()
        self.look(dialog)
        dialog.reject()
        dialog.deleteLater()
        return False


class Photographer:
    """A window of its own, with settings of its own, and a folder for its pictures."""

    def __init__(self, window: MainWindow, folder: Path, dialogs: Photographed) -> None:
        self.window = window
        self.folder = folder
        self.dialogs = dialogs

    def run(self, name: str) -> None:
        """Trigger a command."""
        self.window.commands[name].trigger()

    def save(self, name: str, widget: QWidget | None = None) -> None:
        """Keep what a widget looks like; the window where none is named."""
        wait(0.4)
        (widget or self.window).grab().toImage().save(str(self.folder / f"{name}.png"))

    def until_pose(self) -> None:
        """Wait for the first skeleton."""
        canvas = self.window.canvas
        until(lambda: canvas.result is not None and bool(canvas.result.poses))

    def hold(self, seconds: float) -> None:
        """The picture at a place of the clip, with all stacks."""
        window = self.window
        if not window.play.paused:
            self.run("pause")
        window.sources.seek(seconds)

        def there() -> bool:
            result = window.canvas.result
            person = None if result is None else result.person()
            return (
                result is not None
                and person is not None
                and abs(result.frame.seconds - seconds) < 0.2
                and person.stacks == window.bridge.session.metrics().stacks_all
            )

        until(there)
        wait(1.0)


@contextmanager
def photographer(
    folder: Path, source: str = "demo", size: QSize = SIZE, **settings: object
) -> Iterator[Photographer]:
    """A running window; `settings` by their keys with `__` for the point."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        kept = Settings.load(Path(home) / "settings.json")  # not the user's own
        kept.set("window.hint_seen", True)
        kept.set("source.loop", True)
        kept.set("recording.folder", str(Path(home) / "recordings"))
        for key, value in settings.items():
            kept.set(key.replace("__", "."), value)
        dialogs = Photographed()
        window = make_window(kept, source, dialogs)
        window.resize(size)
        window.show()
        window.start()
        closed: list[int] = []
        window.closed.connect(lambda: closed.append(1))
        try:
            yield Photographer(window, folder, dialogs)
        finally:
            window.close()
            until(lambda: bool(closed))
            window.deleteLater()
            wait(0.1)


def wait(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def until(done: Callable[[], bool]) -> None:
    """Let the window live until something is so; TimeoutError where it never is."""
    end = time.monotonic() + _PATIENCE
    while not done():
        if time.monotonic() > end:
            raise TimeoutError("what the picture is to show does not happen")
        wait(0.02)


# README


def window_picture(folder: Path) -> None:
    """The window with a heatmap, while the demo clip plays."""
    with photographer(folder, view__heatmap=True) as at:
        at.until_pose()
        wait(3.0)  # the engine's choice is made
        at.window.sources.seek(_MOMENT - 2.5)

        def there() -> bool:
            result = at.window.canvas.result
            place = 0.0 if result is None else result.frame.seconds
            return _MOMENT - 0.5 <= place < _MOMENT + 0.5

        until(there)
        at.save("window")


def stacks_picture(folder: Path) -> None:
    """One joint in every stack, from near by."""
    with photographer(folder, view__heatmap=True) as at:
        at.until_pose()
        at.hold(_HIDDEN)
        person = at.window.canvas.result.person()  # type: ignore[union-attr]
        assert person is not None
        at.window.canvas.solo(person.skeleton.index("left_wrist"))
        at.window.docks["stacks"].widget().zoom.setChecked(True)
        at.save("stacks")


def plots_picture(folder: Path) -> None:
    """The light theme with plots and movement, while the clip plays."""
    with photographer(folder, appearance__theme="light") as at:
        window = at.window
        at.until_pose()
        window.panels.toggles["plots"].trigger()
        window.panels.toggles["movement"].trigger()
        person = window.canvas.result.person()  # type: ignore[union-attr]
        assert person is not None
        window.view.joint = person.skeleton.index("right_wrist")
        wait(11.0)
        at.save("plots")


def film(folder: Path) -> None:
    """A short animated picture of the stacks at work."""
    with tempfile.TemporaryDirectory() as made:
        video = Path(made) / "stacks.mp4"
        command = [sys.executable, "-m", "pose_app", "run", "demo", "--draw", "stacks"]
        length = ["--seconds", str(_FILM_FROM + _FILM_SECONDS)]
        subprocess.run([*command, "--record", str(video), *length], check=True)
        frames, due = [], _FILM_FROM
        with av.open(str(video)) as container:
            for frame in container.decode(video=0):
                if frame.time is not None and frame.time >= due:
                    due += 1 / _FILM_RATE
                    image = frame.to_ndarray(format="bgr24")
                    height = round(image.shape[0] * _FILM_WIDTH / image.shape[1])
                    size = _FILM_WIDTH, height
                    frames.append(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    animation = cv2.Animation()
    animation.frames = frames
    animation.durations = [round(1000 / _FILM_RATE)] * len(frames)
    quality = [cv2.IMWRITE_WEBP_QUALITY, _FILM_QUALITY]
    if not cv2.imwriteanimation(str(folder / "stacks.webp"), animation, quality):
        raise OSError(f"{folder} cannot be written")


README = {
    "window": window_picture,
    "stacks": stacks_picture,
    "plots": plots_picture,
    "film": film,
}


# Everything


def everything(folder: Path) -> None:
    """Every part of the window in both themes and two sizes."""
    for theme in ("dark", "light"):
        for size in (QSize(1440, 900), QSize(1024, 700)):
            name = f"{theme}-{size.width()}"
            with photographer(
                folder, size=size, appearance__theme=theme, window__hint_seen=False
            ) as at:
                _parts(at, name)


def _parts(at: Photographer, name: str) -> None:
    window = at.window
    wait(1.0)
    at.save(f"{name}-loading")
    at.until_pose()
    at.hold(_MOMENT)
    at.run("heatmap")
    at.run("stack_2")
    at.save(f"{name}-first-steps")
    for key in window.docks:
        if not window.panels.toggles[key].isChecked():
            window.panels.toggles[key].trigger()
        wait(1.0)
        at.save(f"{name}-panel-{key}")
    _floating(at, f"{name}-floating")
    at.run("reset_layout")
    _menus(at, f"{name}-menus")
    at.dialogs.look = lambda dialog: _photograph(at, dialog, name)
    for command in ("preferences", "recordings", "models", "about", "shortcuts", "diagnostics"):
        at.run(command)
    at.run("hint")
    at.save(f"{name}-card")
    at.window.hint.hide()
    at.run("blurred")
    at.run("record_stacks")
    wait(3.0)
    at.save(f"{name}-recording")
    at.run("fullscreen")
    wait(1.0)
    at.save(f"{name}-full-screen")
    at.run("record")
    until(lambda: window.recordings.last is not None)
    wait(0.5)
    at.save(f"{name}-saved")


def _photograph(at: Photographer, dialog: QDialog, name: str) -> None:
    """A dialog, each of its pages."""
    wait(1.5)
    title = dialog.windowTitle().split()[0].lower()
    if isinstance(dialog, PreferencesDialog):
        count, turn = dialog.pages.count(), dialog.pages.setCurrentRow
    elif isinstance(dialog, AboutDialog):
        count, turn = dialog.tabs.count(), dialog.tabs.setCurrentIndex
    else:
        count, turn = 1, int
    for page in range(count):
        turn(page)
        at.save(f"{name}-dialog-{title}" + (f"-{page + 1}" if count > 1 else ""), dialog)


def _menus(at: Photographer, name: str) -> None:
    """All menus beside each other."""
    images: list[QImage] = []
    for action in at.window.menuBar().actions():
        menu = action.menu()
        if isinstance(menu, QMenu):
            menu.popup(QPoint(0, 0))
            wait(0.3)
            images.append(menu.grab().toImage())
            menu.close()
    _beside(images).save(str(at.folder / f"{name}.png"))


def _floating(at: Photographer, name: str) -> None:
    """All panels torn off."""
    images = []
    for dock in at.window.docks.values():
        dock.setFloating(True)
        dock.show()
        wait(0.5)
        images.append(dock.grab().toImage())
    at.save(f"{name}-none-left")
    for dock in at.window.docks.values():
        dock.setFloating(False)
    _beside(images).save(str(at.folder / f"{name}.png"))


def _beside(images: list[QImage]) -> QImage:
    gap = 12
    width = sum(image.width() + gap for image in images)
    sheet = QImage(width, max(i.height() for i in images), QImage.Format.Format_RGB32)
    sheet.fill(QColor("grey"))
    painter = QPainter(sheet)
    x = 0
    for image in images:
        painter.drawImage(x, 0, image)
        x += image.width() + gap
    painter.end()
    return sheet


def main() -> int:
    """Make the pictures; 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every part of the window")
    parser.add_argument("--only", choices=README, help="this picture of README alone")
    arguments = parser.parse_args()
    application()
    if arguments.all is not None:
        everything(arguments.all)
        return 0
    SCREENSHOTS.mkdir(exist_ok=True)
    for name, make in README.items():
        if arguments.only in (None, name):
            make(SCREENSHOTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
