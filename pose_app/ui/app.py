"""Starts the window: it is on the screen first, then the session starts."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from ..errors import PoseAppError
from ..settings import Settings
from .icons import icon
from .main_window import MainWindow
from .models_control import fallbacks, threshold
from .models_control import opener as model_opener
from .sources_control import last_target
from .sources_control import opener as source_opener

if TYPE_CHECKING:
    from ..pipeline.session import Session
    from ..sources.discover import CameraInfo
    from .dialogs.asking import Dialogs

log = logging.getLogger(__name__)


def run(arguments: argparse.Namespace) -> int:
    """Show the window until it is closed. `arguments` as of `ui.arguments.add_arguments`."""
    app = application()
    settings = Settings.load()
    for name in ("engine", "device", "precision"):
        if getattr(arguments, name, None):
            settings.set(f"model.{name}", getattr(arguments, name))
    if getattr(arguments, "model", None):
        settings.set("model.name", model_name(arguments.model))
    source = getattr(arguments, "source", None)
    target = last_target(settings) if source is None else str(source)
    window = make_window(settings, target)
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
    """A model's name, or the whole path of a file so that it is found from any folder."""
    path = Path(text).expanduser()
    return str(path.resolve()) if path.exists() else text


def make_session(settings: Settings, target: str | CameraInfo) -> Session:
    """A session as the settings want it; nothing is opened or loaded before it is started."""
    from ..pipeline.session import Session, SessionOptions

    return Session(
        source_opener(target, settings),
        model_opener(settings),
        SessionOptions(
            lossless=False,
            paced=True,
            stacks=settings.get("model.stacks") or "auto",
            threshold=threshold(settings),
            smoothing=settings.get("pose.smoothing"),
            loop=settings.get("source.loop"),
        ),
        fallbacks(settings),
    )


def make_window(
    settings: Settings,
    target: str | CameraInfo,
    dialogs: Dialogs | None = None,
    session: Session | None = None,
) -> MainWindow:
    """The window with a session of its own, or with one that is given (as the benchmark does).

    Show it, then call its `start`.
    """
    return MainWindow(session or make_session(settings, target), settings, dialogs, target)


def _install_hooks(window: MainWindow) -> tuple[Any, ...]:
    """Ctrl-C and SIGTERM close the window as its button does; mistakes reach the banner."""
    before: list[Any] = [sys.excepthook]
    for number in (signal.SIGINT, signal.SIGTERM):
        before.append(signal.signal(number, _closer(window)))

    def report(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            window.close()
            return
        if issubclass(kind, PoseAppError):
            window.banner.show_text(str(error))
            return
        log.error("unexpected", exc_info=(kind, error, trace))
        window.banner.show_text(
            window.tr("Something unexpected happened ({name}): see Help, Diagnostics.").format(
                name=kind.__name__
            )
        )

    sys.excepthook = report
    return tuple(before)


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


def _restore_hooks(before: tuple[Any, ...]) -> None:
    sys.excepthook = before[0]
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), before[1:], strict=True):
        signal.signal(number, handler)
