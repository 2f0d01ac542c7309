"""The state of a session, from loading to its end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from enum import Enum

from ..errors import PoseAppError

log = logging.getLogger(__name__)


class State(Enum):
    """The state of a session.

    LOADING lasts until the first result of a model, RUNNING while frames come; DRAINING while no
    more frames come and those in the queue are processed; then FINISHED or FAILED.
    """

    LOADING = "loading"
    RUNNING = "running"
    DRAINING = "draining"
    FINISHED = "finished"
    FAILED = "failed"


_NEXT: dict[State, frozenset[State]] = {
    State.LOADING: frozenset((State.RUNNING, State.DRAINING, State.FINISHED, State.FAILED)),
    State.RUNNING: frozenset((State.DRAINING, State.FINISHED, State.FAILED)),
    State.DRAINING: frozenset((State.RUNNING, State.FINISHED, State.FAILED)),
    # By another source, a seek or another model:
    State.FINISHED: frozenset((State.RUNNING, State.FAILED)),
    State.FAILED: frozenset((State.RUNNING,)),
}
_OVER = frozenset((State.FINISHED, State.FAILED))


class Lifecycle:
    """The state of a session; thread-safe.

    `finished` is set while the state is FINISHED or FAILED. `failure` is the first error that ends
    the session.
    """

    def __init__(self) -> None:
        self.finished = threading.Event()
        self.failure: PoseAppError | None = None
        self._state = State.LOADING
        self._lock = threading.Lock()

    @property
    def state(self) -> State:
        """The current state."""
        return self._state

    @property
    def exhausted(self) -> bool:
        """Whether no more frames will come."""
        return self._state not in (State.LOADING, State.RUNNING)

    def to(
        self,
        state: State,
        error: PoseAppError | None = None,
        *,
        only_from: Collection[State] = tuple(State),
    ) -> bool:
        """Change the state, if the transition is allowed.

        Args:
            state: The new state; FINISHED becomes FAILED if there was an error.
            error: The cause of a failure; only the first one is kept.
            only_from: Do nothing in any other state.

        Returns:
            Whether the state has changed.
        """
        with self._lock:
            if error is not None and self.failure is None:
                self.failure = error
            if state is State.FINISHED and self.failure is not None:
                state = State.FAILED
            before = self._state
            if before not in only_from or state not in _NEXT[before]:
                return False
            self._state = state
            if state in _OVER:
                self.finished.set()
            else:
                self.finished.clear()
        log.info("session: %s -> %s", before.value, state.value)
        return True
