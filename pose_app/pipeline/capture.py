"""The capture thread: reads one source, with pacing, pause, step and seek."""

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
from .options import Controls, SessionOptions

if TYPE_CHECKING:
    from ..sources.base import Source, SourceInfo

log = logging.getLogger(__name__)

AGAIN_SECONDS = 0.1  # after which a still is delivered again for a recording
LATE_SECONDS = 0.25  # if a paced file is later than this, it does not try to catch up
CLOCK_JUMP_SECONDS = 1.0  # a live timestamp that differs more from our clock is not used
DRIFT_SECONDS = 60.0  # in which a difference is forgotten: clocks run a little fast or slow


class SessionClock:
    """The session's timeline, which goes on over seeks, loops, lost and changed sources."""

    def __init__(self) -> None:
        self._last: Frame | None = None
        self._stamp = 0.0
        self._drift = 0.0  # live timestamps less our clock, lately

    def stamp(
        self, frame: Frame, info: SourceInfo, discontinuity: bool, by_clock: bool = False
    ) -> float:
        """Seconds from the session's first frame to this one.

        Args:
            frame: The frame.
            info: Of its source.
            discontinuity: The frame does not follow the one before it.
            by_clock: The time since that one counts, not the frames' own times.
        """
        last, self._last = self._last, frame
        if last is None:
            return self._stamp
        waited = (frame.captured_ns - last.captured_ns) * 1e-9
        step = frame.seconds - last.seconds
        if info.live:
            self._drift *= max(0.0, 1 - waited / DRIFT_SECONDS)
            drift = self._drift + step - waited
            if by_clock or discontinuity or step <= 0 or abs(drift) > CLOCK_JUMP_SECONDS:
                step = waited
            else:
                self._drift = drift
        elif by_clock:
            step = waited
        elif discontinuity or step <= 0:
            step = 1 / (info.fps or 30)
        self._stamp += max(step, 1e-5)
        return self._stamp


class Owner(Protocol):
    """The owner of a capture thread, which calls these methods."""

    def take_over(self, reader: CaptureThread) -> bool:
        """The first frame was read. False where the source is not wanted any more."""

    def deliver(
        self, reader: CaptureThread, frame: Frame, discontinuity: bool, read_ms: float
    ) -> bool:
        """Deliver a frame. False where no more frames are wanted."""

    def ended(self, reader: CaptureThread) -> None:
        """The source has ended."""

    def failed(self, reader: CaptureThread, error: PoseAppError) -> None:
        """The source cannot be opened or read."""


