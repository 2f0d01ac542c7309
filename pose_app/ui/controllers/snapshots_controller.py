"""Snapshots: three files of one frame."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject, QPoint, Signal
from PySide6.QtGui import QImage, QRegion
from PySide6.QtWidgets import QWidget

from ...errors import PoseAppError, RecordingError
from ...recording import files
from ..canvas.canvas import Canvas
from .recordings_folder import free_stem, made_folder

if TYPE_CHECKING:
    from ...pipeline.metrics import FrameMetrics
    from ...types import FrameResult, Pose
    from ..context import AppContext


class SnapshotsController(QObject):
    """Takes snapshots of what the canvas shows. `show_wanted(Path)`: open this picture."""

    show_wanted = Signal(object)

    def __init__(self, context: AppContext, canvas: Canvas, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._canvas = canvas
        self._source: str | None = None

    def show_stats(self, stats: FrameMetrics) -> None:
        """Remember the name of the source for the snapshot's JSON file."""
        self._source = None if stats.source is None else stats.source.name

    def snapshot(self) -> None:
        """Save the frame as shown, the picture alone, and its joints as JSON.

        A background that is shown blurred or black is so in both pictures.
        """
        result = self._canvas.result
        if result is None:
            self._context.notices.error("recording", self.tr("There is no picture yet."))
            return
        settings = self._context.settings
        shown = drawn(self._canvas)
        stem = time.strftime("snapshot-%Y%m%d-%H%M%S")
        about = {"source": self._source}
        background = self._canvas.view.backdrop

        def save() -> list[Path]:
            return save_snapshot(made_folder(settings), stem, shown, result, about, background)

        self._context.tasks.run(save, self._snapshot_saved)

    def _snapshot_saved(self, saved: list[Path] | None, error: PoseAppError | None) -> None:
        if error is not None or saved is None:
            self._context.notices.error("recording", str(error))
            return
        self._context.notices.tell(
            "recording",
            self.tr("Saved {name}").format(name=saved[0].name),
            (self.tr("Open folder"), lambda: self._context.dialogs.open_path(saved[0].parent)),
            (self.tr("Show"), lambda: self.show_wanted.emit(saved[0])),
        )


def drawn(widget: QWidget) -> QImage:
    """What a widget draws itself, without the messages and figures that lie over it."""
    ratio = widget.devicePixelRatioF()
    image = QImage(widget.size() * ratio, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(0)
    background = QWidget.RenderFlag.DrawWindowBackground
    widget.render(image, QPoint(), QRegion(), background)
    return image


def save_snapshot(
    folder: Path,
    stem: str,
    shown: QImage,
    result: FrameResult,
    about: dict[str, Any],
    background: str = "picture",
) -> list[Path]:
    """Write `<stem>.png`, `<stem>-picture.png` and `<stem>.json`, each as a whole.

    Raises RecordingError; then there is none of them.
    """
    import cv2

    from ...drawing.privacy import backdrop

    endings = (".png", "-picture.png", ".json")
    stem = free_stem(folder, stem, endings)
    paths = [folder / f"{stem}{ending}" for ending in endings]
    encoded = cv2.imencode(".png", backdrop(result.frame.image, background))[1]
    description = {**about, "picture": paths[1].name, **_described(result)}
    text = json.dumps(description, indent=1)
    written: list[Path] = []
    try:
        for path, data in zip(paths, (_png(shown), encoded.tobytes(), text.encode()), strict=True):
            files.write_new(path, data)
            written.append(path)
    except RecordingError:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return paths


def _png(image: QImage) -> bytes:
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # the stubs want bytes here
    return bytes(data.data())


def _described(result: FrameResult) -> dict[str, Any]:
    """The frame as in a keypoint log, with the joint names and limbs."""
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
    """x, y and score per stack and joint."""
    return [
        [
            [round(float(x), 2), round(float(y), 2), round(float(score), 4)]
            for (x, y), score in zip(joints, scores, strict=True)
        ]
        for joints, scores in zip(pose.stack_joints, pose.stack_scores, strict=True)
    ]
