"""The words that explain a pose."""

from __future__ import annotations

import numpy as np
import pytest

from pose_app.pose.person import describe
from pose_app.skeletons import COCO_17, MPII_16, Skeleton
from pose_app.types import Pose, Region

SIZE = (640, 480)


def pose(
    joints: list[str] | None = None,
    *,
    found: bool = True,
    tracking: str = "track",
    side: float = 400,
    skeleton: Skeleton = MPII_16,
) -> Pose:
    names = skeleton.joints if joints is None else joints
    count = len(skeleton)
    return Pose(
        skeleton=skeleton,
        joints=np.zeros((count, 2), np.float32),
        scores=np.zeros(count, np.float32),
        present=np.array([name in names for name in skeleton.joints]) & found,
        region=Region(0, 0, side),
        stack=0,
        stack_joints=np.zeros((1, count, 2), np.float32),
        stack_scores=np.zeros((1, count), np.float32),
        found=found,
        tracking=tracking,
        threshold=0.3,
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (pose(), None),
        (pose(skeleton=COCO_17), None),
        (pose(found=False, tracking="search"), "no person in view"),
        (pose(found=False, tracking="manual"), "no person in the chosen region"),
        (pose(found=False), "person hardly visible"),
        (pose([]), "person unclear: no joint is certain"),
        (
            pose(["head_top", "upper_neck"]),
            "person too close: only the head is visible",
        ),
        (
            pose(["nose", "left_eye"], skeleton=COCO_17),
            "person too close: only the head is visible",
        ),
        (pose(["left_hip", "left_knee"]), "head not visible"),
        (pose(["head_top", "left_shoulder", "right_shoulder"]), None),
        (pose(side=90), "person far away: come closer"),
        (pose(side=90, tracking="manual"), None),
    ],
)
def test_each_case_has_its_words(given: Pose, words: str | None) -> None:
    assert describe(given, SIZE) == words
