"""Picture to widget and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_app.ui.canvas.view_transform import ViewTransform

SIZES = st.tuples(st.integers(1, 4000), st.integers(1, 4000))


@given(
    picture=SIZES,
    widget=SIZES,
    scale=st.sampled_from(["fit", "fill", "actual"]),
    mirror=st.booleans(),
    ratio=st.sampled_from([1.0, 1.25, 2.0]),
    point=st.tuples(st.floats(-100, 5000), st.floats(-100, 5000)),
)
def test_there_and_back(picture, widget, scale, mirror, ratio, point):
    transform = ViewTransform.place(picture, widget, scale, mirror, ratio)
    back = transform.to_picture(transform.to_widget(point))
    assert back == pytest.approx(np.array(point), abs=1e-6 * (1 + 1 / transform.scale))


def test_fit_shows_everything_fill_leaves_no_border():
    fit = ViewTransform.place((640, 480), (1000, 500), "fit")
    assert fit.rectangle == pytest.approx((1000 / 2 - 500 * 4 / 6, 0, 500 * 4 / 3, 500))
    fill = ViewTransform.place((640, 480), (1000, 500), "fill")
    assert fill.rectangle == pytest.approx((0, -125, 1000, 750))


def test_actual_is_one_screen_pixel_per_picture_pixel():
    transform = ViewTransform.place((640, 480), (801, 601), "actual", device_ratio=2.0)
    assert transform.scale == 0.5
    assert (transform.left * 2) % 1 == 0
    assert (transform.top * 2) % 1 == 0


def test_pixel_centres_and_mirror():
    transform = ViewTransform.place((4, 2), (40, 20))
    assert transform.to_widget((0, 0)).tolist() == [5, 5]  # the middle of the first pixel
    assert transform.to_widget((3, 1)).tolist() == [35, 15]
    mirrored = ViewTransform.place((4, 2), (40, 20), mirror=True)
    assert mirrored.to_widget((0, 0)).tolist() == [35, 5]


@pytest.mark.parametrize("mirror", [False, True])
def test_a_region_covers_its_pixels_whole(mirror):
    transform = ViewTransform.place((10, 10), (100, 100), mirror=mirror)
    left, top, width, height = transform.square(0, 0, 4)
    assert (left, top, width, height) == ((60, 0, 40, 40) if mirror else (0, 0, 40, 40))
