"""Answers over HTTP, headers and bodies: of a camera, and of a server that has a model file."""

from __future__ import annotations

import contextlib
import random
import shutil
import socket
import threading
from pathlib import Path

import cv2
import pytest

from pose_app.errors import ModelError, SourceError
from pose_app.network.download import fetch
from pose_app.sources.stream import open_stream
from tests.fuzz.fuzzing import EXAMPLES, damaged, fuzz, one_sentence
from tests.media import numbered_picture

PICTURE = cv2.imencode(".jpg", numbered_picture(1, (32, 16)))[1].tobytes()
PART = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE


def answer(headers: bytes, body: bytes = b"", status: bytes = b"200 OK") -> bytes:
    lines = b"".join(line + b"\r\n" for line in headers.split(b"\n"))
    return b"HTTP/1.1 %s\r\n%sConnection: close\r\n\r\n%s" % (status, lines, body)


MULTIPART = b"Content-Type: multipart/x-mixed-replace"
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(PART), PART)
CAMERAS = [
    answer(MULTIPART + b"; boundary=b", PART + b"\r\n" + PART + b"\r\n--b--\r\n"),
    answer(MULTIPART + b'; boundary="--b"\nTransfer-Encoding: chunked', CHUNKED),
    answer(b"Content-Type: image/jpeg\nContent-Length: %d" % len(PICTURE), PICTURE),
    answer(b'WWW-Authenticate: Digest realm="a", nonce="b", qop="auth"', status=b"401 No"),
]
CAMERA_CORPUS = [
    b"",
    b"HTTP/1.1\r\n\r\n",
    answer(MULTIPART + b"; boundary*=undefined''b", PART),
    answer(MULTIPART + b"; boundary*=raw_unicode_escape''%5Cud800", PART),
    answer(MULTIPART + b"; boundary*0*=a; boundary*x=b", PART),
    answer(MULTIPART + b"; boundary=b\nTransfer-Encoding: chunked", b"-5\r\n" + PART),
    answer(b"WWW-Authenticate: Digest", status=b"401 No"),
    answer(b"Location: /", status=b"302 Found"),
    answer(b"", status=b"500 " + b"x" * 5000),
]
FILES = [
    answer(b'Content-Length: 4\nETag: "a"', b"data"),
    answer(b'Content-Length: 4\nContent-Range: bytes 2-5/6\nETag: "a"', b"data", b"206 Part"),
    answer(b"Content-Range: bytes */4", status=b"416 No"),
    answer(b"Transfer-Encoding: chunked", b"4\r\ndata\r\n0\r\n\r\n"),
]
FILE_CORPUS = [
    b"",
    answer(b"Content-Length: \xb2", b"data"),
    answer(b"Content-Length: " + b"9" * 5000, b"data"),
    answer(b"Content-Range: bytes " + b"9" * 5000 + b"-", b"data", b"206 Part"),
    answer(b"Content-Length: 4\nETag: \x00\n\x01: \x02\nLast-Modified: \xff", b"data"),
    answer(b"Content-Type: ;charset*=''\nContent-Length: -1", b"data"),
    # The part grows and begins again, for ever.
    answer(b'Content-Length: 5\nContent-Range: bytes 4-7/9\nETag: "a"', b"data", b"206 Part"),
    answer(b"", status=b"404 " + b"x" * 5000),
    b"\r\n",
    b"HTTP/x" + b"x" * 5000 + b"\r\n\r\n",
]


class Server:
    """Gives every request of this machine the same bytes and closes."""

    def __init__(self) -> None:
        self.answer = b""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connected, _ = self._listening.accept()
            with connected, contextlib.suppress(ConnectionError):
                asked = b""
                while b"\r\n\r\n" not in asked and (data := connected.recv(65536)):
                    asked += data
                if not asked:
                    return
                connected.sendall(self.answer)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError), socket.create_connection(self._listening.getsockname()):
            pass
        self._thread.join()
        self._listening.close()


@pytest.mark.parametrize("examples", EXAMPLES)
def test_any_answer_of_a_camera_gives_pictures_or_a_sentence(examples: int) -> None:
    def check(data: bytes) -> None:
        server.answer = data
        try:
            source = open_stream(server.url)
        except SourceError as error:
            one_sentence(error)
            return
        try:
            for _ in range(10):
                frame = source.read()
                if frame is None:
                    break
                assert frame.image.ndim == 3
        except SourceError as error:
            one_sentence(error)
        finally:
            source.close()

    with Server() as server:
        fuzz(lambda chance: damaged(CAMERAS, chance), check, examples, [*CAMERAS, *CAMERA_CORPUS])


@pytest.mark.parametrize("examples", EXAMPLES)
def test_any_answer_to_a_download_gives_a_file_or_a_sentence(tmp_path: Path, examples: int) -> None:
    folder = tmp_path / "models"
    target = folder / "a.safetensors"

    def check(data: bytes) -> None:
        server.answer = data
        try:
            fetch(server.url, target, pause=0)
        except ModelError as error:
            one_sentence(error)
            assert not target.exists()
        else:
            assert target.exists()
        # What has arrived is continued next time.
        left = {target.name, f"{target.name}.part", f"{target.name}.part.of"}
        assert {file.name for file in folder.iterdir()} <= left
        target.unlink(missing_ok=True)
        if random.Random(data).random() < 0.5:
            shutil.rmtree(folder)

    with Server() as server:
        fuzz(lambda chance: damaged(FILES, chance), check, examples, [*FILES, *FILE_CORPUS])
    assert {path.name for path in tmp_path.iterdir()} <= {folder.name}
