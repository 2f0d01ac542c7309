"""Videos whose pixels are not square: DV, DVD, HDV and broadcasts."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pose_app.sources.stream import LiveStreamSource
from pose_app.sources.video import VideoSource
from pose_app.types import Image
from tests.media import rotate
from tests.servers import MjpegServer

COUNT = 30


def disc(number: int, size: tuple[int, int], aspect: Fraction) -> Image:
    """A white disc on black, as stored in pixels of `aspect`; it grows with `number`."""
    width, height = size
    x = (np.arange(width) + 0.5 - width / 2) * float(aspect)
    y = np.arange(height) + 0.5 - height / 2
    inside = x**2 + y[:, None] ** 2 < (30 + number) ** 2
    return np.repeat(inside[..., None] * np.uint8(255), 3, axis=2)


def extent(image: Image) -> tuple[int, int]:
    """Width and height of the disc, in pixels."""
    white = image[..., 1] > 128
    return int(white.any(axis=0).sum()), int(white.any(axis=1).sum())


def write_discs(path: Path, aspect: Fraction, size: tuple[int, int] = (160, 240)) -> Path:
    """A video of pixels that are `aspect` times as wide as high; returns `path`."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "10", "crf": "18"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for number in range(COUNT):
            picture = av.VideoFrame.from_ndarray(disc(number, size, aspect), format="bgr24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
@pytest.mark.parametrize(
    ("aspect", "width"), [(Fraction(2), 320), (Fraction(64, 45), 228), (Fraction(8, 9), 142)]
)
def test_a_circle_stays_a_circle(tmp_path: Path, suffix: str, aspect: Fraction, width: int) -> None:
    source = VideoSource(write_discs(tmp_path / f"a.{suffix}", aspect))
    assert source.info.size == (width, 240)
    for number in range(3):
        frame = source.read()
        assert frame is not None
        assert frame.size == (width, 240)
        assert extent(frame.image) == pytest.approx((2 * (30 + number),) * 2, abs=3)
    source.close()


def test_seeking_finds_the_same_wide_picture(tmp_path: Path) -> None:
    source = VideoSource(write_discs(tmp_path / "a.mp4", Fraction(2)))
    for number in (17, 3, 29):
        source.seek(number / 25)
        frame = source.read()
        assert frame is not None
        assert frame.size == source.info.size == (320, 240)
        assert extent(frame.image) == pytest.approx((2 * (30 + number),) * 2, abs=3)
    source.close()


def test_a_turned_video_is_stretched_before_it_is_turned(tmp_path: Path) -> None:
    path = write_discs(tmp_path / "a.mp4", Fraction(2))
    rotate(path, 90)
    source = VideoSource(path)
    frame = source.read()
    assert frame is not None
    assert frame.size == source.info.size == (240, 320)
    assert extent(frame.image) == pytest.approx((60, 60), abs=3)
    source.close()


def test_a_live_stream_is_as_wide_as_it_is_shown(tmp_path: Path) -> None:
    path = write_discs(tmp_path / "a.ts", Fraction(2))
    with MjpegServer() as server:
        server.files["/a.ts"] = (path.read_bytes(), "video/mp2t")
        source = LiveStreamSource(server.address("/a.ts"))
        frame = source.read()
        assert frame is not None
        assert frame.size == source.info.size == (320, 240)
        source.close()


@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(404, 405), Fraction(9), Fraction(1, 9)])
def test_square_pixels_and_impossible_ones_stay_as_they_are(
    tmp_path: Path, aspect: Fraction
) -> None:
    path = write_discs(tmp_path / "a.mp4", aspect)
    source = VideoSource(path)
    frame = source.read()
    assert frame is not None
    with av.open(path) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="bgr24")
    np.testing.assert_array_equal(frame.image, picture)
    source.close()


def test_a_broadcast_that_changes_its_pixels_is_followed(tmp_path: Path) -> None:
    first = write_discs(tmp_path / "a.ts", Fraction(16, 15))
    second = write_discs(tmp_path / "b.ts", Fraction(64, 45))
    path = tmp_path / "joined.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    source = VideoSource(path)
    sizes = []
    while (frame := source.read()) is not None:
        sizes.append(frame.size)
    assert sizes[0] == (171, 240)
    assert sizes[-1] == source.info.size == (228, 240)
    assert set(sizes) == {sizes[0], sizes[-1]}
    source.close()
