"""Video files (and anything with an end that FFmpeg can open), through PyAV."""

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
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from ..errors import SourceError
from ..types import Frame, Image
from .base import SourceInfo, Timeline
from .names import redact

_DEFAULT_FPS = 30.0
_ONE_THREAD_PIXELS = 1920 * 1080  # larger pictures are decoded on several
# Timestamps are rounded to the file's own ticks: a tenth of a frame at 240 fps.
_TOLERANCE = 4e-4
# How far before the wanted time to look when a file's keyframe index points behind it.
_SEEK_STEPS = (0.0, 1.0, 5.0, 30.0)
# Damaged packets in a row after which the rest of a file is given up.
_MOST_BROKEN_IN_A_ROW = 500
# A file may be a playlist of addresses, and an address give a playlist of files: opening a file
# asks the network for nothing, and what comes over the network reads no file.
# Titles that are no UTF-8 must not keep a video from being seen; PyAV 19 takes them as they are.
LENIENT: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
)
_FILES_ONLY = {"protocol_whitelist": "file"}
NETWORK_ONLY = {
    "protocol_whitelist": "http,https,httpproxy,tcp,tls,udp,rtp,rtmp,rtmps,srt,crypto,data"
}
_OPEN_SECONDS = 15.0
_READ_SECONDS = 15.0


def reason(error: Exception) -> str:
    """What FFmpeg or the system says, without the file's name (it may hold credentials)."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return redact(str(text)).strip().rstrip(".")


class VideoSource:
    """A video file, frame by frame, with the timestamps that it carries.

    Turned upright where its metadata says so. Packets that cannot be decoded are left out, counted
    in `broken` and told in `info.note`. With `loop` the file never ends and `seconds` go on rising;
    `loop` may be set at any time.
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
        """Open a file or URL; `timeout` is for URLs: seconds to connect, seconds without data.

        Raises SourceError where it is missing, empty, unreadable or has no picture.
        """
        self.loop = loop
        self.broken = 0
        self._name = redact(name or (location.name if isinstance(location, Path) else location))
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._container = _open(location, self._name, timeout)
        try:
            self._stream: VideoStream = self._container.streams.video[0]
            self._stream.thread_type = "AUTO" if _is_large(self._stream) else "NONE"
            fps = float(self._stream.average_rate or self._stream.guessed_rate or _DEFAULT_FPS)
            self._interval = 1.0 / fps
            self._start: float | None = None  # the file's own time of its first picture
            self._timeline = Timeline(self._interval)
            self._waiting: deque[tuple[VideoFrame, float]] = deque()
            self._images = UprightImages()
            self._pictures = self._decode()
            self._index = 0
            self._lap_start = 0.0
            self._last_in_lap = 0.0
            first = self._next_picture()
            if first is None:
                raise SourceError(
                    f"{self._name} has no readable picture: it may be damaged or still being "
                    "written, choose another file."
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
        """The next frame is the one shown at `seconds`; beyond the end it is the last one.

        In a looping source `seconds` may lie in a later lap, as a frame's own seconds do.
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
        # A read that is under way closes the file itself when it is done.
        if self._lock.acquire(blocking=False):
            try:
                self._release()
            finally:
                self._lock.release()

    def _release(self) -> None:
        """Close the file and let go of its decoder; any number of times.

        Its threads and pictures live as long as anything refers to it, and what reads it refers
        back to us: without this they would stay until Python's garbage collection comes by.
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
        """Go to the last picture at or before `wanted` seconds of the file."""
        for earlier in _SEEK_STEPS:
            target = max(0.0, wanted - earlier)
            ticks = int((target + (self._start or 0.0)) / self._time_base())
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
            if shown is None or shown[1] <= wanted + _TOLERANCE or target == 0.0:
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
        """Every picture from here to the end with its seconds; leaves out what is damaged."""
        broken_in_a_row = 0
        awaited = _Awaited()
        packets = self._container.demux(self._stream)
        while not self._closed.is_set():
            pictures: list[VideoFrame] = []
            try:
                packet = next(packets)
                awaited.packet(packet)
                pictures = packet.decode()
            except (StopIteration, av.error.EOFError, IndexError):
                # IndexError: PyAV does not expect a stream that a damaged file adds on its way.
                self._count_broken(awaited.missing())
                return
            except (av.error.TimeoutError, av.error.ExitError, av.error.HTTPError) as error:
                raise SourceError(
                    f"{self._name} stopped sending ({reason(error)}): check the network and open "
                    "it again."
                ) from error
            except (av.error.FFmpegError, OSError):
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
                yield picture, self._timeline.place(stamp)

    def _count_broken(self, count: int) -> None:
        self.broken += count
        self._index += count

    def _note(self) -> str | None:
        if not self.broken:
            return None
        plural = "" if self.broken == 1 else "s"
        return f"The file is damaged: {self.broken} picture{plural} left out."

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
    """Which packets have not become a picture: a damaged one takes others with it.

    Pictures come in the order of their times, so a packet with an earlier time has come to nothing.
    Only files where a packet could not be decoded are counted: some codecs have packets without a
    picture of their own.
    """

    def __init__(self) -> None:
        self.damaged = False
        self._stamps: list[int] = []

    def packet(self, packet: Packet[Any]) -> None:
        if packet.pts is not None and packet.size and not packet.is_discard:
            heapq.heappush(self._stamps, packet.pts)

    def missing(self, picture: VideoFrame | None = None) -> int:
        """How many packets before this picture (None: before the end) have come to nothing."""
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
            # A name with a colon in it would be taken for a protocol.
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
            f"{name} is not a readable video, or its end is missing ({reason(error)}): "
            "choose another file."
        ) from error
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(f"{name} cannot be opened ({reason(error)}): check the path.") from error
    if not container.streams.video:
        container.close()
        raise SourceError(f"{name} has no picture in it: choose a video file.")
    return container


def _is_large(stream: VideoStream) -> bool:
    """Whether decoding is worth more threads than one: they cost time that the network lacks."""
    decoder: VideoCodecContext | None = stream.codec_context  # PyAV knows no decoder for some
    return decoder is not None and decoder.width * decoder.height > _ONE_THREAD_PIXELS


class UprightImages:
    """Decoded pictures as the app wants them. For one thread and one source.

    Keeps FFmpeg's conversion from picture to picture, and in the caller's thread: what
    `VideoFrame.to_ndarray` makes anew for each, with threads of its own, takes twice the time.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def image(self, picture: VideoFrame) -> Image:
        """(H, W, 3) uint8 BGR, turned by the quarter turns that the metadata asks for."""
        bgr = self._reformatter.reformat(picture, format="bgr24", threads=1)
        image: Image = np.asarray(bgr.to_ndarray(), dtype=np.uint8)
        # FFmpeg's angle is counter-clockwise, and is the turn that the picture needs.
        quarters = round(picture.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image
