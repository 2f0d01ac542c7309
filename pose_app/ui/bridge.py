"""The only connection between the session's threads and Qt.

No thread queues anything into Qt: two timers on the UI thread fetch what is newest. A frame that
was not fetched in time is never painted, so the picture cannot fall behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from ..errors import PoseAppError
from .tasks import TaskRunner, UnexpectedError

if TYPE_CHECKING:
    from ..pipeline.metrics import FrameMetrics, SessionReport
    from ..pipeline.session import Session
    from ..types import FrameResult

PICTURE_MS = 8  # how often the newest result is looked for; half a frame at 60 fps
TEXT_MS = 200  # how often figures and words are renewed: faster is unreadable


class Bridge(QObject):
    """Owns the session and signals to the widgets what happens in it, on the UI thread.

    `result(FrameResult)` for each new picture, `stats(FrameMetrics)` several times a second,
    `happened(Event)` for each event of the session (QObject has an `event` already),
    `stopped(SessionReport | None)` once after `stop()`.
    """

    result = Signal(object)
    stats = Signal(object)
    happened = Signal(object)
    stopped = Signal(object)

    def __init__(self, session: Session, tasks: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self._tasks = tasks
        self.last_result: FrameResult | None = None
        self.last_stats: FrameMetrics | None = None
        self.last_report: SessionReport | None = None  # once it has stopped
        self._stopping = False
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
        self._tasks.run(self.session.stop, self._has_stopped)

    def _timer(self, interval: int, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(interval)
        timer.timeout.connect(slot)
        return timer

    def _fetch_result(self) -> None:
        result = self.session.latest()
        if result is not None and result is not self.last_result:
            self.last_result = result
            self.result.emit(result)

    def _fetch_stats(self) -> None:
        self.last_stats = self.session.metrics()
        for event in self.session.events():
            self.happened.emit(event)
        self.stats.emit(self.last_stats)

    def _has_stopped(self, report: SessionReport | None, error: PoseAppError | None) -> None:
        self._picture_timer.stop()
        self._text_timer.stop()
        for event in self.session.events():
            self.happened.emit(event)
        self.last_report = report
        self.stopped.emit(report)  # also where stopping went wrong: the window must go
        if error is not None and not isinstance(error, UnexpectedError):
            raise error
