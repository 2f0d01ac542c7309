"""Commands about where the pictures come from: menus, files, cameras, playback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from ...errors import SourceError
from ..icons import icon
from ..playback_bar import SPEEDS
from .cameras_controller import CamerasController
from .known_cameras import KEY, KnownCameras

if TYPE_CHECKING:
    from ...pipeline.metrics import FrameMetrics
    from ...settings import Settings
    from ...sources.base import Source, SourceInfo
    from ...sources.discover import CameraInfo
    from ..main_window import MainWindow

RECENT = 8
FIRST = ""  # the first camera, or the demo clip where there is none


def opener(target: str | CameraInfo, settings: Settings) -> Callable[[], Source]:
    """What opens a source on the session's thread, as the settings are now."""
    width, _, height = settings.get("source.size").partition("x")
    size = (int(width), int(height)) if height else None
    fps = settings.get("source.fps") or None
    known = KnownCameras(settings.get(KEY))

    def open_camera(camera: CameraInfo) -> Source:
        from ...sources.camera import CameraSource

        mode = known.chosen(camera)
        if mode is None:
            return CameraSource(camera, size=size, fps=fps)
        return CameraSource(
            camera,
            size=(mode.width, mode.height),
            fps=mode.fps or fps,
            pixel_format=mode.pixel_format,
        )

    def open_target() -> Source:
        from ...sources import camera_meant, discover, open_source

        if isinstance(target, RememberedCamera):
            camera = discover.find(json.loads(target))
            if camera is None:
                raise SourceError("The camera used last is not plugged in.")
            return open_camera(camera)
        if isinstance(target, discover.CameraInfo):
            return open_camera(target)
        if target != FIRST:
            named = camera_meant(target)
            if named is not None:
                return open_camera(named)
            return open_source(target, size=size, fps=fps)
        for camera in discover.cameras():
            try:
                return open_camera(camera)
            except SourceError:
                continue  # another program has it, perhaps: the next one may be free
        return open_source("demo")

    return open_target


def last_target(settings: Settings) -> str | CameraInfo:
    """What was open when the window was closed; FIRST where that is not wanted or not known."""
    if not settings.get("source.reopen"):
        return FIRST
    if settings.get("source.camera"):
        return RememberedCamera(settings.get("source.camera"))
    return settings.get("source.last") or FIRST


class RememberedCamera(str):
    """A camera's identity as JSON: it is looked for when it is opened, not at the start."""


