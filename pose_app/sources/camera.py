"""A webcam, through OpenCV."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from ..errors import CameraError, SourceError
from ..types import Frame, Image
from . import discover
from .base import SourceInfo
from .discover import CameraInfo
from .live import LiveClock, LiveReader, now

# What is asked for where the user has no wish: enough for a network that sees 256 pixels.
_USUAL_SIZE = (1280, 720)
_USUAL_FPS = 30.0
_OPEN_SECONDS = 20.0
_STALL_SECONDS = 5.0
# Some cameras hand out nothing for their first moments.
_FIRST_TRIES = 10
# A camera that fails this many grabs in a row is gone.
_FAILED_GRABS = 5
_FAILED_GRAB_PAUSE = 0.05
# A covered or sleeping camera: mean brightness of 255, for this many frames.
_BLACK_LEVEL = 4.0
_BAD_FRAMES = 45
# Every 16th pixel both ways tells a black or repeated picture from a live one: sensors have noise.
_SAMPLE = 16

Wish = list[int]


@dataclass(frozen=True)
class _Given:
    """What the camera really gives."""

    size: tuple[int, int]
    fps: float | None
    format: str | None


class CameraSource:
    """A live camera. Its driver is asked from a thread of its own: nobody else waits for it."""

    def __init__(
        self,
        camera: CameraInfo | int,
        *,
        size: tuple[int, int] | None = None,
        fps: float | None = None,
        pixel_format: str | None = None,
        stall_seconds: float = _STALL_SECONDS,
    ) -> None:
        """Open a camera by what `discover` found or by OpenCV's index.

        Size (width, height), rate and pixel format (four letters; motion JPEG where None) are asked
        for together; where the camera gives another size or rate, `info.note` says so. Raises
        CameraError where it is not there, busy, or gives no picture; `read` raises it when nothing
        comes for `stall_seconds`.
        """
        self._camera = _known(camera)
        self._stall_seconds = stall_seconds
        self._wish = (size or _USUAL_SIZE, fps or _USUAL_FPS, pixel_format or "MJPG")
        self._clock = LiveClock()
        self._watch = _Watch()
        self._reader: LiveReader[_Given] = LiveReader(
            f"driver of {self._camera.name}", self._pictures
        )
        try:
            given = self._reader.wait_open(
                _OPEN_SECONDS,
                f"{self._camera.name} does not answer: unplug it, plug it in again and choose it.",
            )
        except SourceError as error:
            raise CameraError(str(error), self._camera.identity) from error
        identity = self._camera.identity
        if size is not None:
            identity["asked_size"] = f"{size[0]}x{size[1]}"
        if fps is not None:
            identity["asked_fps"] = f"{fps:g}"
        if pixel_format is not None:
            identity["asked_format"] = pixel_format
        identity["given_size"] = f"{given.size[0]}x{given.size[1]}"
        if given.fps is not None:
            identity["given_fps"] = f"{given.fps:g}"
        if given.format is not None:
            identity["given_format"] = given.format
        self._format_note = _difference(size, fps, given)
        self.info = SourceInfo(
            kind="camera",
            name=self._camera.name,
            size=given.size,
            fps=given.fps,
            live=True,
            mirror=True,
            identity=identity,
            note=self._format_note,
        )

    @property
    def held(self) -> str | None:
        """The name of the driver's thread while it runs; it may block after `close`."""
        return self._reader.held

    def read(self) -> Frame | None:
        picture = self._reader.get(
            self._stall_seconds,
            f"{self.info.name} has stopped sending pictures: check its cable.",
        )
        if picture is None:
            return None
        image = picture.image
        size = (image.shape[1], image.shape[0])
        note = self._watch.note(image) or self._format_note
        if size != self.info.size or note != self.info.note:
            self.info = replace(self.info, size=size, note=note)
        seconds = self._clock.seconds(picture.captured_ns)
        return Frame(picture.number, picture.captured_ns, seconds, image)

    def seek(self, seconds: float) -> None:
        raise SourceError(f"{self.info.name} is live: there is no position to seek to.")

    def close(self) -> None:
        self._reader.close()

    def _pictures(
        self, opened: Callable[[_Given], None], closed: threading.Event
    ) -> Iterator[tuple[int, Image]]:
        """Everything that touches the driver, in the reader's thread."""
        capture, first = self._open()
        try:
            captured_ns, image = first
            fps = float(capture.get(cv2.CAP_PROP_FPS))
            opened(
                _Given(
                    size=(image.shape[1], image.shape[0]),
                    fps=fps if 0 < fps <= 1000 else None,
                    format=_fourcc_name(int(capture.get(cv2.CAP_PROP_FOURCC))),
                )
            )
            yield captured_ns, image
            failed = 0
            while not closed.is_set():
                grabbed = _grab(capture)
                if grabbed is not None:
                    failed = 0
                    yield grabbed
                    continue
                failed += 1
                if failed >= _FAILED_GRABS:
                    raise SourceError(
                        f"{self._camera.name} is gone: plug it in again, or choose another source."
                    )
                closed.wait(_FAILED_GRAB_PAUSE)
        finally:
            capture.release()

    def _open(self) -> tuple[cv2.VideoCapture, tuple[int, Image]]:
        """The capture with its first picture; the format asked for, then what the driver likes."""
        (width, height), fps, pixel_format = self._wish
        # The pixel format leads: drivers offer the large sizes at full rate in MJPG alone.
        format_wish = [cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*pixel_format.ljust(4)[:4])]
        rest: Wish = [
            cv2.CAP_PROP_FRAME_WIDTH,
            width,
            cv2.CAP_PROP_FRAME_HEIGHT,
            height,
            cv2.CAP_PROP_FPS,
            max(1, round(fps)),
        ]
        was_open = False
        for wish in (format_wish + rest, rest, []):
            capture = cv2.VideoCapture(self._camera.index, self._camera.backend, wish)
            if capture.isOpened():
                was_open = True
                for _ in range(_FIRST_TRIES):
                    first = _grab(capture)
                    if first is not None:
                        return capture, first
            capture.release()
        if was_open:
            raise SourceError(
                f"{self._camera.name} gives no picture: close other programs that use it, or plug "
                "it in again."
            )
        raise SourceError(_cannot_open(self._camera))


