"""A webcam, through OpenCV."""

from __future__ import annotations

import os
import sys
import threading
import time
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

# Defaults: enough for a network with an input of 256 pixels.
_USUAL_SIZE = (1280, 720)
_USUAL_FPS = 30.0
_OPEN_SECONDS = 20.0
_STALL_SECONDS = 5.0
_FIRST_TRIES = 10  # some cameras deliver nothing in their first moments
_FIRST_SECONDS = 4.0  # after which no further try begins; a driver may take seconds for each
_FAILED_GRABS = 5  # in a row, after which the camera counts as unplugged
_FAILED_GRAB_PAUSE = 0.05  # seconds
_BLACK_LEVEL = 4.0  # mean of 0..255, below which a frame is black
_BAD_FRAMES = 45  # black or repeated frames in a row before the note says so
_SAMPLE = 16  # only every 16th pixel each way is examined; sensors have noise in all of them

Parameters = list[int]  # of cv2.VideoCapture: property, value, property, value, ...


@dataclass(frozen=True)
class _Actual:
    """What the camera delivers."""

    size: tuple[int, int]
    fps: float | None
    format: str | None


class CameraSource:
    """A live camera. Only its own thread calls the driver, which may block."""

    def __init__(
        self,
        camera: CameraInfo | int,
        *,
        size: tuple[int, int] | None = None,
        fps: float | None = None,
        pixel_format: str | None = None,
        stall_seconds: float = _STALL_SECONDS,
    ) -> None:
        """Open a camera. Where it gives another size or rate, `info.note` says so.

        Args:
            camera: As `discover.cameras` lists it, or OpenCV's index.
            size: (width, height) to ask for; default 1280 x 720.
            fps: Rate to ask for; default 30.
            pixel_format: Four letters to ask for; default MJPG (motion JPEG).
            stall_seconds: `read` raises SourceError when nothing comes for so long.

        Raises:
            CameraError: The camera is not there, is used by another program, or gives no picture.
        """
        self._camera = _known(camera)
        self._stall_seconds = stall_seconds
        self._requested = (size or _USUAL_SIZE, fps or _USUAL_FPS, pixel_format or "MJPG")
        self._clock = LiveClock()
        self._watch = _Watch()
        self._reader: LiveReader[_Actual] = LiveReader(
            f"driver of {self._camera.name}", self._pictures
        )
        try:
            actual = self._reader.wait_open(
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
        identity["given_size"] = f"{actual.size[0]}x{actual.size[1]}"
        if actual.fps is not None:
            identity["given_fps"] = f"{actual.fps:g}"
        if actual.format is not None:
            identity["given_format"] = actual.format
        self._format_note = _difference(size, fps, actual)
        self.info = SourceInfo(
            kind="camera",
            name=self._camera.name,
            size=actual.size,
            fps=actual.fps,
            live=True,
            mirror=True,
            identity=identity,
            note=self._format_note,
        )

    @property
    def held(self) -> str | None:
        """The name of the driver's thread while it runs; it may still block after `close`."""
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
        self, opened: Callable[[_Actual], None], closed: threading.Event
    ) -> Iterator[tuple[int, Image]]:
        """Open, read and release the camera, in the reader's thread."""
        found = self._open(closed)
        if found is None:
            return
        capture, first = found
        try:
            captured_ns, image = first
            fps = float(capture.get(cv2.CAP_PROP_FPS))
            opened(
                _Actual(
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

    def _open(self, closed: threading.Event) -> tuple[cv2.VideoCapture, tuple[int, Image]] | None:
        """The capture and its first frame; falls back to the driver's own format and size.

        None where `closed` is set meanwhile.
        """
        (width, height), fps, pixel_format = self._requested
        # The pixel format comes first: drivers have large sizes at full rate only in MJPG.
        first_format: Parameters = [
            cv2.CAP_PROP_FOURCC,
            cv2.VideoWriter.fourcc(*pixel_format.ljust(4)[:4]),
        ]
        rest: Parameters = [
            cv2.CAP_PROP_FRAME_WIDTH,
            width,
            cv2.CAP_PROP_FRAME_HEIGHT,
            height,
            cv2.CAP_PROP_FPS,
            max(1, round(fps)),
        ]
        was_open = False
        for parameters in (first_format + rest, rest, []):
            if closed.is_set():
                return None
            capture = cv2.VideoCapture(self._camera.index, self._camera.backend, parameters)
            if capture.isOpened():
                was_open = True
                until = time.monotonic() + _FIRST_SECONDS
                for _ in range(_FIRST_TRIES):
                    if closed.is_set() or time.monotonic() > until:
                        break
                    first = _grab(capture)
                    if first is not None:
                        return capture, first
            capture.release()
        if closed.is_set():
            return None
        if was_open:
            raise SourceError(
                f"{self._camera.name} gives no picture: close other programs that use it, or plug "
                "it in again."
            )
        raise SourceError(_cannot_open(self._camera))


class _Watch:
    """Notices a camera whose frames are black or repeat."""

    def __init__(self) -> None:
        self._black = 0
        self._same = 0
        self._last: Image | None = None

    def note(self, image: Image) -> str | None:
        """Take the next frame; returns a sentence while something is wrong, else None."""
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
    """The listed camera of an index; an index that is not listed is tried all the same."""
    if isinstance(camera, CameraInfo):
        return camera
    for present in discover.cameras():
        if present.index == camera:
            return present
    return CameraInfo(f"Camera {camera}", camera, discover.backend(), listed=False)


def _grab(capture: cv2.VideoCapture) -> tuple[int, Image] | None:
    """(captured_ns, image) of the next frame; None where the driver has none."""
    try:
        if not capture.grab():
            return None
        captured_ns = now()
        decoded, image = capture.retrieve()
    except cv2.error:  # an undecodable frame, an unplugged camera
        return None
    if not decoded or image is None or image.size == 0:
        return None
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    # Copied: a driver may return its own buffer and write the next frame into it.
    return captured_ns, np.array(image, dtype=np.uint8)


def _fourcc_name(code: int) -> str | None:
    letters = "".join(chr((code >> shift) & 0xFF) for shift in (0, 8, 16, 24)).strip()
    return letters if letters.isascii() and letters.isprintable() and letters else None


def _difference(size: tuple[int, int] | None, fps: float | None, actual: _Actual) -> str | None:
    """A sentence where the camera does not give the size or rate that was asked for, else None."""
    other_size = size is not None and size != actual.size
    other_fps = fps is not None and actual.fps is not None and abs(fps - actual.fps) > 0.5
    if not other_size and not other_fps:
        return None
    asked = [f"{size[0]}x{size[1]}"] if size is not None else []
    asked += [f"{fps:g} fps"] if fps is not None else []
    gives = f"{actual.size[0]}x{actual.size[1]}"
    if actual.fps is not None:
        gives += f" at {actual.fps:g} fps"
    return f"Asked for {' at '.join(asked)}, the camera gives {gives}."


def _cannot_open(camera: CameraInfo) -> str:
    present = discover.cameras()
    if not any(other.index == camera.index for other in present):
        if not present:
            return "There is no camera: plug one in, or use a video file, a URL or demo."
        names = ", ".join(f"{other.index} {other.name}" for other in present)
        return f"There is no camera {camera.index}: choose one of {names}."
    if camera.path and Path(camera.path).exists() and not os.access(camera.path, os.R_OK):
        return (
            f"{camera.name} cannot be opened without permission: add your user to the group video "
            "and log in again."
        )
    if sys.platform == "darwin":
        return (
            f"{camera.name} cannot be opened: allow the camera for this program in System Settings,"
            " Privacy, or close other programs that use it."
        )
    return f"{camera.name} cannot be opened: close other programs that use it."
