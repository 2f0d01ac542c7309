"""Where one thread leaves frames for another.

`Mailbox` has one slot, the newest item wins: for live pictures. `Channel` has a few slots and makes
the sender wait: for files, where no frame may be lost. Measured: a queue of frames in front of a
slow reader makes the picture seconds old; one slot keeps it under two periods.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Inbox(Protocol[T]):
    def put(self, item: T) -> bool: ...
    def get(self, timeout: float) -> T | None: ...
    def close(self) -> None: ...
    def clear(self) -> list[T]: ...
    def __len__(self) -> int: ...


class Channel(Generic[T]):
    """A bounded queue whose sender waits for room."""

    def __init__(self, size: int = 4) -> None:
        self._size = size
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: T) -> bool:
        """Wait for room and leave `item`. False where the channel was closed instead."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._size)
            if self._closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self, timeout: float) -> T | None:
        """The oldest item, or None after `timeout` seconds or when closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._items, timeout)
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Wake everybody; nothing is accepted from now on, what is inside can still be got."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def clear(self) -> list[T]:
        """Take out everything that nobody got."""
        with self._changed:
            items = list(self._items)
            self._items.clear()
            self._changed.notify_all()
        return items

    def __len__(self) -> int:
        return len(self._items)


class Mailbox(Channel[T]):
    """One slot: a new item takes the place of one that nobody got, which goes to `on_drop`."""

    def __init__(self, on_drop: Callable[[T], None]) -> None:
        super().__init__(size=1)
        self._on_drop = on_drop

    def put(self, item: T) -> bool:
        """Leave `item` without waiting. False where the mailbox is closed."""
        with self._changed:
            if self._closed:
                return False
            old = list(self._items)
            self._items.clear()
            self._items.append(item)
            self._changed.notify_all()
        for stale in old:
            self._on_drop(stale)
        return True


def wait_until(deadline: float, changed: threading.Condition, stop: Callable[[], bool]) -> None:
    """Wait for the clock (`time.perf_counter`) to reach `deadline`, or for `stop()`."""
    with changed:
        while not stop():
            left = deadline - time.perf_counter()
            if left <= 0:
                return
            changed.wait(left)
