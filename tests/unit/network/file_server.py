"""A real HTTP server on the loopback interface that serves one file, honestly or not."""

from __future__ import annotations

import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import trustme

AUTHORITY = trustme.CA()  # made anew for every run; nobody trusts it unless told to


class FileServer:
    """Serves `content` at any path; behaves as told by the attributes, request by request.

    `faults` are used up from the front, one per request, then the server is honest:
    "truncate" closes after half of what it announced, "stall" sends half and then nothing,
    "mute" takes the request and never answers, an int answers that status, "page" sends HTML,
    "wrong-range" answers a range request with another range, "unsized" sends no length.
    """

    def __init__(self, content: bytes, secure: bool = False) -> None:
        self.content = content
        self.etag: str | None = '"one"'
        self.ranges = True
        self.redirects = 0
        self.faults: list[str | int] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.released = threading.Event()
        self.stalled = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._scheme = "https" if secure else "http"
        if secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/files/net.pt"

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: C901, N805
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                server.requests.append((self.path, dict(self.headers)))
                if server.redirects:
                    server.redirects -= 1
                    self.send_response(302)
                    self.send_header("Location", f"/moved/{server.redirects}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                fault = server.faults.pop(0) if server.faults else None
                if fault == "mute":
                    server.stalled.set()
                    server.released.wait()
                    return
                if isinstance(fault, int):
                    self.send_response(fault)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_file(fault)

            def send_file(self, fault: str | None) -> None:
                content = server.content
                start = self.wanted_start(len(content))
                if start is not None and start >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(content)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(200 if start is None else 206)
                if start is not None:
                    if fault == "wrong-range":
                        start = max(0, start - 10)
                    last = len(content) - 1
                    self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
                    content = content[start:]
                if server.etag:
                    self.send_header("ETag", server.etag)
                kind = "text/html; charset=utf-8" if fault == "page" else "application/octet-stream"
                self.send_header("Content-Type", kind)
                if fault != "unsized":
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if fault in ("truncate", "stall"):
                    self.wfile.write(content[: len(content) // 2])
                    self.wfile.flush()
                    if fault == "stall":
                        server.stalled.set()
                        server.released.wait()
                    return
                self.wfile.write(content)

            def wanted_start(self, length: int) -> int | None:
                match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
                same = self.headers.get("If-Range", server.etag) == server.etag
                return int(match[1]) if match and same and server.ranges else None

        return Handler
