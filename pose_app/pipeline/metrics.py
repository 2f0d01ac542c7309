"""Counts of frames and times of all stages of a session."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .sinks import CapturedFrame, ProcessedFrame, Sink

if TYPE_CHECKING:
    from ..engines.base import EngineInfo
    from ..errors import PoseAppError
    from ..recording.recording import RecordingReport, RecordingState
    from ..sources.base import SourceInfo

RECENT = 120  # samples of the live figures, some seconds
RATE_SECONDS = 2.0  # window of a rate


@dataclass(frozen=True)
class StageTime:
    """Milliseconds: median and 95th percentile."""

    median: float
    p95: float


@dataclass(frozen=True)
class FrameMetrics:
    """Live figures of a session; times and rates are of the last seconds.

    Attributes:
        captured: Frames read.
        processed: Frames through the network.
        dropped: Frames by the reason why they were dropped.
        fps: Results per second.
        source_fps: Frames per second that the source delivers.
        stages: Times of the stages (read, find, crop, network, decode, track).
        age: Time from capture to the finished poses.
        recording: Of the running recording.
        source: Of the current source.
        engine: Of the current estimator.
        model: Its name.
        stacks_now: How many stacks run.
        stacks_all: How many the model has.
        seconds: Position of the newest result in its source.
        finished: Whether the session has ended.
    """

    captured: int = 0
    processed: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    fps: float = 0.0
    source_fps: float = 0.0
    stages: Mapping[str, StageTime] = field(default_factory=dict)
    age: StageTime | None = None
    recording: RecordingState | None = None
    source: SourceInfo | None = None
    engine: EngineInfo | None = None
    model: str | None = None
    stacks_now: int | None = None
    stacks_all: int | None = None
    seconds: float | None = None
    finished: bool = False

    @property
    def age_ms(self) -> float | None:
        """Median age in milliseconds; None before the first result."""
        return None if self.age is None else self.age.median

    @property
    def lost(self) -> int:
        """All dropped frames."""
        return sum(self.dropped.values())


@dataclass(frozen=True)
class SessionReport:
    """The figures of a whole session at its end; times are over all frames."""

    captured: int
    processed: int
    dropped: Mapping[str, int]
    seconds: float
    fps: float
    stages: Mapping[str, StageTime]
    age: StageTime | None
    stacks: Mapping[int, int]  # number of stacks -> frames that used so many
    source: SourceInfo | None
    engine: EngineInfo | None
    model: str | None
    recordings: tuple[RecordingReport, ...]
    stuck: tuple[str, ...]  # threads that did not end in time
    failure: PoseAppError | None  # why the session ended by itself, if it did

    @property
    def conserved(self) -> bool:
        """Every captured frame was processed or dropped, every recorded one encoded or dropped."""
        return self.captured == self.processed + sum(self.dropped.values()) and all(
            recording.conserved for recording in self.recordings
        )


class LatencyHistogram:
    """Quantiles of the times of one stage in constant memory.

    Recent samples are kept exactly. All samples are counted in logarithmic bins, 1 % wide, from a
    microsecond to 100 seconds.
    """

    _FLOOR = 1e-3  # ms
    _STEP = math.log(1.01)
    _BINS = math.ceil(math.log(1e8) / _STEP)

    def __init__(self) -> None:
        self.recent: deque[float] = deque(maxlen=RECENT)
        self._bins: Counter[int] = Counter()
        self._count = 0

    def add(self, milliseconds: float) -> None:
        """Add a sample."""
        self.recent.append(milliseconds)
        position = math.log(max(milliseconds, self._FLOOR) / self._FLOOR) / self._STEP
        self._bins[min(int(position), self._BINS)] += 1
        self._count += 1

    def now(self) -> StageTime | None:
        """Quantiles of the recent samples; None without samples."""
        ordered = sorted(self.recent)
        if not ordered:
            return None
        return StageTime(_quantile(ordered, 0.5), _quantile(ordered, 0.95))

    def overall(self) -> StageTime | None:
        """Quantiles of all samples, within 1 %; None without samples."""
        if self._count == 0:
            return None
        return StageTime(self._from_bins(0.5), self._from_bins(0.95))

    def _from_bins(self, share: float) -> float:
        rank, seen = share * (self._count - 1), 0
        for position in sorted(self._bins):
            seen += self._bins[position]
            if seen > rank:
                return self._FLOOR * math.exp((position + 0.5) * self._STEP)
        raise AssertionError("the bins hold every sample")


def _quantile(ordered: list[float], share: float) -> float:
    """Linear interpolation between the two nearest samples."""
    position = share * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


class Rate:
    """Events per second over the last two seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=1000)

    def tick(self, now: float | None = None) -> None:
        """Count an event at `now` (`time.perf_counter`)."""
        self._times.append(time.perf_counter() if now is None else now)

    def value(self, now: float | None = None) -> float:
        """Events per second; 0 with fewer than two in the window."""
        now = time.perf_counter() if now is None else now
        times = [t for t in list(self._times) if t > now - RATE_SECONDS]
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


