"""Video files, and whatever else with an end FFmpeg can open, through PyAV."""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections import deque
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..errors import SourceError
from ..types import Frame
from .base import SourceInfo, Timeline
from .names import redact
from .upright import UprightImages

_DEFAULT_FPS = 30.0
_ONE_THREAD_PIXELS = 1920 * 1080  # larger frames are decoded by several threads
_TOLERANCE = 4e-4  # seconds; timestamps are rounded to ticks. A tenth of a frame at 240 fps
# Seconds before the wanted time to seek to, if the file's keyframe index leads behind it; some
# formats seek by the times of decoding, and not to a key frame. The last step is the beginning.
_SEEK_STEPS = (0.0, 1.0, 5.0, 30.0, 1e9)
_MOST_FPS = 240.0  # a higher average is the tick of a clock more often than a rate
_MOST_BROKEN_IN_A_ROW = 500  # damaged packets, after which the rest of a file is given up
# Metadata that is not UTF-8 must not make a video unreadable; PyAV 19 accepts it as it is.
LENIENT: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
)
# A file may be a playlist of addresses, and an address may return a playlist of files: opening a
# file must not use the network, and opening an address must not read files.
_FILES_ONLY = {"protocol_whitelist": "file"}
NETWORK_ONLY = {
    "protocol_whitelist": "http,https,httpproxy,tcp,tls,udp,rtp,rtmp,rtmps,srt,crypto,data"
}
_NETWORK_ERRORS = (av.error.TimeoutError, av.error.ExitError, av.error.HTTPError)
_OPEN_SECONDS = 15.0
_READ_SECONDS = 15.0


