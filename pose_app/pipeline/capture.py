"""Reading one source on a thread of its own: paced, paused, stepped, sought."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ..errors import PoseAppError, SourceError
from ..sources.base import Driven
from ..types import Frame
from .delivery import DeliveryPolicy
from .frame_queue import wait_until
from .options import Controls, SessionOptions

if TYPE_CHECKING:
    from ..sources.base import Source, SourceInfo

log = logging.getLogger(__name__)

LATE_SECONDS = 0.25  # further behind than this, playing starts anew instead of hurrying after
CLOCK_JUMP_SECONDS = 1.0  # a live timestamp that differs this much from our clock is not believed


class SessionClock:
    """The session's timeline, over seeks, loops, lost and changed sources."""

    def __init__(self) -> None:
        self._last: Frame | None = None
        self._stamp = 0.0

    def place(self, frame: Frame, info: SourceInfo, discontinuity: bool) -> float:
        """Seconds of the frame since the session's first one.

        `discontinuity`: the frame before was of another source or position.
        """
        last, self._last = self._last, frame
        if last is None:
            return self._stamp
        waited = (frame.captured_ns - last.captured_ns) * 1e-9
        step = frame.seconds - last.seconds
        if info.live and (discontinuity or abs(step - waited) > CLOCK_JUMP_SECONDS):
            step = waited
        elif discontinuity or step <= 0:
            step = 1 / (info.fps or 30)
        self._stamp += max(step, 1e-5)
        return self._stamp


class Owner(Protocol):
    """Whom a reader tells what happens; all methods are called on the reader's thread."""

    def take_over(self, reader: CaptureThread) -> bool:
        """The reader has its first frame. False where it is not wanted any more."""

    def deliver(
        self, reader: CaptureThread, frame: Frame, discontinuity: bool, read_ms: float
    ) -> bool:
        """Hand a frame on. False where the session wants no more of them."""

    def ended(self, reader: CaptureThread) -> None:
        """The source has ended."""

    def failed(self, reader: CaptureThread, error: PoseAppError) -> None:
        """The source cannot be opened or read."""


