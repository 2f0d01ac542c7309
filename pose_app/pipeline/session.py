"""The session: owns every thread between a source and its poses and files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..recording.recording import RecordingRequest
from ..types import Result
from .events import Event, EventList
from .options import Controls, SessionOptions
from .stats import SessionReport, Stats

if TYPE_CHECKING:
    from ..pose.estimator import PoseEstimator
    from ..sources.base import Source

__all__ = ["Controls", "Event", "RecordingRequest", "Session", "SessionOptions", "SessionReport"]


class Session:
    """Frames of a source to poses, results and files, on threads of its own.

    `open_source` and `open_estimator` are called on background threads, again where a source is
    lost or an engine fails. `fallbacks` are tried in order when an engine fails in mid-run.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        open_estimator: Callable[[], PoseEstimator],
        options: SessionOptions | None = None,
        fallbacks: Sequence[Callable[[], PoseEstimator]] = (),
    ) -> None:
        self.options = options or SessionOptions()
        self.controls = Controls(self.options)
        self._open_source = open_source
        self._open_estimator = open_estimator
        self._fallbacks = tuple(fallbacks)
        self._events = EventList()

    def start(self) -> None:
        """Start the threads; returns at once. May be called once."""
        raise NotImplementedError

    def stop(self) -> SessionReport:
        """Stop everything in order and account for it; a second call gives the same report."""
        raise NotImplementedError

    def latest(self) -> Result | None:
        """The newest result; the same object until there is a newer one."""
        return None

    def set_source(self, open_source: Callable[[], Source]) -> None:
        """Change over to another source as soon as it has delivered a picture."""
        raise NotImplementedError

    def set_estimator(
        self,
        open_estimator: Callable[[], PoseEstimator],
        fallbacks: Sequence[Callable[[], PoseEstimator]] = (),
    ) -> None:
        """Change over to another model or engine as soon as it is loaded."""
        raise NotImplementedError

    def seek(self, seconds: float) -> None:
        """Go to a place of a seekable source."""
        raise NotImplementedError

    def step(self) -> None:
        """Show one more frame of a paused file."""
        raise NotImplementedError

    def record(self, request: RecordingRequest) -> None:
        """Start recording. Raises RecordingError where it cannot begin."""
        raise NotImplementedError

    def stop_recording(self) -> None:
        """End the recording in the background; `recording_finished` tells when it is done."""
        raise NotImplementedError

    def stats(self) -> Stats:
        return Stats()

    def events(self) -> list[Event]:
        """What happened since the last call."""
        return self._events.drain()
