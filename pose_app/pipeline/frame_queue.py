"""The queue between the capture thread and the inference thread.

Live frames replace those that were not taken yet: the newest wins. Frames of lossless files wait
for room. Measured: with a long queue before a slow network, results are seconds old; with one slot
they are under two frame periods old.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


class FrameQueue(Generic[T]):
    """`on_drop` is called with items that are replaced before they were taken."""

    def __init__(self, on_drop: Callable[[T], None], room: int = 4) -> None:
        self._on_drop = on_drop
        self._room = room
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: T, *, wait: bool) -> bool:
        """Add an item: wait for room, or (without `wait`) replace all items in the queue.

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
        """The next `count` items, which stay inside; fewer after `timeout` seconds or when closed.

        Only for the thread that takes items out.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) >= count, timeout)
            return list(islice(self._items, count))

    def close(self) -> list[T]:
        """Accept nothing more and wake all waiting threads; returns the remaining items."""
        with self._changed:
            self._closed = True
            items = list(self._items)
            self._items.clear()
            self._changed.notify_all()
        return items

    def __len__(self) -> int:
        return len(self._items)
