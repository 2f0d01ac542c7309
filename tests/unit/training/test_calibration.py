"""Scores that mean what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose_app.errors import DataError
from pose_app.training.calibration import fit, judge, person_threshold
from pose_app.training.data import load
from tests.unit.training.shards import write_shard


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


def test_person_threshold_lets_few_pictures_of_nobody_pass() -> None:
    random = np.random.default_rng(0)
    nobody, somebody = random.random(400) * 0.4, 0.3 + 0.7 * random.random(400)
    threshold = person_threshold(nobody, somebody)
    assert (nobody >= threshold).mean() <= 0.015
    assert (somebody >= threshold).mean() > 0.8
    # With room between, it lies in the middle.
    assert 0.2 < person_threshold(np.full(50, 0.1), np.full(50, 0.9)) < 0.8
    with pytest.raises(DataError):
        person_threshold(np.array([]), somebody)
