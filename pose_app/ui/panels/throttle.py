"""Limits how often something is updated, however many frames arrive."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PERIOD = 0.095  # seconds; a little under a tenth, so that every third frame at 30 fps gets through


class Throttle:
    """Calls `show(value)` at most every `period` seconds with the newest value offered.

    `flush` shows a value that is still waiting, such as the last frame before a pause.
    """

    def __init__(self, show: Callable[[Any], None], period: float = PERIOD) -> None:
        self._show = show
        self._period = period
        self._next = 0.0
        self._waiting: Any = None

    def offer(self, value: Any) -> None:
        self._waiting = value
        if time.monotonic() >= self._next:
            self.flush()

    def flush(self) -> None:
        if self._waiting is not None:
            value, self._waiting = self._waiting, None
            self._next = time.monotonic() + self._period
            self._show(value)
