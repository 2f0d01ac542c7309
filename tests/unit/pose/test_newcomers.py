"""Who is taken for somebody new beside the people who are shown."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from pose_app.paths import bundled
from pose_app.pose.estimator import PoseEstimator
from pose_app.pose.newcomers import FOREARM, Newcomers
from pose_app.types import Box, Frame
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
    spec = SimpleNamespace(joints=("nose", "left_wrist"))
    newcomers = Newcomers(spec, THRESHOLD)  # type: ignore[arg-type]
    assert newcomers.is_likely(Box(100, 100, 100, 200, THRESHOLD), [person((150, 150), None)])


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
