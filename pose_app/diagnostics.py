"""The log file, uncaught exceptions of all threads, and stack traces of native crashes.

Nothing leaves the machine. Addresses of streams are logged without their credentials.
"""

from __future__ import annotations

import faulthandler
import logging
import logging.handlers
import platform
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO

from . import __version__
from .paths import log_folder
from .sources.names import redact

log = logging.getLogger("pose_app")

LOG_NAME, FAULT_NAME = "pose-app.log", "faults.log"
LOG_BYTES, LOG_FILES = 1_000_000, 4
RECENT_LINES = 200  # of the log, kept for the report
FAULT_BYTES = 1_000_000  # beyond which the file is overwritten

_recent: deque[str] = deque(maxlen=RECENT_LINES)
_fault_file: IO[str] | None = None


def without_credentials(text: str) -> str:
    """`text` without the user names, passwords and tokens of addresses."""
    return "\n".join(redact(line) for line in text.splitlines())


class _Format(logging.Formatter):
    """Removes credentials from every line, including tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return without_credentials(super().format(record))


class _Keep(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _recent.append(self.format(record))


class _File(logging.handlers.RotatingFileHandler):
    """Stops after the first error (a full disk, a deleted file) instead of reporting each line."""

    def handleError(self, record: logging.LogRecord) -> None:
        log.removeHandler(self)
        error = sys.exc_info()[1]
        log.warning("the log file %s cannot be written any more: %s", self.baseFilename, error)


def start(on_crash: Callable[[str], None] | None = None) -> Path | None:
    """Start writing a log file, and log uncaught exceptions of all threads.

    Crashes in native code write the stacks of all threads to a file beside the log.

    Args:
        on_crash: Called with a sentence for every uncaught exception, on its thread.

    Returns:
        The log file, or None where its folder cannot be written.
    """
    formatter = _Format("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s")
    log.setLevel(logging.INFO)
    keep = _Keep()
    keep.setFormatter(formatter)
    handlers: list[logging.Handler] = [keep]
    path: Path | None = log_folder() / LOG_NAME
    try:
        log_folder().mkdir(parents=True, exist_ok=True)
        file = _File(
            log_folder() / LOG_NAME,
            maxBytes=LOG_BYTES,
            backupCount=LOG_FILES - 1,
            encoding="utf-8",
            delay=True,
        )
        file.setFormatter(formatter)
        handlers.append(file)
        _watch_native_crashes(log_folder() / FAULT_NAME)
    except OSError as error:
        path = None
        log.warning("no log file: %s", error)
    stop()
    for handler in handlers:
        log.addHandler(handler)
    log.propagate = False
    _watch_exceptions(on_crash)
    log.info(
        "pose-app %s, Python %s, %s", __version__, platform.python_version(), platform.platform()
    )
    return path


def stop() -> None:
    """Stop writing the log file, and let Python report exceptions as usual."""
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
    log.propagate = True
    sys.excepthook = sys.__excepthook__
    threading.excepthook = threading.__excepthook__


def recent() -> tuple[str, ...]:
    """The last lines of the log, oldest first."""
    return tuple(_recent)


def stacks() -> str:
    """The current stack traces of all threads."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = []
    for ident, frame in sys._current_frames().items():
        lines = "".join(traceback.format_stack(frame)).rstrip()
        parts.append(f"thread {names.get(ident, ident)}:\n{lines}")
    return "\n".join(parts)


def stalled(stage: str, seconds: float) -> None:
    """Log that a stage does not answer, with the stacks of all threads."""
    log.warning("%s has given no answer for %.1f s\n%s", stage, seconds, stacks())


def _watch_native_crashes(path: Path) -> None:
    global _fault_file
    if _fault_file is not None:
        _fault_file.close()
    mode = "w" if path.exists() and path.stat().st_size > FAULT_BYTES else "a"
    _fault_file = path.open(mode, encoding="utf-8")
    faulthandler.enable(_fault_file, all_threads=True)


def _watch_exceptions(on_crash: Callable[[str], None] | None) -> None:
    def tell(
        kind: type[BaseException],
        error: BaseException | None,
        trace: TracebackType | None,
        thread: str,
    ) -> None:
        if error is None:
            error = kind()
        log.critical("uncaught in %s", thread, exc_info=(kind, error, trace))
        if on_crash is not None:
            on_crash(
                without_credentials(f"An error in {thread}: {kind.__name__}: {error}".rstrip(": "))
            )

    def of_main(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        tell(kind, error, trace, threading.current_thread().name)
        sys.__excepthook__(kind, error, trace)

    def of_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_type is SystemExit:
            return
        name = "a thread" if arguments.thread is None else arguments.thread.name
        tell(arguments.exc_type, arguments.exc_value, arguments.exc_traceback, name)

    sys.excepthook = of_main
    threading.excepthook = of_thread
