"""What is being prepared, for who waits: converting and compiling happen once per machine.

Polled, because it is written by whatever thread opens an engine.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_steps: list[str] = []


def current() -> str | None:
    """What is being prepared, as a sentence without its full stop.

    Such as "Compiling the network for this processor (only the first time)"; None while nothing is
    prepared that a later start would not do again.
    """
    with _lock:
        return f"{_steps[-1]} (only the first time)" if _steps else None


@contextmanager
def step(what: str) -> Iterator[None]:
    """`what` is going on meanwhile."""
    with _lock:
        _steps.append(what)
    try:
        yield
    finally:
        with _lock:
            _steps.remove(what)