def reason(error: Exception) -> str:
    """The message of FFmpeg or the system, without the file's name (it may have credentials)."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return redact(str(text)).strip().rstrip(".")


class VideoSource:
    """The frames of a video file with their timestamps, upright and with square pixels.

    Packets that cannot be decoded are left out; `broken` counts them and `info.note` reports them.
    With `loop`, which may be set at any time, the file never ends and `seconds` keep increasing.
    """

    def __init__(
        self,
        location: str | Path,
        *,
        loop: bool = False,
        kind: str = "video",
        name: str | None = None,
        timeout: tuple[float, float] = (_OPEN_SECONDS, _READ_SECONDS),
    ) -> None:
        """Open a file or URL and decode its first frame.

        Args:
            location: A path, or a URL as text.
            loop: Whether to start again at the end.
            kind: For `info`.
            name: For `info`; default the file's name.
            timeout: For URLs: seconds to connect, and seconds without data.

        Raises:
            SourceError: It is missing, empty, unreadable or has no video.
        """
        self.loop = loop
        self.broken = 0
        self._name = redact(name or (location.name if isinstance(location, Path) else location))
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._remote = not isinstance(location, Path)
        self._container = _open(location, self._name, timeout)
        try:
            self._stream: VideoStream = self._container.streams.video[0]
            self._stream.thread_type = "AUTO" if _is_large(self._stream) else "NONE"
            fps = nominal_rate(self._stream, self._duration()) or _DEFAULT_FPS
            self._interval = 1.0 / fps
            self._start: float | None = None  # timestamp of the first frame
            self._first_ticks: int | None = None  # when the first packet is decoded
            self._timeline = Timeline(self._interval)
            self._waiting: deque[tuple[VideoFrame, float]] = deque()
            self._images = UprightImages(self._stream)
            self._pictures = self._decode()
            self._index = 0
            self._lap_start = 0.0
            self._last_in_lap = 0.0
            first = self._next_picture()
            if first is None:
                raise SourceError(
                    f"{self._name} has no readable frame, it may be damaged or still being "
                    "written: choose another file."
                )
            self._waiting.append(first)
            picture = self._images.image(first[0])
            self.info = SourceInfo(
                kind=kind,
                name=self._name,
                size=(picture.shape[1], picture.shape[0]),
                fps=fps,
                seekable=self._seekable(),
                frame_count=self._stream.frames or None,
                duration=self._duration(),
                note=self._note(),
            )
        except BaseException:
            self._container.close()
            raise

    def read(self) -> Frame | None:
        with self._lock:
            try:
                return self._read()
            finally:
                if self._closed.is_set():
                    self._release()

    def seek(self, seconds: float) -> None:
        """Continue with the frame shown at `seconds`; beyond the end, with the last one.

        With `loop`, `seconds` may lie in a later lap, as those of frames do.
        """
        if not self.info.seekable:
            raise SourceError(f"{self._name} cannot seek: it is read from start to end only.")
        with self._lock:
            if self._closed.is_set():
                return
            lap, wanted = 0.0, max(0.0, seconds)
            if self.loop and self.info.duration:
                laps = math.floor((wanted + _TOLERANCE) / self.info.duration)
                lap = laps * self.info.duration
                wanted = max(0.0, wanted - lap)
            self._seek(wanted)
            self._lap_start = lap

    def close(self) -> None:
        self._closed.set()
        # If a read is in progress, it closes the file when it is done.
        if self._lock.acquire(blocking=False):
            try:
                self._release()
            finally:
                self._lock.release()

    def _release(self) -> None:
        """Close the file and free its decoder. Idempotent.

        The generator that decodes refers to this object; closing it breaks the cycle, so that the
        decoder's threads and frames are freed now and not by the garbage collector later.
        """
        self._container.close()
        self._pictures.close()
        self._waiting.clear()

    def _read(self) -> Frame | None:
        if self._closed.is_set():
            return None
        found = self._next_picture()
        if found is None and self.loop and self.info.seekable:
            self._lap_start += self._lap_seconds()
            self._seek(0.0)
            found = self._next_picture()
        if found is None or self._closed.is_set():
            return None
        picture, seconds = found
        image = self._images.image(picture)
        self._last_in_lap = seconds
        size, note = (image.shape[1], image.shape[0]), self._note()
        if size != self.info.size or note != self.info.note:
            self.info = replace(self.info, size=size, note=note)
        index, self._index = self._index, self._index + 1
        return Frame(index, time.perf_counter_ns(), self._lap_start + seconds, image)

    def _lap_seconds(self) -> float:
        return max(self.info.duration or 0.0, self._last_in_lap + self._interval)

    def _next_picture(self) -> tuple[VideoFrame, float] | None:
        if self._waiting:
            return self._waiting.popleft()
        return next(self._pictures, None)

    def _seek(self, wanted: float) -> None:
        """Go to the last frame at or before `wanted` seconds of the file."""
        first = self._first_ticks or 0
        stamp = wanted + (self._start or 0.0)
        for earlier in _SEEK_STEPS:
            ticks = max(first, int((stamp - earlier) / self._time_base()))
            try:
                self._container.seek(ticks, stream=self._stream, backward=True)
            except (av.error.FFmpegError, OSError) as error:
                raise SourceError(
                    f"{self._name} cannot seek to {wanted:.1f} s ({reason(error)}): "
                    "play it from the start."
                ) from error
            self._timeline.restart()
            self._waiting.clear()
            self._pictures = self._decode()
            shown = self._next_picture()
            if ticks == first or (shown is not None and shown[1] <= wanted + _TOLERANCE):
                break
        while shown is not None:
            following = self._next_picture()
            if following is None or following[1] > wanted + _TOLERANCE:
                self._waiting.append(shown)
                if following is not None:
                    self._waiting.append(following)
                break
            shown = following

    def _decode(self) -> Generator[tuple[VideoFrame, float], None, None]:
        """All frames from here to the end with their seconds, except damaged ones."""
        broken_in_a_row = 0
        awaited = _Awaited()
        packets = self._container.demux(self._stream)
        while not self._closed.is_set():
            pictures: list[VideoFrame] = []
            try:
                packet = next(packets)
                if self._first_ticks is None:
                    self._first_ticks = packet.pts if packet.dts is None else packet.dts
                awaited.packet(packet)
                pictures = packet.decode()
            except (StopIteration, av.error.EOFError, IndexError):
                # IndexError: PyAV fails so when a damaged file adds a stream in its middle.
                self._count_broken(awaited.missing())
                return
            except (av.error.FFmpegError, OSError) as error:
                # A broken connection is an OSError, as no damage of what came through it is.
                if isinstance(error, _NETWORK_ERRORS) or (
                    self._remote and isinstance(error, OSError)
                ):
                    raise SourceError(
                        f"{self._name} stopped sending ({reason(error)}): check the network and "
                        "open it again."
                    ) from error
                awaited.damaged = True
                broken_in_a_row += 1
                if broken_in_a_row >= _MOST_BROKEN_IN_A_ROW:
                    return
                # An error inside the demuxer ends its generator.
                packets = self._container.demux(self._stream)
                continue
            broken_in_a_row = 0
            for picture in pictures:
                self._count_broken(awaited.missing(picture) + picture.is_corrupt)
                if picture.is_corrupt:
                    continue
                stamp = picture.time
                if stamp is not None:
                    self._start = stamp if self._start is None else self._start
                    stamp -= self._start
                yield picture, self._timeline.seconds(stamp)

    def _count_broken(self, count: int) -> None:
        self.broken += count
        self._index += count

    def _note(self) -> str | None:
        if not self.broken:
            return None
        plural = "" if self.broken == 1 else "s"
        return f"The file is damaged: {self.broken} frame{plural} left out."

    def _time_base(self) -> float:
        return float(self._stream.time_base or 1 / 90000)

    def _seekable(self) -> bool:
        return self._duration() is not None

    def _duration(self) -> float | None:
        if self._stream.duration:
            return self._stream.duration * self._time_base()
        if self._container.duration:
            return self._container.duration / av.time_base
        return None


class _Awaited:
    """Counts packets without a frame: a damaged packet makes others undecodable as well.

    Frames come in the order of their timestamps, so a packet with an earlier timestamp than the
    newest frame is lost. Counted only after a packet could not be decoded, because some codecs have
    packets without a frame of their own.
    """

    def __init__(self) -> None:
        self.damaged = False
        self._stamps: list[int] = []

    def packet(self, packet: Packet[Any]) -> None:
        if packet.pts is not None and packet.size and not packet.is_discard:
            heapq.heappush(self._stamps, packet.pts)

    def missing(self, picture: VideoFrame | None = None) -> int:
        """How many packets before this frame (None: before the end) are newly known to be lost."""
        count = 0
        stamp = math.inf if picture is None else picture.pts
        while stamp is not None and self._stamps and self._stamps[0] <= stamp:
            count += heapq.heappop(self._stamps) != stamp
        return count if self.damaged else 0


def _open(location: str | Path, name: str, timeout: tuple[float, float]) -> InputContainer:
    if isinstance(location, Path):
        if not location.exists():
            raise SourceError(f"There is no file {redact(str(location))}: check the path.")
        if location.stat().st_size == 0:
            raise SourceError(f"{name} is empty: choose another video.")
    try:
        if isinstance(location, Path):
            # With a prefix, because FFmpeg takes a name with a colon for a protocol.
            container: InputContainer = av.open(
                f"file:{location}", mode="r", options=_FILES_ONLY, **LENIENT
            )
        else:
            container = av.open(
                location,
                mode="r",
                options=NETWORK_ONLY,
                timeout=timeout,
                **LENIENT,
            )
    except (av.error.InvalidDataError, av.error.EOFError) as error:
        raise SourceError(
            f"{name} is not a readable video, or it is incomplete ({reason(error)}): "
            "choose another file."
        ) from error
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(f"{name} cannot be opened ({reason(error)}): check the path.") from error
    if not container.streams.video:
        container.close()
        raise SourceError(f"{name} has no video in it: choose a video file.")
    return container


def _is_large(stream: VideoStream) -> bool:
    """Whether to decode on several threads, which take time from the network."""
    decoder: VideoCodecContext | None = stream.codec_context  # None where PyAV has no decoder
    return decoder is not None and decoder.width * decoder.height > _ONE_THREAD_PIXELS


def nominal_rate(stream: VideoStream, duration: float | None = None) -> float | None:
    """Frames per second as the stream describes itself; None where it does not say.

    What FFmpeg guesses besides is the tick of the clock where the rate varies: 1000 in WebM.
    """
    rate = float(stream.average_rate or 0.0)
    if 0.0 < rate <= _MOST_FPS:
        return rate
    return stream.frames / duration if stream.frames and duration else None
