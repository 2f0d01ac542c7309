"""The session: starts, watches and stops all threads between a source and its results and files.

    capture thread --> FrameQueue --> inference thread --> sinks: LatestResult, metrics, recording

No frame goes through a method of the session.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from ..drawing.options import DrawOptions
from ..errors import PoseAppError
from ..pose.factory import Open, Others, none
from ..recording.recording import RecordingReport, RecordingRequest, ReplayRequest, ReplayState
from ..types import FrameResult
from .context import SessionContext
from .estimator_supervisor import EstimatorSupervisor
from .events import Event
from .frame_queue import FrameQueue
from .inference_supervisor import InferenceSupervisor
from .lifecycle import State
from .metrics import FrameMetrics, SessionReport
from .options import Controls, SessionOptions
from .recording_manager import CLOSE_SECONDS, RecordingManager
from .replay_manager import ReplayManager
from .sinks import CapturedFrame, LatestResult
from .source_supervisor import SourceSupervisor

if TYPE_CHECKING:
    from ..sources.base import Source

__all__ = [
    "Controls",
    "Event",
    "RecordingRequest",
    "Session",
    "SessionOptions",
    "SessionReport",
    "State",
]

log = logging.getLogger(__name__)

WATCH_SECONDS = 0.25
JOIN_SECONDS = 5.0  # for each group of threads, after which hanging ones are left behind
STOP_SECONDS = 3 * JOIN_SECONDS + CLOSE_SECONDS


class Session:
    """Processes the frames of a source to results and files, on its own threads.

    Attributes:
        options: As given.
        controls: What may be changed while it runs.
        finished: Set while the state is FINISHED or FAILED.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        open_estimator: Open,
        options: SessionOptions | None = None,
        other_estimators: Others = none,
    ) -> None:
        """Prepare a session; `start` opens and loads everything.

        Args:
            open_source: Called on a background thread, again after a source was lost.
            open_estimator: Called on a background thread.
            options: How frames are processed.
            other_estimators: What to try when an engine fails during the run, see
                `EstimatorFactory.others`.
        """
        self.options = options or SessionOptions()
        self._context = SessionContext.of(self.options)
        self.controls = self._context.controls
        self.finished = self._context.lifecycle.finished
        self._stopping = threading.Event()
        self._stop_lock = threading.Lock()
        self._started = time.perf_counter()
        self._report: SessionReport | None = None
        metrics = self._context.metrics
        self._queue: FrameQueue[CapturedFrame] = FrameQueue(
            lambda _: metrics.frame_dropped("newer frame")
        )
        self._latest = LatestResult()
        self._recordings = RecordingManager(self._context.events, self.controls)
        self._replay = ReplayManager()
        sinks = (metrics, self._latest, self._recordings, self._replay)
        self._sources = SourceSupervisor(open_source, self._context, sinks, self._queue)
        self._estimators = EstimatorSupervisor(open_estimator, other_estimators, self._context)
        self._inference = InferenceSupervisor(self._context, self._queue, self._estimators, sinks)
        self._watchdog = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    @property
    def state(self) -> State:
        """The current state."""
        return self._context.lifecycle.state

    @property
    def failure(self) -> PoseAppError | None:
        """The error that has ended the session or will end it, or None."""
        return self._context.lifecycle.failure

    def load(self) -> None:
        """Begin to load the model before `start`, in the background; `start` does it otherwise."""
        self._estimators.start()

    def start(self) -> None:
        """Start the threads; returns at once. May be called once."""
        self._started = time.perf_counter()
        self._estimators.start()
        self._inference.start()
        self._sources.start()
        self._watchdog.start()

    def stop(self, timeout: float = STOP_SECONDS) -> SessionReport:
        """Stop everything, in the order source, frame queue, inference, recording, model.

        A running recording is completed. Returns after `timeout` seconds at the latest; threads and
        files that hang are left behind and named in the report. Further calls return the same
        report.
        """
        with self._stop_lock:
            if self._report is None:
                self._report = self._stop(time.monotonic() + timeout)
        return self._report

    def latest(self) -> FrameResult | None:
        """The newest result; the same object until there is a newer one."""
        return self._latest.result

    def set_source(self, open_source: Callable[[], Source]) -> None:
        """Change to another source once it has delivered a frame."""
        self._sources.set_source(open_source)

    def set_estimator(self, open_estimator: Open, other_estimators: Others = none) -> None:
        """Change to another model or engine once it is loaded; the last request counts."""
        self._estimators.set_estimator(open_estimator, other_estimators)

    def seek(self, seconds: float) -> None:
        """Go to a position of a seekable source; does nothing for others."""
        self._sources.seek(seconds)

    def step(self, *, back: bool = False) -> None:
        """Show one more frame of a paused file, or go back to the one before."""
        self._sources.step(back=back)

    def refresh(self) -> None:
        """Process the held frame again, with all stacks.

        A frame is held while the session is paused, at a file's end, and of image files. A
        change of model, region, threshold or shown stack refreshes it without this call.
        """
        self._inference.refresh()

    def record(self, request: RecordingRequest) -> Future[RecordingRequest]:
        """Start recording; never waits for a disk.

        After a change of source, size or model the recording goes on in further files, until
        `stop_recording`. `metrics().recording` has its length and size.

        Returns:
            Done when the files are created, with their real names; raises RecordingError where
            they cannot be. The events report both as well.

        Raises:
            RecordingError: The request is not valid, or a recording is running.
        """
        return self._recordings.start(request)

    def set_drawing(self, options: DrawOptions) -> None:
        """Set what the annotated video of the running recording shows from now on."""
        self._recordings.set_drawing(options)

    def set_replay_drawing(self, options: DrawOptions) -> None:
        """Set what the last seconds show from now on."""
        self._replay.set_drawing(options)

    def stop_recording(self) -> None:
        """End the recording in the background; the event `recording_finished` reports the end."""
        self._recordings.finish()

    def keep_replay(self, request: ReplayRequest | None) -> None:
        """Keep the last seconds in memory from now on; None ends it and frees the memory."""
        self._replay.keep(request)
        self.controls.replay = request is not None

    def replay(self) -> ReplayState | None:
        """The state of the replay buffer; None while it is off."""
        return self._replay.state()

    def save_replay(
        self, annotated: Path | None = None, raw: Path | None = None
    ) -> RecordingReport:
        """Write the last seconds into new files, see `ReplayManager.save`.

        Raises:
            RecordingError: There is nothing to save, or it cannot be written.
        """
        return self._replay.save(annotated, raw)

    def metrics(self) -> FrameMetrics:
        """The live figures."""
        estimator, result = self._estimators.current, self._latest.result
        return FrameMetrics(
            **self._context.metrics.now(),
            recording=self._recordings.state(),
            source=self._sources.info,
            engine=None if estimator is None else estimator.engine.info,
            model=None if estimator is None else estimator.spec.name,
            stacks_all=None if estimator is None else estimator.spec.network.stacks,
            seconds=None if result is None else result.frame.seconds,
            finished=self.finished.is_set(),
        )

    def events(self) -> list[Event]:
        """The events since the last call."""
        return self._context.events.drain()

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_SECONDS):
            try:
                self._sources.check()
                self._inference.check()
                self._recordings.check()
            except Exception as error:
                log.exception("the watchdog failed")
                self._context.events.add("warning", f"The watchdog failed ({error}).", error)

    def _stop(self, deadline: float) -> SessionReport:
        def left(most: float) -> float:
            return max(0.0, min(most, deadline - time.monotonic()))

        seconds = time.perf_counter() - self._started
        source, estimator = self._sources.info, self._estimators.current
        self._stopping.set()
        self._sources.stop()
        for _ in self._queue.close():
            self._context.metrics.frame_dropped("stopped")
        self._estimators.stop()
        self._inference.stop()
        # A full queue of a lossless recording may hold both threads until the writer is done.
        threads = [*self._sources.threads, self._inference.thread]
        if _join(threads, left(JOIN_SECONDS)):
            self._recordings.ask_to_close()
        _join(threads, left(JOIN_SECONDS))
        self._replay.close()
        recordings = self._recordings.close(left(CLOSE_SECONDS))
        self._estimators.close()
        threads += [*self._estimators.threads, self._watchdog, *self._inference.left_behind]
        stuck = _join(threads, left(JOIN_SECONDS)) + self._sources.held()
        stuck += [name for recording in recordings for name in recording.stuck]
        if stuck:
            self._context.events.add("warning", f"Did not end in time: {', '.join(stuck)}.")
        self._context.lifecycle.to(State.FINISHED)
        return SessionReport(
            **self._context.metrics.overall(),
            seconds=seconds,
            source=source,
            engine=None if estimator is None else estimator.engine.info,
            model=None if estimator is None else estimator.spec.name,
            recordings=recordings,
            stuck=tuple(stuck),
            failure=self.failure,
        )


def _join(threads: Iterable[threading.Thread], seconds: float) -> list[str]:
    """Join all threads within `seconds`; returns the names of those that are still alive."""
    threads = list(threads)
    deadline = time.monotonic() + seconds
    for thread in threads:
        if thread.ident is not None:
            thread.join(max(0.0, deadline - time.monotonic()))
    return [thread.name for thread in threads if thread.is_alive()]
