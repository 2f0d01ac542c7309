"""A thread around something that may block: a camera's driver, a network stream."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..errors import SourceError, without_frames
from ..types import Image

Opened = TypeVar("Opened")

_KEPT_PICTURES = 3  # older ones are dropped when the reader is late
_CLOSE_SECONDS = 1.0  # that `close` waits for the thread, which a driver may block for ever


@dataclass(frozen=True, slots=True)
class Picture:
    """An image, when it was grabbed (`time.perf_counter_ns()`) and how many came before it."""

    number: int
    captured_ns: int
    image: Image


class LiveReader(Generic[Opened]):
    """Runs an iterator of pictures in a daemon thread, so that no other thread waits for a driver.

    The iterator is created, used and closed only in that thread, as drivers require. Its pictures
    go into a short queue, from which the oldest are dropped.
    """

    def __init__(
        self,
        name: str,
        pictures: Callable[
            [Callable[[Opened], None], threading.Event], Iterator[tuple[int, Image]]
        ],
    ) -> None:
        """Start the thread.

        Args:
            name: Of the thread.
            pictures: `pictures(opened, closed)` opens the source, calls `opened(description)` once,
                and yields (captured_ns, image) until it ends or `closed` is set. It may raise
                SourceError, which `wait_open` and `get` raise again.
        """
        self._pictures = pictures
        self._changed = threading.Condition()
        self._queue: deque[Picture] = deque(maxlen=_KEPT_PICTURES)
        self._opened: Opened | None = None
        self._error: SourceError | None = None
        self._ended = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def held(self) -> str | None:
        """The thread's name while it runs; after `close`, while a driver still blocks it."""
        return self._thread.name if self._thread.is_alive() else None

    def wait_open(self, seconds: float, otherwise: str) -> Opened:
        """Wait for the description of what was opened.

        Raises SourceError: the thread's, or with the message `otherwise` after `seconds`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._opened is not None or self._ended, seconds)
            opened, error = self._opened, self._error
        if opened is not None:
            return opened
        self.close()
        raise error if error is not None else SourceError(otherwise)

    def get(self, seconds: float, otherwise: str) -> Picture | None:
        """Wait for the next picture. None at the end and after `close`.

        Raises SourceError: the thread's, or with the message `otherwise` after `seconds`.
        """
        with self._changed:
            came = self._changed.wait_for(lambda: self._queue or self._ended, seconds)
            if self._closed.is_set():
                return None
            if self._queue:
                return self._queue.popleft()
            if self._error is not None:
                raise self._error
        if not came:
            raise SourceError(otherwise)
        return None

    def close(self) -> None:
        """End the thread and wait a moment for it. Idempotent."""
        self._closed.set()
        with self._changed:
            self._ended = True
            self._queue.clear()
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        error: SourceError | None = None
        try:
            with closing(self._pictures(self._set_opened, self._closed)) as pictures:  # type: ignore[type-var]
                for number, (captured_ns, image) in enumerate(pictures):
                    if self._closed.is_set():
                        break
                    with self._changed:
                        self._queue.append(Picture(number, captured_ns, image))
                        self._changed.notify_all()
        except SourceError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 - drivers raise anything; read() raises it again
            error = SourceError(f"The {self._thread.name} failed ({raised}): open it again.")
            error.__cause__ = raised
        finally:
            if error is not None:
                without_frames(error)
            del self._pictures  # breaks the reference cycle with the source
            with self._changed:
                self._error, self._ended = error, True
                self._changed.notify_all()

    def _set_opened(self, opened: Opened) -> None:
        with self._changed:
            self._opened = opened
            self._changed.notify_all()


class LiveClock:
    """Seconds since the first picture of a live source, strictly increasing."""

    def __init__(self) -> None:
        self._first_ns: int | None = None
        self._last_ns = 0

    def seconds(self, captured_ns: int) -> float:
        if self._first_ns is None:
            self._first_ns = captured_ns
        else:
            captured_ns = max(captured_ns, self._last_ns + 10_000)
        self._last_ns = captured_ns
        return (captured_ns - self._first_ns) * 1e-9


def now() -> int:
    """The clock of `Frame.captured_ns`."""
    return time.perf_counter_ns()
