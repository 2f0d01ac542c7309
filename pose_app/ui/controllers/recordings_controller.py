"""Commands about files that the window writes: recordings and snapshots."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtGui import QImage

from ... import paths
from ...errors import PoseAppError, RecordingError
from ..icons import icon
from ..playback_bar import clock

if TYPE_CHECKING:
    from ...pipeline.metrics import FrameMetrics
    from ...recording.recording import RecordingReport, RecordingRequest
    from ...types import FrameResult, Pose
    from ..main_window import MainWindow

KINDS = {"annotated": "record", "raw": "record_raw", "both": "record_both"}


class RecordingsController(QObject):
    """`kind` is what is being recorded (annotated, raw or both), None while nothing is."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.window = window
        self.kind: str | None = None
        self.last: RecordingReport | None = None

    @property
    def folder(self) -> Path:
        chosen = self.window.settings.get("recording.folder")
        return Path(chosen).expanduser() if chosen else paths.recordings_folder()

    def toggle(self, kind: str) -> None:
        """Start a recording, or stop the one that runs, whichever it is. A file at its end plays
        again for it."""
        if self.kind is not None:
            self.stop()
            return
        try:
            self.window.bridge.session.record(self._request(kind))
        except RecordingError as error:
            self.window.banner.show_text(str(error), "recording")
        else:
            self.kind = kind
            if self.window.sources.ended:
                self.window.sources.set_paused(False)
        self._show()

    def stop(self) -> None:
        self.window.bridge.session.stop_recording()

    def set_log(self, log: bool) -> None:
        self.window.remember("recording.log", log)

    def open_folder(self) -> None:
        try:
            self._make_folder()
        except RecordingError as error:
            self.window.banner.show_text(str(error), "recording")
        else:
            self.window.dialogs.open_path(self.folder)

    def finished(self, report: RecordingReport) -> None:
        """All files are closed: say where they are."""
        self.kind = None
        self.last = report
        self._show()
        if report.error:
            self.window.banner.show_text(report.error, "recording")
        elif not report.paths:
            self.window.toast.show_text(self.tr("Nothing was recorded: no picture came."))
        if not report.paths:
            return
        video = next((path for path in report.paths if path.suffix != ".jsonl"), report.paths[0])
        self.window.toast.show_text(
            self.tr("Saved {name}").format(name=video.name),
            [
                (self.tr("Open folder"), lambda: self.window.dialogs.open_path(video.parent)),
                (self.tr("Play"), lambda: self.window.dialogs.open_path(video)),
            ],
        )

    def show_stats(self, stats: FrameMetrics) -> None:
        """Red dot, time, size and dropped frames, here and in the window's title."""
        state = stats.recording
        label = self.window.recording_label
        label.setVisible(state is not None)
        source = stats.source.name if stats.source is not None else ""
        title = f"{source} – pose-app" if source else "pose-app"
        if state is not None:
            words = [f"● {clock(state.seconds)}", size_of(state.bytes)]
            if state.dropped:
                words.append(self.tr("{count} dropped").format(count=state.dropped))
            label.setText("  ".join(words))
            title = f"● {clock(state.seconds)}  {title}"
        if self.window.windowTitle() != title:
            self.window.setWindowTitle(title)

    def snapshot(self) -> None:
        """Three files of this moment: as shown, the picture alone (blurred or black where the
        background is), and its joints."""
        result = self.window.canvas.result
        if result is None:
            self.window.banner.show_text(self.tr("There is no picture yet."), "recording")
            return
        try:
            self._make_folder()
        except RecordingError as error:
            self.window.banner.show_text(str(error), "recording")
            return
        shown = self.window.canvas.grab().toImage()
        stem = time.strftime("snapshot-%Y%m%d-%H%M%S")
        source = self.window.sources.info
        about = {"source": source.name if source is not None else None}
        folder, background = self.folder, self.window.view.backdrop
        self.window.bridge.run(
            lambda: save_snapshot(folder, stem, shown, result, about, background),
            self._snapshot_saved,
        )

    def _snapshot_saved(self, saved: list[Path] | None, error: PoseAppError | None) -> None:
        if error is not None or saved is None:
            self.window.banner.show_text(str(error), "recording")
            return
        self.window.toast.show_text(
            self.tr("Saved {name}").format(name=saved[0].name),
            [
                (self.tr("Open folder"), lambda: self.window.dialogs.open_path(saved[0].parent)),
                (self.tr("Show"), lambda: self.window.dialogs.open_path(saved[0])),
            ],
        )

    def _request(self, kind: str) -> RecordingRequest:
        """Names nobody uses yet. Raises RecordingError where the folder cannot be made."""
        from ...recording.recording import RecordingRequest

        self._make_folder()
        now = time.strftime("pose-%Y%m%d-%H%M%S")
        stem = free_stem(self.folder, now, (".mp4", "-raw.mp4", ".jsonl"))
        with_log = self.window.settings.get("recording.log")
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

    def _show(self) -> None:
        for kind, name in KINDS.items():
            command = self.window.commands[name]
            command.setChecked(self.kind == kind)
            if name != "record_both":
                command.setIcon(icon("stop" if self.kind == kind else _ICONS[name]))


_ICONS = {"record": "record", "record_raw": "record-raw"}


def size_of(count: int) -> str:
    """E.g. 3.4 MB."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


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
    """The frame and its joints, with the names and limbs that explain them."""
    from ...recording.keypoint_log import frame_line

    frame, pose = result.frame, result.pose
    width, height = frame.size
    described: dict[str, Any] = {"size": [width, height], "frame": frame.index, "t": frame.seconds}
    if pose is not None:
        described["joints"] = list(pose.skeleton.joints)
        described["limbs"] = [list(limb) for limb in pose.skeleton.limbs]
        described["pose"] = frame_line(frame.index, frame.seconds, pose)
        described["every_stack"] = _of_stacks(pose)
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
