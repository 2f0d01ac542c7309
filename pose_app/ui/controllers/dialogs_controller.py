"""Commands that open a dialog of the app itself, and the colours of all windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

from .. import theme
from .openers import camera_opener
from .recordings_folder import recordings_folder

if TYPE_CHECKING:
    from ...types import Frame
    from ..context import AppContext
    from ..dialogs.camera_page import CameraPage
    from .cameras_controller import CamerasController
    from .keys_controller import KeysController


class DialogsController(QObject):
    """Opens the dialogs over `window`, and applies the theme.

    `paint_ms` returns how long the picture takes to paint. `play_wanted(path)`: play a recording.
    """

    play_wanted = Signal(str)

    def __init__(
        self,
        context: AppContext,
        window: QWidget,
        cameras: CamerasController,
        paint_ms: Callable[[], float],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._window = window
        self._cameras = cameras
        self._paint_ms = paint_ms
        self.keys: KeysController | None = None
        context.settings.changed.connect(self._settings_changed)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._scheme_changed)
        self.apply_theme()

    @property
    def slots(self) -> dict[str, Callable[..., object]]:
        """What this controller's commands do, by their names in `chrome.actions`."""
        return {
            "preferences": self.show_preferences,
            "cameras": self.show_cameras,
            "recordings": self.show_recordings,
            "shortcuts": self.show_shortcuts,
            "diagnostics": self.show_diagnostics,
            "about": self.show_about,
        }

    def show_preferences(self, page: str = "") -> None:
        """Open the preferences at the page of a group of settings, or at the first."""
        from ..dialogs.preferences import PreferencesDialog

        settings, dialogs = self._context.settings, self._context.dialogs
        dialog = PreferencesDialog(
            settings.stored,
            dialogs,
            self._window,
            tasks=self._context.tasks,
            preview=settings.preview,
            commands=self.keys.commands if self.keys is not None else (),
            camera=self._camera_page(),
            page=page,
        )
        accepted = dialogs.show(dialog)
        if accepted:
            settings.keep(dialog.changes)
        dialog.leave(accepted)

    def show_cameras(self) -> None:
        """Open the page of the preferences with the camera's picture."""
        self.show_preferences("Source")

    def show_recordings(self) -> None:
        """Open the list of recordings."""
        from ..dialogs.recordings import RecordingsDialog

        recording = self._context.session.metrics().recording
        dialog = RecordingsDialog(
            recordings_folder(self._context.settings),
            self._context.tasks,
            self._context.dialogs,
            self._window,
            running=() if recording is None else recording.paths,
        )
        dialog.play_wanted.connect(lambda path: self.play_wanted.emit(str(path)))
        self._context.dialogs.show(dialog)

    def show_about(self) -> None:
        from ..dialogs.about import AboutDialog

        self._context.dialogs.show(AboutDialog(self._context.tasks, self._window))

    def show_shortcuts(self) -> None:
        from ..dialogs.shortcuts import ShortcutsDialog

        dialog = ShortcutsDialog(self.keys.now if self.keys is not None else (), self._window)
        dialog.change_wanted.connect(
            lambda: QTimer.singleShot(0, self, lambda: self.show_preferences("Keys"))
        )
        self._context.dialogs.show(dialog)

    def _camera_page(self) -> CameraPage:
        from ..dialogs.camera_page import CameraPage

        context = self._context

        def frame() -> Frame | None:
            result = context.session.latest()
            return None if result is None else result.frame

        return CameraPage(
            self._cameras,
            lambda camera, mode: camera_opener(camera, mode, context.settings.stored),
            frame,
            lambda: context.session.metrics().source_fps,
            context.tasks,
            mirror=context.settings.get("view.mirror") != "off",
        )

    def show_diagnostics(self) -> None:
        from ..dialogs.diagnostics import DiagnosticsDialog

        session, tasks = self._context.session, self._context.tasks
        self._context.dialogs.show(
            DiagnosticsDialog(session.metrics(), tasks, self._paint_ms(), self._window)
        )

    def copy_report(self) -> None:
        """Copy the diagnostics to the clipboard, without the dialog."""
        from ..dialogs.diagnostics import copy_report

        def done() -> None:
            self._context.notices.tell("report", self.tr("The report is in the clipboard."))

        copy_report(self._context.session.metrics(), self._context.tasks, self._paint_ms(), done)

    def apply_theme(self) -> None:
        """Apply the theme of the settings."""
        wanted = self._context.settings.get("appearance.theme")
        app = QApplication.instance()
        if isinstance(app, QApplication):
            theme.apply(app, wanted)
        self._window.setStyleSheet(theme.style_sheet(wanted))

    def _settings_changed(self, keys: frozenset[str]) -> None:
        if "appearance.theme" in keys:
            self.apply_theme()

    def _scheme_changed(self) -> None:
        if self._context.settings.get("appearance.theme") == "system":
            self.apply_theme()
