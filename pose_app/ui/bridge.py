"""The only place where threads meet Qt.

Nothing is ever queued from a thread into Qt: two timers on the UI's thread fetch what is newest.
A frame that was not fetched in time is simply never painted, so the picture cannot fall behind.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from ..errors import PoseAppError

if TYPE_CHECKING:
    from ..pipeline.metrics import FrameMetrics, SessionReport
    from ..pipeline.session import Session
    from ..types import FrameResult

PICTURE_MS = 8  # how often the newest result is looked for; half a frame at 60 fps
TEXT_MS = 200  # how often figures and words are renewed: faster is unreadable

Done = Callable[[Any, "PoseAppError | None"], None]


class Bridge(QObject):
    """Owns the session and tells the widgets what happens in it, on the UI's thread.

    `result(FrameResult)` for each new picture, `stats(FrameMetrics)` several times a second,
    `happened(Event)` for each event of the session (QObject has an `event` already),
    `stopped(SessionReport | None)` once after `stop()`.
    """

    result = Signal(object)
    stats = Signal(object)
    happened = Signal(object)
    stopped = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.last_result: FrameResult | None = None
        self.last_stats: FrameMetrics | None = None
        self.last_report: SessionReport | None = None  # once it has stopped
        self._stopping = self._has_ended = False
        self._outcomes: queue.SimpleQueue[tuple[Done, Any, PoseAppError | None]] = (
            queue.SimpleQueue()
        )
        self._threads: set[threading.Thread] = set()
        self._picture_timer = self._timer(PICTURE_MS, self._fetch_result)
        self._picture_timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._text_timer = self._timer(TEXT_MS, self._fetch_stats)

    def start(self) -> None:
        """Start the session and the timers."""
        self.session.start()
        self._picture_timer.start()
        self._text_timer.start()

    def stop(self) -> None:
        """Stop the session in the background; `stopped` tells when it is done."""
        if self._stopping:
            return
        self._stopping = True
        self.run(self.session.stop, self._has_stopped)

    def run(self, work: Callable[[], Any], done: Done | None = None) -> None:
        """Do `work` on a thread of its own and hand `done(value, error)` its outcome on the UI's.

        `error` is None or a PoseAppError; any other exception of `work` is raised on the UI's
        thread, where the window reports it.
        """

        def task() -> None:
            value, error = None, None
            try:
                value = work()
            except PoseAppError as failure:
                error = failure
            except Exception as failure:  # noqa: BLE001 - handed on, raised in _fetch_outcomes
                value = failure
            self._outcomes.put((done or _ignore, value, error))

        name = getattr(work, "__name__", "work")
        thread = threading.Thread(target=task, name=f"ui-{name}", daemon=True)
        self._threads.add(thread)
        thread.start()
        if not self._picture_timer.isActive() and not self._has_ended:
            self._picture_timer.start()

    def hand_over(self, mistake: Exception) -> None:
        """From any thread: raise it on the UI's thread, where the window reports it."""
        self._outcomes.put((_ignore, mistake, None))

    @property
    def busy(self) -> tuple[str, ...]:
        """Names of the background threads that have not finished."""
        self._threads = {thread for thread in self._threads if thread.is_alive()}
        return tuple(sorted(thread.name for thread in self._threads))

    def _timer(self, interval: int, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(interval)
        timer.timeout.connect(slot)
        return timer

    def _fetch_result(self) -> None:
        self._fetch_outcomes()
        result = self.session.latest()
        if result is not None and result is not self.last_result:
            self.last_result = result
            self.result.emit(result)

    def _fetch_stats(self) -> None:
        self.last_stats = self.session.metrics()
        for event in self.session.events():
            self.happened.emit(event)
        self.stats.emit(self.last_stats)

    def _fetch_outcomes(self) -> None:
        while not self._outcomes.empty():
            done, value, error = self._outcomes.get()
            if isinstance(value, Exception):
                raise value
            done(value, error)

    def _has_stopped(self, report: Any, error: PoseAppError | None) -> None:
        self._has_ended = True
        self._picture_timer.stop()
        self._text_timer.stop()
        if error is not None:
            raise error
        for event in self.session.events():
            self.happened.emit(event)
        self.last_report = report
        self.stopped.emit(report)


def _ignore(value: Any, error: PoseAppError | None) -> None:
    if error is not None:
        raise error