class _Shown:
    """The positions of the last frames, to find the one before: a file may be uneven."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=1000)
        self._going_back = False

    def add(self, seconds: float, discontinuity: bool) -> None:
        """A frame was shown; after a `discontinuity` it does not follow those before it."""
        if discontinuity and not self._going_back:
            self._seconds.clear()
        self._going_back = False
        while self._seconds and self._seconds[-1] >= seconds:
            self._seconds.pop()
        self._seconds.append(seconds)

    def before(self, period: float) -> float | None:
        """Where the frame before the newest one is shown; None before there was any.

        Not known is a frame period before, `period` seconds.
        """
        if not self._seconds:
            return None
        self._going_back = True
        newest = self._seconds[-1]
        earlier = self._seconds[-2] if len(self._seconds) > 1 else newest - period
        return earlier + 0.4 * (newest - earlier)  # no rounding makes another frame of it


class CaptureThread:
    """Opens one source, reads it until told to stop, closes it."""

    def __init__(
        self,
        open_source: Callable[[], Source],
        owner: Owner,
        controls: Controls,
        options: SessionOptions,
    ) -> None:
        self._open = open_source
        self._owner = owner
        self._controls = controls
        self._options = options
        self.policy: DeliveryPolicy | None = None  # known when the source is open
        self._stopping = False
        self.reopened = False  # it looks for a source that was lost
        self._seek: float | None = None
        self._steps = 0
        self._shown = _Shown()
        self._source: Source | None = None
        self.busy_since: float | None = None  # when the driver was asked, while it has not answered
        self.thread = threading.Thread(target=self._run, name="read source", daemon=True)

    @property
    def info(self) -> SourceInfo | None:
        """Of the source, once it is open."""
        return None if self._source is None else self._source.info

    @property
    def name(self) -> str:
        """What people call the source."""
        return "The source" if self.info is None else self.info.name

    def start(self) -> None:
        """Start the thread."""
        self.busy_since = time.monotonic()
        self.thread.start()

    def stop(self) -> None:
        """Ask the thread to end. A driver may hold it: `close` makes most of them let go."""
        self._stopping = True
        self._controls.wake()

    @property
    def stopping(self) -> bool:
        """Whether the thread was asked to end."""
        return self._stopping

    def close(self) -> None:
        """Close the source from outside, so that a blocked read returns. May block itself."""
        source = self._source
        if source is not None:
            source.close()

    @property
    def held(self) -> str | None:
        """The thread that a driver keeps although the source was closed."""
        source = self._source
        return source.held if isinstance(source, Driven) else None

    def seek(self, seconds: float) -> None:
        """Go there with the next frame. Of several requests the last wins."""
        self._seek = max(0.0, seconds)
        self._controls.wake()

    def step(self) -> None:
        """Show one more frame while paused."""
        self._steps += 1
        self._controls.wake()

    def step_back(self) -> None:
        """Show the frame before the one that is shown, of a paused file."""
        source = self._source
        before = None if source is None else self._shown.before(1 / (source.info.fps or 30.0))
        if before is not None:
            self.seek(before)

    def _run(self) -> None:
        try:
            self._work()
        except PoseAppError as error:
            self._owner.failed(self, error)
        except Exception as error:
            log.error("reading %s failed", self.name, exc_info=error)
            self._owner.failed(
                self, SourceError(f"{self.name} broke ({type(error).__name__}: {error}).")
            )
        finally:
            try:
                self.close()
            except Exception as error:
                log.error("closing %s failed", self.name, exc_info=error)

    def _work(self) -> None:
        self._source = source = self._open()
        self.policy = policy = DeliveryPolicy.of(self._options, source.info)
        if self._stopping:
            return
        frame, read_ms = self._read(source)
        if self._stopping:
            return
        if frame is None:
            raise SourceError(f"{source.info.name} has no pictures: choose another source.")
        if not self._owner.take_over(self):
            return
        self._play(source, policy, frame, read_ms)

    def _play(self, source: Source, policy: DeliveryPolicy, first: Frame, read_ms: float) -> None:
        """Deliver one frame after the other, until told to stop or nobody wants more."""
        frame: Frame | None = first
        shown: Frame | None = None
        discontinuity, due = True, time.perf_counter()
        while not self._stopping:
            if frame is None:
                if not self._again(source, policy, shown):
                    return
                shown = None
            elif self._may_show(policy) and self._is_due(policy, due):
                if policy.paced:
                    frame = replace(frame, captured_ns=time.perf_counter_ns())
                if not self._owner.deliver(self, frame, discontinuity, read_ms):
                    return
                self._shown.add(frame.seconds, discontinuity)
                shown, discontinuity = frame, False
                frame, read_ms = self._read(source)
                due = self._due(due, shown, frame)
            seconds = self._taken_seek()
            if seconds is not None and source.info.seekable:
                source.seek(seconds)
                frame, read_ms = self._read(source)
                self._steps += self._controls.paused
                discontinuity, due = True, time.perf_counter()

    def _taken_seek(self) -> float | None:
        """Where to go, once; None where nobody asked, or there is no time left for it."""
        if self._seek is None or self._stopping:
            return None
        seconds, self._seek = self._seek, None
        return seconds

    def _is_due(self, policy: DeliveryPolicy, due: float) -> bool:
        """Wait for a paced frame's time. False where a seek or the end comes first."""
        if policy.paced:
            self._wait(due)
        return not self._stopping and (self._seek is None or policy.live)

    def _read(self, source: Source) -> tuple[Frame | None, float]:
        self.busy_since = time.monotonic()
        begun = time.perf_counter()
        frame = source.read()
        self.busy_since = None
        return frame, (time.perf_counter() - begun) * 1e3

    def _may_show(self, policy: DeliveryPolicy) -> bool:
        """Wait while paused; True where the frame at hand is to be shown."""
        controls = self._controls
        if not policy.paced:
            return True
        with controls.changed:
            controls.changed.wait_for(
                lambda: (
                    not controls.paused
                    or self._steps > 0
                    or self._stopping
                    or self._seek is not None
                )
            )
            if controls.paused and self._steps > 0:
                self._steps -= 1
                return True
            self._steps = 0
            return not self._stopping and self._seek is None

    def _wait(self, due: float) -> None:
        paused, speed = self._controls.paused, self._controls.speed
        wait_until(
            due,
            self._controls.changed,
            lambda: (
                self._stopping
                or self._seek is not None
                or self._controls.paused != paused
                or self._controls.speed != speed
            ),
        )

    def _due(self, due: float, shown: Frame, following: Frame | None) -> float:
        """When the next frame is to be shown, on `time.perf_counter`'s clock."""
        now = time.perf_counter()
        if following is None:
            return now
        step = max(0.0, following.seconds - shown.seconds) / max(self._controls.speed, 0.01)
        return now if due + step < now - LATE_SECONDS else due + step

    def _again(self, source: Source, policy: DeliveryPolicy, shown: Frame | None) -> bool:
        """At the end of a file: loop, or wait for a seek. False where it is over.

        `shown` is None where there was no frame since the last time: that would go on for ever.
        """
        controls = self._controls
        more = source.info.seekable and policy.paced
        if more and controls.loop and shown is not None:
            self._seek = 0.0
            return True
        self._owner.ended(self)
        if not more:
            return False
        with controls.changed:
            controls.changed.wait_for(lambda: self._stopping or self._seek is not None)
        return not self._stopping
