"""Commands about files that the window writes: recordings and snapshots."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from ... import paths
from ...errors import PoseAppError, RecordingError
from ..canvas.canvas import Canvas
from ..state.recording_state import RecordingState

if TYPE_CHECKING:
    from ...pipeline.events import Event
    from ...pipeline.metrics import FrameMetrics
    from ...recording.recording import RecordingReport, RecordingRequest
    from ...recording.recording import RecordingState as SessionRecording
    from ...types import FrameResult, Pose
    from ..context import AppContext


_MIME = {".mp4": "video/mp4", ".mkv": "video/x-matroska", ".png": "image/png"}


class RecordingsController(QObject):
    """Records and takes snapshots of what the canvas shows; keeps the recording's state.

    `started`: a recording began. `play_wanted(path)`: show this video in the window.
    """

    started = Signal()
    play_wanted = Signal(str)

    def __init__(
        self,
        context: AppContext,
        state: RecordingState,
        canvas: Canvas,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._state = state
        self._canvas = canvas
        self._source: str | None = None
        self._names: tuple[str, ...] = ()  # of the files that are written now
        self.last: RecordingReport | None = None

    @property
    def folder(self) -> Path:
        chosen = self._context.settings.get("recording.folder")
        return Path(chosen).expanduser() if chosen else paths.recordings_folder()

    def toggle(self, kind: str) -> None:
        """Start a recording, or stop the one that runs, whichever it is."""
        self._follow(self._context.session.metrics().recording)
        if self._state.running:
            self.stop()
            return
        try:
            self._context.session.record(self._request(kind))
        except RecordingError as error:
            self._context.notices.error("recording", str(error))
        else:
            self._context.notices.settle("recording")
            self._follow(self._context.session.metrics().recording)
            self.started.emit()

    def stop(self) -> None:
        """End whatever is recorded."""
        self._context.session.stop_recording()
        self._follow(self._context.session.metrics().recording)

    def set_log(self, log: bool) -> None:
        self._context.settings.set("recording.log", log)

    def open_folder(self) -> None:
        try:
            self._make_folder()
        except RecordingError as error:
            self._context.notices.error("recording", str(error))
        else:
            self._context.dialogs.open_path(self.folder)

    def play(self, file: Path) -> None:
        """Show a video or a picture in the desktop's program for it, or where there is none in the
        window."""
        dialogs = self._context.dialogs

        def look_for_player() -> bool:
            return dialogs.can_open(_MIME.get(file.suffix.lower(), "video/mp4"))

        def done(there: bool | None, error: PoseAppError | None) -> None:
            if error is not None or not there or not dialogs.open_path(file):
                self.play_wanted.emit(str(file))

        self._context.tasks.run(look_for_player, done)

    def happened(self, event: Event) -> None:
        """Say where the files of a recording are once they are closed."""
        if event.kind in ("recording_started", "recording_finished"):
            self._follow(self._context.session.metrics().recording)
        if event.kind == "recording_started":
            self._names = tuple(path.name for path in event.data.paths)
        elif event.kind == "recording_continued":
            self._context.notices.tell("recording", event.message)
        elif event.kind == "recording_finished":
            self._finished(event.data)

    def _finished(self, report: RecordingReport) -> None:
        self.last = report
        if report.error:
            self._context.notices.error("recording", report.error)
        elif not report.paths:
            nothing = self.tr("Nothing was recorded: no picture came.")
            self._context.notices.tell("recording", nothing)
        if not report.paths:
            return
        video = next((path for path in report.paths if path.suffix != ".jsonl"), report.paths[0])
        saved = self.tr("Saved {name}").format(name=video.name)
        if self._state.running and self._names:  # in new files: another source or size
            saved = self.tr("Saved {name}; recording goes on in {next}").format(
                name=video.name, next=self._names[0]
            )
        self._context.notices.tell(
            "recording",
            saved,
            (self.tr("Open folder"), lambda: self._context.dialogs.open_path(video.parent)),
            (self.tr("Play"), lambda: self.play(video)),
        )

    def show_stats(self, stats: FrameMetrics) -> None:
        """Follow the recording's length and size."""
        self._source = None if stats.source is None else stats.source.name
        self._follow(stats.recording)

    def _follow(self, recording: SessionRecording | None) -> None:
        state = self._state
        if recording is not None:
            state.seconds, state.bytes = recording.seconds, recording.bytes
            state.dropped = recording.dropped
        state.running = recording is not None

    def snapshot(self) -> None:
        """Three files of this moment: as shown, the picture alone (blurred or black where the
        background is), and its joints."""
        result = self._canvas.result
        if result is None:
            self._context.notices.error("recording", self.tr("There is no picture yet."))
            return
        try:
            self._make_folder()
        except RecordingError as error:
            self._context.notices.error("recording", str(error))
            return
        shown = self._canvas.grab().toImage()
        stem = time.strftime("snapshot-%Y%m%d-%H%M%S")
        about = {"source": self._source}
        folder, background = self.folder, self._canvas.view.backdrop
        self._context.tasks.run(
            lambda: save_snapshot(folder, stem, shown, result, about, background),
            self._snapshot_saved,
        )

    def _snapshot_saved(self, saved: list[Path] | None, error: PoseAppError | None) -> None:
        if error is not None or saved is None:
            self._context.notices.error("recording", str(error))
            return
        self._context.notices.tell(
            "recording",
            self.tr("Saved {name}").format(name=saved[0].name),
            (self.tr("Open folder"), lambda: self._context.dialogs.open_path(saved[0].parent)),
            (self.tr("Show"), lambda: self.play(saved[0])),
        )

    def _request(self, kind: str) -> RecordingRequest:
        """Names nobody uses yet. Raises RecordingError where the folder cannot be made."""
        from ...recording.recording import RecordingRequest

        self._make_folder()
        now = time.strftime("pose-%Y%m%d-%H%M%S")
        stem = free_stem(self.folder, now, (".mp4", "-raw.mp4", ".jsonl"))
        with_log = self._context.settings.get("recording.log")
        return RecordingRequest(
            annotated=self.folder / f"{stem}.mp4" if kind in ("annotated", "both") else None,
            raw=self.folder / f"{stem}-raw.mp4" if kind in ("raw", "both") else None,
            log=self.folder / f"{stem}.jsonl" if with_log else None,
        )

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecordingError(
                f"The folder {self.folder} cannot be made ({error.strerror}): "
                "choose another one in the preferences."
            ) from None


