"""The session's timeline: a live source's own times are used as far as they can be true."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from pose_app.pipeline.capture import CLOCK_JUMP_SECONDS, SessionClock
from pose_app.sources.base import SourceInfo
from pose_app.types import Frame

IMAGE = np.zeros((2, 2, 3), np.uint8)
LIVE = SourceInfo("camera", "camera", (2, 2), fps=30.0, live=True)
FILE = SourceInfo("video", "film", (2, 2), fps=25.0)


def stamps(
    says: Callable[[float], float], info: SourceInfo = LIVE, seconds: float = 60.0
) -> list[tuple[float, float]]:
    """(our clock, the timeline) at 50 pictures a second; `says` is what the source's clock says."""
    clock, made = SessionClock(), []
    for index in range(round(50 * seconds)):
        now = index / 50
        frame = Frame(index, round(now * 1e9), says(now), IMAGE)
        made.append((now, clock.stamp(frame, info, False)))
    return made


@pytest.mark.parametrize("seed", range(5))
def test_random_times_never_take_the_timeline_far_away(seed: int) -> None:
    """Now and then such a time is near the right one: these errors must not add up."""
    dice = random.Random(seed)
    made = stamps(lambda _: dice.uniform(-100, 100))
    assert all(abs(stamp - now) < 3 * CLOCK_JUMP_SECONDS for now, stamp in made)


@pytest.mark.parametrize("rate", [0.99, 1.01])
def test_a_clock_a_little_slow_or_fast_is_believed(rate: float) -> None:
    """A camera's own times are steadier than the moments of arrival, for hours."""
    made = stamps(lambda now: 7 + rate * now, seconds=1000)
    assert made[-1][1] == pytest.approx(rate * made[-1][0])


@pytest.mark.parametrize(
    "says",
    [lambda _: 5.0, lambda now: -now, lambda now: now + 1e6 * (now > 1), lambda now: 20 * now],
    ids=["stands still", "backwards", "jumps ahead", "far too fast"],
)
def test_impossible_times_are_those_of_our_clock(says: Callable[[float], float]) -> None:
    made = stamps(says)
    assert made[-1][1] == pytest.approx(made[-1][0], abs=2 * CLOCK_JUMP_SECONDS)
    steps = np.diff([stamp for _, stamp in made])
    assert steps.min() > 0


def test_a_file_has_its_own_times_whatever_our_clock_says() -> None:
    assert stamps(lambda now: 20 * now, FILE)[-1][1] == pytest.approx(20 * 59.98)
    still = stamps(lambda _: 5.0, FILE)
    assert still[-1][1] == pytest.approx((len(still) - 1) / 25)  # its own rate
