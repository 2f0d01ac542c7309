"""The crop is exact to a fraction of a pixel, in both directions, at every scale."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_app.errors import PoseAppError
from pose_app.pose.crop import crop, to_input, to_picture
from pose_app.types import Region

SQUARE = (256, 256)


def blob(size: tuple[int, int], centre: tuple[float, float], sigma: float) -> np.ndarray:
    """A picture (width, height) of one soft white spot at a sub-pixel place."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    spot = 255 * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * sigma**2))
    return np.repeat(spot.round().astype(np.uint8)[:, :, None], 3, axis=2)


def centre_of_mass(image: np.ndarray) -> np.ndarray:
    weight = image[:, :, 0].astype(np.float64)
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("size", [SQUARE, (192, 192), (384, 288), (256, 384)])
@pytest.mark.parametrize("side", [90.3, 255.0, 301.7, 700.0, 1111.1, 2345.6])
def test_a_spot_lands_where_the_formula_says(size: tuple[int, int], side: float) -> None:
    place = np.array([701.37, 402.81])
    image = blob((1280, 720), tuple(place), sigma=side / 40)
    region = Region(place[0] - 0.47 * side, place[1] - 0.56 * side, side)
    seen = centre_of_mass(crop(image, region, size))
    expected = to_input(place, region, size)
    assert np.abs(seen - expected).max() < 0.05
    step = side / size[0]
    assert np.abs(to_picture(seen, region, size) - place).max() < 0.05 * step


def test_the_formula_of_the_square_input() -> None:
    region = Region(10.0, 20.0, 512.0)
    points = to_picture(np.array([[0.0, 0.0], [255.0, 128.0]]), region, SQUARE)
    assert points.tolist() == [[10 - 0.5 + 1.0, 20 - 0.5 + 1.0], [10 - 0.5 + 511, 20 - 0.5 + 257]]


def test_a_rectangular_input_shares_the_centre_of_the_square() -> None:
    region = Region(100.0, 50.0, 300.0)
    middle = to_input(np.array([100 + 150 - 0.5, 50 + 150 - 0.5]), region, (384, 288))
    assert middle == pytest.approx([143.5, 191.5])


def test_the_whole_picture_at_its_own_size_is_the_picture() -> None:
    image = np.random.default_rng(1).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    assert np.array_equal(crop(image, Region(0, 0, 256), SQUARE), image)


def test_beyond_the_border_is_black() -> None:
    image = np.full((100, 100, 3), 200, np.uint8)
    seen = crop(image, Region(-128, 0, 256), SQUARE)
    assert not seen[:, :126].any()
    assert (seen[:98, 130:226] == 200).all()
    assert not seen[102:].any()


def test_a_large_region_is_averaged_not_skipped() -> None:
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::2] = 200  # one pixel wide: skipping pixels would give any brightness
    seen = crop(stripes, Region(3, 5, 1000), SQUARE)[4:-4, 4:-4].astype(int)
    assert abs(seen - 100).max() <= 12


def test_the_answer_is_written_into_the_given_buffer() -> None:
    buffer = np.full((2, 256, 256, 3), 7, np.uint8)
    image = blob((640, 480), (320, 240), 30)
    seen = crop(image, Region(0, 0, 480), SQUARE, out=buffer[1])
    assert np.shares_memory(seen, buffer[1])
    assert np.array_equal(buffer[1], crop(image, Region(0, 0, 480), SQUARE))
    assert (buffer[0] == 7).all()


def test_only_the_region_is_read_of_a_picture_wider_than_opencv_can_warp() -> None:
    image = np.zeros((8, 70_000, 3), np.uint8)
    image[:, 69_000:] = 255
    assert crop(image, Region(69_000, 0, 8), SQUARE)[20:230, 20:230].min() == 255
    assert crop(image, Region(0, -35_000, 70_000), SQUARE).shape == (256, 256, 3)


def test_views_with_any_strides_are_cropped_alike() -> None:
    image = np.random.default_rng(2).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    region = Region(20.5, 30.25, 220)
    plain = crop(np.ascontiguousarray(image[::-1, :, ::-1]), region, SQUARE)
    assert np.array_equal(crop(image[::-1, :, ::-1], region, SQUARE), plain)


def test_the_picture_is_not_changed() -> None:
    image = np.random.default_rng(3).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    image.flags.writeable = False
    for side in (100, 800, 2000):
        crop(image, Region(-20, -10, side), SQUARE)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 10, 3), np.uint8),
        np.zeros((10, 0, 3), np.uint8),
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        None,
        "picture.png",
    ],
)
def test_what_is_no_picture_is_refused_in_one_sentence(image: object) -> None:
    with pytest.raises(PoseAppError) as error:
        crop(image, Region(0, 0, 10), SQUARE)  # type: ignore[arg-type]
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "region",
    [
        Region(0, 0, 0),
        Region(0, 0, -5),
        Region(float("nan"), 0, 10),
        Region(0, float("inf"), 10),
        Region(0, 0, float("nan")),
        Region(0, 0, 1e12),
        Region(640, 0, 100),
        Region(0, 480, 100),
        Region(-100, 0, 100),
        Region(0, -100, 100),
    ],
)
def test_a_region_that_shows_nothing_is_refused(region: Region) -> None:
    with pytest.raises(PoseAppError, match="region"):
        crop(np.zeros((480, 640, 3), np.uint8), region, SQUARE)


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(-300, 800),
    y=st.floats(-300, 600),
    side=st.floats(1, 3000),
    height=st.sampled_from((64, 256, 384)),
    width=st.sampled_from((64, 256, 288)),
)
def test_there_and_back_is_the_same_point(
    x: float, y: float, side: float, height: int, width: int
) -> None:
    points = np.array([[0.0, 0.0], [13.7, -200.1], [1e4, 77.0]])
    region = Region(x, y, side)
    back = to_picture(to_input(points, region, (height, width)), region, (height, width))
    assert np.abs(back - points).max() < 1e-6


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
    side=st.floats(0.5, 4000),
)
def test_every_region_gives_a_crop_or_one_sentence(
    width: int, height: int, x: float, y: float, side: float
) -> None:
    image = np.full((height, width, 3), 255, np.uint8)
    if side >= 1 and -side < x < width and -side < y < height:
        seen = crop(image, Region(x, y, side), (64, 64))
        assert seen.shape == (64, 64, 3)
        assert seen.dtype == np.uint8
    else:
        with pytest.raises(PoseAppError, match="region"):
            crop(image, Region(x, y, side), (64, 64))


def test_the_same_picture_in_twice_the_pixels_gives_nearly_the_same_crop() -> None:
    small = cv2.GaussianBlur(
        np.random.default_rng(4).integers(0, 256, (240, 320, 3)).astype(np.uint8), (0, 0), 3
    )
    large = cv2.resize(small, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)
    one = crop(small, Region(40, 30, 180), SQUARE).astype(int)
    four = crop(large, Region(160, 120, 720), SQUARE).astype(int)
    assert abs(one - four).max() <= 4
