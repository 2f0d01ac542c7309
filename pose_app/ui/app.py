"""Starts the window: first it is shown, then the session starts."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from ..errors import PoseAppError, SourceError
from ..settings import Settings
from .controllers.models_controller import estimators, threshold
from .controllers.openers import FIRST, last_target
from .controllers.openers import opener as source_opener
from .icons import icon
from .main_window import MainWindow

if TYPE_CHECKING:
    from ..pipeline.session import Session
    from ..sources.base import Source
    from ..sources.discover import CameraInfo
    from .dialogs.asking import Dialogs

log = logging.getLogger(__name__)

# SIGHUP is the end of the login session, or of the terminal.
CLOSING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


def run(arguments: argparse.Namespace) -> int:
    """Show the window until it is closed; the arguments are those of `window_command`."""
    app = application()
    settings = Settings.load()
    for name in ("engine", "device", "precision"):
        if getattr(arguments, name, None):
            settings.override(f"model.{name}", getattr(arguments, name))
    if getattr(arguments, "model", None):
        settings.set("model.name", model_name(arguments.model))
    source = getattr(arguments, "source", None)
    target = last_target(settings) if source is None else str(source)
    window = make_window(settings, target, session=make_session(settings, target, or_demo=True))
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


def model_name(text: str) -> str:
    """A model's name; of a file the absolute path, so that it is found from any folder."""
    path = Path(text).expanduser()
    return str(path.resolve()) if path.exists() else text


def make_session(settings: Settings, target: str | CameraInfo, *, or_demo: bool = False) -> Session:
    """A session made from the settings; nothing is opened or loaded before it is started.

    `or_demo`: where the first camera is asked for and there is none, the demo clip runs.
    """
    from ..pipeline.session import Session, SessionOptions
    from ..sources.opening import open_source

    factory = estimators(settings)
    open_target = source_opener(target, settings)

    def open_or_demo() -> Source:
        try:
            return open_target()
        except SourceError as error:
            log.info("the demo clip runs, because there is no camera to show: %s", error)
            return open_source("demo")

    return Session(
        open_or_demo if or_demo and target == FIRST else open_target,
        factory.open,
        SessionOptions(
            lossless=False,
            paced=True,
            stacks=settings.get("model.stacks") or "auto",
            threshold=threshold(settings),
            smoothing=settings.get("pose.smoothing"),
            people=settings.get("pose.people"),
            loop=settings.get("source.loop"),
        ),
        factory.others,
    )


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
