"""The recording of a session, from start to end and over changes of source, size and model."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import diagnostics
from ..drawing.options import DrawOptions
from ..errors import RecordingError
from ..recording.active import ActiveRecording
from ..recording.recording import RecordingReport, RecordingRequest, RecordingState
from ..recording.writer import FileWriter
from .events import EventList
from .options import Controls
from .sinks import CapturedFrame, ProcessedFrame, Sink

log = logging.getLogger(__name__)

STALL_SECONDS = 5.0  # without an answer of a disk or an encoder, after which a warning is shown
CLOSE_SECONDS = 15.0  # for the queues to be written to a slow disk


class _Part:
    """One set of files: the running recording, its closing thread, and then its report."""

    def __init__(self, recording: ActiveRecording) -> None:
        self.recording: ActiveRecording | None = recording
        self.report: RecordingReport | None = None
        self.thread: threading.Thread | None = None  # closes it
        self._last = recording.state()

    def state(self) -> RecordingState:
        """The current state, or the last one before it was closed."""
        recording = self.recording
        return self._last if recording is None else recording.state()

    def close(self, timeout: float) -> None:
        """Finish the files. A second call, with a shorter timeout, reports what is done by then."""
        recording = self.recording
        if recording is not None:
            report = recording.close(timeout)
            self._last = recording.state()
            self.report = self.report or report
            self.recording = None


class RecordingManager(Sink):
    """One recording at a time; after a change of size, source or model it goes on in new files.

    Each set of files is a part. Only the files' own threads wait for a disk, so that a recording
    can always be stopped.
    """

    def __init__(self, events: EventList, controls: Controls) -> None:
        self._events = events
        self._controls = controls
        self._lock = threading.RLock()
        self._active: ActiveRecording | None = None
        self._request: RecordingRequest | None = None  # None: not recording
        self._parts: list[_Part] = []  # of this recording, the active one last
        self._replaced: list[_Part] = []  # of a lossless one, for frames on their way, oldest first
        self._closed: list[_Part] = []  # all of the session that are closed or being closed
        self._stalled: list[FileWriter[Any]] = []  # reported as hanging
        self._told: set[str] = set()  # errors that were reported

    def start(self, request: RecordingRequest) -> Future[RecordingRequest]:
        """Start with the next frame; returns at once.

        Returns:
            Done when the files are created, with their real names; raises RecordingError where
            they cannot be. The events report both as well.

        Raises:
            RecordingError: The request is not valid, or a recording is running.
        """
        with self._lock:
            if self._request is not None:
                raise RecordingError("A recording is running: stop it before you start another.")
            active = ActiveRecording(request, on_failure=self._writer_failed)
            self._request, self._active, self._parts = request, active, [_Part(active)]
            self._told = set()
            self._controls.recording = True
        active.opened.add_done_callback(self._opened)
        return active.opened

    def set_drawing(self, options: DrawOptions) -> None:
        """Set what the annotated video shows, in this and all further parts."""
        with self._lock:
            if self._request is not None:
                self._request = replace(self._request, drawing=options)
            for recording in self._open():
                recording.drawing = options

    def state(self) -> RecordingState | None:
        """Length and size of the recording with all its parts; None while nothing is recorded."""
        with self._lock:
            states = [part.state() for part in self._parts]
        if not states:
            return None
        return replace(
            states[-1],
            seconds=sum(state.seconds for state in states),
            bytes=sum(state.bytes for state in states),
            dropped=sum(state.dropped for state in states),
            files=tuple(path for state in states for path in state.files),
        )

    def on_frame(self, captured: CapturedFrame) -> None:
        """Write the frame into the raw video, if there is one."""
        active = self._active
        if active is None or active.request.raw is None:
            return
        active = self._fitting(captured, None)
        if active is not None:
            active.offer_raw(captured.frame, captured.stamp)

    def on_inference(self, captured: CapturedFrame) -> None:
        """Begin all files with the first frame that reaches the network."""
        active = self._active
        if active is not None and active.source is None:
            active = self._fitting(captured, None)
        if active is not None and active.fits(captured.frame, captured.source.name):
            active.take(captured.frame, captured.stamp)

    def on_result(self, processed: ProcessedFrame) -> None:
        """Write the result into the annotated video and the log."""
        if self._active is None or processed.repeated:
            return
        captured, model = processed.captured, processed.model
        recording = self._receiving(captured, None if model is None else model["model"])
        if recording is None:
            return
        if recording.model is None and model is not None:
            recording.describe(model)
        recording.offer_result(processed.result, captured.stamp)

    def finish(self) -> None:
        """End the recording in the background; an event reports when all its files are closed."""
        with self._lock:
            parts, self._parts = self._parts, []
            self._close_replaced(None)
            self._request = self._active = None
            self._controls.recording = False
            if parts:
                self._close_later(parts[-1], parts)
            self._stalled = []

    def check(self) -> None:
        """Report once when a disk or an encoder hangs; called regularly by the watchdog."""
        for writer in [late for one in self._open() for late in one.stalled(STALL_SECONDS)]:
            if writer not in self._stalled:
                self._stalled.append(writer)
                diagnostics.stalled(writer.thread.name, STALL_SECONDS)
                self._events.add(
                    "warning",
                    f"{writer.path.name} has not been written to for {STALL_SECONDS:.0f} s, so "
                    "frames are dropped: its disk is too slow or does not answer.",
                    topic="recording",
                )

    def ask_to_close(self) -> None:
        """Make all threads that wait for a writer return."""
        for recording in self._open():
            recording.ask_to_close()

    def close(self, timeout: float = CLOSE_SECONDS) -> tuple[RecordingReport, ...]:
        """Finish everything; returns the reports of all recordings of the session.

        Returns after `timeout` seconds at the latest; files whose disk does not answer are left
        behind, and their reports say so.
        """
        deadline = time.monotonic() + timeout
        self.finish()
        for part in self._closed:
            if part.thread is not None:
                part.thread.join(max(0.0, deadline - time.monotonic()))
            part.close(0.0)
        return tuple(part.report for part in self._closed if part.report is not None)

    def _opened(self, opened: Future[RecordingRequest]) -> None:
        """Report that the first files are created; their writers report failures."""
        if opened.exception() is None:
            request = opened.result()
            self._events.add("recording_started", f"Recording to {_names(request.paths)}.", request)

    def _open(self) -> list[ActiveRecording]:
        """What results may still go into, the active one last."""
        active = self._active  # asked for first, because it may be replaced meanwhile
        recordings = [*(part.recording for part in tuple(self._replaced)), active]
        return [recording for recording in recordings if recording is not None]

    def _receiving(self, captured: CapturedFrame, model: str | None) -> ActiveRecording | None:
        """The recording that a result goes into; None where it is of the time before.

        The reader may have begun new files for a later frame: a lossless recording keeps the old
        ones open until the first result for the new ones.
        """
        stamp = captured.stamp
        with self._lock:
            if self._active is not None and not self._active.precedes(stamp):
                self._fitting(captured, model)
            # New files with a raw video begin with the next captured frame.
            begun = [recording for recording in self._open() if not recording.precedes(stamp)]
            if not begun or not begun[-1].fits(captured.frame, captured.source.name, model):
                return None
            self._close_replaced(begun[-1])
            return begun[-1]

    def _close_replaced(self, before: ActiveRecording | None) -> None:
        """Close the replaced parts that are older than this one; None: all of them."""
        while self._replaced and (before is None or self._replaced[0].recording is not before):
            self._close_later(self._replaced.pop(0))

    def _fitting(self, captured: CapturedFrame, model: str | None) -> ActiveRecording | None:
        """The recording that a frame goes into; starts a new part where it does not fit."""
        source = captured.source
        with self._lock:  # capture and inference thread may both find that it does not fit
            active = self._active
            if active is None or self._request is None:
                return None
            if active.source is not None and not active.fits(captured.frame, source.name, model):
                # Every frame that a lossless source has sent still gets its result.
                if captured.policy.lossless:
                    self._replaced.append(self._parts[-1])
                else:
                    self._close_later(self._parts[-1])
                self._active = active = self._next_part(active, self._request)
            if active.source is None:
                # Of stills the rate is that of a change of pictures, not of the video's frames.
                fps = None if captured.policy.looked_at else source.fps
                active.begin(source.name, fps, captured.policy.lossless)
            return active

    def _next_part(self, before: ActiveRecording, request: RecordingRequest) -> ActiveRecording:
        # A folder that was deleted meanwhile is not made again.
        further = replace(request, rename=True, make_folder=False)
        new = ActiveRecording(further, on_failure=self._writer_failed, after=before.opened)
        self._parts.append(_Part(new))
        old = _names(before.request.paths)

        def opened(created: Future[RecordingRequest]) -> None:
            error = created.exception()
            if error is None:
                message = f"Saved {old}; the recording goes on in {_names(created.result().paths)}."
                self._events.add("recording_continued", message, created.result())
            else:
                self._told.add(str(error))
                sentence = f"The recording does not go on: {error}"
                self._events.add("warning", sentence, error, topic="recording")

        new.opened.add_done_callback(opened)
        return new

    def _writer_failed(self, writer: FileWriter[Any]) -> None:
        with self._lock:
            new = str(writer.error) not in self._told  # several files may have the same error
            self._told.add(str(writer.error))
        if new:
            self._events.add("warning", str(writer.error), topic="recording")
        active = self._active
        if active is not None and active.failed:
            self.finish()

    def _close_later(self, part: _Part, parts: Sequence[_Part] = ()) -> None:
        """Close a part; the last one is given all `parts` of its recording, and reports the end."""

        def close() -> None:
            part.close(CLOSE_SECONDS)
            if not parts:
                return
            for other in parts[:-1]:
                if other.thread is not None:
                    other.thread.join()
            reports = [one.report for one in parts if one.report is not None]
            report = RecordingReport(
                tuple(file for one in reports for file in one.files),
                tuple(name for one in reports for name in one.stuck),
            )
            self._events.add("recording_finished", _sentence(report), report)

        part.thread = threading.Thread(target=close, name="finish recording", daemon=True)
        self._closed.append(part)
        part.thread.start()


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths)


def _sentence(report: RecordingReport) -> str:
    if not report.paths:
        return "Nothing was recorded."
    names = ", ".join(str(path) for path in report.paths)
    lost = sum(sum(file.dropped.values()) for file in report.files)
    return f"Recorded {names}{f', {lost} frames dropped' if lost else ''}."
