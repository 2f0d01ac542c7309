"""A file that is written on a thread of its own, fed through a bounded queue."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from ..errors import RecordingError
from . import files
from .recording import FileReport

T = TypeVar("T")
log = logging.getLogger(__name__)

WATCH_SECONDS = 1.0  # how often the free space and the file itself are looked at
FULL, FAILED, STOPPED = "queue full", "writer failed", "stopped"


class FileWriter(ABC, Generic[T]):
    """Counts everything it is offered: written, or dropped for a reason.

    `lossless`: `offer` waits for room in the queue instead of dropping. `on_failure` is called on
    the writer's thread when the file ends before it was asked to.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        *,
        queue_size: int,
        lossless: bool = False,
        on_failure: Callable[[FileWriter[T]], None] | None = None,
    ) -> None:
        files.check_space(Path(path))
        self.path = files.claim(path)
        self.kind = kind
        self._size = queue_size
        self.lossless = lossless
        self._on_failure = on_failure
        self._queue: deque[T] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._offered = 0
        self._written = 0
        self._dropped: Counter[str] = Counter()
        self._error: str | None = None
        self._seconds = 0.0
        self._watched = time.monotonic()
        self.busy_since: float | None = None  # when the disk or encoder was last given something
        self.thread = threading.Thread(target=self._run, name=f"write {kind}", daemon=True)
        self.thread.start()

    @abstractmethod
    def _write(self, item: T) -> int:
        """Write one item; how many are now in the file for certain (an encoder may hold some)."""

    @abstractmethod
    def _finish(self) -> int:
        """Write what is held back and close the file; how many items that were."""

    def _room(self) -> int:
        return self._size

    def offer_item(self, item: T) -> bool:
        """Queue one item. False where it was dropped (counted, with a reason)."""
        with self._changed:
            self._offered += 1
            if self.lossless:
                self._changed.wait_for(self._has_room)
            if self._error is not None:
                self._dropped[FAILED] += 1
            elif self._closing:
                self._dropped[STOPPED] += 1
            elif len(self._queue) >= self._room():
                self._dropped[FULL] += 1
            else:
                self._queue.append(item)
                self._changed.notify_all()
                return True
            return False

    @property
    def error(self) -> str | None:
        return self._error

    @property
    def seconds(self) -> float:
        """How long the file is so far."""
        return self._seconds

    @property
    def dropped(self) -> int:
        return sum(self._dropped.values())

    @property
    def bytes(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def ask_to_close(self) -> None:
        """Let the thread write what is queued and end; `close` waits for it."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def close(self, timeout: float = 10.0) -> FileReport:
        """Write what is queued, close the file and account for it.

        A file without a single item is removed. After `timeout` seconds the thread is left behind
        (`thread.is_alive()` tells) and what it did not write counts as dropped.
        """
        self.ask_to_close()
        self.thread.join(timeout)
        with self._changed:
            if self.thread.is_alive():
                self._error = self._error or f"{self.path.name} was not finished: its disk hangs."
                lost = self._offered - self._written - self.dropped
                self._dropped[FAILED] += lost
                self._queue.clear()
            size = self.bytes
            if self._written == 0 and not self.thread.is_alive():
                self.path.unlink(missing_ok=True)
            return FileReport(
                self.kind,
                self.path,
                self._offered,
                self._written,
                dict(self._dropped),
                self._seconds,
                size,
                self._error,
            )

    def _has_room(self) -> bool:
        return self._error is not None or self._closing or len(self._queue) < self._room()

    def _run(self) -> None:
        taken = 0
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._queue or self._closing or self._error, WATCH_SECONDS
                    )
                    item = self._queue.popleft() if self._queue else None
                    if item is None and (self._closing or self._error is not None):
                        break
                    taken += item is not None
                    self._changed.notify_all()
                self._watch()
                if item is not None:
                    self.busy_since = time.monotonic()
                    self._count(self._write(item))
                    self.busy_since = None
        except Exception as error:  # noqa: BLE001 - whatever the encoder or the disk raises
            self._fail(error)
        try:
            self._count(self._finish())
            self._free_bytes()  # a file that is gone is no recording
        except Exception as error:  # noqa: BLE001 - the same; the file stays playable without it
            self._fail(error)
        with self._changed:
            held = taken - self._written  # went into an encoder that failed
            if held > 0:
                self._dropped[FAILED] += held
            self._changed.notify_all()
        if self._error is not None and self._on_failure is not None:
            self._on_failure(self)

    def _count(self, items: int) -> None:
        with self._changed:
            self._written += items

    def _fail(self, error: Exception) -> None:
        if isinstance(error, RecordingError):
            sentence = str(error)
        else:
            log.error("writing %s failed", self.path, exc_info=error)
            sentence = f"Writing {self.path.name} failed ({files.reason(error)}); it ends here."
        with self._changed:
            self._error = self._error or sentence
            self._dropped[FAILED] += len(self._queue)
            self._queue.clear()
            self._changed.notify_all()

    def _watch(self) -> None:
        """Take nothing more where the disk is nearly full.

        What was taken has room, and the log says of each frame whether it is in the video. Raises
        RecordingError where the file is gone.
        """
        now = time.monotonic()
        if now - self._watched < WATCH_SECONDS:
            return
        self._watched = now
        free = self._free_bytes()
        if free < files.FREE_BYTES:
            with self._changed:
                self._error = self._error or (
                    f"The disk is nearly full ({free / 1e6:.0f} MB left): the recording to "
                    f"{self.path.name} ended, everything up to here is kept."
                )
                self._changed.notify_all()

    def _free_bytes(self) -> int:
        """Room on the file's disk. Raises RecordingError where the file is gone."""
        free = files.free_bytes(self.path)
        if free is None or not self.path.exists():
            raise RecordingError(
                f"{self.path} is gone: its folder was deleted, moved or unplugged, "
                "and the recording ended."
            )
        return free
