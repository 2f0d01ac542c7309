"""Replay buffer: the last seconds as encoded video in memory, to save what has just happened.

Images are encoded as in recordings (`h264`), in groups of about a second that begin with a key
frame. The oldest group is dropped once it ended long enough ago. Saving only copies packets into a
file, while the buffer goes on.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from ..errors import RecordingError
from ..types import Image
from . import files, h264
from .recording import FileReport

log = logging.getLogger(__name__)

TICKS = h264.TICKS["mp4"]
GROUP_SECONDS = 1.0  # from one key frame to the next
MOST_BYTES = 256 * 2**20  # of memory, even if the buffer is then shorter
_QUEUE_BYTES = 48 * 2**20  # images that may wait for the encoder
_WAIT_SECONDS = 2.0  # for waiting images to be encoded, when saving
_RATE = Fraction(30)  # nominal; each frame has its own timestamp


@dataclass(frozen=True)
class _Packet:
    data: bytes
    tick: int
    key: bool


@dataclass
class _Group:
    """A key frame and the packets up to the next one."""

    packets: list[_Packet] = field(default_factory=list)
    bytes: int = 0


class ReplayTrack:
    """One video of the last `seconds`, encoded on its own thread.

    `offer` never waits; new images are dropped while the encoder is too slow.
    """

    def __init__(self, kind: str, seconds: float) -> None:
        self.kind, self.seconds = kind, seconds
        self.dropped = 0
        self.error: str | None = None  # why nothing more is kept
        self._queue: deque[tuple[Callable[[], Image], float]] = deque()
        self._groups: deque[_Group] = deque()
        self._changed = threading.Condition()
        self._closing = self._busy = False
        self._encoder: Any = None
        self._size = (0, 0)
        self._room = 4
        self._last = -1
        self.thread = threading.Thread(target=self._run, name=f"replay {kind}", daemon=True)
        self.thread.start()

    def offer(self, picture: Callable[[], Image], seconds: float) -> bool:
        """Queue an image. False where it was dropped.

        Args:
            picture: Returns the image (H, W, 3) BGR; called on the track's own thread.
            seconds: Its time on any clock; if that goes back, the buffer starts again.
        """
        with self._changed:
            if self._closing or self.error is not None:
                return False
            if len(self._queue) >= self._room:
                self.dropped += 1
                return False
            self._queue.append((picture, seconds))
            self._changed.notify_all()
            return True

    @property
    def bytes(self) -> int:
        """Memory used by encoded images."""
        with self._changed:
            return sum(group.bytes for group in self._groups)

    @property
    def kept_seconds(self) -> float:
        """How many seconds could be saved now."""
        with self._changed:
            if not self._groups:
                return 0.0
            first, last = self._groups[0].packets[0], self._groups[-1].packets[-1]
            return (last.tick - first.tick) / TICKS

    def clear(self) -> None:
        """Forget everything, e.g. because another source was opened."""
        with self._changed:
            self._queue.clear()
            self._groups.clear()

    def save(self, path: Path) -> FileReport:
        """Write the buffer into a new file (.mp4 or .mkv), while the track goes on.

        The file begins with a key frame, up to GROUP_SECONDS earlier than asked for. Raises
        RecordingError where the buffer is empty, or the file exists or cannot be written.
        """
        path = Path(path)
        files.check_video_name(path)
        with self._changed:
            self._changed.wait_for(lambda: not (self._queue or self._busy), _WAIT_SECONDS)
            groups, size = self._wanted(), self._size
            # A copy, because the newest group may grow meanwhile.
            packets = [packet for group in groups for packet in tuple(group.packets)]
        if not packets:
            raise RecordingError(
                self.error or "There is nothing to save yet: wait a moment and try again."
            )
        files.check_space(path)
        path = files.claim(path)
        try:
            _write(path, packets, size)
        except (av.FFmpegError, OSError, ValueError) as error:
            path.unlink(missing_ok=True)
            raise RecordingError(
                f"{path} cannot be written ({files.reason(error)}): choose another folder."
            ) from None
        length = (packets[-1].tick - packets[0].tick) / TICKS
        count = len(packets)
        return FileReport(self.kind, path, count, count, {}, length, path.stat().st_size)

    def end(self) -> None:
        """Keep nothing more and free the memory; returns at once, see `close`."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self.clear()

    def close(self, timeout: float = 5.0) -> None:
        """As `end`; then wait for the thread, which may have an image to encode."""
        self.end()
        self.thread.join(timeout)

    def _wanted(self) -> list[_Group]:
        """The newest groups that are together at least `self.seconds` long."""
        wanted: list[_Group] = []
        for group in reversed(self._groups):
            wanted.insert(0, group)
            if self._groups[-1].packets[-1].tick - group.packets[0].tick >= self.seconds * TICKS:
                break
        return wanted

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._queue or self._closing)
                    if self._closing:
                        break
                    picture, seconds = self._queue.popleft()
                    self._busy = True
                self._encode(picture(), seconds)
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
        except Exception as error:
            log.error("the replay buffer ended", exc_info=error)
            with self._changed:
                self.error = (
                    str(error)
                    if isinstance(error, RecordingError)
                    else f"The replay buffer has stopped ({files.reason(error)}): start it again."
                )
        finally:
            self._encoder = None
            with self._changed:
                self._busy = False
                self._queue.clear()
                self._changed.notify_all()

    def _encode(self, image: Image, seconds: float) -> None:
        size = image.shape[1], image.shape[0]
        tick = round(seconds * TICKS)
        restart = self._encoder is None or size != self._size or tick < self._last
        if restart:
            self._begin(size)
        tick = tick if restart else max(tick, self._last + 1)  # two frames never share a tick
        self._last = tick
        frame = h264.video_frame(image, tick, TICKS)
        with self._changed:
            started = self._groups[-1].packets[0].tick if self._groups else None
        if started is None or tick - started >= GROUP_SECONDS * TICKS:
            frame.pict_type = av.video.frame.PictureType.I
        for packet in self._encoder.encode(frame):
            self._keep(_Packet(bytes(packet), packet.pts, packet.is_keyframe))

    def _begin(self, size: tuple[int, int]) -> None:
        try:
            encoder: Any = av.CodecContext.create("libx264", "w")
        except ValueError:
            raise RecordingError(h264.NO_ENCODER) from None
        h264.configure(encoder, size, _RATE, TICKS, 10 * GROUP_SECONDS)
        with self._changed:
            self._groups.clear()
            self._encoder, self._size = encoder, size
            self._room = max(4, min(32, _QUEUE_BYTES // (3 * size[0] * size[1])))

    def _keep(self, packet: _Packet) -> None:
        with self._changed:
            if self._closing:
                return
            if packet.key:
                self._groups.append(_Group())
            if not self._groups:
                return  # cleared while it was encoded: wait for the next key frame
            self._groups[-1].packets.append(packet)
            self._groups[-1].bytes += len(packet.data)
            kept = sum(group.bytes for group in self._groups)
            while len(self._groups) > 1:
                # The oldest group ends with the next one, or soon after it where frames are missing
                # for long: of a pause, or a camera that was away.
                longest = self._groups[0].packets[-1].tick + int(GROUP_SECONDS * TICKS)
                end = min(self._groups[1].packets[0].tick, longest)
                if packet.tick - end < self.seconds * TICKS and kept <= MOST_BYTES:
                    break
                kept -= self._groups.popleft().bytes


def _write(path: Path, packets: list[_Packet], size: tuple[int, int]) -> None:
    kind = files.CONTAINERS[path.suffix.lower()]
    ticks, last = h264.TICKS[kind], -1
    with av.open(str(path), "w", format=kind) as container:
        # The encoder is opened only for its header, which the same settings make the same.
        stream: Any = container.add_stream("libx264", rate=_RATE)
        stream.time_base = Fraction(1, ticks)
        h264.configure(stream.codec_context, size, _RATE, ticks, 10 * GROUP_SECONDS)
        for kept in packets:
            # Two frames never share a tick: players would drop one.
            last = max(round((kept.tick - packets[0].tick) * ticks / TICKS), last + 1)
            packet = av.Packet(kept.data)
            packet.pts = packet.dts = last
            packet.time_base = Fraction(1, ticks)
            packet.is_keyframe = kept.key
            packet.stream = stream
            container.mux(packet)