class MetricsCollector(Sink):
    """Counts and times of one session; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.captured = 0
        self.processed = 0
        self.dropped: Counter[str] = Counter()
        self.stacks: Counter[int] = Counter()
        self._stacks_now: int | None = None
        self._stages: dict[str, LatencyHistogram] = {}
        self._age = LatencyHistogram()
        self._in, self._out = Rate(), Rate()
        self.begun: float | None = None  # stamp of the first frame that reached the network
        self._first: float | None = None
        self._last: float | None = None

    def on_frame(self, captured: CapturedFrame) -> None:
        """Count a frame. Reading a live source is mostly waiting, so its time is not recorded."""
        with self._lock:
            self.captured += 1
            self._in.tick()
            if not captured.policy.live:
                self._stages.setdefault("read", LatencyHistogram()).add(captured.read_ms)

    def on_inference(self, captured: CapturedFrame) -> None:
        """Remember when the network began."""
        if self.begun is None:
            self.begun = captured.stamp

    def on_result(self, processed: ProcessedFrame) -> None:
        """Count a result of the network; of a repetition, only how many stacks it has."""
        if not processed.result.estimated:
            return
        if processed.repeated:
            self._stacks_now = processed.stacks
        else:
            self.frame_processed(processed.result.timings, processed.age_ms, processed.stacks)

    def frame_dropped(self, reason: str) -> None:
        """Count a captured frame that does not reach the network."""
        with self._lock:
            self.dropped[reason] += 1

    def frame_processed(
        self, timings: Mapping[str, float], age_ms: float | None, stacks: int
    ) -> None:
        """Count a processed frame and its times."""
        now = time.perf_counter()
        with self._lock:
            self.processed += 1
            self.stacks[stacks] += 1
            self._stacks_now = stacks
            self._out.tick(now)
            self._first = now if self._first is None else self._first
            self._last = now
            if age_ms is not None:
                self._age.add(age_ms)
            for stage, milliseconds in timings.items():
                self._stages.setdefault(stage, LatencyHistogram()).add(milliseconds)

    def stage(self, stage: str, milliseconds: float) -> None:
        """Add the time of a stage outside the estimator."""
        with self._lock:
            self._stages.setdefault(stage, LatencyHistogram()).add(milliseconds)

    def fps(self) -> float:
        """Frames per second between the first and the last result."""
        if self._first is None or self._last is None or self._last <= self._first:
            return 0.0
        return (self.processed - 1) / (self._last - self._first)

    def source_rate(self) -> float:
        """Frames per second that the source delivers now."""
        with self._lock:
            return self._in.value()

    def now(self) -> dict[str, Any]:
        """The live figures, as keyword arguments of FrameMetrics."""
        with self._lock:
            stages = {stage: spread.now() for stage, spread in self._stages.items()}
            return {
                "captured": self.captured,
                "processed": self.processed,
                "dropped": dict(self.dropped),
                "fps": self._out.value(),
                "source_fps": self._in.value(),
                "stages": {stage: value for stage, value in stages.items() if value},
                "age": self._age.now(),
                "stacks_now": self._stacks_now,
            }

    def overall(self) -> dict[str, Any]:
        """The figures of all frames, as keyword arguments of SessionReport."""
        with self._lock:
            stages = {stage: spread.overall() for stage, spread in self._stages.items()}
            return {
                "captured": self.captured,
                "processed": self.processed,
                "dropped": dict(self.dropped),
                "fps": self.fps(),
                "stages": {stage: value for stage, value in stages.items() if value},
                "age": self._age.overall(),
                "stacks": dict(sorted(self.stacks.items())),
            }
