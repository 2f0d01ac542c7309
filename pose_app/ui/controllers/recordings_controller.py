"""Commands about recordings: start, stop, what is drawn into them, and the last seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from ...errors import PoseAppError, RecordingError
from ..state.recording_state import RecordingState
from ..state.view_state import ViewState
from .recordings_folder import free_stem, made_folder, recordings_folder

if TYPE_CHECKING:
    from ...pipeline.events import Event
    from ...pipeline.metrics import FrameMetrics, SessionReport
    from ...recording.recording import RecordingReport, RecordingRequest
    from ...recording.recording import RecordingState as SessionRecording
    from ..context import AppContext


log = logging.getLogger(__name__)

_MIME = {".mp4": "video/mp4", ".mkv": "video/x-matroska", ".png": "image/png"}
_ENDINGS = (".mp4", "-raw.mp4", ".jsonl")

# What can be recorded -> what is drawn into the annotated video; None = there is none.
KINDS: dict[str, str | None] = {
    "as_shown": "as_shown",
    "skeleton": "skeleton",
    "stacks": "stacks",
    "raw": None,
    "both": "as_shown",  # and the raw one
}
_RAW = ("raw", "both")


class RecordingsController(QObject):
    """Starts and stops recordings; keeps the recording's state.

    `started`: a recording began. `play_wanted(path)`: play this video in the window.
    `stacks_drawn(bool)`: whether a video with all stacks is recorded.
    `replay_told(str)`: how much of the last seconds is in memory; empty where nothing is kept.
    """

    started = Signal()
    play_wanted = Signal(str)
    stacks_drawn = Signal(bool)
    replay_told = Signal(str)

    def __init__(
        self,
        context: AppContext,
        state: RecordingState,
        view: ViewState,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._state = state
        self._view = view
        self._left = False  # while something was recorded
        self._kind = "as_shown"  # what is recorded, or was last
        self.last: RecordingReport | None = None
        self._second = QTimer(self)
        self._second.setInterval(1000)
        self._second.timeout.connect(self._count_down)
        view.changed.connect(self._view_changed)
        context.settings.changed.connect(self._settings_changed)

    @property
    def slots(self) -> dict[str, Callable[..., object]]:
        """What this controller's commands do, by their names in `chrome.actions`."""
        return {
            "record": partial(self.toggle, "as_shown"),
            **{f"record_{kind}": partial(self.toggle, kind) for kind in KINDS},
            "save_replay": self.save_replay,
            "log": self.set_log,
            "open_recordings": self.open_folder,
        }

    def start(self) -> None:
        """Keep the last seconds if that is wanted; tell what quitting the app completed."""
        from ...recording.recent import take_completed

        self._keep_replay()
        stored = self._context.settings.stored

        def told(completed: tuple[Path, ...] | None, error: PoseAppError | None) -> None:
            if error is not None:
                log.warning("what was completed cannot be told: %s", error)
            elif completed:
                self._tell_saved(completed[0], self.tr("Completed when pose-app was quit: {name}"))

        self._context.tasks.run(partial(take_completed, stored), told)

    def leave(self) -> None:
        """End the countdown and what is recorded, as the window closes."""
        self._second.stop()
        self._left = self._context.session.metrics().recording is not None

    def session_stopped(self, report: SessionReport | None) -> None:
        """Remember what was completed, so that the next start of the app tells it."""
        from ...recording.recent import remember_completed

        if self._left and report is not None and report.recordings:
            remember_completed(self._context.settings.stored, report.recordings[-1].paths[:1])

    @property
    def folder(self) -> Path:
        """The folder of recordings and snapshots."""
        return recordings_folder(self._context.settings)

    def toggle(self, kind: str) -> None:
        """Start a recording of one of KINDS, or stop the one that runs.

        After the countdown, if there is one; whichever kind it is that runs.
        """
        self._follow(self._context.session.metrics().recording)
        if self._state.running:
            self.stop()
            return
        if self._state.countdown:
            self._second.stop()
            self._state.countdown = 0
            return
        self._kind = kind
        seconds = self._context.settings.get("recording.countdown")
        if seconds:
            self._state.countdown = seconds
            self._second.start()
        else:
            self._begin()

    def stop(self) -> None:
        """End whatever is recorded."""
        self._context.session.stop_recording()
        self._follow(self._context.session.metrics().recording)

    def set_log(self, log: bool) -> None:
        self._context.settings.set("recording.log", log)

    def open_folder(self) -> None:
        """In the file manager; where there is none yet it is made, on another thread."""
        settings = self._context.settings

        def make_folder() -> Path:
            return made_folder(settings)

        def done(folder: Path | None, error: PoseAppError | None) -> None:
            if folder is not None:
                self._context.dialogs.open_path(folder)
            else:
                self._context.notices.error("recording", str(error))

        self._context.tasks.run(make_folder, done)

    def save_replay(self) -> None:
        """Write the last seconds into a file; nothing is stopped."""
        notices = self._context.notices
        if self._context.session.replay() is None:
            notices.tell(
                "recording",
                self.tr("The last seconds are not kept."),
                (self.tr("Keep 15 seconds"), self._keep_fifteen),
            )
            return
        session, settings = self._context.session, self._context.settings

        def save() -> RecordingReport:
            folder = made_folder(settings)
            stem = free_stem(folder, time.strftime("replay-%Y%m%d-%H%M%S"), _ENDINGS)
            return session.save_replay(annotated=folder / f"{stem}.mp4")

        self._context.tasks.run(save, self._replay_saved)

    def _keep_fifteen(self) -> None:
        self._context.settings.set("recording.replay_seconds", 15)

    def _replay_saved(self, report: RecordingReport | None, error: PoseAppError | None) -> None:
        if error is not None or report is None:
            self._context.notices.error("recording", str(error))
            return
        self._tell_saved(report.paths[0], self.tr("Saved the last seconds as {name}"))

    def play(self, file: Path) -> None:
        """Open a video or a picture in the desktop's program, or else in the window."""
        dialogs = self._context.dialogs

        def look_for_player() -> bool:
            return dialogs.can_open(_MIME.get(file.suffix.lower(), "video/mp4"))

        def done(there: bool | None, error: PoseAppError | None) -> None:
            if error is not None or not there or not dialogs.open_path(file):
                self.play_wanted.emit(str(file))

        self._context.tasks.run(look_for_player, done)

    def happened(self, event: Event) -> None:
        """Follow the recording; tell where its files are once they are closed."""
        if event.kind in ("recording_started", "recording_finished"):
            self._follow(self._context.session.metrics().recording)
        if event.kind == "recording_continued":
            self._context.notices.tell("recording", event.message)
        elif event.kind == "recording_finished":
            self._finished(event.data)

    def show_stats(self, stats: FrameMetrics) -> None:
        """Follow the recording's length and size."""
        self._follow(stats.recording)
        replay = self._context.session.replay()
        if replay is None:
            self.replay_told.emit("")
        else:
            told = self.tr("{seconds:.0f} s, {size:.1f} MB in memory")
            self.replay_told.emit(told.format(seconds=replay.seconds, size=replay.bytes / 1e6))

    def _finished(self, report: RecordingReport) -> None:
        self.last = report
        if report.error:
            self._context.notices.error("recording", report.error)
        elif not report.paths:
            nothing = self.tr("Nothing was recorded: no picture came.")
            self._context.notices.tell("recording", nothing)
        if not report.paths:
            return
        # The parts before a change of source were told of when they were closed.
        written = [file for file in report.files if file.path in report.paths]
        first = next((file for file in written if file.kind != "log"), written[0])
        parts = [file.path for file in written if file.kind == first.kind]
        words = self.tr("Saved {name}")
        if len(parts) > 1:
            words = self.tr("Saved {name}, the last of {count} parts").replace(
                "{count}", str(len(parts))
            )
        self._tell_saved(parts[-1], words)

    def _tell_saved(self, video: Path, words: str) -> None:
        self._context.notices.tell(
            "recording",
            words.replace("{name}", video.name),
            (self.tr("Open folder"), lambda: self._context.dialogs.open_path(video.parent)),
            (self.tr("Play"), lambda: self.play(video)),
        )

    def _count_down(self) -> None:
        self._state.countdown -= 1
        if self._state.countdown <= 0:
            self._second.stop()
            self._begin()

    def _begin(self) -> None:
        try:
            self._context.session.record(self._request(self._kind))
        except RecordingError as error:
            self._context.notices.error("recording", str(error))
        else:
            self._context.notices.settle("recording")
            self._follow(self._context.session.metrics().recording)
            self.started.emit()

    def _follow(self, recording: SessionRecording | None) -> None:
        state = self._state
        if recording is not None:
            state.seconds, state.bytes = recording.seconds, recording.bytes
            state.dropped, state.room = recording.dropped, recording.free_bytes
        if state.running != (recording is not None):
            state.running = recording is not None
            self.stacks_drawn.emit(state.running and KINDS[self._kind] == "stacks")

    def _view_changed(self, name: str) -> None:
        """Pass changes of the drawing on to the running recording, and to the last seconds."""
        session = self._context.session
        if self._state.running:
            session.set_drawing(self._view.drawing(KINDS[self._kind] or "as_shown"))
        if session.replay() is not None:
            session.set_replay_drawing(self._view.drawing())

    def _settings_changed(self, keys: frozenset[str]) -> None:
        if "recording.replay_seconds" in keys:
            self._keep_replay()

    def _keep_replay(self) -> None:
        from ...recording.recording import ReplayRequest

        seconds = self._context.settings.get("recording.replay_seconds")
        request = ReplayRequest(seconds, drawing=self._view.drawing()) if seconds else None
        self._context.session.keep_replay(request)

    def _request(self, kind: str) -> RecordingRequest:
        """The request for a recording; its thread makes the folder and finds free names."""
        from ...recording.recording import RecordingRequest

        folder, stem = self.folder, time.strftime("pose-%Y%m%d-%H%M%S")
        drawn = KINDS[kind]
        with_log = self._context.settings.get("recording.log")
        return RecordingRequest(
            annotated=folder / f"{stem}.mp4" if drawn is not None else None,
            raw=folder / f"{stem}-raw.mp4" if kind in _RAW else None,
            log=folder / f"{stem}.jsonl" if with_log else None,
            drawing=self._view.drawing(drawn or "as_shown"),
            make_folder=True,
        )
