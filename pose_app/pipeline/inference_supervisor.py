"""Owns the inference thread, and replaces it when its engine hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from .. import diagnostics
from ..errors import EngineError
from .context import SessionContext
from .estimator_supervisor import EstimatorSupervisor
from .frame_queue import FrameQueue
from .inference import InferenceWorker
from .sinks import CapturedFrame, Sink

ENGINE_PATIENCE = 3.0  # times `stall_seconds`; a large network on a slow processor needs some


class InferenceSupervisor:
    """Owns the inference thread; one whose engine does not answer is left behind."""

    def __init__(
        self,
        context: SessionContext,
        queue: FrameQueue[CapturedFrame],
        estimators: EstimatorSupervisor,
        sinks: Sequence[Sink],
    ) -> None:
        self._context = context
        self._queue = queue
        self._estimators = estimators
        self._sinks = tuple(sinks)
        self._worker = self._new_worker()
        self.left_behind: list[threading.Thread] = []

    @property
    def thread(self) -> threading.Thread:
        """The current inference thread."""
        return self._worker.thread

    def start(self) -> None:
        """Start the thread."""
        self._worker.thread.start()

    def stop(self) -> None:
        """Take no more frames; the current one is finished."""
        self._worker.stop()

    def refresh(self) -> None:
        """Process the held frame again with all stacks."""
        self._worker.refresh()

    def check(self) -> None:
        """Replace a worker whose engine does not answer; called regularly by the watchdog."""
        worker = self._worker
        since = worker.busy_since
        limit = self._context.options.stall_seconds * ENGINE_PATIENCE
        if since is None or time.monotonic() - since < limit:
            return
        estimator = worker.abandon()
        if estimator is None:
            return  # it has just answered
        diagnostics.stalled("inference", time.monotonic() - since)
        self.left_behind.append(worker.thread)
        self._worker = self._new_worker()
        self._estimators.failed(estimator, EngineError(f"no answer for {limit:.0f} s"), hangs=True)
        self._worker.thread.start()

    def _new_worker(self) -> InferenceWorker:
        return InferenceWorker(self._context, self._queue, self._estimators, self._sinks)