class _Watch:
    """Notices a camera that gives black pictures, or the same one again and again."""

    def __init__(self) -> None:
        self._black = 0
        self._same = 0
        self._last: Image | None = None

    def note(self, image: Image) -> str | None:
        """A sentence while something is wrong with the pictures; `image` is the next one."""
        sample = np.array(image[::_SAMPLE, ::_SAMPLE])
        self._black = self._black + 1 if sample.mean() < _BLACK_LEVEL else 0
        repeated = self._last is not None and np.array_equal(sample, self._last)
        self._same = self._same + 1 if repeated else 0
        self._last = sample
        if self._black >= _BAD_FRAMES:
            return "The camera's picture is black: open its cover, or turn on a light."
        if self._same >= _BAD_FRAMES:
            return "The camera repeats the same picture: plug it in again if it should move."
        return None


def _known(camera: CameraInfo | int) -> CameraInfo:
    """The camera with its name; an index that the system does not list is tried all the same."""
    if isinstance(camera, CameraInfo):
        return camera
    for present in discover.cameras():
        if present.index == camera:
            return present
    return CameraInfo(name=f"Camera {camera}", index=camera, backend=discover.backend())


def _grab(capture: cv2.VideoCapture) -> tuple[int, Image] | None:
    """(captured_ns, image) of the next picture; None where the driver has none."""
    try:
        if not capture.grab():
            return None
        captured_ns = now()
        decoded, image = capture.retrieve()
    except cv2.error:  # a picture that cannot be decoded, an unplugged camera
        return None
    if not decoded or image is None or image.size == 0:
        return None
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    # A driver may hand out its own buffer, and write the next picture into it.
    return captured_ns, np.array(image, dtype=np.uint8)


def _fourcc_name(code: int) -> str | None:
    letters = "".join(chr((code >> shift) & 0xFF) for shift in (0, 8, 16, 24)).strip()
    return letters if letters.isascii() and letters.isprintable() and letters else None


def _difference(size: tuple[int, int] | None, fps: float | None, given: _Given) -> str | None:
    """A sentence where the camera does not give the size or rate that was asked for."""
    other_size = size is not None and size != given.size
    other_fps = fps is not None and given.fps is not None and abs(fps - given.fps) > 0.5
    if not other_size and not other_fps:
        return None
    asked = [f"{size[0]}x{size[1]}"] if size is not None else []
    asked += [f"{fps:g} fps"] if fps is not None else []
    gives = f"{given.size[0]}x{given.size[1]}"
    if given.fps is not None:
        gives += f" at {given.fps:g} fps"
    return f"Asked for {' at '.join(asked)}, the camera gives {gives}."


def _cannot_open(camera: CameraInfo) -> str:
    present = discover.cameras()
    if not any(other.index == camera.index for other in present):
        if not present:
            return "There is no camera: plug one in, or use a video file, a URL or demo."
        names = ", ".join(f"{other.index} {other.name}" for other in present)
        return f"There is no camera {camera.index}: choose one of {names}."
    if camera.path and Path(camera.path).exists() and not os.access(camera.path, os.R_OK):
        return f"You may not use {camera.name}: add yourself to the group video and log in again."
    if sys.platform == "darwin":
        return (
            f"{camera.name} cannot be opened: allow the camera for this program in System Settings,"
            " Privacy, or close other programs that use it."
        )
    return f"{camera.name} cannot be opened: close other programs that use it."
