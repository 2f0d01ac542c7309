"""Images, folders and patterns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose_app.errors import SourceError
from pose_app.sources import open_source
from pose_app.sources.images import ImagesSource, decode_image
from tests.media import numbered_picture, picture_number


def write(path: Path, number: int, size: tuple[int, int] = (192, 96)) -> Path:
    encoded = cv2.imencode(path.suffix, numbered_picture(number, size))[1]
    path.write_bytes(encoded.tobytes())
    return path


def numbers(source: ImagesSource, count: int = 100) -> list[int]:
    found = []
    while len(found) < count and (frame := source.read()) is not None:
        found.append(picture_number(frame.image))
    return found


def test_natural_order(tmp_path: Path) -> None:
    for number in (1, 2, 10, 11, 100):
        write(tmp_path / f"Frame{number}.png", number)
    write(tmp_path / "frame3.PNG", 3)
    (tmp_path / "notes.txt").write_text("no picture")
    assert numbers(ImagesSource(tmp_path)) == [1, 2, 3, 10, 11, 100]


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(SourceError, match="check its permissions"):
        ImagesSource(tmp_path)


def test_pattern(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / f"{'ab'[number % 2]}{number}.jpg", number)
    assert numbers(ImagesSource(str(tmp_path / "b*.jpg"))) == [1, 3]
    with pytest.raises(SourceError, match="There is no image"):
        open_source(str(tmp_path / "c*.jpg"))


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tiff", "webp", "ppm"])
def test_formats_and_names(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"ünïcode 名前.{suffix}", 77)
    source = open_source(str(path))
    assert numbers(source) == [77]
    assert source.info.kind == "images"


def test_depth_and_channels_become_bgr(tmp_path: Path) -> None:
    deep = numbered_picture(5).astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "1.png"), deep)
    cv2.imwrite(str(tmp_path / "2.png"), cv2.cvtColor(numbered_picture(5), cv2.COLOR_BGR2BGRA))
    cv2.imwrite(str(tmp_path / "3.png"), cv2.cvtColor(numbered_picture(5), cv2.COLOR_BGR2GRAY))
    source = ImagesSource(tmp_path)
    for _ in range(3):
        frame = source.read()
        assert frame is not None
        assert frame.image.shape == (96, 192, 3)
        assert frame.image.dtype == np.uint8
        assert picture_number(frame.image) == 5


def test_exif_orientation(tmp_path: Path) -> None:
    encoded = write(tmp_path / "a.jpg", 9).read_bytes()
    tiff = b"II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"
    exif = b"Exif\x00\x00" + tiff + b"\x00" * 4
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (tmp_path / "a.jpg").write_bytes(encoded[:2] + segment + encoded[2:])
    source = ImagesSource(tmp_path / "a.jpg")
    assert source.info.size == (96, 192)  # orientation 6: turned by a quarter


def test_each_in_its_own_size(tmp_path: Path) -> None:
    write(tmp_path / "1.png", 1, (192, 96))
    write(tmp_path / "2.png", 2, (320, 240))
    source = ImagesSource(tmp_path)
    frames = [source.read(), source.read()]
    assert [frame.size for frame in frames if frame is not None] == [(192, 96), (320, 240)]
    assert source.info.size == (320, 240)


def test_rate_seek_and_loop(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path / f"{number}.png", number)
    source = ImagesSource(tmp_path, fps=10, loop=True)
    assert source.info.duration == pytest.approx(0.5)
    frames = [frame for frame in (source.read() for _ in range(12)) if frame is not None]
    assert [frame.seconds for frame in frames] == pytest.approx([n / 10 for n in range(12)])
    source.seek(frames[8].seconds)
    again = source.read()
    assert again is not None
    assert (again.seconds, picture_number(again.image)) == (pytest.approx(0.8), 3)


def test_unreadable_ones_are_left_out_and_named(tmp_path: Path) -> None:
    write(tmp_path / "1.png", 1)
    (tmp_path / "2.png").write_text("no picture")
    write(tmp_path / "3.png", 3)
    source = ImagesSource(tmp_path)
    assert source.info.note is None
    frames = [frame for frame in iter(source.read, None) if frame is not None]
    assert [picture_number(frame.image) for frame in frames] == [1, 3]
    assert [frame.index for frame in frames] == [0, 2]
    assert source.info.note == "1 of 3 images cannot be read: 2.png."


def test_one_that_vanishes_is_left_out(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"{number}.png", number)
    source = ImagesSource(tmp_path)
    (tmp_path / "1.png").unlink()
    assert numbers(source) == [0, 2]


def test_none_readable(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.png").write_text("no picture")
    with pytest.raises(SourceError, match="None of the 2 images"):
        ImagesSource(tmp_path)


def test_a_loop_in_which_nothing_can_be_read_any_more_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "1.png", 1)
    source = ImagesSource(tmp_path, loop=True)
    path.unlink()
    assert source.read() is None


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_an_image_that_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.jpg is not an image"):
        open_source(str(path))


def test_a_picture_that_promises_an_absurd_size() -> None:
    header = b"P6 2000000000 2000000000 255\n"
    assert decode_image(header + b"\x00" * 100) is None


def test_a_picture_that_is_too_large_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "a.ppm"
    path.write_bytes(b"P6 30000 60000 255\n" + bytes(100))
    with pytest.raises(SourceError, match=r"a\.ppm is too large a picture"):
        open_source(str(path))


BOMB = """
import pose_app
import resource
import cv2, numpy
from pose_app.sources.images import decode_image
done, data = cv2.imencode(".jpg", numpy.zeros((64, 64, 3), numpy.uint8))
bomb = bytearray(data.tobytes())
size = bomb.index(b"\\xff\\xc0") + 5
assert decode_image(bytes(bomb)).shape == (64, 64, 3)
bomb[size : size + 4] = (20000).to_bytes(2, "big") * 2
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert decode_image(bytes(bomb)) is None
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before * 1.5
"""


@pytest.mark.skipif(sys.platform == "win32", reason="measured with a module of Unix")
def test_a_damaged_size_of_a_jpeg_takes_no_gigabytes() -> None:
    """In a process of its own: OpenCV learns its limit when it is loaded."""
    done = subprocess.run([sys.executable, "-c", BOMB], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="There is no image in"):
        open_source(str(tmp_path))
