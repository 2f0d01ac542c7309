"""The main window: makes its parts and connects them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import eq
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from ..network.model_files import is_model_name
from ..settings import Settings
from .app_settings import AppSettings
from .bridge import Bridge
from .canvas.canvas import Canvas
from .chrome.actions import (
    ACTIONS,
    alternate,
    build_actions,
    follow,
    follow_setting,
    key_of,
    translated,
)
from .chrome.banner import Banner, Toast
from .chrome.countdown import Countdown
from .chrome.empty_state import EmptyState
from .chrome.first_steps import FirstSteps
from .chrome.heatmap_control import HeatmapControl
from .chrome.keys_guard import KeysGuard, click_takes_no_focus
from .chrome.layout import SMALLEST, Layout, build_menus, menu_button
from .chrome.playback_bar import PlaybackBar
from .chrome.preparing import Preparing
from .chrome.record_button import RecordButton, RecordPill
from .chrome.status import StatusLine
from .chrome.toolbar import Toolbar
from .context import AppContext
from .controllers.dialogs_controller import DialogsController
from .controllers.keys_controller import KeysController
from .controllers.messages_controller import MessagesController
from .controllers.models_controller import ModelsController
from .controllers.openers import FIRST
from .controllers.recordings_controller import RecordingsController
from .controllers.snapshots_controller import SnapshotsController
from .controllers.sources_controller import SourcesController
from .controllers.views_controller import ViewsController
from .dialogs.asking import Dialogs
from .dialogs.hint import Hint
from .icons import icon
from .notices import Notices
from .state.playback_state import PlaybackState
from .state.recording_state import RecordingState
from .state.view_state import MOST_STACKS, ViewState
from .tasks import TaskRunner
from .units import clock

if TYPE_CHECKING:
    from ..pipeline.metrics import FrameMetrics
    from ..pipeline.session import Session
    from ..sources.discover import CameraInfo


_LAST_SAVE_MS = 5000  # that the settings may take to be written before the window goes


class MainWindow(QMainWindow):
    """The window with its menus, panels, controllers and dialogs.

    `commands` are the actions by their name in `chrome.actions`. The signal `closed` tells that
    the session has stopped and every file is complete.
    """

    closed = Signal()

    def __init__(
        self,
        session: Session,
        settings: Settings,
        dialogs: Dialogs | None = None,
        target: str | CameraInfo = FIRST,
    ) -> None:
        super().__init__()
        self._shown = self._closing = self.has_stopped = self._was_picture_only = False
        self._patience = QTimer(self, singleShot=True)
        self._patience.timeout.connect(self._leave)
        # What everybody uses, and what is shared
        self.tasks = TaskRunner(self)
        self.settings = AppSettings(settings, self.tasks, self)
        self.notices = Notices()
        self.bridge = Bridge(session, self.tasks, self)
        context = AppContext(session, self.settings, self.tasks, self.notices, dialogs or Dialogs())
        self.view = ViewState()
        self.play = PlaybackState()
        self.recording = RecordingState()
        # Widgets
        self.canvas = Canvas(self.view)
        self.banner = Banner(self.notices)
        self.toast = Toast(self.canvas, self.notices)
        self.empty = EmptyState(self.canvas)
        self.preparing = Preparing()
        self.status = StatusLine()
        self.source_button = menu_button("camera", self.tr("Camera"))
        self.model_button = menu_button("models", self.tr("Model"))
        # Controllers
        self.messages = MessagesController(context, self)
        self.sources = SourcesController(context, self.source_button, self.play, target, self)
        self.models = ModelsController(context, self.model_button, self)
        self.views = ViewsController(context, self.view, self.canvas, self)
        self.recordings = RecordingsController(context, self.recording, self.view, self)
        self.snapshots = SnapshotsController(context, self.canvas, self)
        self.about = DialogsController(
            context, self, self.sources.cameras, lambda: self.canvas.paint_ms, self
        )
        # Commands and where everything is
        self.commands = build_actions(self, self._slots())
        commands = self.commands
        self.playback = PlaybackBar(self.play, commands)
        self.hint = Hint(self.canvas, commands)
        tried = self.settings.get("window.steps")
        self.steps = FirstSteps(self.view, self.recording, commands, tried)
        self.steps.setHidden(self.settings.get("window.hint_seen"))
        self._build_body()
        self.panels = Layout(self, self.view, self.settings)
        self.docks = self.panels.docks
        toggles = list(self.panels.toggles.values())
        self.about.keys = KeysController(settings=self.settings, **self._keys(), parent=self)
        menus = build_menus(self, commands, toggles)
        self.sources.fill(menus["&Source"], commands["open_file"], commands["reload"])
        self.models.fill(menus["&Model"], commands["models"])
        self.source_button.setMenu(menus["&Source"])
        self.model_button.setMenu(menus["&Model"])
        stacks = [commands[f"stack_{number + 1}"] for number in range(MOST_STACKS)]
        self.heatmap = HeatmapControl(commands["heatmap"], stacks)
        self.record_button = RecordButton(self.recording, commands["record"], menus["Re&cord"])
        self.countdown = Countdown(self.recording, self.canvas)
        self.pill = RecordPill(self.recording, commands["record"], self.canvas)
        self.toolbar = Toolbar(
            commands, toggles, self.source_button, self.heatmap, self.record_button
        )
        self.addToolBar(self.toolbar)
        self.addToolBar(Qt.ToolBarArea.BottomToolBarArea, self.playback)
        self._keys_guard = KeysGuard(self.canvas)
        click_takes_no_focus(self.playback.slider, self.playback.speed)
        self._connect()
        self.setMinimumSize(SMALLEST.boundedTo(self.screen().availableSize()))
        self.panels.restore()
        self.playback.renew()

    def start(self) -> None:
        """Start the session; call it once the window is on the screen."""
        self.canvas.setFocus()
        self.bridge.start()
        self.sources.start()
        self.recordings.start()
        for message in self.settings.stored.messages:
            self.notices.error("", message)

    # Building

    def _slots(self) -> dict[str, Callable[..., object]]:
        """What each command does: those of the controllers, and the window's own."""
        return {
            **self.sources.slots,
            **self.models.slots,
            **self.views.slots,
            **self.recordings.slots,
            **self.about.slots,
            "snapshot": self.snapshots.snapshot,
            "hint": lambda: self.hint.open(),
            "fullscreen": self.set_full_screen,
            "hide_panels": self._hide_panels,
            "reset_layout": self._place_panels,
            "quit": self.close,
        }

    def _keys(self) -> dict[str, Any]:
        """Everything that has a key, or could have one, by its name; and the menu it is in."""
        panels = {f"panel_{key}": toggle for key, toggle in self.panels.toggles.items()}
        menus = {spec.name: translated(spec.menu) for spec in ACTIONS}
        menus |= dict.fromkeys(panels, translated("Pa&nels"))
        return {"actions": {**self.commands, **panels}, "menus": menus}

    def _build_body(self) -> None:
        self.setWindowTitle("pose-app")
        self.setWindowIcon(icon("app"))
        self.setAcceptDrops(True)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.banner)
        column.addWidget(self.canvas, 1)
        column.addWidget(self.preparing)
        column.addWidget(self.steps)
        self.setCentralWidget(body)
        self.setStatusBar(self.status)
        # Not on the toolbar: long as it is, it would push the recording out of a small one.
        self.status.addPermanentWidget(self.model_button)

    def _connect(self) -> None:
        commands, settings = self.commands, self.settings
        # What the session tells, to whom; the order is that of the connections
        self.bridge.result.connect(self.views.show_result)
        self.bridge.result.connect(self.panels.show_result)
        self.bridge.stats.connect(self.playback.show_stats)
        self.bridge.stats.connect(self.models.show_stats)
        self.bridge.stats.connect(self.views.show_stats)
        self.bridge.stats.connect(self.recordings.show_stats)
        self.bridge.stats.connect(self.snapshots.show_stats)
        self.bridge.stats.connect(self.panels.show_stats)
        self.bridge.stats.connect(self._show_stats)
        self.bridge.stats.connect(self.messages.show_stats)
        self.bridge.happened.connect(self.messages.happened)
        self.bridge.happened.connect(self.sources.happened)
        self.bridge.happened.connect(self.models.happened)
        self.bridge.happened.connect(self.recordings.happened)
        self.bridge.stopped.connect(self.recordings.session_stopped)
        self.bridge.stopped.connect(self._session_stopped)
        # What one part tells another
        self.playback.sought.connect(self.sources.seek)
        self.sources.opened.connect(self.views.source_opened)
        self.about.play_wanted.connect(self.sources.open)
        self.recordings.play_wanted.connect(self.sources.open)
        self.sources.nothing_opened.connect(self.canvas.clear)
        self.sources.nothing_opened.connect(self._show_empty)
        self.sources.opened.connect(self.empty.hide)
        self.empty.demo_wanted.connect(partial(self.sources.open, "demo"))
        self.empty.file_wanted.connect(self.sources.choose_file)
        self.empty.cameras_wanted.connect(self.sources.open_first_camera)
        self.empty.address_wanted.connect(self.sources.open)
        self.models.preparing.connect(self.preparing.show_step)
        self.steps.done.connect(self._step_done)
        self.steps.closed.connect(partial(settings.set, "window.hint_seen", True))
        self.recordings.started.connect(self.sources.play_on)
        self.snapshots.show_wanted.connect(self.recordings.play)
        self.recordings.stacks_drawn.connect(self.views.run_all_stacks)
        self.recordings.replay_told.connect(self._show_replay)
        self.panels.seen_changed.connect(self._panels_changed)
        self.views.stacks_known.connect(self._offer_stacks)
        self._offer_stacks(0)
        self.views.nothing_to_end.connect(self._leave_full_screen)
        # The names and ticks of the commands
        texts = self.tr("Pause"), self.tr("Play")
        alternate(commands["pause"], self.play, "paused", texts, ("pause", "play"))
        for name, of_pictures in (
            ("step", self.tr("Next picture")),
            ("step_back", self.tr("Previous picture")),
            ("back", self.tr("One picture back")),
            ("forward", self.tr("One picture on")),
            ("start", self.tr("To the first picture")),
        ):
            alternate(commands[name], self.play, "slides", (commands[name].text(), of_pictures))
        for name in ("heatmap", "skeleton", "region", "mirror"):
            follow(commands[name], self.view, name)
        for name in ("fit", "fill", "actual"):
            follow(commands[name], self.view, "scale", partial(eq, name))
        for name in ("picture", "black", "blurred"):
            follow(commands[name], self.view, "background", partial(eq, name))
        for stack in range(MOST_STACKS):
            follow(commands[f"stack_{stack + 1}"], self.view, "stack", partial(eq, stack))
        follow(commands["stack_last"], self.view, "stack", lambda stack: stack is None)
        follow(commands["compare"], self.view, "compare", lambda stack: stack is not None)
        texts = commands["record"].text(), self.tr("Stop the recording")
        alternate(commands["record"], self.recording, "running", texts, ("record", "stop"))
        follow_setting(commands["loop"], settings, "source.loop")
        follow_setting(commands["smooth"], settings, "pose.smoothing")
        follow_setting(commands["log"], settings, "recording.log")

    # The window itself

    def _show_stats(self, stats: FrameMetrics) -> None:
        state = self.notices.state
        by_hand = self.bridge.session.controls.region is not None
        self.status.show_state(
            stats,
            self.bridge.last_result,
            self.canvas.age_ms,
            state,
            follow=key_of(self.commands["follow"]) if by_hand else "",
            held=self.play.paused,
            selected=self.view.person,
        )
        title = "pose-app" if stats.source is None else f"{stats.source.name} – pose-app"
        if stats.recording is not None:
            title = f"● {clock(stats.recording.seconds)}  {title}"
        if self.windowTitle() != title:
            self.setWindowTitle(title)

    def _offer_stacks(self, count: int) -> None:
        for number in range(1, MOST_STACKS + 1):
            self.commands[f"stack_{number}"].setVisible(number <= max(count, 1))

    def set_full_screen(self, full: bool) -> None:
        """Show only the picture, on the whole screen; the shortcuts go on working."""
        for widget in (self.menuBar(), self.toolbar, self.status):
            widget.setVisible(not full)
        picture_only = self.commands["hide_panels"]
        if full:
            self._was_picture_only = picture_only.isChecked()
        if picture_only.isChecked() != (full or self._was_picture_only):
            picture_only.trigger()
        self.pill.set_wanted(full)
        self.setWindowState(
            self.windowState() | Qt.WindowState.WindowFullScreen
            if full
            else self.windowState() & ~Qt.WindowState.WindowFullScreen
        )

    def _show_empty(self, title: str) -> None:
        self.empty.open(title, self.sources.recent)

    def _step_done(self, name: str) -> None:
        self.settings.set("window.steps", tuple(sorted(self.steps.tried)))

    def _show_replay(self, kept: str) -> None:
        action, words = self.commands["save_replay"], self.tr("Save the last seconds")
        action.setText(f"{words} ({kept})" if kept else words)

    def _leave_full_screen(self) -> None:
        if self.isFullScreen():
            self.commands["fullscreen"].trigger()

    def _panels_changed(self) -> None:
        seen = (self.panels.is_seen(self.docks[name]) for name in ("stacks", "movement"))
        self.views.show_all_stacks(any(seen))

    def _place_panels(self) -> None:
        self.panels.place()

    def _hide_panels(self, hidden: bool) -> None:
        self.panels.set_panels_hidden(hidden)

    def setVisible(self, visible: bool) -> None:
        if visible and not self._shown:
            self._shown = True
            self.panels.shown()
        super().setVisible(visible)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.panels.adapt()

    # Drag and drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """The first file, folder or address becomes the source; a model file the model."""
        url = event.mimeData().urls()[0]
        text = url.toLocalFile() if url.isLocalFile() else url.toString()
        event.acceptProposedAction()
        if is_model_name(text):
            self.models.open(text)
        else:
            self.sources.open(text)

    # Closing

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop the session first; the window closes when every file is complete."""
        if self.has_stopped:
            event.accept()
            return
        event.ignore()
        if self._closing:
            return
        self._closing = True
        if self.isFullScreen():
            self.set_full_screen(False)
        self.panels.remember()
        self.settings.save()
        self.sources.stop()
        self.recordings.leave()
        self.toast.hide()
        recording = self.bridge.last_stats is not None and self.bridge.last_stats.recording
        if recording:
            self.notices.begin("recording", self.tr("Finishing the recording…"))
            self.canvas.setEnabled(False)
        else:
            self.hide()
        self.bridge.stop()

    def _session_stopped(self, report: Any) -> None:
        self._patience.start(_LAST_SAVE_MS)  # a disk may not answer
        self.settings.save(self._leave)

    def _leave(self) -> None:
        if self.has_stopped:
            return
        self.has_stopped = True
        self._patience.stop()
        self.notices.forget()
        self.tasks.close()
        self.close()
        self.closed.emit()
