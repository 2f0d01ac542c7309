"""Where one thread leaves frames for another.

Live pictures replace what nobody took: the newest wins. Files wait for room, so that no frame is
lost. Measured: a queue of frames in front of a slow reader makes the picture seconds old; one slot
keeps it under two periods.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


class FrameQueue(Generic[T]):
    """`on_drop` gets what was replaced before somebody took it."""

    def __init__(self, on_drop: Callable[[T], None], room: int = 4) -> None:
        self._on_drop = on_drop
        self._room = room
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: T, *, wait: bool) -> bool:
        """Leave `item`: after waiting for room, or in the place of everything inside.

        False where the queue is closed.
        """
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._closed or len(self._items) < self._room)
            if self._closed:
                return False
            stale = [] if wait else list(self._items)
            if not wait:
                self._items.clear()
            self._items.append(item)
            self._changed.notify_all()
        for old in stale:
            self._on_drop(old)
        return True

    def get(self, timeout: float) -> T | None:
        """The oldest item, or None after `timeout` seconds, or when closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._items, timeout)
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def peek(self, count: int, timeout: float) -> list[T]:
        """The next so many items, left inside; fewer after `timeout` seconds or when closed.

        For the only thread that takes anything out.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) >= count, timeout)
            return list(islice(self._items, count))

    def close(self) -> list[T]:
        """Wake everybody and accept nothing more; returns what nobody took."""
        with self._changed:
            self._closed = True
            items = list(self._items)
            self._items.clear()
            self._changed.notify_all()
        return items

    def __len__(self) -> int:
        return len(self._items)


def wait_until(deadline: float, changed: threading.Condition, stop: Callable[[], bool]) -> None:
    """Wait for the clock (`time.perf_counter`) to reach `deadline`, or for `stop()`."""
    with changed:
        while not stop():
            left = deadline - time.perf_counter()
            if left <= 0:
                return
            changed.wait(left)
