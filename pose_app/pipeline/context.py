"""What all threads of a session share."""

from __future__ import annotations

from dataclasses import dataclass, field

from .events import EventList
from .lifecycle import Lifecycle
from .metrics import MetricsCollector
from .options import Controls, SessionOptions


@dataclass(frozen=True)
class SessionContext:
    """Wishes on the way in, accounts on the way out; every member is safe from every thread."""

    options: SessionOptions
    controls: Controls
    events: EventList = field(default_factory=EventList)
    metrics: MetricsCollector = field(default_factory=MetricsCollector)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)

    @classmethod
    def of(cls, options: SessionOptions) -> SessionContext:
        """A new one, whose controls begin as the options say."""
        return cls(options, Controls(options))
