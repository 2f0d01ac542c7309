"""The recording of a session: started, fed from two threads, carried on, finished."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import Any

from .. import diagnostics
from ..drawing.options import DrawOptions
from ..errors import RecordingError
from ..recording.active import ActiveRecording
from ..recording.recording import RecordingReport, RecordingRequest, RecordingState
from ..recording.writer import FileWriter
from .events import EventList
from .sinks import CapturedFrame, ProcessedFrame, Sink

log = logging.getLogger(__name__)

STALL_SECONDS = 5.0  # without an answer of a disk or an encoder, until people are told
CLOSE_SECONDS = 15.0  # for what is queued to reach a slow disk


class RecordingManager(Sink):
    """One recording at a time; after a change of size, source or model it goes on in new files."""

    def __init__(self, events: EventList) -> None:
        self._events = events
        self._lock = threading.RLock()
        self._active: ActiveRecording | None = None
        self._request: RecordingRequest | None = None  # as it was asked for
        self._reports: list[RecordingReport] = []
        self._stalled: list[FileWriter[Any]] = []
        self._closing: list[threading.Thread] = []

    def start(self, request: RecordingRequest) -> None:
        """Begin with the next frame.

        Raises:
            RecordingError: It cannot begin, or one is running.
        """
        with self._lock:
            if self._active is not None:
                raise RecordingError("A recording is running: end it before you start another.")
            self._request = request
            self._begin(request)

    def set_drawing(self, options: DrawOptions) -> None:
        """What the annotated video shows from now on, and what it goes on in."""
        with self._lock:
            if self._request is not None:
                self._request = replace(self._request, drawing=options)
            if self._active is not None:
                self._active.drawing = options

    def state(self) -> RecordingState | None:
        """How far the recording is; None where nothing is recorded."""
        active = self._active
        return None if active is None else active.state()

    def on_frame(self, captured: CapturedFrame) -> None:
        """Into the raw video, where there is one."""
        active = self._active
        if active is None or active.request.raw is None:
            return
        active = self._fitting(captured, None)
        if active is not None:
            active.offer_raw(captured.frame, captured.stamp)

    def on_inference(self, captured: CapturedFrame) -> None:
        """All files begin with the first frame that the network begins with."""
        active = self._active
        if active is not None and active.source is None:
            active = self._fitting(captured, None)
        if active is not None and active.fits(captured.frame, captured.source.name):
            active.take(captured.frame, captured.stamp)

    def on_result(self, processed: ProcessedFrame) -> None:
        """Into the annotated video and the log."""
        active, captured = self._active, processed.captured
        if active is None or processed.repeated or active.precedes(captured.stamp):
            return
        model = processed.model
        active = self._fitting(captured, None if model is None else model["model"])
        # New files with the video as it is captured begin with what the reader brings next.
        if active is None or active.precedes(captured.stamp):
            return
        if active.model is None and model is not None:
            active.describe(model)
        active.offer_result(processed.result, captured.stamp)

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

    def _begin(self, request: RecordingRequest) -> None:
        self._active = ActiveRecording(request, on_failure=self._writer_failed)
        names = ", ".join(path.name for path in self._active.request.paths)
        self._events.add("recording_started", f"Recording to {names}.", self._active.request)

    def _fitting(self, captured: CapturedFrame, model: str | None) -> ActiveRecording | None:
        """The recording that this frame goes into: new files where it does not fit the old."""
        source = captured.source
        with self._lock:  # the reader and the inference thread may both find that it does not fit
            active = self._active
            if active is None or self._request is None:
                return None
            if active.source is not None and not active.fits(captured.frame, source.name, model):
                self.finish()
                try:
                    self._begin(replace(self._request, rename=True))
                except RecordingError as error:
                    self._events.add("warning", f"The recording does not go on: {error}", error)
                active = self._active
            if active is not None and active.source is None:
                active.begin(source.name, source.fps, captured.policy.lossless)
            return active

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
