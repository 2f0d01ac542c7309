"""Loads and replaces the estimator: a requested model, or the next engine after a failure."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..engines import progress
from ..errors import EngineError, ModelError, PoseAppError
from ..pose.factory import Open, Others
from .context import SessionContext
from .lifecycle import State

if TYPE_CHECKING:
    from ..engines.base import EngineInfo
    from ..pose.estimator import PoseEstimator

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Request:
    """A requested model; `earlier` is the request to return to if it cannot be loaded."""

    open: Open
    others: Others
    earlier: _Request | None = None
    failed: list[EngineInfo] = field(default_factory=list)  # engines that failed during the run
    problem: tuple[str, Exception] | None = None  # of the last of them, not reported yet
    faster: bool = False  # the same model again, because a faster engine is known now

    def candidates(self) -> Sequence[Open]:
        """The openers to try, in order."""
        return self.others(self.failed) if self.failed else (self.open,)


class EstimatorSupervisor:
    """Loads estimators on its own threads; the session fails where none can be loaded."""

    def __init__(self, open_estimator: Open, others: Others, context: SessionContext) -> None:
        self._events = context.events
        self._lifecycle = context.lifecycle
        self._lock = threading.Lock()
        self._current: PoseEstimator | None = None
        self._running: _Request | None = None  # that `_current` belongs to, even after it failed
        self._loading: _Request | None = None  # the newest; estimators of older ones are closed
        self._first = _Request(open_estimator, others)
        self._improved: PoseEstimator | None = None  # for which a faster engine was tried
        self._retired: list[PoseEstimator] = []
        self._stopped = False
        self.threads: list[threading.Thread] = []

    @property
    def current(self) -> PoseEstimator | None:
        """The running estimator; None while the first one loads and after a failure."""
        return self._current

    def start(self) -> None:
        """Load the first one; does nothing if it was called before."""
        if not self.threads:
            self._load(self._first)

    def set_estimator(self, open_estimator: Open, others: Others) -> None:
        """Load another estimator; the present one runs until that is ready.

        Of several requests the last one counts. If it cannot be loaded and nothing runs, the
        request before it is loaded.
        """
        with self._lock:
            before = self._loading if self._current is None else None
            request = _Request(open_estimator, others, before or self._running)
        self._load(request)

    def failed(self, estimator: PoseEstimator, error: Exception, *, hangs: bool = False) -> None:
        """Replace a failed estimator by one on the next engine, and report it.

        `hangs`: its engine does not answer, so that it cannot be closed.
        """
        with self._lock:
            if estimator is not self._current or self._stopped:
                return
            self._current = None
            if not hangs:
                self._retired.append(estimator)
            request, loading = self._running, self._loading
            info = estimator.engine.info
            assert request is not None
            request.failed.append(info)
        what = str(error) if isinstance(error, PoseAppError) else f"{type(error).__name__}: {error}"
        message = f"{info.engine} on {info.device} failed: {what.rstrip('.')}."
        if loading is not None:  # if that fails, the earlier request is tried
            sentence = f"{message} Going on with the model that is being loaded."
            self._events.add("warning", sentence, error, topic="model")
            return
        request.problem = message, error
        self._load(request)

    def improve(self) -> None:
        """Change to a faster engine once one is known; call it for every live frame.

        The calls start the measurement in the background, see `engines.choose.better`.
        """
        from ..engines.choose import better

        with self._lock:
            current, running = self._current, self._running
            if self._stopped or current is None or running is None or self._loading is not None:
                return
            if running.faster or current is self._improved or not better(current.engine):
                return
            self._improved = current  # tried only once
            request = _Request(running.open, running.others, running, faster=True)
        self._load(request)

    def close_retired(self) -> None:
        """Close replaced estimators; called by the inference thread, once it has let go of them.

        On a new thread: an engine ends after what it is compiling, and frames go on meanwhile.
        """
        with self._lock:
            retired, self._retired = self._retired, []
        if retired:
            self._close_later(retired)

    def stop(self) -> None:
        """Load nothing more. Call `close` after the inference thread has ended."""
        with self._lock:
            self._stopped = True
            self._loading = None

    def close(self) -> None:
        """Close the running estimator on a new thread, because a device may never answer."""
        with self._lock:
            current, self._current = self._current, None
            retired, self._retired = self._retired, []
        self._close_later(retired if current is None else [*retired, current])

    def _close_later(self, estimators: Sequence[PoseEstimator]) -> None:
        def close_all() -> None:
            for estimator in estimators:
                close(estimator)

        thread = threading.Thread(target=close_all, name="close model", daemon=True)
        with self._lock:
            self.threads = [t for t in self.threads if t.is_alive()] + [thread]
            thread.start()

    def _load(self, request: _Request) -> None:
        with self._lock:
            if self._stopped:
                return
            self._loading = request
            thread = threading.Thread(
                target=self._run, args=(request,), name="load model", daemon=True
            )
            self.threads = [t for t in self.threads if t.is_alive()] + [thread]
        thread.start()

    def _run(self, request: _Request) -> None:
        """Load the first candidate that works."""
        candidates = self._candidates(request)
        message, cause = request.problem or ("", None)
        request.problem = None
        error: PoseAppError = EngineError(f"{message} There is no other engine to continue with.")
        if not candidates:
            self._events.add("model_failed", str(error), error)
        elif cause is not None:
            sentence = f"{message} Going on with the next engine."
            self._events.add("warning", sentence, cause, topic="model")
        for open_estimator in candidates:
            try:
                with progress.wanted(lambda: request is self._loading):
                    estimator = open_estimator()
                    self._prepare(estimator)
            except PoseAppError as failure:
                error = failure
            except Exception as failure:
                log.exception("loading the model failed")
                error = ModelError(f"The model could not be loaded ({failure}).")
            else:
                self._take(request, estimator, message)
                return
            if request is not self._loading:
                return
            self._events.add("model_failed", str(error), error)
        self._all_failed(request, error)

    def _prepare(self, estimator: PoseEstimator) -> None:
        """Prepare all stacks where another estimator runs meanwhile: the change has no hitch."""
        engine, stacks = estimator.engine, estimator.spec.network.stacks
        if self._current is None or engine.ready(stacks):
            return
        try:
            engine.infer(np.zeros((1, *estimator.spec.input_size, 3), np.uint8), stacks)
        except BaseException:
            close(estimator)
            raise

    def _candidates(self, request: _Request) -> Sequence[Open]:
        try:
            return request.candidates()
        except Exception:
            log.exception("looking for other engines failed")
            return ()

    def _all_failed(self, request: _Request, error: PoseAppError) -> None:
        with self._lock:
            if request is not self._loading:
                return
            self._loading = None
            earlier = request.earlier if self._current is None else None
        if earlier is not None:
            self._load(earlier)
        elif self._current is None:
            self._lifecycle.to(State.FAILED, error)

    def _take(self, request: _Request, estimator: PoseEstimator, problem: str) -> None:
        """It runs from now on; `problem` is what was wrong with the one before, or empty."""
        info = estimator.engine.info
        with self._lock:
            wanted = request is self._loading
            if wanted:
                self._loading = None
                if self._current is not None:
                    self._retired.append(self._current)
                self._current, self._running = estimator, request
                request.earlier = None
        if not wanted:
            close(estimator)
        elif request.failed:
            sentence = f"{problem} Now running on {info.badge()}.".strip()
            self._events.add("engine_changed", sentence, info)
        elif request.faster:
            sentence = f"Now running on {info.badge()}: measured to be faster here."
            self._events.add("engine_improved", sentence, info)
        else:
            message = f"{estimator.spec.name} is loaded: {info.badge()}."
            self._events.add("model_loaded", f"{message} {info.reason or ''}".strip(), info)


def close(estimator: PoseEstimator) -> None:
    """Close an estimator; errors are only logged."""
    try:
        estimator.close()
    except Exception:
        log.exception("closing an engine failed")
