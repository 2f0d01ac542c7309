"""Scores that mean what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose_app.errors import DataError, ModelError
from pose_app.pose.decode import calibrate
from pose_app.spec import ModelSpec, NetworkConfig
from pose_app.training.calibration import Judged, calibrations, fit, judge
from pose_app.training.data import PRESENT
from pose_app.training.loading import load
from pose_app.training.metrics import body_lengths
from tests.unit.training.scene_shards import write_scenes
from tests.unit.training.shards import write_shard

SPEC = ModelSpec(
    name="three",
    family="pose-app",
    network=NetworkConfig(stacks=2, width=16, joints=3),
    joints=("a", "b", "c"),
    limbs=(),
    flip=(0, 1, 2),
)


def test_fitted_scores_are_chances() -> None:
    random = np.random.default_rng(0)
    raw = random.random(40_000)
    truth = raw**2
    curve = fit(raw, random.random(40_000) < truth)
    for value in (0.2, 0.5, 0.8):
        assert np.interp(value, curve.raw, curve.probability) == pytest.approx(value**2, abs=0.04)


def test_curve_never_falls_even_where_the_data_does() -> None:
    raw = np.linspace(0, 1, 1200)
    hits = (raw < 0.5) & (np.arange(1200) % 2 == 0)
    curve = fit(raw, hits)
    assert np.all(np.diff(curve.raw) > 0)
    assert np.all(np.diff(curve.probability) >= 0)


def test_equal_scores_do_not_break_the_curve() -> None:
    curve = fit(np.zeros(100), np.zeros(100, bool))
    assert len(curve.raw) >= 2
    assert np.all(np.diff(curve.raw) > 0)
    curve = fit(np.ones(100), np.ones(100, bool))
    assert np.interp(1.0, curve.raw, curve.probability) == 1


def test_too_few_joints_are_told() -> None:
    with pytest.raises(DataError, match="too few"):
        fit(np.ones(5), np.ones(5, bool))


def test_absent_joints_are_misses_and_unknown_ones_say_nothing(tmp_path: Path) -> None:
    for name in ("synthetic", "lspet"):
        keypoints = write_shard(tmp_path / f"{name}.npz", 2)
        with np.load(tmp_path / f"{name}.npz") as file:
            arrays = dict(file)
        arrays["keypoints"][:, 0] = 0
        np.savez(tmp_path / f"{name}.npz", **arrays)
        data = load(tmp_path / f"{name}.npz")
        found = np.zeros((2, 1, 16, 3), np.float32)
        found[:, 0, :, :2] = keypoints[..., :2]
        found[..., 2] = 0.7
        judged = judge(found, data, np.arange(2))
        assert judged.hits.sum() == 30
        assert (~judged.hits).sum() == (2 if name == "synthetic" else 0)


def test_every_joint_has_a_curve_of_its_own_where_there_are_labels_enough() -> None:
    random = np.random.default_rng(0)
    count = 6000
    joints = np.repeat([0, 1, 2], [count, count, 20])
    scores = random.random((len(joints), 2)).astype(np.float32)
    chance = np.where(joints == 0, 1.0, 0.5)[:, None] * scores
    hits = random.random(scores.shape) < chance
    curves = calibrations([Judged(scores, hits, joints)], 3)
    assert len(curves) == 6  # stack by stack
    at = [float(np.interp(0.8, c.raw, c.probability)) for c in curves]
    assert at[0] == pytest.approx(0.8, abs=0.05)
    assert at[1] == pytest.approx(0.4, abs=0.05)
    assert at[2] == pytest.approx(0.6, abs=0.05)  # too few: as all joints together
    spec = replace(SPEC, calibration=(*curves,))
    raw = np.full((2, 3), 0.8, np.float32)
    assert calibrate(raw, spec)[0] == pytest.approx(at[:3], abs=1e-6)
    assert calibrate(raw, spec)[1] == pytest.approx(
        [float(np.interp(0.8, c.raw, c.probability)) for c in curves[3:]], abs=1e-6
    )
    assert calibrate(raw[:1], spec).shape == (1, 3)  # the first stack alone
    assert ModelSpec.from_json(spec.to_json()).calibration == curves
    with pytest.raises(ModelError, match="per stack and joint"):
        ModelSpec.from_json(replace(spec, calibration=curves[:5]).to_json())


def test_joints_of_the_face_must_be_nearer_and_webcams_have_no_hips(tmp_path: Path) -> None:
    arrays = write_scenes(tmp_path / "s.npz", 3, people=1)
    arrays["keypoints"][:, :8] = 0  # legs and torso are not labelled: shoulders measure
    arrays["weight"][:, :8] = 0
    np.savez(tmp_path / "s.npz", **arrays)
    data = load(tmp_path / "s.npz")
    found = np.zeros((3, 1, 21, 3), np.float32)
    found[:, 0, :, :2] = data.keypoints[..., :2]
    size = body_lengths(data.keypoints[..., :2], data.states == PRESENT, data.skeleton)
    assert np.isfinite(size).all()
    found[:, 0, :, 0] += 0.12 * size[:, None]
    judged = judge(found, data, np.arange(3))
    assert set(judged.joints) == set(range(8, 21))
    assert judged.hits[judged.joints < 16].all()
    assert not judged.hits[judged.joints >= 16].any()
