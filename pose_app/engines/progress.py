"""What is being prepared, to be shown to the user: converting and compiling, once per machine.

It is polled, because any thread may open an engine. That thread in turn polls whether the engine is
still wanted, between steps that nothing can interrupt.
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
    """While the context lasts, `check` raises on this thread once `still()` is false."""
    before = getattr(_thread, "still", None)
    _thread.still = still
    try:
        yield
    finally:
        _thread.still = before


def check() -> None:
    """Raise UnwantedError where what is being prepared is not wanted; call between long steps."""
    still = getattr(_thread, "still", None)
    if still is not None and not still():
        raise UnwantedError("This model is not wanted any more.")


def current() -> str | None:
    """What is being converted or compiled, as a sentence without its full stop; else None.

    Such as "Compiling the network for CPU (only the first time)".
    """
    with _lock:
        return f"{_steps[-1]} (only the first time)" if _steps else None


@contextmanager
def step(what: str) -> Iterator[None]:
    """Report `what` while the context lasts. Raises UnwantedError where it is not wanted."""
    check()
    with _lock:
        _steps.append(what)
    try:
        yield
    finally:
        with _lock:
            _steps.remove(what)