class SourcesController(QObject):
    """`target` is what was asked for last, `info` what delivers pictures now."""

    def __init__(self, window: MainWindow, target: str | CameraInfo) -> None:
        super().__init__(window)
        self.window = window
        self.target = target
        self._opened = target  # by the session, which may be behind what was asked for last
        self.info: SourceInfo | None = None
        self.cameras = CamerasController(window, self)
        self.ended = False
        self._speed = SPEEDS.index(1.0)
        self._recent_menu = QMenu(self.tr("Recent"), window)

    def start(self) -> None:
        self.cameras.start()

    def stop(self) -> None:
        self.cameras.stop()

    # Opening

    def open(self, target: str | CameraInfo) -> None:
        """Change over to a file, URL, camera or `demo`; the old one runs until the new one does."""
        self.target = target
        self.window.say(self.tr("Opening {name}…").format(name=self._name(target)))
        open_asked = opener(target, self.window.settings)

        def open_target() -> Source:
            source = open_asked()
            self._opened = target
            return source

        self.window.bridge.session.set_source(open_target)

    def reload(self) -> None:
        self.open(self.target)

    def choose_file(self) -> None:
        path = self.window.dialogs.open_file(
            self.window, self.tr("Open video or picture"), self._folder()
        )
        if path:
            self.open(path)

    def choose_folder(self) -> None:
        path = self.window.dialogs.open_folder(
            self.window, self.tr("Open folder of pictures"), self._folder()
        )
        if path:
            self.open(path)

    def choose_url(self) -> None:
        text = self.window.dialogs.text(
            self.window,
            self.tr("Open address"),
            self.tr("Address of a network camera or video (http, https, rtsp):"),
        )
        if text.strip():
            self.open(text.strip())

    # Playing

    def set_paused(self, paused: bool) -> None:
        if not paused and self.ended:
            self.seek(0.0)
        self.window.bridge.session.controls.paused = paused

    def step(self) -> None:
        if not self.window.commands["pause"].isChecked():
            self.window.commands["pause"].setChecked(True)
            self.set_paused(True)
        self.window.bridge.session.step()

    def seek(self, seconds: float) -> None:
        if self.info is not None and self.info.seekable:
            if self.ended:
                self.ended = False
                self.window.commands["pause"].setChecked(False)
            self.window.bridge.session.seek(seconds)

    def skip(self, seconds: float) -> None:
        """Go that far on, or back where it is negative."""
        result = self.window.bridge.last_result
        if result is None or self.info is None or not self.info.duration:
            return
        place = result.frame.seconds % self.info.duration + seconds
        self.seek(min(max(place, 0.0), self.info.duration))

    def change_speed(self, by: int) -> None:
        """To the next faster or slower of SPEEDS."""
        self._speed = min(max(self._speed + by, 0), len(SPEEDS) - 1)
        self.window.playback.show_speed(SPEEDS[self._speed])

    def set_speed(self, factor: float) -> None:
        self._speed = SPEEDS.index(factor)
        self.window.bridge.session.controls.speed = factor

    def set_loop(self, loop: bool) -> None:
        self.window.bridge.session.controls.loop = loop
        self.window.remember("source.loop", loop)

    # What the session tells

    def opened(self, info: SourceInfo) -> None:
        """Another source delivers pictures."""
        window = self.window
        self.info, self.ended = info, False
        window.say("")
        window.playback.setVisible(info.seekable and bool(info.duration))
        name = self.tr("Demo clip") if info.kind == "demo" else info.name
        window.source_button.setText(_short(name).replace("&", "&&"))
        window.source_button.setIcon(icon(_ICONS.get(info.kind, "camera")))
        width, height = info.size
        rate = f", {info.fps:.3g} fps" if info.fps else ""
        window.source_button.setToolTip(f"{info.name}\n{width} × {height}{rate}")
        window.views.source_opened(info)
        if self._opened == FIRST:
            if info.kind == "demo":
                window.toast.show_text(
                    self.tr("No camera found: this is the demo clip."),
                    [(self.tr("Choose a source"), window.source_button.showMenu)],
                )
        else:
            self._remember(info)
        self.cameras.renew()

    def failed(self) -> None:
        """The source could not be opened; where nothing runs, take the first that works."""
        self.window.say("")
        self.cameras.renew()  # a tick that the click has set
        if self.info is None and self.target not in (FIRST, "demo"):
            self.open(FIRST)
        elif self.info is None:
            self.window.canvas.clear(self.tr("No picture. Choose a source."))

    def show_stats(self, stats: FrameMetrics) -> None:
        """Follow the video's place."""
        info = stats.source
        if info is not None and info.duration and stats.seconds is not None:
            self.window.playback.show_place(stats.seconds, info.duration)

    # Menus

    def fill(self, menu: QMenu, before: QAction) -> None:
        """Put cameras and recent sources into the source menu."""
        menu.insertSeparator(before)
        menu.insertMenu(self.window.commands["reload"], self._recent_menu)
        self._renew_recent()
        self.cameras.fill(menu)

    def _renew_recent(self) -> None:
        self._recent_menu.clear()
        recent = self.window.settings.get("source.recent")
        for text in recent:
            action = self._recent_menu.addAction(_short(text, 60).replace("&", "&&"))
            action.triggered.connect(lambda checked=False, text=text: self.open(text))
        self._recent_menu.setEnabled(bool(recent))

    def _remember(self, info: SourceInfo) -> None:
        from ...sources import redact

        camera = info.kind == "camera"
        identity = {k: v for k, v in info.identity.items() if k in _IDENTITY}
        self.window.remember("source.camera", json.dumps(identity) if camera else "")
        text = "" if not isinstance(self._opened, str) else redact(self._opened)
        self.window.remember("source.last", "" if camera else text)
        if camera or info.kind == "demo" or not text:
            return
        old = [known for known in self.window.settings.get("source.recent") if known != text]
        self.window.remember("source.recent", (text, *old)[:RECENT])
        self._renew_recent()

    def _folder(self) -> str:
        last = self.window.settings.get("source.last")
        folder = Path(last).parent if last and "://" not in last else Path.home()
        return str(folder if folder.is_dir() else Path.home())

    def _name(self, target: Any) -> str:
        from ...sources import redact

        if isinstance(target, RememberedCamera) or target == FIRST:
            return self.tr("the camera")
        return redact(target) if isinstance(target, str) else str(target.name)


_ICONS = {"video": "video", "stream": "link", "images": "folder", "demo": "demo"}
_IDENTITY = ("name", "index", "backend", "vid", "pid", "path")


def _short(text: str, length: int = 28) -> str:
    """The middle of a long name is its least interesting part."""
    half = (length - 1) // 2
    return text if len(text) <= length else f"{text[:half]}…{text[-half:]}"