def save_snapshot(
    folder: Path,
    stem: str,
    shown: QImage,
    result: FrameResult,
    about: dict[str, Any],
    background: str = "picture",
) -> list[Path]:
    """Write `<stem>.png`, `<stem>-picture.png` and `<stem>.json`. Raises RecordingError."""
    import cv2

    from ...drawing.privacy import backdrop

    endings = (".png", "-picture.png", ".json")
    stem = free_stem(folder, stem, endings)
    image, picture, data = (folder / f"{stem}{ending}" for ending in endings)
    good, encoded = cv2.imencode(".png", backdrop(result.frame.image, background))
    if not good or not shown.save(str(image)):
        raise RecordingError(f"The snapshot {image} cannot be written: choose another folder.")
    try:
        picture.write_bytes(encoded.tobytes())
        description = {**about, "picture": picture.name, **_described(result)}
        data.write_text(json.dumps(description, indent=1), encoding="utf-8")
    except OSError as error:
        raise RecordingError(f"The snapshot cannot be written: {error.strerror}.") from None
    return [image, picture, data]


def _described(result: FrameResult) -> dict[str, Any]:
    """The frame's line of a keypoint log, with the names and limbs that explain it."""
    from ...recording.keypoint_log import frame_line

    frame = result.frame
    width, height = frame.size
    described: dict[str, Any] = {"size": [width, height]}
    first = result.person()
    if first is not None:
        described["joints"] = list(first.skeleton.joints)
        described["limbs"] = [list(limb) for limb in first.skeleton.limbs]
    described["frame"] = frame_line(
        frame.index, frame.seconds, result.poses, estimated=result.estimated
    )
    described["every_stack"] = {pose.track_id: _of_stacks(pose) for pose in result.poses}
    return described


def _of_stacks(pose: Pose) -> list[list[list[float]]]:
    """Per stack and joint x, y and score."""
    return [
        [
            [round(float(x), 2), round(float(y), 2), round(float(score), 4)]
            for (x, y), score in zip(joints, scores, strict=True)
        ]
        for joints, scores in zip(pose.stack_joints, pose.stack_scores, strict=True)
    ]


def free_stem(folder: Path, stem: str, endings: tuple[str, ...]) -> str:
    """`stem`, or with ' (2)', ' (3)' ... where one of the files is there already."""
    for number in itertools.count(1):
        candidate = stem if number == 1 else f"{stem} ({number})"
        if not any((folder / f"{candidate}{ending}").exists() for ending in endings):
            return candidate
    raise AssertionError("there is always another number")
