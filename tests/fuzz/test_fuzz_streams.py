"""What comes over the network or is typed as an address: motion JPEG bodies and URLs."""

from __future__ import annotations

import random
from urllib.parse import quote, urlsplit

import cv2
import pytest

from pose_app.sources.http_client import split_credentials
from pose_app.sources.images import decode_image
from pose_app.sources.mjpeg import MjpegParser
from pose_app.sources.names import redact, safe_name
from tests.fuzz.fuzzing import EXAMPLES, NONSENSE, damaged, fuzz
from tests.media import numbered_picture

PICTURES = [cv2.imencode(".jpg", numbered_picture(n, (32, 16)))[1].tobytes() for n in range(4)]
BODY = b"".join(
    b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(one), one)
    for one in PICTURES
)
MOST = 20_000


@pytest.mark.parametrize("examples", EXAMPLES)
def test_any_body_gives_pictures_or_nothing(examples: int) -> None:
    def make(chance: random.Random) -> tuple[bytes, int]:
        return damaged([BODY, BODY + BODY, b"".join(PICTURES)], chance), chance.randint(1, 5000)

    def check(case: tuple[bytes, int]) -> None:
        data, piece = case
        parser = MjpegParser(most_bytes=MOST)
        found = []
        for start in range(0, len(data), piece):
            found += parser.feed(data[start : start + piece])
            assert parser.buffered <= MOST + piece
        assert sum(map(len, found)) <= len(data)
        for picture in found:
            assert picture[:2] == b"\xff\xd8"
            assert picture[-2:] == b"\xff\xd9"
            image = decode_image(picture)
            assert image is None or image.ndim == 3
        # Whatever came before, the next pictures are found again: a broken length leads at most
        # 64 kB astray, and a picture is given up at its longest.
        after = b"".join(PICTURES) * (70_000 // len(PICTURES[0]) // 4 + 1)
        assert PICTURES[-1] in parser.feed(after)

    corpus = [
        (b"", 1),
        (b"\xff", 1),
        (b"\xff\xd8\xff\xd8\xff", 2),
        (b"\xff\xd8\xff\xe0\x00\x00", 3),
    ]
    fuzz(make, check, examples, corpus)


SECRET = "geheim"
SCHEMES = ["rtsp", "http", "https", "rtmp", "srt", "RTSP"]
ODD = [words for words in NONSENSE if isinstance(words, str) and "password" not in words]


def address(chance: random.Random) -> str:
    """An address with the secret in its user info or query, and odd parts around it."""

    def odd(*usual: str) -> str:
        return chance.choice([*usual, chance.choice(ODD)[:20]])

    user = quote(odd("admin", "me", ""), safe="", errors="replace")
    password = quote(chance.choice(["", "@", "/", "#", "ä"]), safe="") + SECRET
    host = chance.choice(["10.0.0.1", "camera.local:554", "[::1]:80", "host"])
    url = f"{chance.choice(SCHEMES)}://{user}:{password}@{host}/{odd('live', 'a b', 'x@y', '@')}"
    if chance.random() < 0.3:
        key = chance.choice(["password", "pwd", "token", "Passwd", "auth", "api_key"])
        url += f"?a=1&{key}={SECRET}&b={odd('2')}"
    return chance.choice(["", "could not open ", "a, b: "]) + url + chance.choice(["", " now", "."])


@pytest.mark.parametrize("examples", EXAMPLES)
def test_no_secret_of_any_address_is_shown(examples: int) -> None:
    def check(text: str) -> None:
        shown = redact(text)
        assert SECRET not in shown
        assert redact(shown) == shown
        assert SECRET not in safe_name(text)
        assert "/" not in safe_name(text)
        try:
            bare, _, _ = split_credentials(text[text.find(":") - 5 :].strip())
        except ValueError:
            return
        assert "@" not in urlsplit(bare).netloc

    fuzz(address, check, examples)
