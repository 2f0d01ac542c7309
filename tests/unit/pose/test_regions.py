"""The square around a person: from boxes, from joints, and how it moves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_app.pose.regions import BOX_MARGIN, RegionRule, follow, square, whole_frame
from pose_app.skeletons import COCO_17
from pose_app.spec import ModelSpec, NetworkConfig
from pose_app.types import Box, Region
from tests.unit.pose.colour_engine import dot_spec, person

SIZE = (640, 480)
SURE = np.full(16, 0.9, np.float32)
NOBODY = np.zeros(16, np.float32)


def joints(x: float = 320, y: float = 60, height: float = 360) -> np.ndarray:
    return person(x, y, height).astype(np.float32)


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


def test_a_box_is_in_the_middle_of_its_region() -> None:
    rule = RegionRule(dot_spec())
    region = rule.region_from_box(Box(200, 100, 120, 240, 0.9), SIZE)
    assert region.side == pytest.approx(BOX_MARGIN * 240)
    assert region.centre == pytest.approx((260, 220))
    wide = rule.region_from_box(Box(200, 100, 240, 120, 0.9), SIZE)
    assert wide.side == pytest.approx(BOX_MARGIN * 240)
    assert rule.region_from_box(Box(200, 100, 120, 240, 0.9), SIZE, 400).side == 400


def test_a_wide_box_fits_into_a_narrow_input() -> None:
    spec = ModelSpec(
        name="narrow",
        family="mmpose",
        network=NetworkConfig(stacks=1, joints=16),
        joints=dot_spec().joints,
        limbs=dot_spec().limbs,
        flip=dot_spec().flip,
        input_size=(256, 192),
    )
    region = RegionRule(spec).region_from_box(Box(100, 100, 240, 120, 0.9), SIZE)
    assert region.side * 192 / 256 == pytest.approx(BOX_MARGIN * 240)


def test_the_region_is_drawn_around_the_joints() -> None:
    rule = RegionRule(dot_spec())
    region = rule.region_from_keypoints(joints(), SURE, SIZE)
    assert covers(region, joints())
    # A person is 0.96 of the given height from head top to ankle.
    assert region.side / (0.96 * 360) == pytest.approx(1.45, abs=0.01)


def test_a_head_alone_keeps_room_for_shoulders_and_arms() -> None:
    scores = NOBODY.copy()
    scores[[7, 8, 9]] = 0.95  # thorax, upper neck, head top
    places = joints(height=600)
    region = RegionRule(dot_spec()).region_from_keypoints(places, scores, SIZE)
    assert covers(region, places[[8, 9, 11, 12, 13, 14]])


def test_missing_legs_do_not_count_for_the_region() -> None:
    scores = SURE.copy()
    scores[:6] = 0.02
    places = joints()
    places[:6] = (10_000, 10_000)  # wherever an unsure joint happens to be
    region = RegionRule(dot_spec()).region_from_keypoints(places, scores, SIZE)
    assert covers(region, joints()[6:])
    assert region.side < 400


def test_other_skeletons_have_regions_too() -> None:
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
    region = RegionRule(spec).region_from_keypoints(places, np.full(17, 0.8, np.float32), SIZE)
    middle = (places.min(axis=0) + places.max(axis=0)) / 2 + 0.5
    assert region.centre == pytest.approx(tuple(middle), abs=1)
    assert region.side * 256 / 384 > np.ptp(places[:, 0])


def test_the_region_grows_faster_than_it_shrinks() -> None:
    old = square(300, 200, 200)
    grown = math.log(follow(old, square(300, 200, 250), 1 / 30).side / 200)
    shrunk = math.log(200 / follow(old, square(300, 200, 160), 1 / 30).side)
    assert grown > 2 * shrunk > 0


def test_one_wild_frame_moves_the_region_only_a_little() -> None:
    old = square(300, 200, 200)
    new = follow(old, square(340, 230, 2000), 1 / 30)
    assert new.side < 1.15 * old.side
    assert math.dist(new.centre, old.centre) < 0.25 * old.side


def test_motion_depends_on_time_not_on_the_frame_rate() -> None:
    slow = fast = square(200, 200, 200)
    wanted = square(260, 220, 230)
    for _ in range(60):
        fast = follow(fast, wanted, 1 / 120)
    for _ in range(15):
        slow = follow(slow, wanted, 1 / 30)
    assert slow.centre == pytest.approx(fast.centre, abs=0.5)
    assert slow.side == pytest.approx(fast.side, rel=1e-3)


@settings(max_examples=80, deadline=None)
@given(
    places=st.lists(st.floats(-1e5, 1e5), min_size=32, max_size=32),
    scores=st.lists(st.floats(0, 1), min_size=16, max_size=16),
    box=st.tuples(*[st.floats(-1e4, 1e4)] * 2, *[st.floats(1, 1e4)] * 2),
    width=st.integers(1, 4000),
    height=st.integers(1, 4000),
)
def test_any_joints_and_boxes_give_a_region_that_shows_a_part_of_the_picture(
    places: list[float],
    scores: list[float],
    box: tuple[float, float, float, float],
    width: int,
    height: int,
) -> None:
    rule = RegionRule(dot_spec())
    made = np.array(places, np.float32).reshape(16, 2)
    size = (width, height)
    for region in (
        rule.region_from_keypoints(made, np.array(scores, np.float32), size),
        rule.region_from_box(Box(*box, 0.5), size),
    ):
        assert all(map(math.isfinite, (region.x, region.y, region.side)))
        assert region.side >= 1
        assert -region.side < region.x < width
        assert -region.side < region.y < height
