"""The session: owns every thread between a source and its poses and files."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .. import diagnostics
from ..errors import EngineError, PoseAppError
from ..recording.recording import RecordingRequest
from ..types import FrameResult
from .capture import CapturedFrame
from .estimator_supervisor import EstimatorSupervisor
from .events import Event, EventList
from .frame_queue import FrameQueue
from .inference import InferenceWorker, Post
from .metrics import FrameMetrics, MetricsCollector, SessionReport
from .options import Controls, SessionOptions
from .recording_manager import RecordingManager
from .source_supervisor import SourceSupervisor

if TYPE_CHECKING:
    from ..pose.estimator import PoseEstimator
    from ..sources.base import Source

__all__ = ["Controls", "Event", "RecordingRequest", "Session", "SessionOptions", "SessionReport"]

log = logging.getLogger(__name__)

WATCH_SECONDS = 0.25
ENGINE_PATIENCE = 3.0  # times `stall_seconds`: a large network on a slow processor takes some
JOIN_SECONDS = 5.0  # for each group of threads; a hanging driver is left behind and named


class Session:
    """Frames of a source to poses, results and files, on threads of its own.

    `open_source` and `open_estimator` are called on background threads, again where a source is
    lost or an engine fails. `fallbacks` are tried in order when an engine fails in mid-run.
    `finished` is set when there is nothing left to do, `failure` says why where that is a failure.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        open_estimator: Callable[[], PoseEstimator],
        options: SessionOptions | None = None,
        fallbacks: Sequence[Callable[[], PoseEstimator]] = (),
    ) -> None:
        self.options = options or SessionOptions()
        self.controls = Controls(self.options)
        self.finished = threading.Event()
        self.failure: PoseAppError | None = None
        self._events = EventList()
        self._account = MetricsCollector()
        self._result: FrameResult | None = None
        self._exhausted = False
        self._stopping = threading.Event()
        self._stop_lock = threading.Lock()
        self._started = time.perf_counter()
        self._report: SessionReport | None = None
        self._left_behind: list[threading.Thread] = []
        self._inbox: FrameQueue[CapturedFrame] = FrameQueue(
            lambda _: self._account.frame_dropped("newer frame")
        )
        self._recordings = RecordingManager(self._events, self._lossless_now)
        self._sources = SourceSupervisor(
            open_source,
            self.options,
            self.controls,
            self._events,
            self._account,
            self._captured,
            self._ended,
        )
        self._engines = EstimatorSupervisor(open_estimator, fallbacks, self._events, self._ended)
        self._worker = self._new_worker()
        self._watchdog = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Start the threads; returns at once. May be called once."""
        self._started = time.perf_counter()
        self._engines.start()
        self._worker.start()
        self._sources.start()
        self._watchdog.start()

    def stop(self) -> SessionReport:
        """Stop everything in order and account for it; a second call gives the same report.

        Order: source, frame queue, inference, recording, model. A thread that a driver holds is
        left behind and named in the report.
        """
        with self._stop_lock:
            if self._report is None:
                self._report = self._stop()
        return self._report

    def latest(self) -> FrameResult | None:
        """The newest result; the same object until there is a newer one."""
        return self._result

    def set_source(self, open_source: Callable[[], Source]) -> None:
        """Change over to another source as soon as it has delivered a picture."""
        self._sources.set_source(open_source)

    def set_estimator(
        self,
        open_estimator: Callable[[], PoseEstimator],
        fallbacks: Sequence[Callable[[], PoseEstimator]] = (),
    ) -> None:
        """Change over to another model or engine as soon as it is loaded."""
        self._engines.set_estimator(open_estimator, fallbacks)

    def seek(self, seconds: float) -> None:
        """Go to a place of a seekable source; nothing happens with others."""
        self._sources.seek(seconds)

    def step(self) -> None:
        """Show one more frame of a paused file."""
        self._sources.step()

    def record(self, request: RecordingRequest) -> None:
        """Start recording. Raises RecordingError where it cannot begin."""
        self._recordings.start(request, self._sources.info)

    def stop_recording(self) -> None:
        """End the recording in the background; `recording_finished` tells when it is done."""
        self._recordings.finish()

    def metrics(self) -> FrameMetrics:
        """What goes on right now."""
        estimator, result = self._engines.current, self._result
        return FrameMetrics(
            **self._account.now(),
            recording=self._recordings.state(),
            source=self._sources.info,
            engine=None if estimator is None else estimator.engine.info,
            model=None if estimator is None else estimator.spec.name,
            stacks_all=None if estimator is None else estimator.spec.network.stacks,
            seconds=None if result is None else result.frame.seconds,
            finished=self.finished.is_set(),
        )

    def events(self) -> list[Event]:
        """What happened since the last call."""
        return self._events.drain()

    # On the threads of the session.

    def _captured(self, item: CapturedFrame) -> bool:
        if (
            item.discontinuity and not self.options.lossless
        ):  # another source, or a seek after the end
            self._exhausted = False
            self.finished.clear()
        self._recordings.offer_raw(item)
        return self._inbox.put(item, wait=self.options.lossless and not item.source.live)

    def _taken(self, item: CapturedFrame) -> None:
        self._recordings.take(item)

    def _published(
        self, result: FrameResult, item: CapturedFrame, estimator: PoseEstimator | None
    ) -> None:
        self._result = result
        self._recordings.offer_result(item, result, estimator)

    def _ended(self, error: PoseAppError | None) -> None:
        """No more frames will come, or none of them can be used."""
        if error is not None and self.failure is None:
            self.failure = error
        self._exhausted = True
        if error is not None:
            self.finished.set()

    def _idle(self) -> None:
        if self._exhausted and not len(self._inbox):
            self.finished.set()

    def _lossless_now(self) -> bool:
        info = self._sources.info
        return self.options.lossless and not (info is not None and info.live)

    def _source_fps(self) -> float | None:
        info = self._sources.info
        if info is None:
            return None
        # A camera may give less than it says, in the dark for example.
        measured = self._account.source_rate() if info.live else 0.0
        nominal = info.fps or measured or None
        return min(nominal, measured) if nominal and measured else nominal

    def _new_worker(self) -> InferenceWorker:
        return InferenceWorker(
            Post(
                inbox=self._inbox,
                engines=self._engines,
                controls=self.controls,
                options=self.options,
                account=self._account,
                events=self._events,
                source_fps=self._source_fps,
                lossless=self._lossless_now,
                exhausted=lambda: self._exhausted,
                take=self._taken,
                publish=self._published,
                idle=self._idle,
                on_end=self._ended,
                finish=self.finished.set,
            )
        )

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_SECONDS):
            try:
                self._sources.check()
                self._check_engine()
                self._recordings.check()
            except Exception as error:
                log.exception("the watchdog failed")
                self._events.add("warning", f"The watchdog failed ({error}).", error)

    def _check_engine(self) -> None:
        since = self._worker.busy_since
        limit = self.options.stall_seconds * ENGINE_PATIENCE
        if since is None or time.monotonic() - since < limit:
            return
        worker = self._worker
        estimator = worker.abandon()
        if estimator is None:
            return  # it has answered in this very moment
        diagnostics.stalled("inference", time.monotonic() - since)
        self._left_behind.append(worker.thread)
        self._worker = self._new_worker()
        self._engines.failed(estimator, EngineError(f"no answer for {limit:.0f} s"), hangs=True)
        self._worker.start()

    def _stop(self) -> SessionReport:
        seconds = time.perf_counter() - self._started
        source, estimator = self._sources.info, self._engines.current
        self._stopping.set()
        self._sources.stop()
        for _ in self._inbox.close():
            self._account.frame_dropped("stopped")
        self._engines.stop()
        self._worker.stop()
        # A full queue of a lossless recording may hold both threads until the writer is done.
        threads = [*self._sources.threads, self._worker.thread]
        if self._join(threads, JOIN_SECONDS):
            self._recordings.ask_to_close()
        self._join(threads, JOIN_SECONDS)
        recordings = self._recordings.close()
        self._engines.close()
        threads += [*self._engines.threads, self._watchdog, *self._left_behind]
        stuck = self._join(threads, JOIN_SECONDS) + self._sources.held()
        stuck += [name for recording in recordings for name in recording.stuck]
        if stuck:
            self._events.add("warning", f"Did not end in time: {', '.join(stuck)}.")
        self.finished.set()
        return SessionReport(
            **self._account.overall(),
            seconds=seconds,
            source=source,
            engine=None if estimator is None else estimator.engine.info,
            model=None if estimator is None else estimator.spec.name,
            recordings=recordings,
            stuck=tuple(stuck),
            failure=self.failure,
        )

    def _join(self, threads: list[threading.Thread], seconds: float) -> list[str]:
        """Names of the threads that are still there after so many seconds in all."""
        deadline = time.monotonic() + seconds
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
        return [thread.name for thread in threads if thread.is_alive()]
