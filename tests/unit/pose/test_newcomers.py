"""Who is taken for somebody new beside the people who are shown."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from pose_app.paths import bundled
from pose_app.pose.crop_predictor import CropPrediction
from pose_app.pose.estimator import PoseEstimator
from pose_app.pose.newcomers import FOREARM, Newcomers
from pose_app.spec import Calibration
from pose_app.types import Box, Frame, Region
from tests.poses import make_spec

THRESHOLD = 0.2
SPEC = make_spec()


def person(
    wrist: tuple[float, float], elbow: tuple[float, float] | None, size: float = 300.0
) -> Any:
    """A track that shows a left forearm, and all other joints at (500, 500)."""
    joints = np.full((1, len(SPEC.joints), 2), 500.0)
    present = np.ones(len(SPEC.joints), dtype=bool)
    joints[0, SPEC.joints.index("left_wrist")] = wrist
    if elbow is None:
        present[SPEC.joints.index("left_elbow")] = False
    else:
        joints[0, SPEC.joints.index("left_elbow")] = elbow
    prediction = SimpleNamespace(joints=joints)
    return SimpleNamespace(prediction=prediction, present=present, size=size)


@pytest.mark.parametrize(
    ("shown", "least"),
    [
        ([], 0.0),
        ([person((150, 150), (150, 250))], FOREARM * THRESHOLD),  # around the forearm
        ([person((150, 150), None)], FOREARM * THRESHOLD),  # around the hand
        ([person((150, 150), (350, 250))], THRESHOLD),  # the hand is before somebody
        ([person((350, 150), (150, 250))], THRESHOLD),
        ([person((150, 150), (150, 250), size=150.0)], THRESHOLD),  # around somebody's shoulders
        ([person((350, 150), None), person((150, 150), (150, 160))], FOREARM * THRESHOLD),
    ],
)
def test_a_box_around_somebodys_forearm_needs_more(shown: list[Any], least: float) -> None:
    newcomers = Newcomers(SPEC, THRESHOLD)
    for score in (0.01, 0.99 * least, 1.01 * least + 0.01):
        box = Box(100, 100, 100, 200, score)
        assert newcomers.is_likely(box, shown) is (score >= least)


def test_without_arms_in_the_skeleton_the_threshold_counts() -> None:
    spec = replace(SPEC, joints=("nose", "left_wrist"))
    newcomers = Newcomers(spec, THRESHOLD)
    assert newcomers.is_likely(Box(100, 100, 100, 200, THRESHOLD), [person((150, 150), None)])


CURVE = Calibration((0.0, 1.0), (0.0, 1.0))
CALIBRATED = replace(SPEC, calibration=(CURVE, CURVE), threshold=0.25)
FRAME = 640, 480


def skeleton(scores: float, side: float, beyond: int = 4, joints: int = 16) -> CropPrediction:
    """`joints` present ones, `beyond` of them not in the box of (100, 100), 100 x 200 pixels."""
    points = np.full((2, len(SPEC.joints), 2), 150.0, np.float32)
    points[:, :beyond] = 50.0
    chances = np.zeros((2, len(SPEC.joints)), np.float32)
    chances[:, :joints] = scores
    return CropPrediction(Region(20, 20, side), points, chances, None)


@pytest.mark.parametrize(
    ("seen", "score", "expected"),
    [
        (skeleton(0.9, 260), 1.0, True),
        (skeleton(0.9, 260), 0.6, True),  # a faint box of somebody who can be seen well
        (skeleton(0.55, 260), 1.0, False),  # middling scores in all joints, as in a wheel
        (skeleton(0.55, 260), 4.0, True),  # the finder is sure
        (skeleton(0.75, 260), 1.0, True),
        (skeleton(0.75, 120), 1.0, False),  # the same far away
        (skeleton(0.6, 260), 1.0, False),
        (skeleton(0.6, 260, joints=10), 1.0, True),  # fewer joints that are doubtful
        (skeleton(0.7, 260, beyond=8), 1.0, True),
        (skeleton(0.7, 260, beyond=0), 1.0, False),  # no joint beyond the box
        (skeleton(0.9, 260, joints=0, beyond=0), 2.0, False),
        (skeleton(0.4, 260, joints=3, beyond=0), 2.0, False),
        (skeleton(0.4, 260, joints=3, beyond=0), 3.1, True),  # a box of 0.6 and more is enough
    ],
)
def test_a_skeleton_of_a_person_is_told_from_one_of_a_thing(
    seen: CropPrediction, score: float, expected: bool
) -> None:
    newcomers = Newcomers(CALIBRATED, THRESHOLD)
    box = Box(100, 100, 100, 200, score * THRESHOLD)
    assert newcomers.is_somebody(box, seen, FRAME) is expected


def test_a_first_stack_is_less_sure_of_people() -> None:
    newcomers = Newcomers(CALIBRATED, THRESHOLD)
    box, both = Box(100, 100, 100, 200, THRESHOLD), skeleton(0.68, 260)
    first = replace(both, joints=both.joints[:1], scores=both.scores[:1])
    assert not newcomers.is_somebody(box, both, FRAME)
    assert newcomers.is_somebody(box, first, FRAME)


def test_scores_that_are_no_chances_are_multiplied_with_the_boxs() -> None:
    newcomers = Newcomers(SPEC, THRESHOLD)
    box = Box(100, 100, 100, 200, THRESHOLD)
    assert newcomers.is_somebody(box, skeleton(0.51, 60), FRAME)
    assert not newcomers.is_somebody(box, skeleton(0.49, 260), FRAME)


@pytest.mark.parametrize("every", [1, 3])
def test_a_hand_that_waves_is_nobody(every: int) -> None:
    """The hand of `demo people` has boxes of its own, with something like joints in them."""
    with (
        av.open(str(bundled("assets", "people.mp4"))) as container,
        PoseEstimator.open(precision="int8") as estimator,
    ):
        finder = estimator.finder
        assert finder is not None
        boxes = 0
        for index, picture in enumerate(container.decode(video=0)):
            if index > 75:  # before the second person comes
                break
            if index % every == 0:
                image = picture.to_ndarray(format="bgr24")
                poses = estimator.track(Frame(index, 0, float(picture.time), image))
                boxes += len(finder.find(image)) > 1
                assert [pose.track_id for pose in poses] == [1], index
    assert boxes > 1
