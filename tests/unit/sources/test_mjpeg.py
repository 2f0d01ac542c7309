"""The motion JPEG parser: whatever cameras send, and whatever else may come."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_app.sources.images import decode_image
from pose_app.sources.mjpeg import MjpegParser
from tests.media import numbered_picture


def jpeg(number: int, quality: int = 70, *parameters: int) -> bytes:
    wish = [cv2.IMWRITE_JPEG_QUALITY, quality, *parameters]
    return cv2.imencode(".jpg", numbered_picture(number), wish)[1].tobytes()


PICTURES = [jpeg(number) for number in range(6)]


def with_thumbnail(picture: bytes) -> bytes:
    """The picture with a whole other JPEG in an APP1 segment, as EXIF has it."""
    inner = b"Exif\x00\x00" + PICTURES[5]
    segment = b"\xff\xe1" + (len(inner) + 2).to_bytes(2, "big") + inner
    return picture[:2] + segment + picture[2:]


def parse(data: bytes, sizes: Sequence[int] = (), parser: MjpegParser | None = None) -> list[bytes]:
    """Feed `data` in pieces of the given sizes, the last size again and again."""
    parser = parser or MjpegParser()
    found, at, turn = [], 0, 0
    while at < len(data):
        size = max(1, sizes[min(turn, len(sizes) - 1)]) if sizes else len(data)
        found += parser.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    return found


def part(picture: bytes, head: str) -> bytes:
    return head.format(length=len(picture)).encode() + picture


@pytest.mark.parametrize(
    "head",
    [
        "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n",
        "\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n",
        "--frame\nContent-type: image/jpeg\n\n",
        "----frame\r\nContent-Length: 3\r\n\r\n",
        "--frame\r\nContent-Length: 99999999\r\n\r\n",
        "\r\n\r\n--frame\r\nX-Timestamp: 1.5\r\nContent-Length: no number\r\n\r\n",
        "",
    ],
    ids=["plain", "no length", "line feeds", "length too small", "length too large", "odd", "bare"],
)
@pytest.mark.parametrize("piece", [1, 7, 1000, 10**6])
def test_ways_that_cameras_write(head: str, piece: int) -> None:
    data = b"".join(part(picture, head) for picture in PICTURES)
    parser = MjpegParser()
    assert parse(data, [piece], parser) == PICTURES
    assert parser.lost == 0


@pytest.mark.parametrize(
    "picture",
    [
        jpeg(1, 100),
        jpeg(1, 5),
        jpeg(1, 70, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        jpeg(1, 70, cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
        jpeg(1, 70, cv2.IMWRITE_JPEG_OPTIMIZE, 1),
        with_thumbnail(jpeg(1)),
    ],
    ids=["best", "worst", "progressive", "restarts", "optimised", "thumbnail"],
)
def test_kinds_of_jpeg(picture: bytes) -> None:
    assert parse(part(picture, "--b\r\n\r\n") * 3, [13]) == [picture] * 3


def test_half_a_picture_is_lost_and_the_next_is_not() -> None:
    data = b"--b\r\n\r\n" + PICTURES[0][:-500] + b"\r\n--b\r\n\r\n" + PICTURES[1]
    parser = MjpegParser()
    assert parse(data, [50], parser) == [PICTURES[1]]
    assert parser.lost == 1


def test_half_a_picture_with_a_thumbnail_does_not_give_the_thumbnail() -> None:
    data = with_thumbnail(PICTURES[0])[:-100] + b"\r\n--b\r\n\r\n" + PICTURES[1]
    assert parse(data, [64]) == [PICTURES[1]]


def test_a_picture_without_end_takes_bounded_memory() -> None:
    parser = MjpegParser(most_bytes=10_000)
    assert parser.feed(PICTURES[0][:-2]) == []
    for _ in range(100):
        assert parser.feed(b"\x00" * 1000) == []
        assert parser.buffered <= 11_000
    assert parser.lost >= 1
    assert parse(PICTURES[1], parser=parser) == [PICTURES[1]]


def test_no_byte_is_looked_at_again_and_again() -> None:
    """Headers that lead on and on, each with a false start in it: linear in time, or for ever."""
    segment = b"\xff\xe0\x00\x08\xff\xd8\xff\xe0\x00\x08"
    parser = MjpegParser(most_bytes=2**20)
    assert parse(b"\xff\xd8" + segment * 400_000, [65536], parser) == []
    assert parser.buffered <= 2**20 + 65536


junk = st.binary(max_size=200).filter(lambda data: b"\xff" not in data)
pieces = st.lists(st.integers(1, 3000), min_size=1, max_size=8)


@given(st.lists(st.tuples(junk, st.sampled_from(PICTURES)), max_size=6), pieces)
def test_pictures_between_anything_are_found_however_they_are_cut(
    parts: list[tuple[bytes, bytes]], sizes: list[int]
) -> None:
    parser = MjpegParser()
    found = parse(b"".join(noise + picture for noise, picture in parts), sizes, parser)
    assert found == [picture for _, picture in parts]
    assert parser.lost == 0


@given(st.binary(max_size=2000), pieces)
def test_any_bytes_do_no_harm(data: bytes, sizes: list[int]) -> None:
    check_hostile(data, sizes)


MARKERS = [b"\xff\xd8\xff", b"\xff\xd8", b"\xff\xd9", b"\xff\xda\x00\x04ab", b"\xff"]
MORE = [b"\xff\xe0\x00\x05abc", b"\xff\x00", b"\xff\xd0", b"--b\r\n\r\n"]
TINY = [cv2.imencode(".jpg", numbered_picture(n, (32, 16)))[1].tobytes() for n in range(3)]
marker_soup = st.lists(
    st.one_of(st.sampled_from(MARKERS + MORE), st.sampled_from(TINY), st.binary(max_size=20)),
    max_size=40,
).map(b"".join)


@given(marker_soup, pieces)
def test_markers_in_any_order_do_no_harm(data: bytes, sizes: list[int]) -> None:
    check_hostile(data, sizes)


@given(st.sampled_from(PICTURES), st.data())
def test_a_damaged_picture_never_costs_more_than_the_next_one(
    picture: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(picture)
    for _ in range(data.draw(st.integers(1, 20))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    # A broken length field leads at most 64 kB astray.
    follow = [PICTURES[number % 6] for number in range(2 + 65536 // min(map(len, PICTURES)))]
    found = parse(bytes(damaged) + b"".join(b"--b\r\n\r\n" + one for one in follow), [4096])
    assert found[-1] == follow[-1]
    assert len(found) >= 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=100_000, deadline=None)
@given(marker_soup, pieces)
def test_a_hundred_thousand_hostile_bodies(data: bytes, sizes: list[int]) -> None:
    check_hostile(data, sizes)


def check_hostile(data: bytes, sizes: list[int]) -> None:
    """What comes out was in there, in order; how it was cut makes no difference."""
    found = parse(data, sizes)
    at = 0
    for picture in found:
        assert picture.startswith(b"\xff\xd8\xff")
        assert picture.endswith(b"\xff\xd9")
        at = data.index(picture, at) + len(picture)
        assert decode_image(picture) is None or len(picture) > 20
    assert found == parse(data, [41])
    bounded = MjpegParser(most_bytes=1000)
    parse(data, sizes, bounded)
    assert bounded.buffered <= 1000
