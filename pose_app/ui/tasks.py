"""Functions run on background threads; their results are handed over on the UI thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QTimer

from ..errors import PoseAppError

_POLL_MS = 10

Done = Callable[[Any, "PoseAppError | None"], None]


class UnexpectedError(PoseAppError):
    """Stands for an exception of a task that is a bug; the exception itself reaches the window."""


class TaskRunner(QObject):
    """Runs functions on threads; a timer fetches their results.

    The timer runs from the first task until `close`.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._outcomes: queue.SimpleQueue[tuple[Done, Any, Exception | None]] = queue.SimpleQueue()
        self._threads: set[threading.Thread] = set()
        self._closed = False
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._fetch)

    def run(self, work: Callable[[], Any], done: Done | None = None) -> None:
        """Run `work` on a new thread, then call `done(value, error)` on the UI thread.

        `done` is called in any case. `error` is None or a PoseAppError; for any other exception of
        `work` it is an UnexpectedError, and the exception itself is then raised on the UI thread,
        where the window reports it.
        """

        def task() -> None:
            value, error = None, None
            try:
                value = work()
            except Exception as failure:  # noqa: BLE001 - handed on, told in _deliver
                error = failure
            self._outcomes.put((done or _tell, value, error))

        name = getattr(work, "__name__", "work")
        thread = threading.Thread(target=task, name=f"ui-{name}", daemon=True)
        self._threads.add(thread)
        thread.start()
        if not self._closed and not self._timer.isActive():
            self._timer.start()

    def hand_over(self, mistake: Exception) -> None:
        """From any thread: raise the exception on the UI thread, where the window reports it."""
        self._outcomes.put((_nothing, None, mistake))

    @property
    def busy(self) -> tuple[str, ...]:
        """Names of the threads that have not finished."""
        self._threads = {thread for thread in self._threads if thread.is_alive()}
        return tuple(sorted(thread.name for thread in self._threads))

    def close(self) -> None:
        """Fetch no more results; running threads go on."""
        self._closed = True
        self._timer.stop()

    def _fetch(self) -> None:
        while not self._closed and not self._outcomes.empty():
            self._deliver(*self._outcomes.get())

    def _deliver(self, done: Done, value: Any, error: Exception | None) -> None:
        if error is None or isinstance(error, PoseAppError):
            done(value, error)
            return
        name = type(error).__name__
        try:
            done(None, UnexpectedError(f"Something unexpected happened ({name})."))
        finally:
            raise error


def _nothing(value: Any, error: PoseAppError | None) -> None:
    """Done by a task of which only the exception matters."""


def _tell(value: Any, error: PoseAppError | None) -> None:
    if error is not None and not isinstance(error, UnexpectedError):
        raise error
