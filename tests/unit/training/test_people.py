"""The whole app on whole pictures: who is found, where nobody is drawn."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose_app.errors import DataError, PoseAppError
from pose_app.skeletons import COCO_17, MPII_16, MPII_21
from pose_app.training.loading import load_scenes
from pose_app.training.oks import SIGMAS, average_precision, similarity, to_coco
from pose_app.training.people import NOWHERE, Verdict, evaluate_people, found_in_coco, on_somebody
from pose_app.training.people_sheets import PeopleSheets
from pose_app.training.scenes import SceneData
from pose_app.types import Box, Image, Pose, Region
from tests.unit.training.scene_shards import shifted, write_scenes
from tests.unit.training.shards import FIGURE


def test_similarity_is_cocos() -> None:
    labels = np.zeros((17, 3), np.float32)
    labels[5] = 100, 100, 2
    labels[9] = 50, 60, 1
    found = np.zeros((2, 17, 3), np.float32)
    found[:, 5, :2] = 100, 100
    found[0, 9, :2] = 50, 60
    area = 5000.0
    found[1, 9, :2] = 50 + 2 * SIGMAS[9] * np.sqrt(area), 60  # one standard deviation away
    assert similarity(found, labels, area) == pytest.approx([1, (1 + np.exp(-0.5)) / 2])
    assert similarity(found, np.zeros((17, 3), np.float32), area).tolist() == [0, 0]


def test_joints_in_cocos_order() -> None:
    joints = np.random.default_rng(0).random((2, 21, 3)).astype(np.float32)
    made = to_coco(joints, MPII_21)
    for index, joint in enumerate(COCO_17.joints):
        assert np.array_equal(made[:, index], joints[:, MPII_21.index(joint)])


def pose_of(joints: np.ndarray, score: float = 0.9) -> Pose:
    points = joints[:, :2].astype(np.float32)
    scores = np.where(joints[:, 2] > 0, 0.9, 0.0).astype(np.float32)
    return Pose(
        skeleton=MPII_21,
        joints=points,
        scores=scores,
        present=scores > 0.4,
        region=Region(0, 0, 100),
        stack=0,
        stack_joints=points[None],
        stack_scores=scores[None],
        threshold=0.4,
        track_id=1,
        score=score,
    )


class Answers:
    """Hands out the given poses picture by picture."""

    def __init__(self, poses: list[list[Pose]]) -> None:
        self.poses = poses
        self.calls = 0

    def __call__(self, image: Image) -> list[Pose]:
        self.calls += 1
        return self.poses[self.calls - 1]


def right(scenes: SceneData) -> list[list[Pose]]:
    return [
        [pose_of(one) for one in scenes.keypoints[scenes.people(i)]] for i in range(len(scenes))
    ]


def scenes_of(folder: Path) -> SceneData:
    write_scenes(folder / "s.npz", 6, people=2, empty=4)
    return load_scenes(folder / "s.npz")


def test_who_answers_with_the_labels_is_right_in_everything(tmp_path: Path) -> None:
    scenes = scenes_of(tmp_path)
    result = evaluate_people(Answers(right(scenes)), [scenes])
    assert result["people"] == {"n": 12, "share": 1.0}
    assert result["tall_people"] == {"n": 12, "share": 1.0}
    assert result["largest_face"] == {"n": 6, "share": 1.0}
    assert result["wrists"]["share"] == 1.0
    assert result["both_shoulders"] == {"n": 6, "share": 1.0}
    assert result["drawn_where_nobody_is"] == {"n": 12, "share": 0.0}
    assert result["nobody_drawn_upon"] == {"n": 4, "share": 0.0}
    assert result["coco"]["ap"] == pytest.approx(1.0)
    assert result["coco"]["ar"] == pytest.approx(1.0)


def test_misses_doubles_and_ghosts_count_against(tmp_path: Path) -> None:
    scenes = scenes_of(tmp_path)
    poses = right(scenes)
    poses[0] = poses[0][:1]  # one of two missed
    poses[1] = [*poses[1], poses[1][0]]  # two poses on one person
    ghost = scenes.keypoints[0].copy()
    ghost[:, :2] = ghost[:, :2] * 0.02 + (1, 1)  # in the corner, where nobody stands
    poses[2] = [*poses[2], pose_of(ghost)]
    poses[7] = [pose_of(ghost)]  # a picture of nobody
    result = evaluate_people(Answers(poses), [scenes], precision=False)
    assert result["people"]["share"] == pytest.approx(11 / 12)
    assert result["drawn_where_nobody_is"]["n"] == 13
    assert result["drawn_where_nobody_is"]["share"] == pytest.approx(1 / 13)
    assert result["nobody_drawn_upon"] == {"n": 4, "share": 0.25}
    assert result["coco"] is None


def test_every_picture_is_on_a_sheet_and_every_failure_on_another(tmp_path: Path) -> None:
    scenes = scenes_of(tmp_path)
    poses = right(scenes)
    poses[0] = poses[0][:1]  # one of two missed
    ghost = scenes.keypoints[0].copy()
    ghost[:, :2] = ghost[:, :2] * 0.02 + (1, 1)
    poses[2] = [*poses[2], replace(pose_of(ghost), box=Box(1, 1, 20, 20, 0.5))]
    poses[7] = [pose_of(ghost)]  # a picture of nobody
    verdicts: list[Verdict] = []
    evaluate_people(Answers(poses), [scenes], False, verdicts.append)
    for background in ("picture", "black"):
        sheets = PeopleSheets(tmp_path / background, background)
        for verdict in verdicts:
            sheets.add(verdict)
        sheets.finish()
    assert [index for index, verdict in enumerate(verdicts) if verdict.failed] == [0, 2, 7]
    assert (verdicts[0].missed, verdicts[2].nobodys, verdicts[7].nobodys) == ((1,), (2,), (0,))
    names = sorted(path.name for path in (tmp_path / "black").iterdir())
    assert names == ["all-1.jpg", "failures-1.jpg"]
    failures, black = (
        cv2.imread(str(tmp_path / background / "failures-1.jpg")).astype(int)
        for background in ("picture", "black")
    )
    assert failures.shape == (224, 6 * 224, 3)  # three pictures in one row
    assert (failures[:, 3 * 224 + 8 :] < 50).all()
    red = (black[..., 2] > 150) & (black[..., 1] < 110) & (black[..., 0] < 110)
    missed, others = red[:, :224].sum(), red[:, 224:].sum()
    assert missed > 3 * others, "who is missed has a red box"
    assert (black.max(axis=2) < 40).mean() > 0.5, "behind the skeletons is nothing"


def test_sheets_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PoseAppError, match="choose another --sheets"):
        PeopleSheets(tmp_path / "file" / "sheets")


def test_wrists_and_shoulders_of_the_largest_face_are_measured_by_its_width(tmp_path: Path) -> None:
    scenes = scenes_of(tmp_path).select([0])
    poses = right(scenes)
    row = int(np.argmax([one[16:, 0].max() - one[16:, 0].min() for one in scenes.keypoints]))
    joints = scenes.keypoints[row].copy()
    width = float(np.linalg.norm(joints[19, :2] - joints[20, :2]))
    for joint, widths in ((10, 0.4), (15, 0.6), (13, 1.0)):
        joints[joint, 0] += widths * width
    poses[0][row] = pose_of(joints)
    result = evaluate_people(Answers(poses), [scenes], precision=False)
    labelled = sum(scenes.keypoints[row, k, 2] > 0 for k in (10, 15))
    assert result["wrists"]["n"] == labelled
    assert result["wrists"]["share"] < 1
    assert result["both_shoulders"]["share"] == 0
    assert result["largest_face"]["share"] == 1
    poses[0][row] = replace(poses[0][row], present=np.zeros(21, bool))
    result = evaluate_people(Answers(poses), [scenes], precision=False)
    assert result["largest_face"]["share"] == 0
    assert result["wrists"]["share"] == 0


def test_joints_that_a_skeleton_lacks_are_nowhere() -> None:
    joints = np.zeros((1, 16, 3), np.float32)
    joints[0, :, :2] = FIGURE * 150 + (455, 300)
    joints[..., 2] = 0.9
    found = found_in_coco(joints, MPII_16)
    assert found[0, :5].tolist() == [[np.float32(NOWHERE), np.float32(NOWHERE), 0]] * 5
    assert np.array_equal(found[:, 5:], to_coco(joints, MPII_16)[:, 5:])
    low, high = joints[0, :, :2].min(axis=0), joints[0, :, :2].max(axis=0)
    assert on_somebody(found[0], np.array([[*low, *(high - low)]], np.float32))


def test_bad_poses_without_a_face_are_still_somebodys(tmp_path: Path) -> None:
    scenes = shifted(scenes_of(tmp_path), (400, 300))
    poses = [
        [
            replace(pose_of(joints + np.float32([0, 40, 0])), skeleton=MPII_16)
            for joints in scenes.keypoints[scenes.people(i)][:, :16]
        ]
        for i in range(len(scenes))
    ]
    result = evaluate_people(Answers(poses), [scenes], precision=False)
    assert result["people"]["share"] < 0.5
    assert result["drawn_where_nobody_is"] == {"n": 12, "share": 0.0}


def test_missing_pycocotools_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    with pytest.raises(DataError, match="pip install pycocotools"):
        average_precision([], [], [])
