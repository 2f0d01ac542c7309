"""Sources with a URL: motion JPEG over HTTP, RTSP and similar streams, images and video files."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import av

from ..errors import SourceError
from ..types import Frame, Image
from .base import Source, SourceInfo
from .http_client import HttpBody, explain
from .images import decode_image
from .live import LiveClock, LiveReader, now
from .mjpeg import MOST_PICTURE_BYTES, MjpegParser
from .names import redact
from .upright import UprightImages
from .video import LENIENT, NETWORK_ONLY, VideoSource, nominal_rate, reason

# What FFmpeg may open; not its other protocols (files, concat, pipes, devices).
_LIVE_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "rtp", "tcp"})
_CHUNK_BYTES = 1 << 16
_CONNECT_SECONDS = 10.0
_STALL_SECONDS = 10.0
_MOTION_JPEG_TYPES = frozenset({"video/x-motion-jpeg", "video/x-jpeg", "video/mjpeg"})
_MOST_BROKEN_IN_A_ROW = 100  # undecodable images or packets, after which the stream has failed


def open_stream(url: str, *, fps: float | None = None, loop: bool = False) -> Source:
    """Open a URL: an HTTP camera, an image or video over HTTP, or RTSP, RTMP, SRT, UDP.

    Args:
        url: The address.
        fps: For the URL of an image: fetch it so many times a second, as a live source. Without
            it, the image is a single frame.
        loop: For videos: start again at the end.

    Raises:
        SourceError: It cannot be opened.
    """
    scheme = url.partition(":")[0].lower()
    if scheme in _LIVE_SCHEMES:
        return LiveStreamSource(url)
    if scheme not in ("http", "https"):
        raise SourceError(
            f"Addresses that begin with {scheme}:// cannot be opened: use http or rtsp."
        )
    body = HttpBody(url, _CONNECT_SECONDS)
    content_type = body.content_type
    if content_type.startswith("multipart/") or content_type in _MOTION_JPEG_TYPES:
        return MjpegSource(url, body=body)
    body.close()
    if content_type.startswith("image/"):
        return SnapshotSource(url, fps=fps)
    if content_type == "text/html":
        raise SourceError(
            f"{redact(url)} is a web page: give the address of the camera's stream itself."
        )
    return _open_video(url, loop)


class MjpegSource:
    """An HTTP camera that sends motion JPEG. Of several received images only the newest counts."""

    def __init__(
        self,
        url: str,
        *,
        stall_seconds: float = _STALL_SECONDS,
        body: HttpBody | None = None,
    ) -> None:
        """Connect, and wait for the first image.

        Args:
            url: The address.
            stall_seconds: `read` raises SourceError when no whole image comes for so long.
            body: The stream, if it is open already.

        Raises:
            SourceError: There is no image.
        """
        self._name = redact(url)
        self._stall_seconds = stall_seconds
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._clock = LiveClock()
        self._parser = MjpegParser()
        self._index = 0
        self._broken_in_a_row = 0
        self._body = body or HttpBody(url, min(_CONNECT_SECONDS, stall_seconds))
        self._boundary = self._body.boundary.strip(b"- ")
        self._tail = b""
        try:
            first = self._read()
            if first is None:
                raise SourceError(f"{self._name} ended before its first picture: try it again.")
        except BaseException:
            self._body.close()
            raise
        self._first: Frame | None = first
        self.info = SourceInfo(kind="stream", name=self._name, size=first.size, live=True)

    def read(self) -> Frame | None:
        with self._lock:
            if self._closed.is_set():
                return None
            frame, self._first = self._first or self._read(), None
            if frame is not None and frame.size != self.info.size:
                self.info = replace(self.info, size=frame.size)
            return frame

    def seek(self, seconds: float) -> None:
        raise SourceError(f"{self._name} is live: there is no position to seek to.")

    def close(self) -> None:
        self._closed.set()
        self._body.interrupt()
        with self._lock:
            self._body.close()

    def _read(self) -> Frame | None:
        deadline = time.monotonic() + self._stall_seconds
        while not self._closed.is_set():
            lost_before = self._parser.lost
            pictures = self._parser.feed(self._receive(deadline))
            captured_ns = now()
            self._index += self._parser.lost - lost_before
            while pictures:
                # Only the last image of what came together is decoded.
                self._index += len(pictures)
                image = decode_image(pictures[-1])
                if image is not None:
                    self._broken_in_a_row = 0
                    seconds = self._clock.seconds(captured_ns)
                    return Frame(self._index - 1, captured_ns, seconds, image)
                self._broken_in_a_row += 1
                pictures = []
                if self._broken_in_a_row >= _MOST_BROKEN_IN_A_ROW:
                    raise SourceError(
                        f"{self._name} sends no images that can be read: check the camera."
                    )
            if self._ended:
                return None
        return None

    def _receive(self, deadline: float) -> bytes:
        """The next bytes. Raises SourceError when none come in time."""
        if time.monotonic() > deadline:
            raise SourceError(f"{self._name} has stopped sending pictures: check the camera.")
        try:
            data = self._body.read(_CHUNK_BYTES)
        except TimeoutError as error:
            raise SourceError(
                f"{self._name} has stopped sending pictures: check the camera."
            ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self._closed.is_set():
                return b""
            raise SourceError(
                f"{self._name} broke off ({reason(error)}): check the camera and the network."
            ) from error
        self._tail = (self._tail + data)[-256:]
        if not data and not self._closed.is_set() and not self._ended:
            raise SourceError(f"{self._name} ended the connection: check the camera.")
        return data

    @property
    def _ended(self) -> bool:
        """Whether the closing boundary came last: the stream ended regularly."""
        if not self._boundary:
            return False
        return self._tail.rstrip().endswith(self._boundary + b"--")


class SnapshotSource:
    """The URL of an image: a single frame, or fetched `fps` times a second."""

    def __init__(self, url: str, *, fps: float | None = None) -> None:
        """Fetch the first image. Raises SourceError."""
        self._url = url
        self._name = redact(url)
        self._fps = fps
        self._closed = threading.Event()
        self._clock = LiveClock()
        self._index = 0
        self._body: HttpBody | None = None
        self._due = time.monotonic()
        self._first: Image | None = self._fetch()
        self.info = SourceInfo(
            kind="stream" if fps else "images",
            name=self._name,
            size=(self._first.shape[1], self._first.shape[0]),
            fps=fps,
            live=fps is not None,
            frame_count=None if fps else 1,
        )

    def read(self) -> Frame | None:
        if self._closed.is_set() or (self._index and not self._fps):
            return None
        if self._index and self._fps:
            self._due = max(self._due + 1 / self._fps, time.monotonic())
            if self._closed.wait(self._due - time.monotonic()):
                return None
        try:
            image = self._first if self._first is not None else self._fetch()
        except SourceError:
            if self._closed.is_set():
                return None
            raise
        self._first = None
        size = (image.shape[1], image.shape[0])
        if size != self.info.size:
            self.info = replace(self.info, size=size)
        captured_ns, index, self._index = now(), self._index, self._index + 1
        return Frame(index, captured_ns, self._clock.seconds(captured_ns), image)

    def seek(self, seconds: float) -> None:
        raise SourceError(f"{self._name} is a single image: there is no position to seek to.")

    def close(self) -> None:
        self._closed.set()
        body = self._body
        if body is not None:
            body.interrupt()

    def _fetch(self) -> Image:
        self._body = body = HttpBody(self._url, _CONNECT_SECONDS)
        data = bytearray()
        deadline = time.monotonic() + _STALL_SECONDS
        try:
            while not self._closed.is_set() and len(data) <= MOST_PICTURE_BYTES:
                if time.monotonic() > deadline:
                    raise TimeoutError
                chunk = body.read(_CHUNK_BYTES)
                if not chunk:
                    break
                data += chunk
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SourceError(explain(self._name, error)) from error
        finally:
            body.close()
        image = decode_image(bytes(data))
        if image is None:
            raise SourceError(f"{self._name} is not an image that can be read: check the address.")
        return image


@dataclass(frozen=True)
class _Actual:
    """What a live stream delivers."""

    size: tuple[int, int]
    fps: float | None


class LiveStreamSource:
    """RTSP and other live streams, through FFmpeg, read in a thread of its own."""

    def __init__(
        self,
        url: str,
        *,
        open_seconds: float = 15.0,
        stall_seconds: float = _STALL_SECONDS,
    ) -> None:
        """Connect, and wait for the first frame.

        Args:
            url: The address.
            open_seconds: How long connecting may take.
            stall_seconds: How long the stream may be silent; then `read` raises SourceError.

        Raises:
            SourceError: There is no frame.
        """
        self._url = url
        self._name = redact(url)
        self._timeout = (open_seconds, stall_seconds)
        self._clock = LiveClock()
        host = urlsplit(self._name).hostname or "stream"
        self._reader: LiveReader[_Actual] = LiveReader(f"stream of {host}", self._pictures)
        actual = self._reader.wait_open(
            open_seconds + stall_seconds,
            f"{self._name} sends no picture: check the address, and that the camera is on.",
        )
        self.info = SourceInfo(
            kind="stream", name=self._name, size=actual.size, fps=actual.fps, live=True
        )

    @property
    def held(self) -> str | None:
        """The name of FFmpeg's thread while it runs; at most `stall_seconds` after `close`."""
        return self._reader.held

    def read(self) -> Frame | None:
        picture = self._reader.get(
            self._timeout[1],
            f"{self._name} has stopped sending pictures: check the camera and the network.",
        )
        if picture is None:
            return None
        size = (picture.image.shape[1], picture.image.shape[0])
        if size != self.info.size:
            self.info = replace(self.info, size=size)
        seconds = self._clock.seconds(picture.captured_ns)
        return Frame(picture.number, picture.captured_ns, seconds, picture.image)

    def seek(self, seconds: float) -> None:
        raise SourceError(f"{self._name} is live: there is no position to seek to.")

    def close(self) -> None:
        self._reader.close()

    def _pictures(
        self, opened: Callable[[_Actual], None], closed: threading.Event
    ) -> Iterator[tuple[int, Image]]:
        """Connect and decode, in the reader's thread."""
        # TCP first: over UDP a lost packet smears the image. No buffering, for low latency.
        options = {"rtsp_flags": "prefer_tcp", "fflags": "nobuffer", "flags": "low_delay"}
        options |= NETWORK_ONLY
        try:
            with av.open(
                self._url,
                mode="r",
                options=options,
                timeout=self._timeout,
                **LENIENT,
            ) as container:
                if not container.streams.video:
                    raise SourceError(f"{self._name} has no video: choose another stream.")
                stream = container.streams.video[0]
                # Frame threading would delay each frame by one frame per thread.
                stream.thread_type = "SLICE"
                rate = nominal_rate(stream)
                images = UprightImages(stream)
                told = False
                broken = 0
                for packet in container.demux(stream):
                    captured_ns = now()
                    try:
                        decoded = packet.decode()
                    except av.error.InvalidDataError as error:
                        broken += 1
                        if broken >= _MOST_BROKEN_IN_A_ROW:
                            raise SourceError(
                                f"{self._name} sends no images that can be read: check the camera."
                            ) from error
                        continue
                    for picture in decoded:
                        if picture.is_corrupt:
                            continue
                        broken = 0
                        image = images.image(picture)
                        if not told:
                            size = (image.shape[1], image.shape[0])
                            opened(_Actual(size, rate))
                            told = True
                        yield captured_ns, image
                    if closed.is_set():
                        return
        except (av.error.FFmpegError, OSError) as error:
            if closed.is_set():
                return
            raise SourceError(_explain_ffmpeg(self._name, error)) from error


def _open_video(url: str, loop: bool) -> Source:
    """A video over HTTP: a file where it is seekable, else (HLS, MPEG-TS) a live stream."""
    source = VideoSource(url, loop=loop, kind="stream", name=redact(url))
    if source.info.seekable:
        return source
    source.close()
    return LiveStreamSource(url)


def _explain_ffmpeg(name: str, error: Exception) -> str:
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return f"{name} does not accept this user name and password: check them."
    if isinstance(error, av.error.HTTPNotFoundError):
        return f"{name} has nothing at this address (404): check its path."
    if isinstance(error, av.error.ExitError | TimeoutError):
        return f"{name} does not answer, or has stopped sending: check that the camera is on."
    if isinstance(error, ConnectionRefusedError):
        return f"{name} refuses the connection: check the address, and that the camera is on."
    if isinstance(error, av.error.InvalidDataError):
        return f"{name} sends nothing that can be read as video: check the address."
    return f"{name} cannot be read ({reason(error)}): check the address and the network."
