"""The whole way from pictures to poses, with an engine whose answers are known exactly."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import pytest

from pose_app.engines import choose
from pose_app.engines.base import HostHeatmaps
from pose_app.errors import EngineError, ModelError, PoseAppError
from pose_app.pose import opening
from pose_app.pose.crop_predictor import CropPredictor, StageClock
from pose_app.pose.estimator import PoseEstimator
from pose_app.pose.regions import BOX_MARGIN, whole_frame
from pose_app.pose.tracks import WEAK_SECONDS
from pose_app.spec import Calibration
from pose_app.types import Box, Frame, Pose, Region
from tests.unit.pose.colour_engine import ColourEngine, dot_spec, draw, person
from tests.unit.pose.dot_finder import DotFinder

SIZE = (640, 480)


def made(engine: ColourEngine | None = None, **wishes: Any) -> PoseEstimator:
    return PoseEstimator(engine or ColourEngine(), DotFinder(), **wishes)


@pytest.fixture
def estimator() -> PoseEstimator:
    return made()


@pytest.fixture
def engine(estimator: PoseEstimator) -> ColourEngine:
    assert isinstance(estimator.engine, ColourEngine)
    return estimator.engine


@pytest.fixture
def finder(estimator: PoseEstimator) -> DotFinder:
    assert isinstance(estimator.finder, DotFinder)
    return estimator.finder


def frame(image: np.ndarray, index: int, rate: float = 30.0) -> Frame:
    return Frame(index, time.perf_counter_ns(), index / rate, image)


def furthest(pose: Pose, joints: np.ndarray) -> float:
    return float(np.abs(pose.joints - joints).max())


@pytest.mark.parametrize("at_once", [True, False])
def test_what_was_opened_beside_an_engine_that_fails_is_closed(
    monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    """The finder where the network fails, the network where the finder fails."""
    opened: list[ColourEngine] = []
    fails = ["network"]

    def open_engine(*_: str, first: int | None) -> ColourEngine:
        if fails == ["network"]:
            raise ModelError("No such model.")
        opened.append(ColourEngine())
        return opened[-1]

    def open_finder(*_: str) -> DotFinder:
        if fails == ["finder"]:
            raise EngineError("No finder.")
        finder = DotFinder()
        opened.append(finder.engine)
        return finder

    monkeypatch.setattr(choose, "in_parallel", lambda *_: at_once)
    monkeypatch.setattr(choose, "open_engine", open_engine)
    monkeypatch.setattr(opening, "open_finder", open_finder)
    for fails[0] in ("network", "finder"):
        with pytest.raises(PoseAppError):
            PoseEstimator.open()
    assert len(opened) == (2 if at_once else 1)
    assert all(engine.closed for engine in opened)
    fails.clear()
    PoseEstimator.open()
    assert not any(engine.closed for engine in opened[-2:])


def test_a_picture_gives_every_joint_to_a_fraction_of_a_pixel(estimator: PoseEstimator) -> None:
    joints = person(300, 50, 330)
    (pose,) = estimator.estimate(draw(SIZE, joints))
    assert pose.present.all()
    assert 0.5 < pose.score <= 1
    assert furthest(pose, joints) < 0.5
    assert pose.joints.shape == (16, 2)
    assert pose.joints.dtype == np.float32
    assert pose.scores.shape == (16,)
    assert ((pose.scores >= 0) & (pose.scores <= 1)).all()
    assert pose.stack_joints.shape == (2, 16, 2)
    assert pose.stack_scores.shape == (2, 16)
    assert (pose.stacks, pose.stack) == (2, 1)
    assert set(estimator.timings) == {"find", "crop", "network", "decode", "track"}
    assert estimator.timings["network"] > 0


@pytest.mark.parametrize(
    ("size", "height"),
    [((1280, 720), 110), ((1920, 1080), 190), ((480, 640), 300), ((300, 1200), 130)],
)
def test_people_small_and_at_the_side_are_found_too(size: tuple[int, int], height: int) -> None:
    estimator = made()
    joints = person(size[0] * 0.3, size[1] * 0.35, height)
    (pose,) = estimator.estimate(draw(size, joints))
    assert furthest(pose, joints) < 0.5


def test_a_still_is_looked_at_as_a_single_image(estimator: PoseEstimator) -> None:
    image = draw(SIZE, person(300, 50, 330))
    (alone,) = estimator.estimate(image)
    estimator.reset()
    (once,) = estimator.track(frame(image, 0))
    assert (once.region.x, once.region.side) != (alone.region.x, alone.region.side)
    estimator.reset()
    (still,) = estimator.track(frame(image, 1), twice=True)
    assert still.region == alone.region
    np.testing.assert_array_equal(still.joints, alone.joints)
    np.testing.assert_array_equal(still.scores, alone.scores)
    for again in range(2, 5):  # after another threshold, say
        (pose,) = estimator.track(frame(image, again), twice=True)
        assert pose.track_id == still.track_id
        assert pose.region == still.region
        np.testing.assert_array_equal(pose.joints, still.joints)


def test_a_given_region_is_what_the_network_sees(
    estimator: PoseEstimator, finder: DotFinder
) -> None:
    joints = person(300, 50, 330)
    region = Region(95.5, 10.25, 400)
    (pose,) = estimator.estimate(draw(SIZE, joints), region)
    assert pose.region == region
    assert pose.manual
    assert furthest(pose, joints) < 0.5
    assert estimator.estimate(draw(SIZE, joints), Region(480, 300, 150)) == []
    assert finder.calls == 0


def test_heatmaps_of_every_stack_are_those_of_the_region(estimator: PoseEstimator) -> None:
    joints = person(300, 50, 330)
    (pose,) = estimator.estimate(draw((1280, 720), person(300, 250, 110)))
    for stack in range(2):
        maps = pose.heatmaps(stack)
        assert maps.shape == (16, 64, 64)
        y, x = np.divmod(maps.reshape(16, -1).argmax(axis=1), 64)
        step = pose.region.side / 64
        assert np.abs(pose.region.x + (x + 0.5) * step - 0.5 - pose.joints[:, 0]).max() < step
        assert np.abs(pose.region.y + (y + 0.5) * step - 0.5 - pose.joints[:, 1]).max() < step
    with pytest.raises(ValueError, match="stack 2"):
        pose.heatmaps(2)
    (first,) = estimator.track(frame(draw(SIZE, joints), 0))
    assert first.heatmaps().shape == (16, 64, 64)


def test_a_batch_keeps_each_candidates_own_maps() -> None:
    predictor = CropPredictor(ColourEngine())
    image = draw(SIZE, person(480, 100, 280))
    regions = [Region(0, 0, 200), whole_frame(SIZE)]
    empty, seen = predictor.predict(image, regions, 2, StageClock())
    assert empty.maps is seen.maps
    assert (empty.item, seen.item) == (0, 1)
    assert not empty.maps.stack(0, empty.item).any()
    assert seen.maps.stack(0, seen.item).any()


def test_fewer_stacks_are_an_answer_too() -> None:
    estimator = made(ColourEngine(dot_spec(stacks=4), error=2.0), stacks=3)
    joints = person(300, 50, 330)
    image = draw(SIZE, joints)
    assert [pose.stacks for pose in estimator.estimate(image)] == [3]
    (pose,) = estimator.track(frame(image, 0), stacks=2)
    assert (pose.stacks, pose.stack) == (2, 1)
    assert pose.stack_joints.shape == (2, 16, 2)
    (full,) = estimator.track(frame(image, 1), stacks=4)
    assert (full.stacks, full.stack) == (4, 3)
    assert furthest(full, joints) < 0.6


def test_the_shown_stack_gives_the_joints() -> None:
    estimator = made(ColourEngine(dot_spec(stacks=4), error=2.0))
    image = draw(SIZE, person(300, 50, 330))
    for shown, expected in ((0, 0), (2, 2), (3, 3), (7, 3), (None, 3)):
        (pose,) = estimator.track(frame(image, 0), shown=shown)
        assert pose.stack == expected
        assert np.array_equal(pose.joints, pose.stack_joints[expected])
        assert np.array_equal(pose.scores, pose.stack_scores[expected])
        # Each earlier stack is two map pixels, of 4 input pixels each, further to the right.
        step = 2 * 4 * pose.region.side / 256
        moved = pose.stack_joints[expected] - pose.stack_joints[3]
        assert moved[:, 0] == pytest.approx(np.full(16, step * (3 - expected)), abs=0.2)
    (early,) = estimator.track(frame(image, 1), stacks=2, shown=3)
    assert early.stack == 1


@pytest.mark.parametrize("stacks", [0, -1, 3, 99])
def test_stacks_that_are_not_there_are_refused(estimator: PoseEstimator, stacks: int) -> None:
    with pytest.raises(PoseAppError, match="stacks 1 to 2"):
        estimator.track(frame(draw(SIZE, None), 0), stacks=stacks)
    with pytest.raises(PoseAppError, match="stacks 1 to 2"):
        made(stacks=stacks)


def test_scores_are_calibrated_and_the_threshold_applies_to_them() -> None:
    curve = Calibration((0.0, 1.0), (0.0, 0.9))
    engine = ColourEngine(dot_spec(calibration=(curve, curve), threshold=0.4))
    image = draw(SIZE, person(300, 50, 330))
    (pose,) = made(engine).estimate(image)
    assert pose.scores.max() <= 0.9
    assert pose.scores.max() > 0.81
    assert (pose.threshold, pose.present.all()) == (0.4, True)
    (strict,) = made(engine, threshold=0.95).estimate(image)
    assert not strict.present.any()


def test_an_unseen_joint_is_absent(estimator: PoseEstimator) -> None:
    joints = person(300, 60, 300)
    (pose,) = estimator.estimate(draw(SIZE, joints, first=15))
    assert not pose.present[15]
    assert pose.present[:15].all()


def test_smoothing_calms_trembling_and_restarts_with_the_stack() -> None:
    rng = np.random.default_rng(0)
    shakes = rng.normal(0, 2, (40, 2))
    raw, smooth = made(), made(smoothing=True)
    tracks: list[list[np.ndarray]] = [[], []]
    for index, shake in enumerate(shakes):
        image = draw(SIZE, person(300 + shake[0], 60 + shake[1], 300))
        for track, estimator in zip(tracks, (raw, smooth), strict=True):
            track += [pose.joints for pose in estimator.track(frame(image, index))]
    rough, calm = (np.diff(np.array(track[5:]), axis=0).std() for track in tracks)
    assert calm < 0.6 * rough
    image = draw(SIZE, person(305, 60, 300))
    (pose,) = smooth.track(frame(image, 40), shown=0)
    assert np.array_equal(pose.joints, pose.stack_joints[0])
    smooth.smoothing = False
    (pose,) = smooth.track(frame(image, 41))
    assert np.array_equal(pose.joints, pose.stack_joints[1])


def test_heatmaps_outlive_later_frames(estimator: PoseEstimator) -> None:
    (pose,) = estimator.track(frame(draw(SIZE, person(200, 60, 300)), 0))
    before = pose.heatmaps().copy()
    for index in range(1, 4):
        estimator.track(frame(draw(SIZE, person(200 + 30 * index, 60, 300)), index))
    assert np.array_equal(pose.heatmaps(), before)


def test_peaks_decoded_by_the_engine_are_taken_as_they_are() -> None:
    class Decoding(ColourEngine):
        def infer(self, crops: np.ndarray, stacks: int) -> HostHeatmaps:
            maps = super().infer(crops, stacks)
            peaks = np.zeros((len(crops), stacks, 16, 3), np.float32)
            peaks[..., :2] = 127.5
            peaks[..., 2] = 0.8
            maps.peaks = lambda: peaks  # type: ignore[method-assign, assignment, return-value]
            return maps

    region = Region(100, 50, 300)
    (pose,) = made(Decoding()).estimate(draw(SIZE, None), region)
    assert pose.joints == pytest.approx(np.tile((249.5, 199.5), (16, 1)))
    assert pose.scores == pytest.approx(np.full(16, 0.8))


def test_what_is_no_picture_or_region_is_one_sentence(estimator: PoseEstimator) -> None:
    image = draw(SIZE, None)
    with pytest.raises(PoseAppError, match="empty"):
        estimator.estimate(np.zeros((0, 0, 3), np.uint8))
    with pytest.raises(PoseAppError, match="height, width, 3"):
        estimator.track(frame(np.zeros((480, 640), np.uint8), 0))
    with pytest.raises(PoseAppError, match="outside"):
        estimator.estimate(image, Region(9000, 0, 100))
    with pytest.raises(PoseAppError, match="not valid"):
        estimator.track(frame(image, 0), region=Region(0, 0, 0))


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (3000, 2), (64, 64)])
def test_the_smallest_and_the_oddest_pictures_have_nobody(size: tuple[int, int]) -> None:
    estimator = made()
    image = np.zeros((size[1], size[0], 3), np.uint8)
    assert estimator.estimate(image) == []
    assert estimator.track(frame(image, 0)) == []


def test_a_rectangular_input_is_exact_as_well() -> None:
    spec = dataclasses.replace(dot_spec(), input_size=(256, 192))
    estimator = made(ColourEngine(spec))
    joints = person(300, 50, 330)
    (pose,) = estimator.estimate(draw(SIZE, joints))
    assert furthest(pose, joints) < 0.5


def test_the_engines_are_closed_with_the_estimator() -> None:
    engine, finder = ColourEngine(), DotFinder()
    with PoseEstimator(engine, finder) as estimator:
        assert estimator.skeleton.name == "mpii-16"
    assert engine.closed
    assert finder.engine.closed


def test_nobody_is_found_in_an_empty_room(estimator: PoseEstimator, engine: ColourEngine) -> None:
    assert estimator.estimate(draw(SIZE, None)) == []
    assert estimator.timings["find"] > 0
    assert engine.batches == []  # the network is not asked who is there


def test_the_network_sees_the_finder_s_box_with_a_margin(
    estimator: PoseEstimator, finder: DotFinder
) -> None:
    image = draw(SIZE, person(300, 50, 330))
    (box,) = finder.find(image)
    (pose,) = estimator.track(frame(image, 0))
    assert pose.box == box
    assert pose.score == box.score
    assert pose.region.side == pytest.approx(BOX_MARGIN * box.height)
    assert pose.region.centre == pytest.approx((box.x + box.width / 2, box.y + box.height / 2))


def test_a_joint_in_a_picture_is_of_the_surer_of_two_looks(
    estimator: PoseEstimator, engine: ColourEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    places, infer = person(300, 50, 330), engine.infer
    blind: list[tuple[int, ...]] = [(0, 1, 2), (8, 9)]  # joints that each of the looks misses

    def partly(crops: np.ndarray, stacks: int) -> HostHeatmaps:
        maps = infer(crops, stacks)
        for stack in range(stacks):
            maps.stack(stack)[:, list(blind[len(engine.batches) - 1])] = 0
        return maps

    monkeypatch.setattr(engine, "infer", partly)
    (pose,) = estimator.estimate(draw(SIZE, places))
    assert len(engine.batches) == 2
    assert pose.present.all()
    assert furthest(pose, places) < 0.6


def two(x: float = 150, other: float = 480) -> np.ndarray:
    left, right = person(x, 60, 300), person(other, 100, 240)
    return np.asarray(np.maximum(draw(SIZE, left), draw(SIZE, right)))


def test_everybody_is_found_the_largest_first(
    estimator: PoseEstimator, engine: ColourEngine
) -> None:
    first, second = estimator.estimate(two())
    assert engine.batches == [2, 2]
    assert furthest(first, person(150, 60, 300)) < 0.6
    assert furthest(second, person(480, 100, 240)) < 0.6
    assert (first.track_id, second.track_id) == (1, 2)
    assert first.maps is second.maps
    assert not np.array_equal(first.heatmaps(), second.heatmaps())
    estimator.people = 1
    (only,) = estimator.estimate(two())
    assert furthest(only, person(150, 60, 300)) < 0.6


def test_a_video_is_tracked_from_the_first_frame(
    estimator: PoseEstimator, engine: ColourEngine, finder: DotFinder
) -> None:
    estimator.steady = True
    for index in range(40):
        joints = person(220 + 4 * index, 60 + index / 2, 300)
        (pose,) = estimator.track(frame(draw(SIZE, joints), index))
        assert (pose.track_id, pose.manual) == (1, False)
        assert furthest(pose, joints) < 0.6
    assert engine.batches == [1] * 40
    assert finder.calls == 7  # every 0.2 s


def test_several_people_are_tracked_in_one_call_a_frame(
    estimator: PoseEstimator, engine: ColourEngine, finder: DotFinder
) -> None:
    estimator.steady = True
    for index in range(30):
        left, right = estimator.track(frame(two(150 + index, 480 + index), index))
        assert (left.track_id, right.track_id) == (1, 2)
        assert furthest(left, person(150 + index, 60, 300)) < 0.6
        assert furthest(right, person(480 + index, 100, 240)) < 0.6
    assert engine.batches == [2] * 30
    assert finder.calls == 5


def test_a_newcomer_is_there_within_three_tenths_of_a_second(estimator: PoseEstimator) -> None:
    for steady in (True, False):
        estimator.reset()
        estimator.steady = steady
        alone = draw(SIZE, person(150, 60, 300))
        for index in range(20):
            estimator.track(frame(alone, index))
        counts = [len(estimator.track(frame(two(), index))) for index in range(20, 29)]
        assert counts[-1] == 2


def test_who_leaves_is_lost_and_who_comes_back_is_found(
    estimator: PoseEstimator, engine: ColourEngine
) -> None:
    for index in range(15):
        (pose,) = estimator.track(frame(draw(SIZE, person(300, 60, 300)), index))
    counts = [len(estimator.track(frame(draw(SIZE, None), index))) for index in range(15, 30)]
    patience = round(WEAK_SECONDS * 30)
    assert counts == [1] * (patience - 1) + [0] * (15 - patience + 1)
    engine.batches.clear()
    back = person(330, 70, 290)
    (again,) = estimator.track(frame(draw(SIZE, back), 30))
    assert again.track_id == pose.track_id
    assert furthest(again, back) < 0.6
    assert engine.batches == [1]


def test_who_jumps_away_is_found_in_the_same_frame(estimator: PoseEstimator) -> None:
    for index in range(5):
        estimator.track(frame(draw(SIZE, person(140, 80, 250)), index))
    image = draw(SIZE, person(420, 80, 250))
    poses = estimator.track(frame(image, 5))
    assert min(furthest(pose, person(420, 80, 250)) for pose in poses) < 0.6


def test_a_region_by_hand_overrides_the_finder_and_hands_over_to_it(
    estimator: PoseEstimator, finder: DotFinder
) -> None:
    region = Region(320, 20, 400)
    for index in range(4):
        (pose,) = estimator.track(frame(two(), index), region=region)
        assert (pose.manual, pose.region, pose.track_id) == (True, region, 1)
        assert furthest(pose, person(480, 100, 240)) < 0.6
    assert finder.calls == 0
    for index in range(4, 20):
        poses = {pose.track_id: pose for pose in estimator.track(frame(two(), index))}
        assert furthest(poses[1], person(480, 100, 240)) < 0.6
        assert not poses[1].manual
    assert set(poses) == {1, 2}


def test_an_empty_region_by_hand_has_nobody(estimator: PoseEstimator) -> None:
    image = draw(SIZE, person(150, 60, 300))
    assert estimator.track(frame(image, 0), region=Region(400, 100, 200)) == []
    assert len(estimator.track(frame(image, 1))) == 1


def test_no_more_people_than_wanted(estimator: PoseEstimator) -> None:
    assert estimator.people == 4
    assert len(estimator.track(frame(two(), 0))) == 2
    estimator.people = 1
    (pose,) = estimator.track(frame(two(), 1))
    assert pose.track_id == 1
    estimator.people = 2
    assert len(estimator.track(frame(two(), 20))) == 2


def test_reset_starts_a_new_video(estimator: PoseEstimator, finder: DotFinder) -> None:
    estimator.smoothing = True
    image = draw(SIZE, person(300, 60, 300))
    for index in range(3):
        estimator.track(frame(image, index))
    estimator.reset()
    calls = finder.calls
    elsewhere = person(450, 90, 260)
    (pose,) = estimator.track(frame(draw(SIZE, elsewhere), 3))
    assert finder.calls == calls + 1
    assert np.array_equal(pose.joints, pose.stack_joints[1])
    assert furthest(pose, elsewhere) < 0.6


def test_everybody_is_smoothed_alone(estimator: PoseEstimator) -> None:
    raw = made()
    estimator.smoothing = True
    rng = np.random.default_rng(1)
    paths: dict[tuple[str, int], list[np.ndarray]] = {}
    for index in range(30):
        image = two(*(np.array([150, 480]) + rng.normal(0, 2, 2)))
        for name, one in (("raw", raw), ("smooth", estimator)):
            for pose in one.track(frame(image, index)):
                paths.setdefault((name, pose.track_id), []).append(pose.joints)
    for number in (1, 2):
        rough, calm = (np.diff(paths[n, number][5:], axis=0).std() for n in ("raw", "smooth"))
        assert calm < 0.6 * rough


def test_joints_of_whom_is_in_front_are_not_drawn_twice(estimator: PoseEstimator) -> None:
    for index in range(12):
        estimator.track(frame(two(), index))
    # The right one goes out of sight behind the left one, whom the network then sees twice.
    alone = draw(SIZE, person(150, 60, 300))
    tracks = estimator._tracks
    tracks.active[1].region = tracks.active[0].region
    poses = estimator.track(frame(alone, 12))
    assert sum(bool(pose.present.any()) for pose in poses) == 1
    assert sum(bool(pose.stack_scores.any()) for pose in poses) == 2


def test_without_a_finder_a_region_is_needed() -> None:
    estimator = PoseEstimator(ColourEngine())
    image = draw(SIZE, person(300, 60, 300))
    with pytest.raises(PoseAppError, match="region"):
        estimator.estimate(image)
    with pytest.raises(PoseAppError, match="region"):
        estimator.track(frame(image, 0))
    assert len(estimator.track(frame(image, 0), region=Region(100, 20, 400))) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_engine_without_numbers_is_named_not_taken_for_an_empty_room(value: float) -> None:
    class Broken(ColourEngine):
        def infer(self, crops: np.ndarray, stacks: int) -> HostHeatmaps:
            maps = super().infer(crops, stacks)
            maps.stack(0)[:] = value
            return maps

    image = draw(SIZE, person(300, 60, 300))
    estimator = made(Broken())
    with pytest.raises(EngineError, match="not finite"):
        estimator.track(frame(image, 0))
    with pytest.raises(EngineError, match="not finite"):
        estimator.estimate(image)


def test_boxes_at_the_border_and_of_a_pixel_are_looked_at(
    estimator: PoseEstimator, finder: DotFinder
) -> None:
    finder.more = [Box(0, 0, 1, 1, 0.9), Box(639, 479, 1, 1, 0.9), Box(0, 0, 640, 480, 0.9)]
    for index in range(3):
        poses = estimator.track(frame(draw(SIZE, None), index))
        assert not any(pose.present.any() for pose in poses)
