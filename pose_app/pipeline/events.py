"""What a session tells about itself while it runs."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import without_frames

log = logging.getLogger(__name__)

Kind = Literal[
    "source_opened",
    "source_failed",
    "source_lost",
    "source_back",
    "source_ended",
    "model_loaded",
    "model_failed",
    "engine_changed",
    "engine_improved",
    "recording_started",
    "recording_continued",
    "recording_finished",
    "warning",
]

_BAD = ("source_failed", "source_lost", "model_failed", "engine_changed", "warning")


@dataclass(frozen=True)
class Event:
    """Something that happened: `message` is one sentence for people.

    `data` is what the kind is about: SourceInfo (source_opened, source_back), EngineInfo
    (model_loaded; engine_changed, after a failure; engine_improved), RecordingRequest
    (recording_started; of the new files: recording_continued), RecordingReport of all files
    (recording_finished), the exception (the failures) or None. `wall` is seconds since the epoch.
    `topic` is what it is about (`source`, `model`, `recording`, ...): what is told about it later
    takes its place.
    """

    kind: Kind
    message: str
    data: Any = None
    wall: float = field(default_factory=time.time)
    topic: str = ""

    def __post_init__(self) -> None:
        if not self.topic:
            first = self.kind.partition("_")[0]
            object.__setattr__(self, "topic", {"engine": "model"}.get(first, first))

    @property
    def bad(self) -> bool:
        """Whether people should see it as a problem."""
        return self.kind in _BAD


class EventList:
    """Events of all threads, drained by one reader; the oldest go when nobody reads."""

    def __init__(self, size: int = 1000) -> None:
        self._events: deque[Event] = deque(maxlen=size)
        self._lock = threading.Lock()

    def add(self, kind: Kind, message: str, data: Any = None, topic: str = "") -> None:
        """Note an event of now."""
        if isinstance(data, BaseException):
            without_frames(data)
        event = Event(kind, message, data, topic=topic)
        log.log(logging.WARNING if event.bad else logging.INFO, "%s: %s", kind, message)
        with self._lock:
            self._events.append(event)

    def drain(self) -> list[Event]:
        """The events since the last call, oldest first."""
        with self._lock:
            events = list(self._events)
            self._events.clear()
        return events
