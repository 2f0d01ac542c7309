"""Accuracy of hand-made answers whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from pose_app.skeletons import COCO_17, MPII_16
from pose_app.training.data import MASKED, PRESENT
from pose_app.training.metrics import LIMBS, accuracy, head_lengths, torso_lengths, upper_body
from tests.unit.training.shards import FIGURE

POINTS = np.repeat(FIGURE[None] * 200, 4, axis=0)
STATES = np.full((4, 16), PRESENT, np.int8)
# Right hip (84, 116) to left shoulder (124, 56), and the same mirrored.
TORSO = float(np.hypot(40, 60))
HEAD = 36.0


def test_lengths() -> None:
    assert torso_lengths(POINTS, STATES, MPII_16) == pytest.approx([TORSO] * 4, rel=1e-5)
    assert head_lengths(POINTS, STATES, MPII_16) == pytest.approx([HEAD] * 4, rel=1e-5)


def test_perfect_answer() -> None:
    result = accuracy(POINTS, POINTS, STATES, MPII_16)
    assert result["n"] == 4
    assert [result[key] for key in ("pck_limbs", "pck_14", "pckh", "auc")] == [1, 1, 1, 1]
    assert set(result["per_joint"].values()) == {1.0}


def test_every_joint_counts_once() -> None:
    found = POINTS.copy()
    # One wrist of four persons just outside 0.2 torso, another just inside.
    wrist, knee = MPII_16.index("left_wrist"), MPII_16.index("right_knee")
    found[0, wrist, 0] += 0.2 * TORSO + 0.1
    found[1, knee, 1] += 0.2 * TORSO - 0.1
    result = accuracy(found, POINTS, STATES, MPII_16)
    assert result["pck_limbs"] == pytest.approx(47 / 48)
    assert result["pck_14"] == pytest.approx(55 / 56)
    assert result["per_joint"]["left_wrist"] == 0.75
    assert result["per_joint"]["right_knee"] == 1


KEYPOINTS = np.concatenate((POINTS, np.full((4, 16, 1), 2, np.float32)), axis=-1)


def test_an_upper_body_is_right_only_as_a_whole() -> None:
    assert upper_body(POINTS, KEYPOINTS, MPII_16) == (1.0, 4)
    found = POINTS.copy()
    elbow, knee = MPII_16.index("left_elbow"), MPII_16.index("right_knee")
    found[0, elbow, 0] += 0.2 * TORSO + 0.1
    found[1, elbow, 0] += 0.2 * TORSO - 0.1
    found[2, knee] = 0  # not of the upper body
    assert upper_body(found, KEYPOINTS, MPII_16) == (0.75, 4)
    hidden = KEYPOINTS.copy()
    hidden[0, elbow, 2] = 1
    assert upper_body(found, hidden, MPII_16) == (1.0, 4)


def test_an_upper_body_without_hips_is_measured_by_its_shoulders_and_head() -> None:
    keypoints = KEYPOINTS.copy()
    keypoints[:, [MPII_16.index("right_hip"), MPII_16.index("left_hip")], 2] = 0
    shoulders = [MPII_16.index("right_shoulder"), MPII_16.index("left_shoulder")]
    wide = float(np.linalg.norm(np.subtract(*POINTS[0, shoulders])))
    limit = 0.2 * max(1.3 * wide, 2 * HEAD)
    found = POINTS.copy()
    found[0, shoulders[1], 1] += limit + 0.1
    found[1, shoulders[1], 1] += limit - 0.1
    assert upper_body(found, keypoints, MPII_16) == (0.75, 4)
    # Neither length, or nothing seen: such a person says nothing.
    keypoints[2, [*shoulders, MPII_16.index("head_top")], 2] = 0
    keypoints[3, :, 2] = np.minimum(keypoints[3, :, 2], 1)
    assert upper_body(found, keypoints, MPII_16) == (0.5, 2)
    assert upper_body(found[:0], keypoints[:0], MPII_16) == (None, 0)


def test_head_measures_pckh_and_its_area() -> None:
    found = POINTS.copy()
    found[..., 0] += 0.25 * HEAD
    result = accuracy(found, POINTS, STATES, MPII_16)
    assert result["pckh"] == 1
    # Right from half of the way: half of the area, but for one step of the rule.
    assert result["auc"] == pytest.approx(0.5, abs=0.02)


def test_unlabelled_joints_and_persons_without_torso_do_not_count() -> None:
    states = STATES.copy()
    states[0, MPII_16.index("left_wrist")] = MASKED
    states[1, [MPII_16.index("right_hip"), MPII_16.index("right_shoulder")]] = MASKED
    found = POINTS.copy()
    found[0, MPII_16.index("left_wrist")] = 0
    found[1] = 0
    result = accuracy(found, POINTS, states, MPII_16)
    assert result["n"] == 3
    assert result["pck_limbs"] == 1
    # The head of the second is labelled all the same.
    assert result["pckh"] == pytest.approx(1 - 12 / (3 * 14 + 12 - 1), abs=1e-6)


def test_one_diagonal_is_enough() -> None:
    states = STATES.copy()
    states[:, MPII_16.index("right_hip")] = MASKED
    assert np.isfinite(torso_lengths(POINTS, states, MPII_16)).all()


def test_nothing_labelled_gives_no_figure() -> None:
    result = accuracy(POINTS, POINTS, np.zeros_like(STATES), MPII_16)
    assert result["n"] == 0
    assert result["pck_limbs"] is None
    assert result["auc"] is None


def test_head_of_coco_is_measured_by_the_ears() -> None:
    points = np.zeros((1, 17, 2), np.float32)
    points[0, COCO_17.index("left_ear")] = 10, 0
    states = np.full((1, 17), PRESENT, np.int8)
    assert head_lengths(points, states, COCO_17) == pytest.approx([20])


def test_twelve_limbs() -> None:
    assert len(set(LIMBS)) == 12
