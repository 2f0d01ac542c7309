"""When the finder looks."""

from __future__ import annotations

import math
from itertools import pairwise

from pose_app.pose.people import LATEST, SHARE, STEADY, FinderSchedule


def looks(
    schedule: FinderSchedule, frames: int, cost: float, other: float, rate: float
) -> list[int]:
    """The frames that are searched, where the finder takes `cost` ms and all else `other`."""
    searched = []
    for index in range(frames):
        if schedule.due(index / rate, False):
            schedule.searched(index / rate, cost)
            searched.append(index)
        schedule.spent(other)
    return searched


def test_the_first_frame_is_searched_and_the_urgent_ones() -> None:
    schedule = FinderSchedule()
    assert schedule.due(0.0, False)
    schedule.searched(0.0, 5.0)
    assert not schedule.due(1 / 30, False)
    assert schedule.due(1 / 30, True)


def test_it_costs_a_tenth_of_all_else_where_that_is_often_enough() -> None:
    searched = looks(FinderSchedule(), 300, cost=4.0, other=16.0, rate=60)
    assert 4.0 * len(searched) <= SHARE * 16.0 * 300 + 4.0
    assert len(searched) > 0.8 * SHARE * 16.0 * 300 / 4.0


def test_a_slow_finder_still_sees_a_newcomer_within_three_tenths() -> None:
    searched = looks(FinderSchedule(), 300, cost=400.0, other=10.0, rate=30)
    gaps = [(b - a) / 30 for a, b in pairwise(searched)]
    assert LATEST <= max(gaps) + 1e-9 < 0.3


def test_steady_looks_do_not_depend_on_measured_times() -> None:
    slow, fast = FinderSchedule(), FinderSchedule()
    slow.steady = fast.steady = True
    expected = list(range(0, 300, math.ceil(STEADY * 30)))
    assert looks(slow, 300, cost=500.0, other=1.0, rate=30) == expected
    assert looks(fast, 300, cost=0.1, other=100.0, rate=30) == expected


def test_the_same_frame_again_is_not_searched_again() -> None:
    schedule = FinderSchedule()
    schedule.searched(1.0, 1.0)
    for _ in range(5):
        schedule.spent(1000.0)
        assert not schedule.due(1.0, False)


def test_an_earlier_frame_and_a_reset_are_searched() -> None:
    schedule = FinderSchedule()
    schedule.searched(5.0, 1.0)
    assert schedule.due(2.0, False)
    schedule.reset()
    assert schedule.due(5.0, False)
