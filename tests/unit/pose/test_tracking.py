"""The state machine that follows one person, on joints made by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_app.pose.tracking import (
    GLANCE_EVERY,
    WEAK_FRAMES,
    Tracker,
    agreement,
    search_squares,
    whole_frame,
)
from pose_app.skeletons import COCO_17
from pose_app.spec import ModelSpec, NetworkConfig
from pose_app.types import Region
from tests.unit.pose.colour_engine import dot_spec, person

SIZE = (640, 480)
SURE = np.full(16, 0.9, np.float32)
NOBODY = np.zeros(16, np.float32)


def joints(x: float = 320, y: float = 60, height: float = 360) -> np.ndarray:
    return person(x, y, height).astype(np.float32)


def following(places: np.ndarray, **spec: Any) -> Tracker:
    """A tracker that has just found somebody there, at 0 seconds."""
    tracker = Tracker(dot_spec(**spec))
    region = tracker.propose_regions(SIZE)[0]
    assert tracker.update(region, places, SURE, 0.9, 0.0, SIZE)
    return tracker


def feed(tracker: Tracker, places: np.ndarray, scores: np.ndarray, seconds: float) -> bool:
    region = tracker.propose_regions(SIZE)[0]
    return tracker.update(region, places, scores, float(scores.mean()), seconds, SIZE)


def covers(region: Region, places: np.ndarray) -> bool:
    low, high = places.min(axis=0), places.max(axis=0)
    return bool(
        region.x <= low[0]
        and region.y <= low[1]
        and region.x + region.side >= high[0]
        and region.y + region.side >= high[1]
    )


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1920, 1080), (300, 300), (1, 1)])
def test_the_whole_frame_is_in_the_middle_of_its_square(size: tuple[int, int]) -> None:
    region = whole_frame(size)
    assert region.side == max(size)
    assert region.centre == pytest.approx((size[0] / 2, size[1] / 2))


def test_a_wide_input_shows_the_whole_frame_too() -> None:
    # 384 high, 288 wide: the region's side is the height of what is seen.
    region = whole_frame((1000, 400), aspect=288 / 384)
    assert region.side * 288 / 384 == pytest.approx(1000)
    assert whole_frame((300, 1000), aspect=288 / 384).side == 1000


@settings(max_examples=80, deadline=None)
@given(width=st.integers(1, 5000), height=st.integers(1, 5000))
def test_the_squares_cover_the_frame_and_stay_inside(width: int, height: int) -> None:
    squares = search_squares((width, height))
    assert 1 <= len(squares) <= 400
    for region in squares:
        assert region.side >= 1
        for start, limit in ((region.x, width), (region.y, height)):
            inside = start >= -0.5 and start + region.side <= limit + 0.5
            centred = region.side >= limit and abs(2 * start + region.side - limit) < 1e-6
            assert inside or centred
    spots = np.random.default_rng(0).uniform(0, 1, (30, 2)) * (width - 1, height - 1)
    for x, y in spots:
        assert any(
            r.x - 0.51 <= x <= r.x + r.side and r.y - 0.51 <= y <= r.y + r.side for r in squares
        )


def test_squares_of_usual_cameras_are_few_and_of_two_scales() -> None:
    for size in ((640, 480), (1280, 720), (1920, 1080)):
        squares = search_squares(size)
        assert len(squares) <= 24
        assert len({round(region.side, 3) for region in squares}) == 2
        sides = [region.side for region in squares]
        assert sides == sorted(sides, reverse=True)


def test_searching_looks_at_the_whole_frame_and_at_every_square_in_turn() -> None:
    tracker = Tracker(dot_spec())
    squares = search_squares(SIZE)
    seen = []
    for frame in range(2 * len(squares)):
        whole, square = tracker.propose_regions(SIZE)
        assert whole == whole_frame(SIZE)
        seen.append(square)
        assert not tracker.update(whole, joints(), NOBODY, 0.0, frame / 30, SIZE)
    assert seen == squares + squares


def test_who_is_found_is_followed_by_one_square_around_the_joints() -> None:
    tracker = following(joints())
    assert tracker.region is not None
    assert covers(tracker.region, joints())
    assert tracker.propose_regions(SIZE) == [tracker.region]
    # A person is 0.96 of the given height from head top to ankle.
    assert tracker.region.side / (0.96 * 360) == pytest.approx(1.45, abs=0.01)


def test_the_region_follows_who_walks() -> None:
    tracker = following(joints(x=200))
    for frame in range(1, 60):
        places = joints(x=200 + frame * 4)
        assert feed(tracker, places, SURE, frame / 30)
        assert tracker.region is not None
        assert covers(tracker.region, places)


def test_the_region_grows_faster_than_it_shrinks() -> None:
    nearer, farther = following(joints(height=200)), following(joints(height=200))
    before = nearer.region.side if nearer.region else 0
    feed(nearer, joints(height=250), SURE, 1 / 30)
    feed(farther, joints(height=160), SURE, 1 / 30)
    assert nearer.region is not None
    assert farther.region is not None
    grown = math.log(nearer.region.side / before)
    shrunk = math.log(before / farther.region.side)
    assert grown > 2 * shrunk > 0


def test_one_stray_joint_moves_the_region_only_a_little() -> None:
    tracker = following(joints())
    before = tracker.region
    stray = joints()
    stray[15] = (638, 478)
    feed(tracker, stray, SURE, 1 / 30)
    assert before is not None
    assert tracker.region is not None
    assert tracker.region.side < 1.1 * before.side
    assert math.dist(tracker.region.centre, before.centre) < 0.25 * before.side


def test_motion_depends_on_time_not_on_the_frame_rate() -> None:
    slow, fast = following(joints(x=200)), following(joints(x=200))
    for frame in range(1, 61):
        feed(fast, joints(x=260), SURE, frame / 120)
    for frame in range(1, 16):
        feed(slow, joints(x=260), SURE, frame / 30)
    assert slow.region is not None
    assert fast.region is not None
    assert slow.region.centre == pytest.approx(fast.region.centre, abs=0.5)
    assert slow.region.side == pytest.approx(fast.region.side, rel=1e-3)


def test_several_weak_frames_lead_back_to_search_and_fewer_do_not() -> None:
    tracker = following(joints())
    for frame in range(1, WEAK_FRAMES):
        assert not feed(tracker, joints(), NOBODY, frame / 30)
        assert tracker.region is not None
    assert feed(tracker, joints(), SURE, WEAK_FRAMES / 30)
    for frame in range(1, WEAK_FRAMES + 1):
        assert tracker.region is not None
        assert not feed(tracker, joints(), NOBODY, 1 + frame / 30)
    assert tracker.region is None


def test_a_weak_frame_widens_the_region() -> None:
    tracker = following(joints(height=150))
    before = tracker.region
    feed(tracker, joints(), NOBODY, 1 / 30)
    assert before is not None
    assert tracker.region is not None
    assert tracker.region.side > before.side
    assert tracker.region.centre == pytest.approx(before.centre)


def test_less_is_enough_to_stay_than_to_be_found() -> None:
    spec = dot_spec()
    between = np.full(16, spec.person_threshold * 0.85, np.float32)
    fresh = Tracker(spec)
    assert not fresh.update(fresh.propose_regions(SIZE)[0], joints(), between, 0.255, 0.0, SIZE)
    assert fresh.region is None
    assert feed(following(joints()), joints(), between, 1 / 30)


def test_the_same_frame_again_changes_nothing() -> None:
    tracker = following(joints())
    before = tracker.region
    for _ in range(3 * WEAK_FRAMES):
        feed(tracker, joints(x=500), SURE, 0.0)
        feed(tracker, joints(x=500), NOBODY, 0.0)
    assert before is not None
    assert tracker.region is not None
    assert tracker.region.centre == pytest.approx(before.centre)
    assert tracker.region.side == pytest.approx(before.side)


def test_another_frame_size_means_another_picture() -> None:
    tracker = following(joints())
    assert len(tracker.propose_regions((1280, 720))) == 2
    assert tracker.region is None


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.545, 0.75])
def test_who_is_beyond_doubt_has_the_network_alone(threshold: float) -> None:
    tracker = following(joints(), person_threshold=threshold)
    for frame in range(1, 4 * GLANCE_EVERY):
        assert len(tracker.propose_regions(SIZE)) == 1
        feed(tracker, joints(), SURE, frame / 30)


def test_in_doubt_the_tracker_glances_elsewhere_now_and_then() -> None:
    tracker = following(joints())
    doubtful = np.full(16, 0.4, np.float32)
    glances = []
    for frame in range(1, 6 * GLANCE_EVERY + 1):
        feed(tracker, joints(), doubtful, frame / 30)
        glances += tracker.propose_regions(SIZE)[1:]
    assert len(glances) == 6
    assert glances[::2] == [whole_frame(SIZE)] * 3
    assert set(glances[1::2]) <= set(search_squares(SIZE))
    assert len(set(glances)) == 4


def test_reset_forgets_the_person() -> None:
    tracker = following(joints())
    tracker.reset()
    assert len(tracker.propose_regions(SIZE)) == 2


def test_a_head_alone_keeps_room_for_shoulders_and_arms() -> None:
    scores = NOBODY.copy()
    scores[[7, 8, 9]] = 0.95  # thorax, upper neck, head top
    places = joints(height=600)
    region = Tracker(dot_spec()).region_from_keypoints(places, scores, SIZE)
    assert covers(region, places[[8, 9, 11, 12, 13, 14]])


def test_missing_legs_do_not_count_for_the_region() -> None:
    scores = SURE.copy()
    scores[:6] = 0.02
    places = joints()
    places[:6] = (10_000, 10_000)  # wherever an unsure joint happens to be
    region = Tracker(dot_spec()).region_from_keypoints(places, scores, SIZE)
    assert covers(region, joints()[6:])
    assert region.side < 400


def test_other_skeletons_are_followed_too() -> None:
    spec = ModelSpec(
        name="coco",
        family="mmpose",
        network=NetworkConfig(graph="cornernet", stacks=1, joints=17),
        joints=COCO_17.joints,
        limbs=COCO_17.limbs,
        flip=COCO_17.flip,
        input_size=(384, 256),
    )
    places = np.random.default_rng(0).uniform(100, 300, (17, 2)).astype(np.float32)
    region = Tracker(spec).region_from_keypoints(places, np.full(17, 0.8, np.float32), SIZE)
    middle = (places.min(axis=0) + places.max(axis=0)) / 2 + 0.5
    assert region.centre == pytest.approx(tuple(middle), abs=1)
    assert region.side * 256 / 384 > np.ptp(places[:, 0])


def test_two_looks_agree_where_both_see_a_joint_in_one_place() -> None:
    places = joints()
    assert agreement(places, SURE, places, SURE, 400) == pytest.approx(0.9)
    assert agreement(places, SURE, places + 60, SURE, 400) == 0
    assert agreement(places, SURE, places, NOBODY, 400) == 0
    half = places.copy()
    half[:12] += 100
    assert agreement(places, SURE, half, SURE, 400) == pytest.approx(0.45)


@settings(max_examples=80, deadline=None)
@given(
    places=st.lists(st.floats(-1e5, 1e5), min_size=32, max_size=32),
    scores=st.lists(st.floats(0, 1), min_size=16, max_size=16),
    times=st.lists(st.floats(0, 1e4), min_size=1, max_size=12),
    width=st.integers(1, 4000),
    height=st.integers(1, 4000),
)
def test_any_joints_leave_a_region_that_shows_a_part_of_the_picture(
    places: list[float], scores: list[float], times: list[float], width: int, height: int
) -> None:
    tracker = Tracker(dot_spec())
    made = np.array(places, np.float32).reshape(16, 2)
    sure = np.array(scores, np.float32)
    for number, seconds in enumerate(times):
        presence = float(sure.mean()) if number % 3 else 1.0
        for region in tracker.propose_regions((width, height)):
            assert all(map(math.isfinite, (region.x, region.y, region.side)))
            assert region.side >= 1
            assert -region.side < region.x < width
            assert -region.side < region.y < height
        tracker.update(region, made, sure, presence, seconds, (width, height))
