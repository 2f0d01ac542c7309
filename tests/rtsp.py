"""A small real RTSP camera on the loopback interface: H.264 in RTP, inside the RTSP connection.

RFC 2326 (RTSP, interleaved data) and RFC 6184 (H.264 payload: single units and FU-A).
"""

from __future__ import annotations

import base64
import functools
import random
import re
import socketserver
import struct
import threading

import av
import cv2

from tests.servers import cut_hard

_SIZE = (320, 240)
_CLOCK = 90_000
_MOST_PAYLOAD = 1400
_FU_A = 28


@functools.cache
def demo_units(
    count: int = 60, keyframe_every: int = 10, size: tuple[int, int] = _SIZE
) -> tuple[tuple[bytes, ...], ...]:
    """The H.264 units of each of the demo clip's first pictures, at 320x240 or another size."""
    from pose_app.sources.demo import open_demo

    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = 30
    encoder.time_base = encoder.framerate**-1
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(keyframe_every)}
    source = open_demo()
    pictures = []
    for _ in range(count):
        frame = source.read()
        assert frame is not None
        small = cv2.resize(frame.image, size)
        packets = encoder.encode(av.VideoFrame.from_ndarray(small, format="bgr24"))
        stream = b"".join(bytes(packet) for packet in packets)
        pictures.append(tuple(unit for unit in re.split(rb"\x00\x00\x00?\x01", stream) if unit))
    source.close()
    return tuple(pictures)


class RtspServer:
    """An RTSP camera at `url`.

    `fault`, settable at any time: `stall`, `end` (connection closed), `reset` (cut hard), `half`
    (half of each picture's packets are missing), `garbage` (damaged packets), `resolution` (200x160
    from the next key frame on) or None.

    `credentials` asks for a (user, password). `plays` counts the streams that were started.
    """

    def __init__(self, *, fps: float = 60.0, credentials: tuple[str, str] | None = None) -> None:
        self.fps = fps
        self.credentials = credentials
        self.fault: str | None = None
        self.plays = 0
        self.stopped = threading.Event()
        handler = type("Handler", (_Handler,), {"camera": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name=f"RTSP server {self.port}",
            daemon=True,
        )
        self._thread.start()

    def address(self, userinfo: str = "") -> str:
        return f"rtsp://{userinfo + '@' if userinfo else ''}127.0.0.1:{self.port}/camera"

    @property
    def url(self) -> str:
        return self.address()

    def close(self) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> RtspServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class _Handler(socketserver.StreamRequestHandler):
    camera: RtspServer
    disable_nagle_algorithm = True

    def handle(self) -> None:
        try:
            while (line := self.rfile.readline().decode(errors="replace").strip()) or line == "":
                if not line:
                    return
                headers = {}
                while header := self.rfile.readline().decode(errors="replace").strip():
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                if self._answer(line.split(" ")[0], headers):
                    self._play()
                    return
        except OSError:
            pass  # the reader left

    def _answer(self, method: str, headers: dict[str, str]) -> bool:
        """Answer one request; whether to play now."""
        sequence = headers.get("cseq", "0")
        wanted = self.camera.credentials
        if wanted is not None and method != "OPTIONS":
            token = base64.b64encode(":".join(wanted).encode()).decode()
            if headers.get("authorization") != f"Basic {token}":
                self._send(sequence, "401 Unauthorized", ['WWW-Authenticate: Basic realm="c"'])
                return False
        if method == "OPTIONS":
            self._send(sequence, extra=["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"])
        elif method == "DESCRIBE":
            self._send(sequence, extra=["Content-Type: application/sdp"], body=self._description())
        elif method == "SETUP":
            transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
            self._send(sequence, extra=["Session: 1", transport])
        else:
            self._send(sequence, extra=["Session: 1"])
        return method == "PLAY"

    def _send(
        self, sequence: str, status: str = "200 OK", extra: list[str] | None = None, body: str = ""
    ) -> None:
        lines = [f"RTSP/1.0 {status}", f"CSeq: {sequence}", *(extra or [])]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

    def _description(self) -> str:
        sets = [unit for unit in demo_units()[0] if unit[0] & 31 in (7, 8)]
        sprop = ",".join(base64.b64encode(unit).decode() for unit in sets)
        lines = [
            "v=0",
            "o=- 0 0 IN IP4 127.0.0.1",
            "s=camera",
            "c=IN IP4 127.0.0.1",
            "t=0 0",
            "m=video 0 RTP/AVP 96",
            "a=rtpmap:96 H264/90000",
            f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sprop}",
            "a=framerate:30",
            "a=control:track1",
        ]
        return "\r\n".join(lines) + "\r\n"

    def _play(self) -> None:
        camera = self.camera
        camera.plays += 1
        sequence = number = 0
        pictures, other = demo_units(), demo_units(size=(200, 160))
        chance = random.Random(1)
        while not camera.stopped.is_set():
            if camera.fault == "end":
                return
            if camera.fault == "reset":
                cut_hard(self.connection)
                return
            if camera.fault == "stall":
                camera.stopped.wait(0.02)
                continue
            stamp = int(number * _CLOCK / camera.fps) & 0xFFFFFFFF
            source = other if camera.fault == "resolution" else pictures
            units = source[number % len(source)]
            number += 1
            payloads = [part for unit in units for part in _payloads(unit)]
            if camera.fault == "half":
                payloads = payloads[: len(payloads) // 2] or payloads[:1]
            if camera.fault == "garbage":
                payloads = [part[:2] + chance.randbytes(len(part) - 2) for part in payloads]
            for position, payload in enumerate(payloads):
                last = position == len(payloads) - 1
                header = struct.pack(
                    ">BBHII", 0x80, 96 | (0x80 if last else 0), sequence & 0xFFFF, stamp, 1234
                )
                sequence += 1
                packet = header + payload
                self.wfile.write(b"$\x00" + struct.pack(">H", len(packet)) + packet)
            camera.stopped.wait(1 / camera.fps)


def _payloads(unit: bytes) -> list[bytes]:
    if len(unit) <= _MOST_PAYLOAD:
        return [unit]
    indicator, kind = (unit[0] & 0xE0) | _FU_A, unit[0] & 31
    pieces = [unit[at : at + _MOST_PAYLOAD] for at in range(1, len(unit), _MOST_PAYLOAD)]
    flags = [0x80] + [0] * (len(pieces) - 2) + [0x40]
    return [
        bytes([indicator, flag | kind]) + piece for flag, piece in zip(flags, pieces, strict=True)
    ]
