"""The One Euro filter: calm at rest, close behind in motion, honest about time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_app.pose.smoothing import OneEuro

ALL = np.ones(3, dtype=np.bool_)
SIDE = 300.0


def still(value: float) -> np.ndarray:
    return np.full((3, 2), value, np.float32)


def reference(values: list[float], times: list[float], least: float, beta: float) -> list[float]:
    """The paper's algorithm on one number, step by step."""

    def weight(cutoff: float, step: float) -> float:
        return 1 / (1 + 1 / (2 * math.pi * cutoff * step))

    answer, speed = [values[0]], 0.0
    for before, now, value in zip(times, times[1:], values[1:], strict=False):
        step = now - before
        a = weight(1.0, step)
        speed = a * (value - answer[-1]) / step + (1 - a) * speed
        a = weight(least + beta * abs(speed), step)
        answer.append(a * value + (1 - a) * answer[-1])
    return answer


def test_it_is_the_published_filter_on_uneven_steps() -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.01, 0.2, 50)).tolist()
    values = (np.cumsum(rng.normal(0, 5, 50)) + 200).tolist()
    smooth = OneEuro(1, min_cutoff=0.8, beta=3.0)
    made = []
    for value, time in zip(values, times, strict=True):
        joints = np.array([[value, 7.0]], np.float32)
        made.append(float(smooth(joints, np.ones(1, np.bool_), time, side=SIDE)[0, 0]))
    # Along one axis the length of the speed is its absolute value, here in sides per second.
    assert made == pytest.approx(reference(values, times, 0.8, 3.0 / SIDE), abs=1e-3)


def test_the_first_frame_is_taken_as_it_is() -> None:
    assert np.array_equal(OneEuro(3)(still(50), ALL, 0.0, SIDE), still(50))


def test_trembling_at_rest_is_more_than_halved() -> None:
    rng = np.random.default_rng(1)
    smooth = OneEuro(3)
    noisy = 100 + rng.normal(0, 0.004 * SIDE, (120, 3, 2)).astype(np.float32)
    made = np.array([smooth(noisy[i], ALL, i / 30, SIDE) for i in range(120)])
    assert np.diff(made[30:], axis=0).std() < 0.5 * np.diff(noisy[30:], axis=0).std()


def test_a_fast_arm_is_followed_closely() -> None:
    smooth = OneEuro(3)
    speed = 1.5 * SIDE  # pixels per second
    for i in range(30):
        made = smooth(still(i / 30 * speed), ALL, i / 30, SIDE)
    behind = (29 / 30 * speed - float(made[0, 0])) / speed
    assert 0 <= behind < 0.015  # seconds: less than half a frame


def test_people_near_and_far_are_smoothed_alike() -> None:
    rng = np.random.default_rng(2)
    walk = np.cumsum(rng.normal(0, 4, (40, 3, 2)), axis=0).astype(np.float32)
    near, far = OneEuro(3), OneEuro(3)
    for i in range(40):
        a = near(walk[i] * 4, ALL, i / 25, SIDE * 4)
        b = far(walk[i], ALL, i / 25, SIDE)
        assert a == pytest.approx(b * 4, rel=1e-4, abs=1e-2)


def test_a_joint_that_comes_back_starts_where_it_is() -> None:
    smooth = OneEuro(3)
    for i in range(10):
        smooth(still(100), ALL, i / 30, SIDE)
    hidden = np.array([True, False, True])
    smooth(still(100), hidden, 10 / 30, SIDE)
    made = smooth(still(180), ALL, 11 / 30, SIDE)
    assert made[1].tolist() == [180, 180]
    assert (made[[0, 2]] < 180).all()


def test_absent_joints_are_not_touched() -> None:
    smooth = OneEuro(3)
    smooth(still(100), ALL, 0.0, SIDE)
    made = smooth(still(140), np.array([True, False, True]), 0.03, SIDE)
    assert made[1].tolist() == [140, 140]
    assert made[0, 0] < 140


@pytest.mark.parametrize("time", [0.5, 0.0, 99.0])
def test_going_back_or_a_gap_starts_anew(time: float) -> None:
    smooth = OneEuro(3)
    smooth(still(100), ALL, 1.0, SIDE)
    smooth(still(100), ALL, 1.1, SIDE)
    assert np.array_equal(smooth(still(300), ALL, time, SIDE), still(300))


def test_the_same_frame_again_does_not_move() -> None:
    smooth = OneEuro(3)
    smooth(still(100), ALL, 1.0, SIDE)
    first = smooth(still(120), ALL, 1.03, SIDE)
    assert np.array_equal(smooth(still(120), ALL, 1.03, SIDE), first)


def test_reset_forgets() -> None:
    smooth = OneEuro(3)
    smooth(still(100), ALL, 1.0, SIDE)
    smooth.reset()
    assert np.array_equal(smooth(still(300), ALL, 1.03, SIDE), still(300))


def test_the_input_is_not_changed() -> None:
    smooth = OneEuro(3)
    smooth(still(100), ALL, 1.0, SIDE)
    joints = still(120)
    smooth(joints, ALL, 1.03, SIDE)
    assert np.array_equal(joints, still(120))


number = st.floats(width=32, allow_nan=True, allow_infinity=True)


@settings(max_examples=100, deadline=None)
@given(
    frames=st.lists(
        st.tuples(st.lists(number, min_size=6, max_size=6), st.floats(0, 100)), max_size=8
    )
)
def test_hostile_numbers_never_stick(frames: list[tuple[list[float], float]]) -> None:
    smooth = OneEuro(3)
    seconds = 0.0
    with np.errstate(over="ignore"):
        for values, seconds in frames:
            smooth(np.array(values, np.float32).reshape(3, 2), ALL, seconds, SIDE)
    for i in range(1, 90):
        made = smooth(still(50), ALL, seconds + i / 30, SIDE)
    assert made == pytest.approx(still(50), abs=1)


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=20), rate=st.floats(2, 240))
def test_smoothing_never_leaves_the_range_of_what_was_seen(
    values: list[float], rate: float
) -> None:
    smooth = OneEuro(3)
    for i, value in enumerate(values):
        made = smooth(still(value), ALL, i / rate, SIDE)
        seen = values[: i + 1]
        assert min(seen) - 0.01 <= made.min()
        assert made.max() <= max(seen) + 0.01
