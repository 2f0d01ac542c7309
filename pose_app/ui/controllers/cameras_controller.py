"""Cameras in the source menu, each with its sizes and rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from ...errors import PoseAppError
from ...sources import modes as sources_modes
from ...sources.modes import CameraMode, best_modes
from ..icons import icon
from .known_cameras import KEY, KnownCameras

if TYPE_CHECKING:
    from ...sources.base import SourceInfo
    from ...sources.discover import CameraInfo
    from ..context import AppContext

LOOK_MS = 4000

Modes = tuple[CameraMode, ...]


class CamerasController(QObject):
    """Looks for cameras every few seconds and keeps their menu entries.

    `found` are the cameras that are plugged in; None before the first search. `opening` is a
    camera that the session is about to open. Signals: `chosen(CameraInfo)`: open this one.
    `menu_wanted`: show the menu. `renewed`: cameras came or went, another one runs, or more is
    known of their sizes.
    """

    renewed = Signal()
    chosen = Signal(object)
    menu_wanted = Signal()

    def __init__(self, context: AppContext, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._menu = QMenu()
        self._first: QAction | None = None
        self._running: SourceInfo | None = None
        self._waiting = False
        self.found: list[CameraInfo] | None = None
        self._modes: dict[CameraInfo, Modes] = {}  # what their drivers tell
        self.opening: CameraInfo | None = None
        self._opened_to_find_out: CameraInfo | None = None
        self._looking = self._stopped = False
        self._problem = ""  # why the last search failed
        self._actions: list[QAction] = []
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    def start(self) -> None:
        """Look for cameras now and every few seconds."""
        self.look()
        self._timer.start()

    def stop(self) -> None:
        self._stopped = True
        self._timer.stop()

    def fill(self, menu: QMenu) -> None:
        """Keep the cameras at the top of this menu."""
        self._menu = menu
        self._first = menu.actions()[0]
        self.renew()

    def look(self) -> None:
        """Ask the system for the cameras, and for the sizes of new ones, on a thread."""
        if self._looking:
            return
        from ...sources import discover

        known = self._modes

        def look_for_cameras() -> dict[CameraInfo, Modes]:
            return {
                camera: known[camera] if camera in known else sources_modes.modes(camera)
                for camera in discover.cameras()
            }

        self._looking = True
        self._context.tasks.run(look_for_cameras, self._looked)

    def _looked(self, listed: dict[CameraInfo, Modes] | None, error: PoseAppError | None) -> None:
        self._looking = False
        problem = "" if error is None else str(error)
        if problem != self._problem:  # it is looked for every few seconds, and told once
            self._problem = problem
            self._context.notices.settle("list of cameras")
            if problem:
                self._context.notices.error("list of cameras", problem)
        if listed is None or list(listed) == self.found:
            return
        new = (
            [] if self.found is None else [camera for camera in listed if camera not in self._modes]
        )
        self.found, self._modes = list(listed), listed
        self.renew()
        running = self._running
        if new and running is None and self._waiting:
            self._waiting = False
            self.chosen.emit(new[0])
        elif new and running is not None and running.kind == "demo":
            self._context.notices.tell(
                "cameras",
                self.tr("{name} was plugged in.").format(name=new[0].name),
                (self.tr("Use it"), lambda: self.chosen.emit(new[0])),
            )

    def wait_for_one(self) -> None:
        """Open the next camera that is plugged in at once, as nothing runs."""
        self._waiting = True

    def show_source(self, info: SourceInfo | None) -> None:
        """Tick the camera that delivers the pictures; `info` is of any kind of source."""
        self._running = info
        self._waiting = False
        self.renew()

    # The menu

    def renew(self) -> None:
        """Make the entries anew after a change."""
        for action in self._actions:
            self._menu.removeAction(action)
            (action.menu() or action).deleteLater()
        self._actions = [self._entry(camera) for camera in self.found or ()]
        if not self.found:
            none = QAction(icon("camera"), self.tr("No camera found"), self._menu)
            none.setEnabled(False)
            self._actions.append(none)
        if self._first is not None:
            self._menu.insertActions(self._first, self._actions)
        self.renewed.emit()

    def _entry(self, camera: CameraInfo) -> QAction:
        """A submenu with the sizes of the camera; a plain command where none is known."""
        text, running, info = camera.name, self.is_running(camera), self._running
        if running and info is not None:
            text += f"  ({_words(*info.size, info.fps)})"
        listed = self.sizes(camera)
        if listed or not sources_modes.can_ask():
            menu = QMenu(self._menu)
            menu.setToolTipsVisible(True)
            self._fill_camera(menu, camera, listed, self.mode(camera) is None)
            entry = menu.menuAction()
            entry.setEnabled(camera != self._opened_to_find_out)
        else:
            entry = QAction(self._menu)
            entry.triggered.connect(lambda checked=False: self.chosen.emit(camera))
        if not running:  # an icon would stand where the tick is
            entry.setIcon(icon("camera"))
        entry.setText(text.replace("&", "&&"))
        entry.setCheckable(True)
        entry.setChecked(running)
        return entry

    def _fill_camera(self, menu: QMenu, camera: CameraInfo, listed: Modes, automatic: bool) -> None:
        running = self.is_running(camera)
        usual = menu.addAction(self.tr("Automatic"))
        usual.setToolTip(self.tr("The size and rate of the preferences."))
        usual.setCheckable(True)
        usual.setChecked(running and automatic)
        usual.triggered.connect(lambda checked=False: self.choose(camera, None))
        menu.addSeparator()
        for mode in listed:
            action = menu.addAction(_words(mode.width, mode.height, mode.fps))
            action.setCheckable(True)
            action.setChecked(running and self._is_given(mode))
            action.triggered.connect(lambda checked=False, mode=mode: self.choose(camera, mode))
        if not listed:
            find_out = menu.addAction(self.tr("Find out sizes and rates"))
            find_out.setEnabled(not running)
            find_out.setToolTip(
                self.tr("Switch to another source first: this camera is in use.")
                if running
                else self.tr("Opens the camera for some seconds.")
            )
            find_out.triggered.connect(lambda checked=False: self.find_out(camera))

    def choose(self, camera: CameraInfo, mode: CameraMode | None) -> None:
        """Open the camera with this size and rate, now and whenever it is opened."""
        known = KnownCameras(self._context.settings.get(KEY))
        known.choose(camera, mode)
        self._context.settings.set(KEY, known.texts)
        self.chosen.emit(camera)

    def find_out(self, camera: CameraInfo) -> None:
        """Open the camera at its sizes, one after the other, on a thread."""
        if self._opened_to_find_out is not None:
            return
        context = self._context

        def find_out_sizes() -> Modes:
            return sources_modes.probe_modes(camera, lambda: self._stopped)

        def done(found: Modes | None, error: PoseAppError | None) -> None:
            self._opened_to_find_out = None
            context.notices.end("cameras")
            if error is not None:
                context.notices.error("cameras", str(error))
            elif found and not self._stopped:  # then it may be half of them
                known = KnownCameras(context.settings.get(KEY))
                known.keep_found(camera, found)
                context.settings.set(KEY, known.texts)
                context.notices.tell(
                    "cameras",
                    self.tr("{name}: sizes and rates are in the menu now.").format(
                        name=camera.name
                    ),
                    (self.tr("Choose one"), self.menu_wanted.emit),
                )
            self.renew()

        self._opened_to_find_out = camera
        context.notices.settle("cameras")
        context.notices.begin(
            "cameras", self.tr("Finding out what {name} can do…").format(name=camera.name)
        )
        self.renew()
        context.tasks.run(find_out_sizes, done)

    def sizes(self, camera: CameraInfo) -> Modes:
        """The camera's sizes, each with its best rate; empty where they are not known."""
        known = KnownCameras(self._context.settings.get(KEY))
        return best_modes(self._modes.get(camera) or known.found(camera))

    def mode(self, camera: CameraInfo) -> CameraMode | None:
        """The size and rate it is opened with; None = as the preferences say."""
        return KnownCameras(self._context.settings.get(KEY)).chosen(camera)

    def is_busy(self, camera: CameraInfo) -> bool:
        """Whether the app is opening it, or has it open to find out its sizes."""
        return camera in (self.opening, self._opened_to_find_out)

    def can_find_out(self, camera: CameraInfo) -> bool:
        """Whether its sizes are not known but opening it would tell them."""
        return (
            not self.sizes(camera) and not sources_modes.can_ask() and not self.is_running(camera)
        )

    def is_running(self, camera: CameraInfo) -> bool:
        """Whether the session has it open."""
        info = self._running
        if info is None or info.kind != "camera":
            return False
        return (info.identity.get("name"), info.identity.get("index")) == (
            camera.name,
            str(camera.index),
        )

    def _is_given(self, mode: CameraMode) -> bool:
        """Whether the running camera delivers this mode; an unknown rate counts as equal."""
        info = self._running
        if info is None or info.size != (mode.width, mode.height):
            return False
        return info.fps is None or mode.fps is None or abs(info.fps - mode.fps) < 0.5


def _words(width: int, height: int, fps: float | None) -> str:
    return f"{width} × {height}" + (f" · {fps:.3g} fps" if fps else "")
