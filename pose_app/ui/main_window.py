"""The window: puts canvas, panels, menus and toolbar together and hands out what happens."""

from __future__ import annotations

import base64
import logging
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QLabel,
    QMainWindow,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ..errors import SettingsError
from ..settings import Settings
from . import layout as furniture
from . import theme
from .actions import build_actions
from .banner import Banner, Toast
from .bridge import Bridge
from .canvas.canvas import Canvas
from .controllers.models_controller import ModelsController
from .controllers.recordings_controller import RecordingsController
from .controllers.sources_controller import FIRST, SourcesController
from .controllers.views_controller import ViewsController
from .dialogs.asking import Dialogs
from .dialogs.hint import Hint
from .icons import icon
from .playback_bar import PlaybackBar
from .status import StatusLine
from .view_state import ViewState

if TYPE_CHECKING:
    from ..pipeline.events import Event
    from ..pipeline.metrics import FrameMetrics
    from ..pipeline.session import Session
    from ..sources.discover import CameraInfo
    from ..types import FrameResult

_SAVE_MS = 1500
log = logging.getLogger(__name__)

_LAYOUT_VERSION = 1


class MainWindow(QMainWindow):
    """Owns the bridge. `commands` are the actions by their name in the table."""

    # The session has stopped and every file is finished.
    closed = Signal()

    # Made by furniture.py
    toolbar: QToolBar
    source_button: QToolButton
    model_button: QToolButton
    recording_label: QLabel
    recording_place: QAction

    def __init__(
        self,
        session: Session,
        settings: Settings,
        dialogs: Dialogs | None = None,
        target: str | CameraInfo = FIRST,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.dialogs = dialogs or Dialogs()
        self.bridge = Bridge(session, self)
        self.view = ViewState(self)
        self._notice = ""
        self._shown = self._closing = self.has_stopped = False
        self._hidden_docks: list[QDockWidget] = []
        self._save_timer = QTimer(self)
        self._save_timer.setSingleShot(True)
        self._save_timer.setInterval(_SAVE_MS)
        self._save_timer.timeout.connect(self.save_settings)

        self.canvas = Canvas(self.view)
        self.banner = Banner()
        self.toast = Toast(self.canvas)
        self.hint = Hint(self.canvas)
        self.status = StatusLine()
        self.sources = SourcesController(self, target)
        self.models = ModelsController(self)
        self.views = ViewsController(self, self.view)
        self.recordings = RecordingsController(self)
        self.commands = build_actions(self)
        commands = self.commands
        self.playback = PlaybackBar(commands["pause"], commands["step"], commands["loop"])
        self.docks: dict[str, QDockWidget] = {}
        self.setWindowTitle("pose-app")
        self.setWindowIcon(icon("app"))
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self._build_body()
        furniture.build_docks(self)
        furniture.build_toolbar(self)
        furniture.build_menus(self)
        self._connect()
        self.apply_theme()
        self.resize(1280, 800)
        self._first_layout = self.saveState(_LAYOUT_VERSION)
        self._restore_layout()
        self.views.start()
        self.commands["log"].setChecked(settings.get("recording.log"))
        self.commands["smooth"].setChecked(settings.get("pose.smoothing"))
        self.commands["loop"].setChecked(settings.get("source.loop"))

    def start(self) -> None:
        """Start the session; call it once the window is on the screen."""
        self.canvas.setFocus()
        self.bridge.start()
        self.sources.start()
        for message in self.settings.messages:
            self.banner.show_text(message)
        if not self.settings.get("window.hint_seen"):
            self.hint.open()

    # Building

    def _build_body(self) -> None:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.banner)
        column.addWidget(self.canvas, 1)
        column.addWidget(self.playback)
        self.playback.hide()
        self.setCentralWidget(body)
        self.setStatusBar(self.status)

    def _connect(self) -> None:
        self.bridge.result.connect(self._show_result)
        self.bridge.stats.connect(self._show_stats)
        self.bridge.happened.connect(self._happened)
        self.bridge.stopped.connect(self._session_stopped)
        self.canvas.region_chosen.connect(self.views.region_chosen)
        self.playback.sought.connect(self.sources.seek)
        self.playback.speed_chosen.connect(self.sources.set_speed)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._scheme_changed)
        self.hint.read.connect(lambda: self.remember("window.hint_seen", True))

    # What the session tells

    def _show_result(self, result: FrameResult) -> None:
        self.views.show_result(result)
        self.canvas.show_result(result)
        for panel in self._visible_panels():
            panel.show_result(result)

    def _show_stats(self, stats: FrameMetrics) -> None:
        for control in (self.sources, self.models, self.views, self.recordings):
            control.show_stats(stats)
        self.recording_place.setVisible(stats.recording is not None)
        for panel in self._visible_panels():
            panel.show_stats(stats)
        if self.canvas.result is None:
            self.canvas.show_message(
                self.tr("Waiting for the first picture…")
                if stats.source is not None
                else self._notice or self.tr("Opening the source…")
            )
        self.status.show_state(stats, self.bridge.last_result, self.canvas.age_ms, self._notice)

    def _happened(self, event: Event) -> None:
        topic = event.kind.partition("_")[0]
        if event.bad:
            self.banner.show_text(event.message, topic)
        elif event.kind in ("source_opened", "source_back", "model_loaded"):
            self.banner.settle(topic)
        if event.kind in ("source_opened", "source_back"):
            self.sources.opened(event.data)
        elif event.kind == "source_failed":
            self.sources.failed()
        elif event.kind == "source_ended":
            self.sources.ended = True
            self.commands["pause"].setChecked(True)
        elif event.kind == "model_loaded":
            self.models.loaded()
        elif event.kind == "model_failed":
            self.models.failed(event.message)
        elif event.kind == "recording_finished":
            self.recordings.finished(event.data)

    def _visible_panels(self) -> list[Any]:
        return [dock.widget() for dock in self.docks.values() if dock.widget().isVisible()]

    def say(self, notice: str) -> None:
        """Put a sentence at the start of the status line; empty takes it away."""
        self._notice = notice

    # Settings

    def remember(self, key: str, value: Any) -> None:
        """Keep a setting; it is written soon."""
        if self.settings.get(key) != value:
            self.settings.set(key, value)
            if not self._closing:
                self._save_timer.start()

    def save_settings(self) -> None:
        """Write the settings now; a folder that cannot be written is no reason to stop."""
        self._save_timer.stop()
        try:
            self.settings.save()
        except SettingsError as error:
            self.banner.show_text(str(error), "settings")

    def show_preferences(self) -> None:
        from .dialogs.preferences import PreferencesDialog

        dialog = PreferencesDialog(self.settings, self.dialogs, self)
        if self.dialogs.show(dialog):
            self.apply_settings(dialog.changes)

    def apply_settings(self, changes: dict[str, Any]) -> None:
        """Keep other values of settings and do what they say."""
        for key, value in changes.items():
            self.remember(key, value)
        groups = {key.partition(".")[0] for key in changes}
        if "appearance.theme" in changes:
            self.apply_theme()
        if groups & {"view", "pose"}:
            self.views.apply_settings()
        if "pose.smoothing" in changes:
            self.models.set_smoothing(changes["pose.smoothing"])
            self.commands["smooth"].setChecked(changes["pose.smoothing"])
        if "model.stacks" in changes:
            self.models.set_stacks(changes["model.stacks"])
        if changes.keys() & {"model.engine", "model.device", "model.precision"}:
            self.models.reload()
        if changes.keys() & {"source.size", "source.fps"}:
            self.sources.reload()
        if "source.loop" in changes:
            self.commands["loop"].setChecked(changes["source.loop"])
            self.sources.set_loop(changes["source.loop"])
        if "recording.log" in changes:
            self.commands["log"].setChecked(changes["recording.log"])

    def apply_theme(self) -> None:
        """Take the colours of the settings, or those of the desktop."""
        wanted = self.settings.get("appearance.theme")
        app = QApplication.instance()
        if isinstance(app, QApplication):
            theme.apply(app, wanted)
        self.setStyleSheet(theme.style_sheet(wanted))

    def _scheme_changed(self) -> None:
        if self.settings.get("appearance.theme") == "system":
            self.apply_theme()

    # Commands of the window itself

    def show_shortcuts(self) -> None:
        from .dialogs.shortcuts import ShortcutsDialog

        panels = [dock.toggleViewAction() for dock in self.docks.values()]
        self.dialogs.show(ShortcutsDialog(panels, self))

    def show_diagnostics(self) -> None:
        from .dialogs.diagnostics import DiagnosticsDialog

        self.dialogs.show(DiagnosticsDialog(self.bridge, self.canvas.paint_ms, self))

    def copy_report(self) -> None:
        from .dialogs.diagnostics import copy_report

        def done() -> None:
            self.toast.show_text(self.tr("The report is in the clipboard."))

        copy_report(self.bridge, self.canvas.paint_ms, done)

    def show_hint(self) -> None:
        self.hint.open()

    def set_full_screen(self, full: bool) -> None:
        """Only the picture, on all of the screen; the keys go on working."""
        for widget in (self.menuBar(), self.toolbar, self.status):
            widget.setVisible(not full)
        self.set_panels_hidden(full)
        self.commands["hide_panels"].setChecked(full)
        self.setWindowState(
            self.windowState() | Qt.WindowState.WindowFullScreen
            if full
            else self.windowState() & ~Qt.WindowState.WindowFullScreen
        )

    def set_panels_hidden(self, hidden: bool) -> None:
        if hidden:
            self._hidden_docks = [dock for dock in self.docks.values() if not dock.isHidden()]
        for dock in self._hidden_docks:
            dock.setVisible(not hidden)

    def reset_layout(self) -> None:
        self.restoreState(self._first_layout, _LAYOUT_VERSION)
        furniture.place_docks(self)

    def _restore_layout(self) -> None:
        for key, restore in (
            ("window.geometry", self.restoreGeometry),
            ("window.state", lambda state: self.restoreState(state, _LAYOUT_VERSION)),
        ):
            text = self.settings.get(key)
            try:
                restore(QByteArray(base64.b64decode(text.encode("ascii"))))
            except ValueError:  # damaged: the window goes where the system puts it
                log.warning("%s is not readable", key)

    def setVisible(self, visible: bool) -> None:
        # Before it is shown for the first time: docks that do not fit would make it larger.
        if visible and not self._shown and not self.settings.get("window.state"):
            furniture.place_docks(self)
        self._shown = self._shown or visible
        super().setVisible(visible)

    # Drag and drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """The first file, folder or address becomes the source; a model file the model."""
        url = event.mimeData().urls()[0]
        text = url.toLocalFile() if url.isLocalFile() else url.toString()
        event.acceptProposedAction()
        if text.lower().endswith((".safetensors", ".pt", ".pth", ".ckpt", ".tar")):
            self.models.open(text)
        else:
            self.sources.open(text)

    # Closing

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop the session first: the window goes when every file is finished."""
        if self.has_stopped:
            event.accept()
            return
        event.ignore()
        if self._closing:
            return
        self._closing = True
        if self.isFullScreen():
            self.set_full_screen(False)
        self.remember("window.geometry", _text_of(self.saveGeometry()))
        self.remember("window.state", _text_of(self.saveState(_LAYOUT_VERSION)))
        self.save_settings()
        self.sources.stop()
        self.toast.hide()
        recording = self.bridge.last_stats is not None and self.bridge.last_stats.recording
        if recording:
            self.say(self.tr("Finishing the recording…"))
            self.canvas.setEnabled(False)
        else:
            self.hide()
        self.bridge.stop()

    def _session_stopped(self, report: Any) -> None:
        self.has_stopped = True
        self.save_settings()
        self.close()
        self.closed.emit()


def _text_of(state: QByteArray) -> str:
    return base64.b64encode(state.data()).decode()
