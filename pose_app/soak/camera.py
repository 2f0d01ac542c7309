"""A network camera on the loopback interface that misbehaves when it is told to."""

from __future__ import annotations

import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import Any

import cv2

from ..sources.demo import open_demo

BREAKING = ("stall", "reset", "cut", "garbage", "end", "refuse")  # the source is lost
BEARABLE = ("half", "flood", "resize")
SIZES = {"/large": (640, 360), "/small": (320, 180)}
_PICTURES = 60  # of the demo clip, again and again
_FPS = 25.0
_BOUNDARY = "picture"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing cuts the connection hard


class LoopbackCamera:
    """Motion JPEG of the demo clip under /large and /small.

    `fault`, settable at any time, acts from the next picture on: `stall` (nothing comes any more),
    `reset`, `half` (half a picture, then whole ones), `cut` (half a picture, then the end),
    `garbage` (parts that are no pictures), `end`, `flood` (as fast as it goes), `resize` (small
    pictures), `refuse` (new connections are turned away, old ones reset). None is well again.
    """

    def __init__(self) -> None:
        self.fault: str | None = None
        self.stopped = threading.Event()
        self.pictures = {path: _pictures(size) for path, size in SIZES.items()}
        handler = type("_Bound", (_Handler,), {"camera": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="loopback camera", daemon=True
        )
        self._thread.start()

    def url(self, path: str = "/large") -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def close(self) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _pictures(size: tuple[int, int]) -> list[bytes]:
    source = open_demo()
    encoded = []
    for _ in range(_PICTURES):
        frame = source.read()
        assert frame is not None, "the demo never ends"
        _, data = cv2.imencode(".jpg", cv2.resize(frame.image, size))
        encoded.append(data.tobytes())
    source.close()
    return encoded


class _Handler(BaseHTTPRequestHandler):
    camera: LoopbackCamera
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: the standard error stream belongs to the soak."""

    def setup(self) -> None:
        super().setup()
        threading.current_thread().name = "loopback camera connection"

    def do_GET(self) -> None:
        self.close_connection = True
        if self.camera.fault == "refuse":
            self.send_error(503)
            return
        pictures = self.camera.pictures.get(self.path)
        if pictures is None:
            self.send_error(404)
            return
        try:
            self._stream(pictures)
        except OSError:
            return  # the reader has left, as readers do

    def _stream(self, pictures: list[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.send_header("Connection", "close")
        self.end_headers()
        for large, small in cycle(zip(pictures, self.camera.pictures["/small"], strict=True)):
            picture = small if self.camera.fault == "resize" else large
            if self.camera.stopped.is_set() or not self._send(picture):
                return
            if self.camera.fault != "flood":
                self.camera.stopped.wait(1 / _FPS)

    def _send(self, picture: bytes) -> bool:
        """One picture, or what the fault makes of it. False at the end of the connection."""
        fault = self.camera.fault
        if fault == "stall":
            return True
        if fault in ("reset", "refuse"):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.connection.close()
            return False
        if fault == "end":
            self.wfile.write(f"--{_BOUNDARY}--\r\n".encode())
            return False
        data = b"no picture at all" if fault == "garbage" else picture
        head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        if fault in ("half", "cut"):
            data = data[: len(data) // 2]
        self.wfile.write(head.encode() + data + b"\r\n")
        return fault != "cut"
