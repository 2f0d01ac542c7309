"""The protocol of a source, and what sources share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..types import Frame

# A timestamp that goes back by more than this is a jump (two joined recordings, a clock set back),
# after which the timeline goes on; a smaller step back is jitter.
_JUMP_SECONDS = 1.0
_SMALLEST_STEP = 1e-5  # seconds; still visible in files that store microseconds


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source is and what it delivers.

    Attributes:
        kind: camera, video, stream, images or demo.
        name: Shown to people; without credentials.
        size: (width, height) of its frames in pixels.
        fps: Nominal frames per second.
        live: Whether it does not wait for its reader (cameras, streams), so that frames may have to
            be dropped.
        seekable: Whether `seek` works.
        frame_count: How many frames it has.
        duration: In seconds.
        files: The names of image files, in their order.
        mirror: Whether to show it mirrored by default.
        identity: Of a camera, to find it again (see `CameraInfo.identity`), with the size, rate and
            format that were asked for and that it gives.
        note: A sentence about what is not as asked for or not as it should be.
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
    """A sequence of frames.

    One thread calls `read` and `seek`; any thread may call `close`. `info` is replaced when
    something about the source changes (its size, a note), so read it again now and then. A frame's
    `index` never decreases; its `seconds` decrease only by a `seek`.
    """

    @property
    def info(self) -> SourceInfo: ...

    def read(self) -> Frame | None:
        """Wait for the next frame. None at the end and after `close`.

        A frame may have another size than the one before it. Raises SourceError where the source
        fails; close it then, and perhaps open it again.
        """
        ...

    def seek(self, seconds: float) -> None:
        """Continue with the frame shown at `seconds`. Raises SourceError if not seekable."""
        ...

    def close(self) -> None:
        """Release everything. Idempotent; a `read` in another thread returns None."""
        ...


@runtime_checkable
class Driven(Protocol):
    """A source with its own thread for its driver, which may block for ever."""

    @property
    def held(self) -> str | None:
        """The name of that thread while it runs; after `close`, while its driver still blocks."""
        ...


class Timeline:
    """Turns the timestamps of a source into strictly increasing seconds."""

    def __init__(self, interval: float) -> None:
        """`interval` is the usual time between two frames, in seconds."""
        self._interval = interval
        self._offset = 0.0
        self._last: float | None = None

    def restart(self) -> None:
        """Start again after a seek: the next frame may have any time."""
        self._offset = 0.0
        self._last = None

    def seconds(self, stamp: float | None) -> float:
        """The seconds of the next frame, from its own timestamp (None: it has none)."""
        if self._last is None:
            seconds = 0.0 if stamp is None else stamp
        elif stamp is None:
            seconds = self._last + self._interval
        else:
            seconds = stamp + self._offset
            if seconds < self._last - _JUMP_SECONDS:
                self._offset = self._last + self._interval - stamp
                seconds = self._last + self._interval
            elif seconds <= self._last:
                seconds = self._last + _SMALLEST_STEP
        self._last = seconds
        return seconds
