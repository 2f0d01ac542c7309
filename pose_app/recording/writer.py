"""A file that is written on its own thread, from a bounded queue."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from ..errors import RecordingError
from . import files
from .recording import FileReport

T = TypeVar("T")
log = logging.getLogger(__name__)

WATCH_SECONDS = 1.0  # between two checks of the free space and of the file itself
FULL, FAILED, STOPPED = "queue full", "writer failed", "stopped"


class FileWriter(ABC, Generic[T]):
    """Writes items to a file and counts them: written, or dropped for a reason.

    Only its own thread touches the disk, which may hang; no other thread waits for it, except one
    that offers to a `lossless` writer. Items offered before the file is created wait in the queue.

    Attributes:
        path: The file; its real name once `opened` is done.
        opened: Done when the file is created; raises RecordingError where it cannot be.
        lossless: Whether `offer_item` waits for room in the queue instead of dropping.
        busy_since: When the current call of disk or encoder began (`time.monotonic`); None between
            calls.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        *,
        queue_size: int,
        lossless: bool = False,
        on_failure: Callable[[FileWriter[T]], None] | None = None,
        claim: Callable[[], Path] | None = None,
    ) -> None:
        """Start the thread.

        Args:
            path: The file that was asked for.
            kind: annotated, raw or log.
            queue_size: Items that may wait.
            lossless: Whether `offer_item` waits for room.
            on_failure: Called on the writer's thread when the file ends early.
            claim: Creates the file and returns its name; default creates `path`.
        """
        self.path = Path(path).absolute()
        self.opened: Future[Path] = Future()
        self._claim = claim or partial(files.begin, self.path)
        self._bytes = 0
        self._free: int | None = None
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
        self.busy_since: float | None = self._watched
        self.thread = threading.Thread(target=self._run, name=f"write {kind}", daemon=True)
        self.thread.start()

    @abstractmethod
    def _write(self, item: T) -> int:
        """Write an item; returns how many more items are in the file (an encoder may hold some)."""

    @abstractmethod
    def _finish(self) -> int:
        """Flush and close the file; returns how many items that added."""

    def _room(self) -> int:
        return self._size

    def offer_item(self, item: T) -> bool:
        """Queue an item. False where it was dropped."""
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
        """Why the file ended early, or None."""
        return self._error

    @property
    def seconds(self) -> float:
        """The length of the file so far."""
        return self._seconds

    @property
    def dropped(self) -> int:
        """How many items were dropped, for all reasons."""
        return sum(self._dropped.values())

    @property
    def bytes(self) -> int:
        """Size of the file at the last check."""
        return self._bytes

    @property
    def free_bytes(self) -> int | None:
        """Free bytes on the file's disk at the last check; None before the first."""
        return self._free

    def ask_to_close(self) -> None:
        """Let the thread write its queue and end; `close` waits for that."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def close(self, timeout: float = 10.0) -> FileReport:
        """Write the queue and close the file.

        A file without items is removed. Returns after `timeout` seconds at the latest; if the disk
        hangs, the thread is left behind (`thread.is_alive()`) and what it did not write counts as
        dropped.
        """
        self.ask_to_close()
        self.thread.join(max(0.0, timeout))
        with self._changed:
            if self.thread.is_alive():
                self._error = self._error or (
                    f"{self.path.name} was not finished, because its disk does not answer: check "
                    "the disk."
                )
                lost = self._offered - self._written - self.dropped
                self._dropped[FAILED] += lost
                self._queue.clear()
            return FileReport(
                self.kind,
                self.path,
                self._offered,
                self._written,
                dict(self._dropped),
                self._seconds,
                self._bytes,
                self._error,
            )

    def _has_room(self) -> bool:
        return self._error is not None or self._closing or len(self._queue) < self._room()

    def _open_file(self) -> bool:
        """Create the file and resolve `opened`; returns whether it succeeded."""
        try:
            self.path = self._claim()
            self._check_file()
        except Exception as error:  # noqa: BLE001 - whatever the disk raises
            self._fail(error)
            self.opened.set_exception(RecordingError(str(self._error)))
            return False
        finally:
            self.busy_since = None
        self.opened.set_result(self.path)
        return True

    def _run(self) -> None:
        created = self._open_file()
        taken = self._write_all()
        self.busy_since = time.monotonic()
        try:
            self._count(self._finish())
        except Exception as error:  # noqa: BLE001 - as above; the file is playable without it
            self._fail(error)
        if created:
            self._leave_file()
        self.busy_since = None
        with self._changed:
            held = taken - self._written  # lost in an encoder that failed
            if held > 0:
                self._dropped[FAILED] += held
            self._changed.notify_all()
        if self._error is not None and self._on_failure is not None:
            self._on_failure(self)

    def _leave_file(self) -> None:
        """Check that the file still exists; remove it if nothing was written."""
        try:
            self._check_file()
            if self._written == 0:
                self.path.unlink(missing_ok=True)
                self._bytes = 0
        except Exception as error:  # noqa: BLE001 - whatever the disk raises
            self._fail(error)

    def _write_all(self) -> int:
        """Write until asked to close; returns how many items were taken from the queue."""
        taken = 0
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._queue or self._closing or self._error, WATCH_SECONDS
                    )
                    item = self._queue.popleft() if self._queue else None
                    if item is None and (self._closing or self._error is not None):
                        return taken
                    taken += item is not None
                    self._changed.notify_all()
                self.busy_since = time.monotonic()
                try:
                    self._check_disk()
                    if item is not None:
                        self._count(self._write(item))
                finally:
                    self.busy_since = None
        except Exception as error:  # noqa: BLE001 - whatever the encoder or the disk raises
            self._fail(error)
        return taken

    def _count(self, items: int) -> None:
        with self._changed:
            self._written += items

    def _fail(self, error: Exception) -> None:
        if isinstance(error, RecordingError):
            sentence = str(error)
        else:
            log.error("writing %s failed", self.path, exc_info=error)
            sentence = (
                f"Writing {self.path.name} failed ({files.reason(error)}), so it ends here: start "
                "a new recording."
            )
        with self._changed:
            self._error = self._error or sentence
            self._dropped[FAILED] += len(self._queue)
            self._queue.clear()
            self._changed.notify_all()

    def _check_disk(self) -> None:
        """Every second: accept no more items where the disk is nearly full.

        Queued items are still written; they have room, and the log says of each frame whether it is
        in the video. Raises RecordingError where the file is gone.
        """
        now = time.monotonic()
        if now - self._watched < WATCH_SECONDS:
            return
        self._watched = now
        free = self._check_file()
        if free < files.FREE_BYTES:
            with self._changed:
                self._error = self._error or (
                    f"The disk is nearly full ({free / 1e6:.0f} MB left): the recording to "
                    f"{self.path.name} ended, everything up to here is kept."
                )
                self._changed.notify_all()

    def _check_file(self) -> int:
        """Update the size of the file; returns the free bytes on its disk.

        Raises:
            RecordingError: The file is gone.
        """
        self._free = free = files.free_bytes(self.path)
        try:
            self._bytes = self.path.stat().st_size
        except OSError:
            self._bytes, free = 0, None
        if free is None:
            raise RecordingError(
                f"{self.path} is gone: its folder was deleted, moved or unplugged, "
                "and the recording ended."
            )
        return free
