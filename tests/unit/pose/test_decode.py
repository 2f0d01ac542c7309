"""Every decode rule on maps whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pose_app.pose.decode import calibrate, decode
from pose_app.skeletons import MPII_16
from pose_app.spec import Calibration, DecodeRule, ModelSpec, NetworkConfig


def spec(stacks: int = 4, **values: Any) -> ModelSpec:
    return ModelSpec(
        name="test",
        family="pose-app",
        network=NetworkConfig(stacks=stacks, width=64),
        joints=MPII_16.joints,
        limbs=MPII_16.limbs,
        flip=MPII_16.flip,
        **values,
    )


def gaussian(x: np.ndarray, y: np.ndarray, sigma: float, size: int = 64) -> np.ndarray:
    """Maps (..., size, size) of one Gaussian each, height 1."""
    rows, columns = np.mgrid[:size, :size]
    x, y = np.asarray(x)[..., None, None], np.asarray(y)[..., None, None]
    square = (columns - x) ** 2 + (rows - y) ** 2
    return np.exp(-square / (2 * sigma**2)).astype(np.float32)


def single(values: dict[tuple[int, int], float], size: int = 8) -> np.ndarray:
    """One map (1, size, size) with values at (x, y), zero elsewhere."""
    made = np.zeros((1, size, size), np.float32)
    for (x, y), value in values.items():
        made[0, y, x] = value
    return made


def place(maps: np.ndarray, stride: int = 4, **rule: Any) -> list[float]:
    """(x, y) in map pixels, offset excluded."""
    values = {"offset": 0.0, **rule}
    return (decode(maps, spec(decode=DecodeRule(**values)))[0, :2] / stride).tolist()


@pytest.mark.parametrize("sigma", [1.0, 1.2, 2.0, 3.0])
def test_dark_finds_the_true_centre_of_a_gaussian(sigma: float) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(12, 51, (2, 4, 16))
    answer = decode(
        gaussian(x, y, sigma), spec(sigma=sigma, decode=DecodeRule(subpixel="dark", offset=0))
    )
    assert answer.shape == (4, 16, 3)
    assert np.abs(answer[..., 0] / 4 - x).max() < 0.01
    assert np.abs(answer[..., 1] / 4 - y).max() < 0.01


def test_centroid_and_quarter_are_within_their_known_error() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(5, 58, (2, 16))
    maps = gaussian(x, y, 1.0)
    for subpixel, limit in (("centroid", 0.06), ("quarter", 0.26)):
        answer = decode(maps, spec(decode=DecodeRule(subpixel=subpixel, offset=0)))
        assert np.abs(answer[:, 0] / 4 - x).max() < limit
        assert np.abs(answer[:, 1] / 4 - y).max() < limit


def test_centroid_is_the_centre_of_mass_of_five_by_five() -> None:
    maps = single({(3, 3): 0.6, (5, 3): 0.2, (3, 1): 0.2, (6, 3): 0.5})
    assert place(maps, subpixel="centroid") == pytest.approx([3.4, 2.6])


def test_mass_prefers_the_fullest_window_to_the_highest_peak() -> None:
    # A lone peak of 0.3, and 0.5 spread over two pixels elsewhere, six pixels further.
    maps = single({(2, 2): 0.3, (9, 10): 0.25, (11, 10): 0.25, (11, 1): 0.2}, size=16)
    assert place(maps, subpixel="centroid") == pytest.approx([2, 2])
    assert place(maps, subpixel="mass") == pytest.approx([10, 10])
    rule = DecodeRule(subpixel="mass", offset=0)
    assert decode(maps, spec(decode=rule, score="window"))[0, 2] == pytest.approx(0.5)
    # On the border the window is cut, not moved.
    assert place(single({(0, 0): 1.0}), subpixel="mass") == pytest.approx([0, 0])
    # It may lie beside the mass, its centre of mass does not.
    assert place(single({(5, 3): 0.7}), subpixel="mass") == pytest.approx([5, 3])


def test_offset_and_stride_come_from_the_spec() -> None:
    maps = single({(3, 5): 1.0}, size=32)
    for offset, expected in ((0.5, (14.0, 22.0)), (0.0, (12.0, 20.0)), (0.375, (13.5, 21.5))):
        rule = DecodeRule(offset=offset)
        assert tuple(decode(maps, spec(decode=rule))[0, :2]) == expected
    config = spec(stride=8, input_size=(256, 256), decode=DecodeRule(offset=0.0))
    assert tuple(decode(maps, config)[0, :2]) == (24.0, 40.0)


def test_quarter_goes_towards_the_higher_neighbour() -> None:
    higher = single({(3, 3): 1, (4, 3): 0.5, (2, 3): 0.4, (3, 2): 0.3, (3, 4): 0.2})
    assert place(higher) == [3.25, 2.75]


@pytest.mark.parametrize("tie", [0.0, -0.25])
def test_equal_neighbours_follow_the_tie_rule(tie: float) -> None:
    assert place(single({(3, 3): 1}), tie=tie) == [3 + tie, 3 + tie]


def test_on_the_border_interior_stays_and_clamp_moves() -> None:
    maps = single({(0, 3): 1, (1, 3): 0.5, (0, 4): 0.5})
    # One coordinate on the border: neither axis is shifted.
    assert place(maps, border="interior") == [0.0, 3.0]
    # The neighbour left of the border is the peak itself, and higher than the one on the right.
    assert place(maps, border="clamp", tie=-0.25) == [-0.25, 3.25]
    corner = single({(7, 7): 1, (6, 7): 0.5, (7, 6): 0.5})
    assert place(corner, border="clamp", tie=-0.25) == [7.25, 7.25]


def test_positive_only_zeroes_what_has_no_peak_above_zero() -> None:
    maps = np.full((2, 8, 8), -1, np.float32)
    maps[0, 3, 4], maps[1, 3, 4] = -0.5, 0.5
    answer = decode(maps, spec(decode=DecodeRule(positive_only=True)))
    assert answer[0].tolist() == [0, 0, -0.5]
    assert answer[1, :2].tolist() == [18.0, 14.0]
    kept = decode(maps, spec(decode=DecodeRule()))
    assert kept[0, :2].tolist() == [18.0, 14.0]


def test_the_window_score_sums_five_by_five() -> None:
    maps = single({(3, 3): 0.4, (4, 4): 0.2, (5, 1): 0.1, (6, 3): 0.3})
    assert decode(maps, spec(score="peak"))[0, 2] == pytest.approx(0.4)
    assert decode(maps, spec(score="window"))[0, 2] == pytest.approx(0.7)
    corner = single({(0, 0): 0.4, (7, 7): 0.39})
    assert decode(corner, spec(score="window"))[0, 2] == pytest.approx(0.4)


@pytest.mark.parametrize("subpixel", ["quarter", "dark", "centroid", "mass"])
@pytest.mark.parametrize("value", [0.0, -3.0, np.nan, np.inf, -np.inf, 1e30])
def test_flat_maps_give_the_first_pixel_and_tell_what_is_no_number(
    subpixel: str, value: float
) -> None:
    maps = np.full((16, 64, 64), value, np.float32)
    before = maps.copy()
    answer = decode(maps, spec(decode=DecodeRule(subpixel=subpixel, offset=0)))
    assert np.isfinite(answer[:, :2]).all()
    assert np.abs(answer[:, :2]).max() <= 4 * 3
    assert (np.isnan(answer[:, 2]) == (not np.isfinite(value))).all()
    assert np.isfinite(calibrate(answer[None, :, 2], spec())).all()
    assert np.array_equal(maps, before, equal_nan=True)


def test_a_nan_does_not_hide_the_peak() -> None:
    maps = gaussian(np.array([20.0, 30.0]), np.array([25.0, 35.0]), 1.5)
    maps[0, 3, 3], maps[0, 50, 50], maps[1, 0, 0] = np.nan, np.inf, -np.inf
    answer = decode(maps, spec(decode=DecodeRule(subpixel="dark", offset=0)))
    assert answer[:, :2] / 4 == pytest.approx(np.array([[20, 25], [30, 35]]), abs=0.02)


def test_stacks_are_decoded_as_each_would_be_alone() -> None:
    maps = np.random.default_rng(5).random((3, 16, 32, 32), dtype=np.float32)
    for subpixel in ("quarter", "dark", "centroid", "mass"):
        config = spec(score="window", decode=DecodeRule(subpixel=subpixel))
        together = decode(maps, config)
        for stack in range(3):
            assert np.array_equal(together[stack], decode(maps[stack], config))


def test_maps_in_any_layout_are_read() -> None:
    maps = gaussian(np.array([20.2]), np.array([30.7]), 1.5)
    other = np.asfortranarray(maps)[:, ::1]
    assert np.array_equal(decode(other, spec()), decode(maps, spec()))
    assert np.array_equal(decode(maps.astype(np.float64), spec()), decode(maps, spec()))


def test_scores_without_a_calibration_are_cut_to_a_probability() -> None:
    raw = np.array([[-1.0, 0.5, 1.5, np.nan]], np.float32)
    assert calibrate(raw, spec()).tolist() == [[0.0, 0.5, 1.0, 0.0]]


def test_each_stack_has_its_own_calibration() -> None:
    curves = tuple(Calibration((0.0, 1.0), (0.0, top)) for top in (0.2, 0.4, 0.6, 0.8))
    config = spec(calibration=curves)
    scores = calibrate(np.full((3, 2), 0.5, np.float32), config)
    assert scores == pytest.approx(np.array([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]))
    assert scores.dtype == np.float32
    assert calibrate(np.full((4, 1), 7.0), config)[:, 0] == pytest.approx([0.2, 0.4, 0.6, 0.8])


@settings(max_examples=80, deadline=None)
@given(
    maps=hnp.arrays(
        np.float32, (2, 3, 8, 8), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)
    ),
    subpixel=st.sampled_from(("quarter", "dark", "centroid", "mass")),
    border=st.sampled_from(("interior", "clamp")),
    score=st.sampled_from(("peak", "window")),
)
def test_any_map_gives_a_place_on_the_map(
    maps: np.ndarray, subpixel: str, border: str, score: str
) -> None:
    config = spec(score=score, decode=DecodeRule(subpixel=subpixel, border=border, offset=0))
    answer = decode(maps, config)
    assert np.isfinite(answer[..., :2]).all()
    assert (answer[..., :2] >= -8).all()
    assert (answer[..., :2] <= 4 * 9).all()
    assert (
        (calibrate(answer[..., 2], config) >= 0) & (calibrate(answer[..., 2], config) <= 1)
    ).all()
