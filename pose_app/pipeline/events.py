"""Events: messages of a session for people."""

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
    """Something that happened.

    Attributes:
        kind: What happened.
        message: A sentence for people.
        data: By kind: SourceInfo (source_opened, source_lost, source_back, source_ended),
            EngineInfo (model_loaded; engine_changed, after a failure; engine_improved),
            RecordingRequest with the new files
            (recording_started, recording_continued), RecordingReport of all files
            (recording_finished), an exception (failures) or None.
        wall: Seconds since the epoch.
        topic: `source`, `model`, `recording`, ...; a later event of a topic replaces an earlier
            one.
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
    """Events of all threads for one reader; beyond `size`, the oldest are dropped."""

    def __init__(self, size: int = 1000) -> None:
        self._events: deque[Event] = deque(maxlen=size)
        self._lock = threading.Lock()

    def add(self, kind: Kind, message: str, data: Any = None, topic: str = "") -> None:
        """Add and log an event."""
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
