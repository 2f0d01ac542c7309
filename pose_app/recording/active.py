"""A running recording: its writers, their common timeline and the log's header."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from .. import __version__
from ..drawing.draw import Drawing
from ..drawing.options import DrawOptions
from ..errors import RecordingError
from ..paths import expanded
from ..types import Frame, FrameResult, Image
from . import files
from .keypoint_log import KeypointLog
from .recording import RecordingReport, RecordingRequest, RecordingState
from .video_writer import Recorder
from .writer import FileWriter

EARLY_FRAMES = 16  # raw frames kept until the first one reaches the network
UNSEEN_FRAMES = 100_000  # lines of the log kept until the first model is loaded

Failure = Callable[[FileWriter[Any]], None]


class _Names:
    """The names of a recording's files, created together and with the same number.

    Each writer's thread asks for its own file; the first one creates them all, once the files of
    the part before are created (`after`), so that the numbers are in the order of the parts.
    """

    def __init__(self, request: RecordingRequest, after: Future[RecordingRequest] | None) -> None:
        self._after = after
        self.request = request  # as it was asked for; later with the names that were free
        self.opened: Future[RecordingRequest] = Future()
        self._lock = threading.Lock()

    def claim(self, kind: str) -> Path:
        """The path of the created file of a kind.

        Raises RecordingError where any of the files cannot be created; then none is left behind.
        """
        with self._lock:
            if not self.opened.done():
                if self._after is not None:
                    wait([self._after])
                try:
                    self.request = self._claimed()
                except RecordingError as error:
                    self.opened.set_exception(error)
                except Exception as error:
                    self.opened.set_exception(RecordingError(f"{files.reason(error)}."))
                    raise
                else:
                    self.opened.set_result(self.request)
        path: Path = getattr(self.opened.result(), kind)
        return path

    def videos(self) -> dict[str, str]:
        """Names of the video files by kind."""
        names = {"annotated": self.request.annotated, "raw": self.request.raw}
        return {kind: path.name for kind, path in names.items() if path is not None}

    def _claimed(self) -> RecordingRequest:
        if self.request.make_folder:
            for path in self.request.paths:
                files.make_folder(path)
        for number in itertools.count(1):
            wanted, created = _numbered(self.request, number), []
            try:
                for path in wanted.paths:
                    created.append(files.begin(path))  # noqa: PERF401 - needed if one fails
            except RecordingError as error:
                for path in created:
                    path.unlink(missing_ok=True)
                if not (self.request.rename and isinstance(error, files.NameTakenError)):
                    raise
            else:
                return wanted
        raise AssertionError("there is always another number")


class ActiveRecording:
    """Writes the files of one request, until `close`.

    All files have the same timeline and begin with the same frame, the first that was captured and
    processed after the start. Call `begin` before the first frame and `describe` before the first
    result. Only methods that offer frames of a lossless recording wait for a disk.

    Raises:
        RecordingError: The request is not valid. Errors of the disk are reported by `opened`.
    """

    def __init__(
        self,
        request: RecordingRequest,
        *,
        on_failure: Failure | None = None,
        after: Future[RecordingRequest] | None = None,
    ) -> None:
        self.drawing: DrawOptions = request.drawing  # read for every frame
        self._picture = Drawing()
        self.source: str | None = None
        self.size: tuple[int, int] | None = None
        self.model: str | None = None
        self._described: dict[str, Any] | None = None
        self._lock = threading.Lock()
        self._origin: float | None = None
        self._early: deque[tuple[Frame, float]] = deque(maxlen=EARLY_FRAMES)
        self._unseen: deque[tuple[int, float, bool, bool]] = deque(maxlen=UNSEEN_FRAMES)
        self._not_in_raw: deque[float] = deque(maxlen=UNSEEN_FRAMES)  # stamps, increasing
        self._annotated: Recorder | None = None
        self._raw: Recorder | None = None
        self._log: KeypointLog | None = None
        self._writers: list[FileWriter[Any]] = []
        request = _checked(request)
        self._names = _Names(request, after)
        if request.annotated is not None:
            self._annotated = Recorder(
                request.annotated,
                "annotated",
                draw=self._draw,
                on_failure=on_failure,
                claim=partial(self._names.claim, "annotated"),
            )
            self._writers.append(self._annotated)
        if request.raw is not None:
            self._raw = Recorder(
                request.raw,
                "raw",
                on_failure=on_failure,
                claim=partial(self._names.claim, "raw"),
            )
            self._writers.append(self._raw)
        if request.log is not None:
            self._log = KeypointLog(
                request.log,
                on_failure=on_failure,
                claim=partial(self._names.claim, "log"),
                names=self._names.videos,
            )
            self._writers.append(self._log)

    @property
    def request(self) -> RecordingRequest:
        """The request, with the actual file names once `opened` is done."""
        return self._names.request

    @property
    def opened(self) -> Future[RecordingRequest]:
        """Done when the files are created; raises RecordingError where they cannot be."""
        return self._names.opened

    def fits(self, frame: Frame, source: str, model: str | None = None) -> bool:
        """Whether a frame can go into the same files: same source, size and model."""
        return (
            source == self.source
            and self.size in (None, frame.size)
            and (model is None or self.model in (None, model))
        )

    def precedes(self, stamp: float) -> bool:
        """Whether a frame with this stamp was captured before the recording began."""
        with self._lock:
            if self._origin is not None:
                return stamp < self._origin
            return self._raw is not None and (not self._early or stamp < self._early[0][1])

    def begin(self, source: str, fps: float | None, lossless: bool) -> None:
        """Set the source of the frames; `lossless`: they wait for the files, none is dropped."""
        self.source = source
        for writer in self._writers:
            writer.lossless = lossless
            if isinstance(writer, Recorder):
                writer.fps = fps

    def describe(self, model: dict[str, Any]) -> None:
        """Set the fields of the log's header that describe the model."""
        self.model = model["model"]
        self._picture.stacks = model.get("stacks")
        self._described = model

    def offer_raw(self, frame: Frame, stamp: float) -> None:
        """Record a captured frame; `stamp` is its position on the session's timeline in seconds."""
        if self._raw is None:
            return
        if self._origin is None:
            with self._lock:
                if self._origin is None and (self._annotated or self._log):
                    if self._raw.lossless:  # all of them will reach the network
                        self.size = frame.size
                    self._early.append((frame, stamp))
                    return
                if self._origin is None:
                    self._set_origin(frame, stamp)
        assert self._origin is not None
        self.size = frame.size
        if not self._raw.offer(frame.image, stamp - self._origin):
            self._not_in_raw.append(stamp)

    def take(self, frame: Frame, stamp: float) -> None:
        """The network starts on this frame; the recording begins with the first such frame."""
        if self._origin is None and not self.precedes(stamp):
            with self._lock:
                self._begin_with(frame, stamp)

    def offer_result(self, result: FrameResult, stamp: float) -> None:
        """Record a result, even of a frame that was not processed by a network."""
        frame = result.frame
        self.take(frame, stamp)
        assert self._origin is not None
        seconds = stamp - self._origin
        self.size = frame.size
        in_video = True
        if self._annotated is not None:
            in_video = self._annotated.offer(frame.image, seconds, result)
        in_raw = True
        while self._not_in_raw and self._not_in_raw[0] <= stamp:
            in_raw = self._not_in_raw.popleft() != stamp
        if self._log is None:
            return
        if self._described is None:
            self._unseen.append((frame.index, seconds, in_video, in_raw))
            return
        if not self._log.has_header:
            self._log.set_header(self._header(frame, self._described))
            for index, early, *in_files in self._unseen:
                self._log.offer(
                    index, early, estimated=False, in_video=in_files[0], in_raw=in_files[1]
                )
            self._unseen.clear()
        self._log.offer(
            frame.index,
            seconds,
            result.poses,
            estimated=result.estimated,
            in_video=in_video,
            in_raw=in_raw,
        )

    def _begin_with(self, frame: Frame, stamp: float) -> None:
        """Set time 0 of all files to this frame: players would move a later start to 0."""
        if self._raw is not None:
            for early, early_stamp in self._early:
                fits = early_stamp >= stamp and early.size == frame.size
                if fits and not self._raw.offer(early.image, early_stamp - stamp):
                    self._not_in_raw.append(early_stamp)
        self._early.clear()
        self._set_origin(frame, stamp)

    def _set_origin(self, frame: Frame, stamp: float) -> None:
        age = (time.perf_counter_ns() - frame.captured_ns) * 1e-9
        self._start = datetime.now().astimezone() - timedelta(seconds=age)
        self._origin = stamp

    def state(self) -> RecordingState:
        """Length and size of the files, as their threads last reported."""
        rooms = [writer.free_bytes for writer in self._writers]
        paths = tuple(writer.path for writer in self._writers)
        return RecordingState(
            seconds=max(writer.seconds for writer in self._writers),
            bytes=sum(writer.bytes for writer in self._writers),
            dropped=sum(writer.dropped for writer in self._writers),
            paths=paths,
            files=paths,
            free_bytes=min((room for room in rooms if room is not None), default=None),
        )

    @property
    def failed(self) -> bool:
        """Whether every file has ended early."""
        return all(writer.error is not None for writer in self._writers)

    def stalled(self, seconds: float) -> list[FileWriter[Any]]:
        """The writers whose disk or encoder has not answered for so many seconds."""
        now = time.monotonic()
        return [
            writer
            for writer in self._writers
            if (since := writer.busy_since) is not None and now - since > seconds
        ]

    def ask_to_close(self) -> None:
        """Make all threads that wait for room in a queue return."""
        for writer in self._writers:
            writer.ask_to_close()

    def close(self, timeout: float = 10.0) -> RecordingReport:
        """Finish and report all files; returns after `timeout` seconds at the latest."""
        with self._lock:
            if self._origin is None and self._early:  # nothing was ever processed
                self._begin_with(*self._early[0])
        self.ask_to_close()
        deadline = time.monotonic() + timeout
        reports = tuple(w.close(deadline - time.monotonic()) for w in self._writers)
        left = [writer for writer in self._writers if writer.thread.is_alive()]
        return RecordingReport(reports, tuple(f"{w.thread.name} ({w.path})" for w in left))

    def _draw(self, image: Image, result: FrameResult | None) -> Image:
        return image if result is None else self._picture.draw(result, self.drawing)

    def _header(self, frame: Frame, model: dict[str, Any]) -> dict[str, Any]:
        return {
            "app": __version__,
            **model,
            "source": self.source,
            "size": list(frame.size),
            "mirrored": False,
            "start": self._start.isoformat(timespec="milliseconds"),
        }


def _checked(request: RecordingRequest) -> RecordingRequest:
    """The request with absolute, distinct, valid names. Raises RecordingError."""
    if not request.paths:
        raise RecordingError("There is nothing to record: name a video or a log.")
    request = _each(request, lambda path: expanded(path).absolute())
    for path in (request.annotated, request.raw):
        if path is not None:
            files.check_video_name(path)
    if request.log is not None:
        files.check_log_name(request.log)
    if len(set(request.paths)) < len(request.paths):
        raise RecordingError("Two files of the recording have the same name: give each its own.")
    return request


def _numbered(request: RecordingRequest, number: int) -> RecordingRequest:
    """The request with the same number in all names, so that a log has the name of its video."""
    return _each(request, lambda path: files.numbered(path, number))


def _each(request: RecordingRequest, change: Callable[[Path], Path]) -> RecordingRequest:
    def changed(path: Path | None) -> Path | None:
        return None if path is None else change(path)

    return replace(
        request,
        annotated=changed(request.annotated),
        raw=changed(request.raw),
        log=changed(request.log),
    )
