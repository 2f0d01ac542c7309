"""Commands about the source: menus, files, cameras, playback."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QToolButton

from ...sources.names import DEMOS
from ..dialogs import file_filters
from ..state.playback_state import SPEEDS, PlaybackState
from ..units import on_button
from .cameras_controller import CamerasController
from .openers import FIRST, RememberedCamera, opener

if TYPE_CHECKING:
    from ...pipeline.events import Event
    from ...sources.base import Source, SourceInfo
    from ...sources.discover import CameraInfo
    from ..context import AppContext

RECENT = 8


class SourcesController(QObject):
    """Opens and plays sources; keeps the source button and the state `playback`.

    `target` is the source asked for last. `opened(SourceInfo)`: another source delivers pictures.
    `nothing_opened(sentence)`: no source could be opened, the user has to choose one.
    """

    opened = Signal(object)
    nothing_opened = Signal(str)

    def __init__(
        self,
        context: AppContext,
        button: QToolButton,
        playback: PlaybackState,
        target: str | CameraInfo = FIRST,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._button = button
        self._playback = playback
        self.target = target
        self._opened = target  # by the session, which may be behind what was asked for last
        self._reason = ""  # why what was wanted first could not be opened
        self._recent_menu = QMenu(self.tr("Recent"), button)
        self.cameras = CamerasController(context, self)
        self.cameras.chosen.connect(self.open)
        self.cameras.menu_wanted.connect(button.showMenu)
        playback.changed.connect(self._playback_changed)
        context.settings.changed.connect(self._settings_changed)

    @property
    def slots(self) -> dict[str, Callable[..., object]]:
        """What this controller's commands do, by their names in `chrome.actions`."""
        return {
            "open_file": self.choose_file,
            "open_folder": self.choose_folder,
            "open_url": self.choose_url,
            "demo": partial(self.open, "demo"),
            "demo_people": partial(self.open, "demo people"),
            "reload": self.reload,
            "pause": self.toggle_pause,
            "step": self.step,
            "step_back": partial(self.step, back=True),
            "back": partial(self.skip, -5.0),
            "forward": partial(self.skip, 5.0),
            "start": partial(self.seek, 0.0),
            "slower": partial(self.change_speed, -1),
            "faster": partial(self.change_speed, 1),
            "loop": self.set_loop,
        }

    def start(self) -> None:
        self.cameras.start()

    def stop(self) -> None:
        self.cameras.stop()

    @property
    def recent(self) -> tuple[str, ...]:
        """The recent sources, the newest first."""
        return tuple(self._context.settings.get("source.recent"))

    @property
    def info(self) -> SourceInfo | None:
        """The source that delivers pictures; None = none."""
        return self._playback.info

    # Opening

    def open(self, target: str | CameraInfo) -> None:
        """Open a file, URL, camera or `demo`; the old source runs until the new one does."""
        self.target = target
        self.cameras.opening = None if isinstance(target, str) else target
        opening = self.tr("Opening {name}…").format(name=self._name(target))
        self._context.notices.begin("source", opening)
        open_asked = opener(target, self._context.settings.stored)

        def open_target() -> Source:
            source = open_asked()
            self._opened = target
            return source

        self._context.session.set_source(open_target)

    def reload(self) -> None:
        self.open(self.target)

    def open_first_camera(self) -> None:
        """Open the first camera that works."""
        self.open(FIRST)

    def choose_file(self) -> None:
        path = self._context.dialogs.open_file(
            self._button.window(),
            self.tr("Open video or picture"),
            self._folder(),
            file_filters.videos_and_pictures(),
        )
        if path:
            self.open(path)

    def choose_folder(self) -> None:
        path = self._context.dialogs.open_folder(
            self._button.window(), self.tr("Open folder of pictures"), self._folder()
        )
        if path:
            self.open(path)

    def choose_url(self) -> None:
        text = self._context.dialogs.text(
            self._button.window(),
            self.tr("Open address"),
            self.tr("Address of a network camera or video (http, https, rtsp):"),
        )
        if text.strip():
            self.open(text.strip())

    def show_menu(self) -> None:
        """Open the menu of the source button."""
        self._button.showMenu()

    # Playing

    def set_paused(self, paused: bool) -> None:
        """Pause or go on; a file at its end starts again."""
        if not paused and self._playback.ended:
            self.seek(0.0)
        self._playback.paused = paused

    def toggle_pause(self) -> None:
        self.set_paused(not self._playback.paused)

    def play_on(self) -> None:
        """Go on from where it is paused; a file that is at its end starts again.

        Of several pictures the one that is shown comes again, so that a recording begins with it.
        """
        if not self._playback.paused:
            return
        result = self._context.session.latest()
        if self._playback.slides and not self._playback.ended and result is not None:
            self._context.session.seek(result.frame.seconds)
        self.set_paused(False)

    def step(self, *, back: bool = False) -> None:
        """Pause, and show the next or the previous frame."""
        if back:
            self._playback.ended = False  # it is held from here on
        self.set_paused(True)
        self._context.session.step(back=back)

    def seek(self, seconds: float) -> None:
        """Go to a position; a video that is at its end plays from there."""
        if self.info is not None and self.info.seekable:
            if self._playback.ended:
                self._playback.ended = False
                self._playback.paused = self._playback.slides
            self._context.session.seek(seconds)

    def skip(self, seconds: float) -> None:
        """Seek by so many seconds, back where negative; by one where they are pictures."""
        result = self._context.session.latest()
        if result is None or self.info is None or not self.info.duration:
            return
        if self._playback.slides and self.info.fps:
            seconds = math.copysign(1 / self.info.fps, seconds)
        position = result.frame.seconds % self.info.duration + seconds
        self.seek(min(max(position, 0.0), self.info.duration))

    def change_speed(self, by: int) -> None:
        """Change to the next faster or slower of SPEEDS."""
        index = SPEEDS.index(self._playback.speed) + by
        self._playback.speed = SPEEDS[min(max(index, 0), len(SPEEDS) - 1)]

    def set_loop(self, loop: bool) -> None:
        self._context.settings.set("source.loop", loop)

    def _playback_changed(self, name: str) -> None:
        controls = self._context.session.controls
        if name in ("paused", "ended"):
            # At the end there is nothing to hold: what is opened or sought next plays at once.
            controls.paused = self._playback.paused and not self._playback.ended
        elif name == "speed":
            controls.speed = self._playback.speed

    def _settings_changed(self, keys: frozenset[str]) -> None:
        if "source.loop" in keys:
            self._context.session.controls.loop = self._context.settings.get("source.loop")
        cameras_alone = self.info is None or self.info.kind == "camera"
        if keys & {"source.size", "source.fps"} and cameras_alone:
            self.reload()
        if "source.recent" in keys:
            self._renew_recent()

    # What the session tells

    def happened(self, event: Event) -> None:
        """Follow the session's sources."""
        if event.kind in ("source_opened", "source_back"):
            if event.kind == "source_opened":
                self._begin(event.data)
            self._source_opened(event.data)
        elif event.kind == "source_failed":
            self._source_failed(event.message)
        elif event.kind == "source_ended":
            self._playback.ended = True
            self._playback.paused = True

    def _begin(self, info: SourceInfo) -> None:
        """Play, even if the source before was paused; of several pictures hold the first."""
        was_held = self._context.session.controls.paused
        self._playback.slides = slides = len(info.files) > 1
        self._playback.ended = False
        self._playback.paused = slides
        if was_held and slides:  # so was its first picture
            self._context.session.seek(0.0)

    def _source_opened(self, info: SourceInfo) -> None:
        """Another source delivers pictures."""
        self._playback.info, self._reason = info, ""
        self.target = self._opened
        self.cameras.opening = None
        self._context.notices.end("source")
        name = self.tr("Demo clip") if info.kind == "demo" else info.name
        width, height = info.size
        rate = f", {info.fps:.3g} fps" if info.fps else ""
        heading = self.tr("Camera and other sources")
        self._button.setToolTip(f"{heading}\n{name}\n{width} × {height}{rate}")
        self.opened.emit(info)
        if self._opened != FIRST:
            self._remember(info)
        elif info.kind == "demo":
            self._context.notices.tell(
                "source",
                self.tr("No camera found: this is the demo clip."),
                (self.tr("Choose a source"), self.show_menu),
            )
        self.cameras.show_source(info)

    def _source_failed(self, reason: str) -> None:
        """Where nothing runs, open the first camera that works instead."""
        self._context.notices.end("source")
        self.cameras.opening = None
        self.cameras.renew()  # a tick that the click has set
        if self.info is not None:
            self.target = self._opened  # which goes on, and is what "open again" means
        elif self.target not in (FIRST, *DEMOS):
            self._reason = reason
            self.open(FIRST)
        else:
            self._context.notices.settle("source")  # what is to be done stands in the picture
            self.cameras.wait_for_one()
            self.nothing_opened.emit(self._reason or reason)

    # Menus

    def fill(self, menu: QMenu, before: QAction, recent_before: QAction) -> None:
        """Fill the source menu with cameras and recent sources."""
        menu.insertSeparator(before)
        menu.insertMenu(recent_before, self._recent_menu)
        self._renew_recent()
        self.cameras.fill(menu)

    def _renew_recent(self) -> None:
        self._recent_menu.clear()
        recent = self._context.settings.get("source.recent")
        for text in recent:
            action = self._recent_menu.addAction(on_button(text, 60))
            action.triggered.connect(lambda checked=False, text=text: self.open(text))
        self._recent_menu.setEnabled(bool(recent))

    def _remember(self, info: SourceInfo) -> None:
        from ...sources import redact

        camera = info.kind == "camera"
        identity = {k: v for k, v in info.identity.items() if k in _IDENTITY}
        text = "" if not isinstance(self._opened, str) else redact(self._opened)
        last = "" if camera else text
        kept: dict[str, Any] = {
            "source.camera": json.dumps(identity) if camera else "",
            "source.last": last,
        }
        if last and info.kind != "demo":
            old = [known for known in self._context.settings.get("source.recent") if known != text]
            kept["source.recent"] = (text, *old)[:RECENT]
        self._context.settings.update(kept)

    def _folder(self) -> str:
        last = self._context.settings.get("source.last")
        folder = Path(last).parent
        return str(folder if folder.is_absolute() and folder.is_dir() else Path.home())

    def _name(self, target: Any) -> str:
        from ...sources import redact

        if isinstance(target, RememberedCamera) or target == FIRST:
            return self.tr("the camera")
        return redact(target) if isinstance(target, str) else str(target.name)


_IDENTITY = ("name", "index", "backend", "vid", "pid", "path")