class _Shown:
    """The positions of the last shown frames, for stepping back in files of variable rate."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=1000)
        self._wanted: float | None = None  # where a step back that is not shown yet goes to

    def add(self, seconds: float, discontinuity: bool) -> None:
        """A frame was shown; with `discontinuity` it does not follow the one before it."""
        if discontinuity and self._wanted is None:
            self._seconds.clear()
        self._wanted = None
        while self._seconds and self._seconds[-1] >= seconds:
            self._seconds.pop()
        self._seconds.append(seconds)

    def forget_step(self) -> None:
        """A jump elsewhere takes the place of a step back that is not shown yet."""
        self._wanted = None

    def before(self, period: float) -> float | None:
        """The position of the frame before the newest one; None before the first frame.

        Asked again before that frame is shown, the one before it. Where the position is unknown, it
        is `period` (seconds) earlier.
        """
        if not self._seconds:
            return None
        newest = self._seconds[-1] if self._wanted is None else self._wanted
        known = [seconds for seconds in list(self._seconds) if seconds < newest]
        self._wanted = earlier = known[-1] if known else newest - period
        return earlier + 0.4 * (newest - earlier)  # inside the frame, whatever the rounding


class CaptureThread:
    """Opens one source, reads it until `stop`, and closes it."""

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
        self.reopened = False  # whether it opens a lost source again
        self._seek: float | None = None
        self._steps = 0
        self._shown = _Shown()
        self._source: Source | None = None
        self.busy_since: float | None = None  # when the current call of the driver began
        self.thread = threading.Thread(target=self._run, name="read source", daemon=True)

    @property
    def info(self) -> SourceInfo | None:
        """Of the source, once it is open."""
        return None if self._source is None else self._source.info

    @property
    def name(self) -> str:
        """The name of the source, for messages."""
        return "The source" if self.info is None else self.info.name

    def start(self) -> None:
        """Start the thread."""
        self.busy_since = time.monotonic()
        self.thread.start()

    def stop(self) -> None:
        """Ask the thread to end. A driver may block it; `close` interrupts most of them."""
        self._stopping = True
        self._controls.wake()

    @property
    def stopping(self) -> bool:
        """Whether the thread was asked to end."""
        return self._stopping

    def close(self) -> None:
        """Close the source from another thread, so that a blocked read returns. May block."""
        source = self._source
        if source is not None:
            source.close()

    @property
    def held(self) -> str | None:
        """The name of a thread that a driver blocks although the source was closed."""
        source = self._source
        return source.held if isinstance(source, Driven) else None

    def seek(self, seconds: float) -> None:
        """Continue at this position. Of several requests the last one counts."""
        self._shown.forget_step()
        self._go_to(seconds)

    def _go_to(self, seconds: float) -> None:
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
            self._go_to(before)

    def _run(self) -> None:
        try:
            self._work()
        except PoseAppError as error:
            self._owner.failed(self, error)
        except Exception as error:
            log.error("reading %s failed", self.name, exc_info=error)
            self._owner.failed(
                self,
                SourceError(
                    f"{self.name} failed ({type(error).__name__}: {error}): open it again."
                ),
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
            raise SourceError(f"{source.info.name} has no frames: choose another source.")
        if not self._owner.take_over(self):
            return
        self._play(source, policy, frame, read_ms)

    def _play(self, source: Source, policy: DeliveryPolicy, first: Frame, read_ms: float) -> None:
        """Deliver frames until `stop` or until no more are wanted."""
        frame: Frame | None = first
        shown: Frame | None = None  # since the last end
        still: Frame | None = None  # what is shown
        discontinuity, pace = True, _Pace()
        while not self._stopping:
            if frame is None:
                if self._loops(source, policy, shown):
                    source.seek(0.0)
                    frame, read_ms = self._read(source)
                    discontinuity, pace.gap = True, 1 / (source.info.fps or 30.0)
                elif not self._wait_for_seek(source, policy, still):
                    return
                shown = None
            elif self._may_show(policy, pace, still):
                if policy.paced:
                    frame = replace(frame, captured_ns=time.perf_counter_ns())
                # First, because a person may see the frame and step back before `deliver` returns.
                self._shown.add(frame.seconds, discontinuity)
                if not self._owner.deliver(self, frame, discontinuity, read_ms):
                    return
                pace.shown(self._controls.speed)
                shown = still = frame
                discontinuity = False
                frame, read_ms = self._read(source)
                if frame is not None:
                    pace.gap = max(0.0, frame.seconds - shown.seconds)
            elif still is not None and self._again_in(policy, still) == 0:
                still = self._again(still)
                if still is None:
                    return
            seconds = self._take_seek()
            if seconds is not None and source.info.seekable:
                source.seek(seconds)
                frame, read_ms = self._read(source)
                self._steps = int(self._controls.paused)  # steps asked for before it are past
                discontinuity, pace = True, _Pace()

    def _take_seek(self) -> float | None:
        """The requested position, which is then forgotten; None where there is none."""
        if self._seek is None or self._stopping:
            return None
        seconds, self._seek = self._seek, None
        return seconds

    def _read(self, source: Source) -> tuple[Frame | None, float]:
        self.busy_since = time.monotonic()
        begun = time.perf_counter()
        try:
            frame = source.read()
        finally:
            self.busy_since = None
        return frame, (time.perf_counter() - begun) * 1e3

    def _again_in(self, policy: DeliveryPolicy, still: Frame | None) -> float | None:
        """Seconds until the shown still is delivered again, 0 = now; None where it is not."""
        if still is None or not policy.looked_at:
            return None
        if not (self._controls.recording or self._controls.replay):
            return None
        return max(0.0, still.captured_ns * 1e-9 + AGAIN_SECONDS - time.perf_counter())

    def _again(self, still: Frame) -> Frame | None:
        """Deliver a still again; returns it, or None where no more frames are wanted."""
        again = replace(still, captured_ns=time.perf_counter_ns())
        return again if self._owner.deliver(self, again, False, 0.0) else None

    def _may_show(self, policy: DeliveryPolicy, pace: _Pace, still: Frame | None) -> bool:
        """Wait until the current frame is due, or for a step while paused.

        False where `stop`, a seek or a repetition of the shown still comes first.
        """
        controls = self._controls
        if not policy.paced:
            return not self._stopping and (self._seek is None or policy.live)
        with controls.changed:
            while not self._stopping and self._seek is None:
                wait = again = self._again_in(policy, still)
                if not controls.paused:
                    self._steps = 0
                    due = pace.due(controls.speed) - time.perf_counter()
                    if due <= 0:
                        return True
                    wait = due if again is None else min(due, again)
                elif self._steps > 0:
                    self._steps -= 1
                    return True
                if again == 0:
                    return False
                controls.changed.wait(wait)
        return False

    def _loops(self, source: Source, policy: DeliveryPolicy, shown: Frame | None) -> bool:
        """Whether to start again at the end of a file.

        `shown` is None where there was no frame since the last end: looping would never stop.
        """
        return self._controls.loop and source.info.seekable and policy.paced and shown is not None

    def _wait_for_seek(self, source: Source, policy: DeliveryPolicy, still: Frame | None) -> bool:
        """Report the end of a file and wait for a seek. False where the source is finished."""
        self._owner.ended(self)
        if not (source.info.seekable and policy.paced):
            return False
        controls = self._controls
        while not self._stopping and self._seek is None:
            again = self._again_in(policy, still)
            if still is not None and again == 0:
                still = self._again(still)
                if still is None:
                    return False
                continue
            with controls.changed:
                if not self._stopping and self._seek is None:
                    controls.changed.wait(again)
        return not self._stopping


class _Pace:
    """When the next frame of a paced file is due, on the clock of `time.perf_counter`.

    `gap`: seconds of the file between the shown frame and the next one; 0: that is due at once.
    """

    def __init__(self) -> None:
        self.gap = 0.0
        self._since = time.perf_counter()  # when the shown frame was due

    def due(self, speed: float) -> float:
        """When the next frame is due at this speed."""
        return self._since + self.gap / max(speed, 0.01)

    def shown(self, speed: float) -> None:
        """The next frame is shown now: the one after it is due `gap` later.

        The pace is that of the timestamps, not of the moments when frames are shown; only a frame
        that is much too late, or was shown before its time, begins a new pace.
        """
        due, now = self.due(speed), time.perf_counter()
        self._since = due if abs(now - due) <= LATE_SECONDS else now
