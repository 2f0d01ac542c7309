"""Which estimator runs: the one asked for, another model, the next engine after a failure."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..errors import EngineError, ModelError, PoseAppError
from .events import EventList

if TYPE_CHECKING:
    from ..pose.estimator import PoseEstimator

    Open = Callable[[], PoseEstimator]

log = logging.getLogger(__name__)


class EstimatorSupervisor:
    """Loads estimators in the background. `on_end` is called with the reason where none is left."""

    def __init__(
        self,
        open_estimator: Open,
        fallbacks: Sequence[Open],
        events: EventList,
        on_end: Callable[[PoseAppError], None],
    ) -> None:
        self._first = open_estimator, list(fallbacks)
        self._fallbacks: list[Open] = []  # of what runs, or ran last
        self._pending: list[Open] = []  # what is being loaded, with its fallbacks
        self._events = events
        self._on_end = on_end
        self._lock = threading.Lock()
        self._current: PoseEstimator | None = None
        self._retired: list[PoseEstimator] = []
        self._wanted = 0  # the newest request; older ones are thrown away when they are loaded
        self._loading = False
        self._stopped = False
        self.threads: list[threading.Thread] = []

    @property
    def current(self) -> PoseEstimator | None:
        return self._current

    def start(self) -> None:
        wanted, fallbacks = self._first
        self._load([wanted], fallbacks, "model_loaded")

    def set_estimator(self, open_estimator: Open, fallbacks: Sequence[Open]) -> None:
        """Load another one; the present one goes on until that is ready.

        Where nothing runs yet and this one does not load, what was asked for before is loaded.
        """
        with self._lock:
            if self._loading and self._current is None:
                self._fallbacks = [*self._pending, *self._fallbacks]
        self._load([open_estimator], list(fallbacks), "model_loaded")

    def failed(self, estimator: PoseEstimator, error: Exception, *, hangs: bool = False) -> None:
        """The estimator is of no use any more: go on with the next engine, and say so."""
        with self._lock:
            if estimator is not self._current or self._stopped:
                return
            self._current = None
            if not hangs:  # a hanging one cannot even be closed
                self._retired.append(estimator)
            loading = self._loading
            rest: list[Open] = []
            if not loading:
                rest, self._fallbacks = self._fallbacks, []
        what = str(error) if isinstance(error, PoseAppError) else f"{type(error).__name__}: {error}"
        info = estimator.engine.info
        message = f"{info.engine} on {info.device} failed: {what.rstrip('.')}."
        if loading:  # another one was asked for already; if it does not load, the rest is tried
            self._events.add("warning", f"{message} Going on with the one that is loading.", error)
            return
        if not rest:
            final = EngineError(f"{message} There is no other engine to go on with.")
            self._events.add("model_failed", str(final), final)
            self._on_end(final)
            return
        self._events.add("warning", f"{message} Going on with the next engine.", error)
        self._load(rest, [], "engine_changed")

    def close_retired(self) -> None:
        """Close what was replaced; on the inference thread, which is the only one that runs it."""
        with self._lock:
            retired, self._retired = self._retired, []
        for estimator in retired:
            close(estimator)

    def stop(self) -> None:
        """No more loading; `close` once the inference thread has ended."""
        with self._lock:
            self._stopped = True
            self._wanted += 1

    def close(self) -> None:
        with self._lock:
            current, self._current = self._current, None
        self.close_retired()
        if current is not None:
            close(current)

    def _load(self, candidates: list[Open], fallbacks: list[Open], kind: str) -> None:
        """`fallbacks` are for later; of several candidates the rest is that."""
        with self._lock:
            if self._stopped:
                return
            self._wanted += 1
            self._loading = True
            self._pending = [*candidates, *fallbacks]
            thread = threading.Thread(
                target=self._run,
                args=(self._wanted, candidates, fallbacks, kind),
                name="load model",
                daemon=True,
            )
            self.threads = [t for t in self.threads if t.is_alive()] + [thread]
        thread.start()

    def _run(self, number: int, candidates: list[Open], fallbacks: list[Open], kind: str) -> None:
        for position, open_estimator in enumerate(candidates):
            error: PoseAppError
            try:
                estimator = open_estimator()
            except PoseAppError as failure:
                error = failure
            except Exception as failure:
                log.exception("loading the model failed")
                error = ModelError(f"The model could not be loaded ({failure}).")
            else:
                self._take(number, estimator, [*candidates[position + 1 :], *fallbacks], kind)
                return
            with self._lock:
                if number != self._wanted:
                    return
            self._events.add("model_failed", str(error), error)
        with self._lock:
            if number != self._wanted:
                return
            self._loading, self._pending = False, []
            lost = self._current is None
            rest: list[Open] = []
            if lost:  # what ran before has failed while this was loading
                rest, self._fallbacks = self._fallbacks, []
        if rest:
            self._load(rest, [], "engine_changed")
        elif lost:
            self._on_end(error)

    def _take(
        self, number: int, estimator: PoseEstimator, fallbacks: list[Open], kind: str
    ) -> None:
        info = estimator.engine.info
        with self._lock:
            wanted = number == self._wanted
            if wanted:
                self._loading, self._pending = False, []
                if self._current is not None:
                    self._retired.append(self._current)
                self._current = estimator
                self._fallbacks = fallbacks
        if not wanted:
            close(estimator)
            return
        if kind == "engine_changed":
            self._events.add("engine_changed", f"Now running on {info.badge()}.", info)
        else:
            message = f"{estimator.spec.name} is loaded: {info.badge()}."
            self._events.add("model_loaded", f"{message} {info.reason or ''}".strip(), info)


def close(estimator: PoseEstimator) -> None:
    """Close it; where that fails there is nothing better to do than to tell the log."""
    try:
        estimator.close()
    except Exception:
        log.exception("closing an engine failed")
