"""Real servers on the loopback interface that behave like HTTP cameras, good ones and bad ones.

    with MjpegServer() as server:
        source = open_source(server.url)         # pictures of the demo clip, for ever
        ...
        server.fault = "stall"                   # from the next picture on

Nothing here leaves the machine.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import socket
import struct
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2

from pose_app.paths import bundled

REALM = "camera"
NONCE = "0a1b2c3d4e5f"
SMALL = (320, 240)


@functools.cache
def demo_jpegs(count: int = 60, size: tuple[int, int] | None = None) -> tuple[bytes, ...]:
    """The first pictures of the demo clip as JPEG, in its own size or another (width, height)."""
    from pose_app.sources.demo import open_demo

    source = open_demo()
    encoded = []
    for _ in range(count):
        frame = source.read()
        assert frame is not None
        image = frame.image if size is None else cv2.resize(frame.image, size)
        done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])
        assert done
        encoded.append(data.tobytes())
    source.close()
    return tuple(encoded)


def refused_url(path: str = "/stream") -> str:
    """A URL of a loopback port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}{path}"


def cut_hard(connection: socket.socket) -> None:
    """Close a connection so that the other side sees a reset, not an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class MjpegServer:
    """An HTTP camera.

    `/stream` is motion JPEG, `/small` the same in 320x240, `/snapshot.jpg` one picture, `/demo.mp4`
    a file.
    `fault` may be set at any time and acts from the next picture on:
    `stall` (the connection stays, nothing comes), `reset` (cut hard), `half` (half a JPEG, then
    whole ones again), `cut` (half a JPEG, then the connection ends), `end` (ended as it should be),
    `resolution` (320x240 from now on), `flood` (as fast as the line takes them), `garbage` (parts
    that are no JPEG), `endless` (a part that never ends), `refuse` (`reset`, and new connections
    get 503). None is well again.
    `credentials` asks for a (user, password) by `auth` basic or digest.
    `files` are more of them: path -> (content, type); with `cut` only their first half comes.
    `/moved` leads to `moved_to`. `down` True: requests get 503.
    `requests` counts all, `connections` the streams opened, `sent` the pictures.
    """

    def __init__(
        self,
        *,
        pictures: Sequence[bytes] | None = None,
        fps: float = 30.0,
        boundary: str = "frame",
        content_length: bool = True,
        credentials: tuple[str, str] | None = None,
        auth: str = "basic",
        port: int = 0,
    ) -> None:
        self.pictures = tuple(pictures) if pictures is not None else demo_jpegs()
        self.fps = fps
        self.boundary = boundary
        self.content_length = content_length
        self.credentials = credentials
        self.auth = auth
        self.files: dict[str, tuple[bytes, str]] = {}
        self.moved_to = "/stream"
        self.fault: str | None = None
        self.down = False
        self.connections = 0
        self.requests = 0
        self.sent = 0
        self.stopped = threading.Event()
        handler = type("Handler", (_Handler,), {"camera": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._server.block_on_close = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name=f"MJPEG server {self.port}",
            daemon=True,
        )
        self._thread.start()

    def address(self, path: str = "/stream", userinfo: str = "") -> str:
        """The URL of a path, with `user:password` in it where wanted."""
        return f"http://{userinfo + '@' if userinfo else ''}127.0.0.1:{self.port}{path}"

    @property
    def url(self) -> str:
        return self.address()

    def close(self) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> MjpegServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Handler(BaseHTTPRequestHandler):
    camera: MjpegServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: tests read stderr."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.close_connection = True
        self.camera.requests += 1
        if self.camera.down or self.camera.fault == "refuse":
            self.send_error(503)
            return
        if not self._allowed():
            return
        path = self.path.partition("?")[0]
        try:
            if path in ("/stream", "/small"):
                self._stream(small=path == "/small")
            elif path == "/snapshot.jpg":
                self._whole(self.camera.pictures[0], "image/jpeg")
            elif path == "/demo.mp4":
                self._whole(bundled("assets", "demo.mp4").read_bytes(), "video/mp4")
            elif path in self.camera.files:
                self._whole(*self.camera.files[path])
            elif path == "/page.html":
                self._whole(b"<html>no camera</html>", "text/html")
            elif path == "/moved":
                self.send_response(302)
                self.send_header("Location", self.camera.moved_to)
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self.send_error(404)
        except OSError:
            pass  # the reader left, as readers do

    def _allowed(self) -> bool:
        camera = self.camera
        if camera.credentials is None:
            return True
        given = self.headers.get("Authorization", "")
        if camera.auth == "basic":
            wanted = base64.b64encode(":".join(camera.credentials).encode()).decode()
            if given == f"Basic {wanted}":
                return True
            challenge = f'Basic realm="{REALM}"'
        else:
            if self._digest_fits(given):
                return True
            challenge = f'Digest realm="{REALM}", nonce="{NONCE}", qop="auth", algorithm=MD5'
        self.send_response(401)
        self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
        return False

    def _digest_fits(self, given: str) -> bool:
        """RFC 2617, with quality of protection `auth`."""
        assert self.camera.credentials is not None
        user, password = self.camera.credentials
        fields = dict(re.findall(r'(\w+)="?([^",]+)"?', given))
        if not given.startswith("Digest") or fields.get("username") != user:
            return False

        def md5(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        first = md5(f"{user}:{REALM}:{password}")
        second = md5(f"{self.command}:{self.path}")
        parts = (first, NONCE, fields.get("nc"), fields.get("cnonce"), fields.get("qop"), second)
        return fields.get("response") == md5(":".join(str(part) for part in parts))

    def _whole(self, data: bytes, content_type: str) -> None:
        start, end = 0, len(data)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted is not None:
            start = int(wanted[1])
            end = min(end, int(wanted[2]) + 1) if wanted[2] else end
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(end - start))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            sent = end if self.camera.fault != "cut" else min(end, len(data) // 2)
            self.wfile.write(data[start:sent])

    def _stream(self, *, small: bool) -> None:
        camera = self.camera
        pictures, small_pictures = camera.pictures, demo_jpegs(10, SMALL)
        camera.connections += 1
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={camera.boundary}")
        self.send_header("Connection", "close")
        self.end_headers()
        number = 0
        while not camera.stopped.is_set():
            fault = camera.fault
            shown = small_pictures if small or fault == "resolution" else pictures
            picture = shown[number % len(shown)]
            number += 1
            if fault == "stall":
                camera.stopped.wait(0.02)
                continue
            if fault == "end":
                self.wfile.write(f"--{camera.boundary}--\r\n".encode())
                return
            if fault in ("reset", "refuse"):
                cut_hard(self.connection)
                return
            if fault == "endless":
                self.wfile.write(self._head(None) + b"\xff\xd8")
                while not camera.stopped.is_set() and camera.fault == "endless":
                    self.wfile.write(b"\x00" * 65536)
                continue
            if fault in ("half", "cut"):
                self.wfile.write(self._head(len(picture)) + picture[: len(picture) // 2])
                if fault == "cut":
                    return
                self.wfile.write(b"\r\n")
                camera.fault = None
                continue
            if fault == "garbage":
                picture = b"this is no picture"
            self.wfile.write(self._head(len(picture)) + picture + b"\r\n")
            camera.sent += 1
            if fault != "flood":
                camera.stopped.wait(1 / camera.fps)

    def _head(self, length: int | None) -> bytes:
        lines = [f"--{self.camera.boundary}", "Content-Type: image/jpeg"]
        if self.camera.content_length and length is not None:
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()
