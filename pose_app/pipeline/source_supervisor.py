"""Opens and replaces the source: the first one, another one, and a lost one that comes back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .. import diagnostics
from ..errors import CameraError, PoseAppError, SourceError
from ..types import Frame, Image
from .capture import CaptureThread, SessionClock
from .context import SessionContext
from .frame_queue import FrameQueue
from .lifecycle import State
from .sinks import CapturedFrame, Sink

if TYPE_CHECKING:
    from ..sources.base import Source, SourceInfo
    from .delivery import DeliveryPolicy

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.5, 5.0  # seconds between two attempts to open a lost source
RELEASE_SECONDS = 3.0  # that a camera may take to be released by its old reader
OPEN_SECONDS = 30.0  # that opening may take; some cameras need ten
ROUNDED = 1 - 1e-9  # stamps are sums, so that a frame at 1 s may have one just under it


class SourceSupervisor:
    """Owns the capture threads; passes their frames to the sinks and into the queue."""

    def __init__(
        self,
        open_source: Callable[[], Source],
        context: SessionContext,
        sinks: Sequence[Sink],
        queue: FrameQueue[CapturedFrame],
    ) -> None:
        self._open = open_source
        self._options = context.options
        self._controls = context.controls
        self._events = context.events
        self._metrics = context.metrics
        self._lifecycle = context.lifecycle
        self._sinks = tuple(sinks)
        self._queue = queue
        self._delivered = 0
        self._stretch = -1
        self._last_image: Image | None = None
        self._lock = threading.RLock()
        # Keeps frames in the order of their stamps while one reader follows another.
        self._in_order = threading.Lock()
        self._stamps = SessionClock()
        self._current: CaptureThread | None = None
        self._candidate: CaptureThread | None = None  # opening, or waiting for its first frame
        self._candidate_open = open_source
        self._candidate_deadline = 0.0
        self._lost: SourceInfo | None = None
        self._fall_back: SourceInfo | None = None  # a camera released to open it in another mode
        self._next_attempt = 0.0
        self._wait = FIRST_WAIT
        self._stopped = False
        self._last_info: SourceInfo | None = None
        self._announced: tuple[str, tuple[int, int], str | None] | None = None
        self.threads: list[threading.Thread] = []
        self._released: list[CaptureThread] = []

    @property
    def info(self) -> SourceInfo | None:
        """Of the current source, or of the last one."""
        reader = self._current
        if reader is not None and reader.info is not None:
            self._last_info = reader.info
        return self._last_info

    def start(self) -> None:
        """Open the first source."""
        self._start_candidate(self._open)

    def set_source(self, open_source: Callable[[], Source]) -> None:
        """Open another source; the present one goes on until that has delivered a frame."""
        with self._lock:
            if self._candidate is not None:
                self._release(self._candidate)
            self._start_candidate(open_source)

    def seek(self, seconds: float) -> None:
        """Go to a position of the present source."""
        with self._lock:
            if self._current is not None:
                self._current.seek(seconds)

    def step(self, *, back: bool = False) -> None:
        """Show one more frame of the present source, or the one before."""
        with self._lock:
            if self._current is not None:
                self._current.step_back() if back else self._current.step()

    def stop(self) -> None:
        """Ask all capture threads to end; they are in `threads`."""
        with self._lock:
            self._stopped = True
            for reader in (self._candidate, self._current):
                if reader is not None:
                    self._release(reader)

    def held(self) -> list[str]:
        """Names of threads that drivers still block although their sources were closed."""
        return [held for reader in self._released if (held := reader.held) is not None]

    def check(self) -> None:
        """Find stalled drivers and try lost sources again; called regularly by the watchdog."""
        with self._lock:
            now = time.monotonic()
            reader = self._current
            if reader is not None and reader.policy is not None and reader.policy.live:
                since = reader.busy_since
                if since is not None and now - since > self._options.stall_seconds:
                    diagnostics.stalled("read source", now - since)
                    self.failed(
                        reader,
                        SourceError(f"{reader.name} has sent no frame for {now - since:.0f} s."),
                    )
            if self._candidate is not None and now > self._candidate_deadline:
                self.failed(
                    self._candidate,
                    SourceError(f"The source did not answer within {OPEN_SECONDS:.0f} s."),
                )
            if self._lost is not None and self._candidate is None and now >= self._next_attempt:
                self._start_candidate(self._reopen, reopened=True)
            self.threads = [thread for thread in self.threads if thread.is_alive()]
            self._released = [reader for reader in self._released if reader.held is not None]

    # The methods of `Owner`, called on capture threads.

    def take_over(self, reader: CaptureThread) -> bool:
        """See `Owner`."""
        with self._lock:
            if self._stopped or reader is not self._candidate:
                return False
            old, self._current, self._candidate = self._current, reader, None
            back = self._lost is not None and reader.reopened
            self._lost = self._fall_back = None
            self._wait = FIRST_WAIT
            if not reader.reopened:
                self._open = self._candidate_open
            if old is not None:
                self._release(old)
            info = reader.info
            assert info is not None
            self._announced = (info.name, info.size, info.note)
            width, height = info.size
            self._events.add(
                "source_back" if back else "source_opened",
                f"{info.name} is back." if back else f"{info.name}: {width} x {height}.",
                info,
            )
            if info.note:
                self._events.add("warning", info.note, info)
            return True

    def deliver(
        self, reader: CaptureThread, frame: Frame, discontinuity: bool, read_ms: float
    ) -> bool:
        """See `Owner`."""
        # Its own lock, because lossless frames wait for room in the sinks while it is held.
        with self._in_order:
            return self._deliver(reader, frame, discontinuity, read_ms)

    def _deliver(
        self, reader: CaptureThread, frame: Frame, discontinuity: bool, read_ms: float
    ) -> bool:
        info, policy = reader.info, reader.policy
        with self._lock:
            if self._stopped or reader is not self._current or info is None or policy is None:
                return False
            stamp = self._stamps.stamp(frame, info, discontinuity, by_clock=policy.looked_at)
            limit = self._options
            passed = stamp - self._begun(policy, stamp)
            over = limit.seconds is not None and passed >= limit.seconds * ROUNDED
            over |= not policy.live and self._delivered >= (limit.frames or 1 << 62)
            if not over:
                self._delivered += 1
                another = policy.stills and frame.image is not self._last_image
                self._stretch += discontinuity or another
                self._last_image = frame.image if policy.stills else None
        if over:
            self._end(None)
            return False
        self._announce_changes(info)
        captured = CapturedFrame(frame, stamp, self._stretch, info, policy, read_ms)
        if policy.live and self._controls.paused:
            self._metrics.on_frame(captured)
            self._metrics.frame_dropped("paused")
            return True
        if discontinuity and policy.resumes:  # after an end, or a failure
            over_before = (State.DRAINING, State.FINISHED, State.FAILED)
            self._lifecycle.to(State.RUNNING, only_from=over_before)
        for sink in self._sinks:
            sink.on_frame(captured)
        if not self._queue.put(captured, wait=policy.lossless):
            self._metrics.frame_dropped("stopped")
        return True

    def _begun(self, policy: DeliveryPolicy, stamp: float) -> float:
        """The stamp that a limit counts from; `stamp` before that is known.

        In the run of a live source nothing is recorded before a frame reaches the network.
        """
        if not (policy.live and policy.after_model):
            return 0.0
        begun = self._metrics.begun
        return stamp if begun is None else begun

    def _end(self, error: PoseAppError | None) -> None:
        """No more frames will come: the queue is drained, then the session ends."""
        running = (State.LOADING, State.RUNNING)
        if not self._lifecycle.to(State.DRAINING, error, only_from=running):
            self._lifecycle.to(State.FINISHED, error, only_from=(State.FINISHED, State.FAILED))

    def ended(self, reader: CaptureThread) -> None:
        """See `Owner`."""
        with self._lock:
            if reader is not self._current or reader.stopping:
                return
            if self._comes_back(reader):
                self._lose(reader, f"{reader.name} has ended.")
                return
            self._events.add("source_ended", f"{reader.name} has ended.", reader.info)
        self._end(None)

    def failed(self, reader: CaptureThread, error: PoseAppError) -> None:
        """See `Owner`."""
        with self._lock:
            if self._stopped or reader not in (self._current, self._candidate):
                return  # it was released before
            if reader is self._candidate:
                if not self._candidate_failed(reader, error):
                    return
            elif self._comes_back(reader):
                self._lose(reader, str(error))
                return
            else:
                self._release(reader)
                self._events.add("source_failed", str(error), error)
        self._end(error)

    def _comes_back(self, reader: CaptureThread) -> bool:
        """Whether to open this source again when it is lost."""
        return reader.policy is not None and reader.policy.live and self._options.reconnect

    def _candidate_failed(self, reader: CaptureThread, error: PoseAppError) -> bool:
        """Handle a candidate that cannot be opened; returns whether no source is left."""
        self._release(reader)
        self._candidate = None
        if reader.reopened:
            self._wait = min(self._wait * 1.6, LONGEST_WAIT)
            self._next_attempt = time.monotonic() + self._wait
            return False
        current = self._current
        if (
            current is not None
            and current.info is not None
            and isinstance(error, CameraError)
            and error.is_of(current.info.identity)
            and self._fall_back is None
        ):
            # The same camera in another mode: most can be opened only once. Release it and try
            # again; if that fails as well, it is reopened like a lost one.
            self._fall_back = current.info
            self._release(current)
            self._current = None
            self._start_candidate(self._candidate_open, after=current.thread)
            return False
        self._events.add("source_failed", str(error), error)
        if self._fall_back is not None:
            self._lost, self._fall_back = self._fall_back, None
            self._next_attempt = 0.0
            return False
        return current is None and self._lost is None

    def _lose(self, reader: CaptureThread, message: str) -> None:
        self._lost = reader.info
        self._current = None
        self._release(reader)
        self._wait = FIRST_WAIT
        self._next_attempt = time.monotonic() + self._wait
        self._events.add("source_lost", f"{message} Looking for it until it is back.", self._lost)

    def _reopen(self) -> Source:
        from ..sources.opening import reopen

        info = self._lost
        return self._open() if info is None else reopen(info, self._open)

    def _start_candidate(
        self,
        open_source: Callable[[], Source],
        *,
        reopened: bool = False,
        after: threading.Thread | None = None,
    ) -> None:
        def open_now() -> Source:
            if after is not None:
                after.join(RELEASE_SECONDS)
            return open_source()

        reader = CaptureThread(open_now, self, self._controls, self._options)
        reader.reopened = reopened
        if not reopened:
            self._candidate_open = open_source
        self._candidate = reader
        self._candidate_deadline = time.monotonic() + OPEN_SECONDS
        self.threads.append(reader.thread)
        reader.start()

    def _release(self, reader: CaptureThread) -> None:
        """Stop a reader and close its source on another thread, because closing may block."""
        reader.stop()
        self._released.append(reader)
        if reader.thread is threading.current_thread():
            return  # it closes its source itself
        closer = threading.Thread(target=_close, args=(reader,), name="close source", daemon=True)
        self.threads.append(closer)
        closer.start()

    def _announce_changes(self, info: SourceInfo) -> None:
        """A source may change its size or note while it runs."""
        now = (info.name, info.size, info.note)
        if self._announced in (None, now):
            return
        with self._lock:
            before, self._announced = self._announced, now
        if before is not None and before[1] != info.size:
            width, height = info.size
            self._events.add("warning", f"{info.name} is now {width} x {height}.", info)
        if info.note and before is not None and before[2] != info.note:
            self._events.add("warning", info.note, info)


def _close(reader: CaptureThread) -> None:
    try:
        reader.close()
    except Exception:
        log.exception("closing %s failed", reader.name)
