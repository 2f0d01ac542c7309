"""What is being prepared, for who waits: converting and compiling happen once per machine.

Polled, because it is written by whatever thread opens an engine. That thread may itself ask whether
anybody still waits: most of its time goes into calls that nothing can interrupt.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import PoseAppError

_lock = threading.Lock()
_steps: list[str] = []
_thread = threading.local()


class UnwantedError(PoseAppError):
    """What was being prepared is not wanted any more."""


@contextmanager
def wanted(still: Callable[[], bool]) -> Iterator[None]:
    """`check` raises on this thread meanwhile, once `still()` is false."""
    before = getattr(_thread, "still", None)
    _thread.still = still
    try:
        yield
    finally:
        _thread.still = before


def check() -> None:
    """Between two long calls: go on only where somebody waits for it.

    Raises:
        UnwantedError: Nobody does.
    """
    still = getattr(_thread, "still", None)
    if still is not None and not still():
        raise UnwantedError("This model is not wanted any more.")


def current() -> str | None:
    """What is being prepared, as a sentence without its full stop.

    Such as "Compiling the network for this processor (only the first time)"; None while nothing is
    prepared that a later start would not do again.
    """
    with _lock:
        return f"{_steps[-1]} (only the first time)" if _steps else None


@contextmanager
def step(what: str) -> Iterator[None]:
    """`what` is going on meanwhile. Raises UnwantedError where it is not to begin at all."""
    check()
    with _lock:
        _steps.append(what)
    try:
        yield
    finally:
        with _lock:
            _steps.remove(what)
