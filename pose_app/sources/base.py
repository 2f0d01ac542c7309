"""What every source of frames offers, and the small parts that they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..types import Frame

# A timestamp that goes back by more than this starts a new stretch of the timeline (two recordings
# joined, a clock set back); a smaller step back is jitter of one frame.
_NEW_STRETCH_SECONDS = 1.0
# The smallest step that survives being written with microseconds.
_SMALLEST_STEP = 1e-5


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source is and gives.

    `kind` is camera, video, stream, images or demo; `name` is shown to people and never holds
    credentials; `size` is (width, height) as delivered; `fps` is nominal. A `live` source is never
    paced and its newest frame wins; the others are files that can be read without losing a frame.
    `duration` is in seconds. `files` are the names of pictures, in their order. `identity` tells a
    camera from others: name, vid, pid, index, backend. `note` is a sentence about what is not as
    it was asked for, or as it should be.
    """

    kind: str
    name: str
    size: tuple[int, int]
    fps: float | None = None
    live: bool = False
    seekable: bool = False
    frame_count: int | None = None
    duration: float | None = None
    files: tuple[str, ...] = ()
    mirror: bool = False
    identity: dict[str, str] = field(default_factory=dict)
    note: str | None = None


class Source(Protocol):
    """Frames, one after the other.

    `read`, `seek` belong to one thread; `close` may be called from any. `info` is replaced by a new
    value when something about the source changes (its size, a note), so look at it again now and
    then. A frame's `index` never goes back; its `seconds` go back only by a `seek`.
    """

    @property
    def info(self) -> SourceInfo: ...

    def read(self) -> Frame | None:
        """The next frame; blocks until there is one. None at the end and after `close`.

        A picture may have another size than the one before it. Raises SourceError where the source
        breaks; it is to be closed then, and may be opened again.
        """
        ...

    def seek(self, seconds: float) -> None:
        """The next frame read is the one shown at `seconds`. Raises SourceError if not seekable."""
        ...

    def close(self) -> None:
        """Let go of everything, any number of times; a `read` in another thread returns None."""
        ...


@runtime_checkable
class Driven(Protocol):
    """A source that is read by a thread of its own, because a driver may never answer."""

    @property
    def held(self) -> str | None:
        """The name of that thread while it runs: after `close`, while its driver keeps it."""
        ...


class Timeline:
    """Turns whatever timestamps a source carries into strictly increasing seconds."""

    def __init__(self, interval: float) -> None:
        """`interval` is the usual time between two frames, in seconds."""
        self._interval = interval
        self._offset = 0.0
        self._last: float | None = None

    def restart(self) -> None:
        """Forget the past: the next frame may lie anywhere (after a seek)."""
        self._offset = 0.0
        self._last = None

    def place(self, stamp: float | None) -> float:
        """Seconds of the frame with the source's own timestamp `stamp` (None: it has none)."""
        if self._last is None:
            seconds = 0.0 if stamp is None else stamp
        elif stamp is None:
            seconds = self._last + self._interval
        else:
            seconds = stamp + self._offset
            if seconds < self._last - _NEW_STRETCH_SECONDS:
                self._offset = self._last + self._interval - stamp
                seconds = self._last + self._interval
            elif seconds <= self._last:
                seconds = self._last + _SMALLEST_STEP
        self._last = seconds
        return seconds
