"""Small real videos and images for tests, whose pictures carry their own number."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_BITS = 12
_TICKS = 90_000


def numbered_picture(number: int, size: tuple[int, int] = (192, 96)) -> Image:
    """(H, W, 3) BGR; `number` (0..4095) stands in it as twelve black or white blocks on grey.

    It survives compression, scaling and quarter turns are visible: the left edge is red.
    """
    width, height = size
    image = np.full((height, width, 3), 128, np.uint8)
    image[:, : width // 16] = (0, 0, 255)
    block = width * 3 // 4 // _BITS
    for bit in range(_BITS):
        left = width // 8 + bit * block
        image[height // 4 : height * 3 // 4, left : left + block] = 255 * (number >> bit & 1)
    return image


def picture_number(image: Image) -> int:
    """The number in a `numbered_picture`, upright, of any size."""
    height, width = image.shape[:2]
    block = width * 3 // 4 // _BITS
    number = 0
    for bit in range(_BITS):
        middle = width // 8 + bit * block + block // 2
        number |= int(image[height // 2 - 2 : height // 2 + 2, middle].mean() > 128) << bit
    return number


def write_video(
    path: Path,
    seconds: Iterable[float],
    *,
    size: tuple[int, int] = (192, 96),
    fps: int = 25,
    keyframe_every: int = 10,
    rotation: int = 0,
    bidirectional: bool = True,
    sound: bool = False,
    options: dict[str, str] | None = None,
) -> Path:
    """An H.264 video of numbered pictures at the given times; returns `path`.

    `rotation` is written as metadata of an mp4 (degrees counter-clockwise); `sound` adds a silent
    track; `options` go to the container.
    """
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS)
        stream.options = {
            "g": str(keyframe_every),
            "preset": "ultrafast",
            "crf": "18",
            "bf": "2" if bidirectional else "0",
        }
        if sound:
            track = container.add_stream("mp2", rate=44_100, layout="mono")
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 44_100), np.int16), format="s16", layout="mono"
            )
            silence.rate = 44_100
            container.mux(track.encode(silence))
        for number, second in enumerate(seconds):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number, size), format="bgr24")
            frame.pts = round(second * _TICKS)
            frame.time_base = Fraction(1, _TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    if rotation:
        rotate(path, rotation)
    return path


def write_video_without_a_rate(path: Path) -> Path:
    """60 pictures in Matroska, at odd times and without the header's DefaultDuration.

    So are the recordings of browsers; FFmpeg guesses a rate of 1000.
    """
    write_video(path, [n / 29.4 + 0.011 * math.sin(n * n) + 0.02 for n in range(60)])
    data = path.read_bytes()
    at = data.index(b"\x23\xe3\x83\x84")
    path.write_bytes(data[:at] + b"\xec\x86" + bytes(6) + data[at + 8 :])  # a Void element
    return path


def rotate(path: Path, degrees: int) -> None:
    """Write the display matrix of an mp4's track header (ISO/IEC 14496-12, 8.3.2), as phones do."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    cosine, sine = round(math.cos(math.radians(degrees))), round(math.sin(math.radians(degrees)))
    turned = (cosine << 16, -sine << 16, 0, sine << 16, cosine << 16, 0, 0, 0, 1 << 30)
    data[matrix : matrix + 36] = struct.pack(">9i", *turned)
    path.write_bytes(data)


def regular(count: int, fps: float = 25.0, start: float = 0.0) -> list[float]:
    """Times of `count` pictures at a steady rate."""
    return [start + number / fps for number in range(count)]
