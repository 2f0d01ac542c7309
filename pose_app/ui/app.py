"""Starts the window: while it is made the model loads, once it is shown the session starts."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from ..errors import PoseAppError
from .icons import icon
from .main_window import MainWindow
from .sessions import make_session

if TYPE_CHECKING:
    from ..pipeline.session import Session
    from ..settings import Settings
    from ..sources.discover import CameraInfo
    from .dialogs.asking import Dialogs
    from .sessions import Beginning

log = logging.getLogger(__name__)

# SIGHUP is the end of the login session, or of the terminal.
CLOSING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


def run(beginning: Beginning) -> int:
    """Show the window until it is closed."""
    app = application()
    window = make_window(beginning.settings, beginning.target, session=beginning.session)
    previous_hooks = _install_hooks(window)
    # A window that is hidden while its files are finished does not end the app by itself.
    app.setQuitOnLastWindowClosed(False)
    window.closed.connect(app.quit)
    window.show()
    QTimer.singleShot(0, window.start)
    try:
        return app.exec()
    finally:
        _restore_hooks(previous_hooks)


def application() -> QApplication:
    """The one QApplication, with the app's name, style and icon."""
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    app.setApplicationName("pose-app")
    app.setDesktopFileName("pose-app")
    app.setStyle("Fusion")  # the same on every system, and it follows a palette
    app.setWindowIcon(icon("app"))
    return app


def make_window(
    settings: Settings,
    target: str | CameraInfo,
    dialogs: Dialogs | None = None,
    session: Session | None = None,
) -> MainWindow:
    """The window with a new session, or with the given one. Show it, then call its `start`."""
    return MainWindow(session or make_session(settings, target), settings, dialogs, target)


def _install_hooks(window: MainWindow) -> tuple[Any, Any, dict[int, Any]]:
    """Signals (Ctrl-C) close the window as its button does; uncaught exceptions are shown in it."""
    log_of_thread = threading.excepthook
    before: tuple[Any, Any, dict[int, Any]] = sys.excepthook, log_of_thread, {}
    for number in CLOSING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup wants to be left alone
            before[2][number] = signal.signal(number, _closer(window))

    def report(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            window.close()
            return
        if issubclass(kind, PoseAppError):
            window.notices.error("", str(error))
            return
        if not isinstance(error, _OfThreadError):
            log.error("unexpected", exc_info=(kind, error, trace))
        name = error.name if isinstance(error, _OfThreadError) else kind.__name__
        window.notices.error(
            "",
            window.tr("Something unexpected happened ({name}).").format(name=name),
            (window.tr("Copy report"), window.about.copy_report),
        )

    def report_of_thread(arguments: threading.ExceptHookArgs) -> None:
        log_of_thread(arguments)
        if arguments.exc_type is not SystemExit:
            thread = "a thread" if arguments.thread is None else arguments.thread.name
            window.tasks.hand_over(_OfThreadError(f"{arguments.exc_type.__name__}, {thread}"))

    sys.excepthook = report
    threading.excepthook = report_of_thread
    return before


class _OfThreadError(Exception):
    """An uncaught exception of another thread that was logged already."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _closer(window: MainWindow) -> Callable[[int, Any], None]:
    asked = 0

    def close(number: int, frame: Any) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:  # the second time somebody means it
            os._exit(128 + number)
        # Not inside whatever the interpreter was doing: from the event loop.
        QTimer.singleShot(0, window.close)

    return close


def _restore_hooks(before: tuple[Any, Any, dict[int, Any]]) -> None:
    sys.excepthook, threading.excepthook, handlers = before
    for number, handler in handlers.items():
        signal.signal(number, handler)
