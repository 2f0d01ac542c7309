"""The recording of a session: started, fed from two threads, carried on, finished."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import diagnostics
from ..errors import RecordingError
from ..recording.active import ActiveRecording
from ..recording.recording import RecordingReport, RecordingRequest, RecordingState
from ..recording.writer import FileWriter
from ..types import FrameResult
from .capture import CapturedFrame
from .events import EventList

if TYPE_CHECKING:
    from ..pose.estimator import PoseEstimator
    from ..sources.base import SourceInfo

log = logging.getLogger(__name__)

STALL_SECONDS = 5.0  # without an answer of a disk or an encoder, until people are told
CLOSE_SECONDS = 15.0  # for what is queued to reach a slow disk


class RecordingManager:
    """One recording at a time; after a change of size, source or model it goes on in new files."""

    def __init__(self, events: EventList, lossless: Callable[[], bool]) -> None:
        self._events = events
        self._lossless = lossless
        self._lock = threading.RLock()
        self._active: ActiveRecording | None = None
        self._request: RecordingRequest | None = None  # as it was asked for
        self._reports: list[RecordingReport] = []
        self._stalled: list[FileWriter[Any]] = []
        self._closing: list[threading.Thread] = []

    def start(self, request: RecordingRequest, source: SourceInfo | None) -> None:
        """Raises RecordingError where it cannot begin or one is running."""
        with self._lock:
            if self._active is not None:
                raise RecordingError("A recording is running: end it before you start another.")
            self._request = request
            self._begin(request, source)

    def state(self) -> RecordingState | None:
        active = self._active
        return None if active is None else active.state()

    def offer_raw(self, item: CapturedFrame) -> None:
        """A frame has been captured; on the reader's thread."""
        active = self._active
        if active is None or active.request.raw is None:
            return
        active = self._fitting(item, None)
        if active is not None:
            active.offer_raw(item.frame, item.stamp)

    def take(self, item: CapturedFrame) -> None:
        """The network begins with this frame."""
        active = self._active
        if active is not None and active.fits(item.frame, item.source.name):
            active.take(item.frame, item.stamp)

    def offer_result(
        self, item: CapturedFrame, result: FrameResult, estimator: PoseEstimator | None
    ) -> None:
        """A frame is through the network, or passed it by; on the inference thread."""
        active = self._active
        if active is None or active.precedes(item.stamp):
            return
        seen = estimator if result.estimated else None
        active = self._fitting(item, None if seen is None else seen.spec.name)
        # New files with the video as it is captured begin with what the reader brings next.
        if active is None or active.precedes(item.stamp):
            return
        if active.model is None and seen is not None:
            active.describe(_model_header(seen))
        active.offer_result(result, item.stamp)

    def finish(self) -> None:
        """Close the recording on a thread of its own; an event tells when it is done."""
        with self._lock:
            active, self._active = self._active, None
            if active is not None:
                self._close_later(active)

    def check(self) -> None:
        """To be called now and then: says once when a disk or an encoder hangs."""
        active = self._active
        for writer in [] if active is None else active.stalled(STALL_SECONDS):
            if writer not in self._stalled:
                self._stalled.append(writer)
                diagnostics.stalled(writer.thread.name, STALL_SECONDS)
                self._events.add(
                    "warning",
                    f"{writer.path.name} has not been written to for {STALL_SECONDS:.0f} s: "
                    "its disk is too slow or hangs, frames are dropped.",
                )

    def ask_to_close(self) -> None:
        """Let no thread wait for a recorder any more."""
        active = self._active
        if active is not None:
            active.ask_to_close()

    def close(self) -> tuple[RecordingReport, ...]:
        """Finish everything; the reports of all recordings of the session."""
        self.finish()
        for thread in self._closing:
            thread.join()
        return tuple(self._reports)

    def _begin(self, request: RecordingRequest, source: SourceInfo | None) -> None:
        self._active = ActiveRecording(request, on_failure=self._writer_failed)
        if source is not None:
            self._active.begin(source.name, source.fps, self._lossless())
        names = ", ".join(path.name for path in self._active.request.paths)
        self._events.add("recording_started", f"Recording to {names}.", self._active.request)

    def _fitting(self, item: CapturedFrame, model: str | None) -> ActiveRecording | None:
        """The recording that this frame goes into: new files where it does not fit the old."""
        source = item.source
        with self._lock:  # the reader and the inference thread may both find that it does not fit
            active = self._active
            if active is None or self._request is None:
                return None
            if active.source is None:  # it was started before the source was open
                active.begin(source.name, source.fps, self._lossless())
            if active.fits(item.frame, source.name, model):
                return active
            self.finish()
            try:
                self._begin(replace(self._request, rename=True), source)
            except RecordingError as error:
                self._events.add("warning", f"The recording does not go on: {error}", error)
            return self._active

    def _writer_failed(self, writer: FileWriter[Any]) -> None:
        self._events.add("warning", str(writer.error))
        active = self._active
        if active is not None and active.failed:
            self.finish()

    def _close_later(self, active: ActiveRecording) -> None:
        def close() -> None:
            report = active.close(CLOSE_SECONDS)
            with self._lock:
                self._reports.append(report)
            self._events.add("recording_finished", _sentence(report), report)

        thread = threading.Thread(target=close, name="finish recording", daemon=True)
        self._closing = [t for t in self._closing if t.is_alive()] + [thread]
        thread.start()


def _sentence(report: RecordingReport) -> str:
    if not report.paths:
        return "Nothing was recorded."
    names = ", ".join(str(path) for path in report.paths)
    lost = sum(sum(file.dropped.values()) for file in report.files)
    return f"Recorded {names}{f', {lost} frames dropped' if lost else ''}."


def _model_header(estimator: PoseEstimator) -> dict[str, Any]:
    spec, info = estimator.spec, estimator.engine.info
    return {
        "model": spec.name,
        "engine": info.engine,
        "device": info.device,
        "precision": info.precision,
        "stacks": spec.network.stacks,
        "joints": list(spec.joints),
        "limbs": [list(limb) for limb in spec.limbs],
        "threshold": estimator.threshold,
    }
