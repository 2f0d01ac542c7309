"""The objects that all threads of a session share."""

from __future__ import annotations

from dataclasses import dataclass, field

from .events import EventList
from .lifecycle import Lifecycle
from .metrics import MetricsCollector
from .options import Controls, SessionOptions


@dataclass(frozen=True)
class SessionContext:
    """Options and controls of a session, its events, metrics and state. All are thread-safe."""

    options: SessionOptions
    controls: Controls
    events: EventList = field(default_factory=EventList)
    metrics: MetricsCollector = field(default_factory=MetricsCollector)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)

    @classmethod
    def of(cls, options: SessionOptions) -> SessionContext:
        """A new context; its controls start with the values of the options."""
        return cls(options, Controls(options))
