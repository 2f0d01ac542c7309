"""How alike poses and boxes are, and who belongs to whom."""

from __future__ import annotations

import numpy as np
import pytest

from pose_app.pose.similarity import assign, intersection, iou, oks, sigmas
from pose_app.skeletons import COCO_17, MPII_16
from pose_app.types import Box
from tests.unit.pose.colour_engine import person


def test_sigmas_are_coco_s_and_alike_on_both_sides() -> None:
    values = dict(zip(COCO_17.joints, sigmas(COCO_17.joints), strict=True))
    assert values["nose"] == pytest.approx(0.026)
    assert values["left_hip"] == pytest.approx(0.107)
    assert values["left_ankle"] == values["right_ankle"] == pytest.approx(0.089)
    assert sigmas(MPII_16.joints).shape == (16,)
    assert sigmas(("tail",))[0] > 0


def test_oks_falls_with_the_distance_and_grows_with_the_person() -> None:
    sigma = sigmas(MPII_16.joints)
    pose = person(300, 60, 300)
    assert oks(pose, pose, sigma, 435) == pytest.approx(np.ones(16))
    near, far = (oks(pose, np.add(pose, (shift, 0)), sigma, 435) for shift in (8, 40))
    assert (near > far).all()
    assert near.mean() > 0.8
    assert far.mean() < 0.3
    assert (oks(pose, np.add(pose, (40, 0)), sigma, 1200) > far).all()
    # COCO: e^-1/2 at a distance of s k, with k twice the sigma.
    wrist = MPII_16.index("right_wrist")
    away = 2 * sigma[wrist] * 0.33 * 435
    assert oks(pose, np.add(pose, (away, 0)), sigma, 435)[wrist] == pytest.approx(
        np.exp(-0.5), rel=1e-4
    )


def test_overlap_of_boxes() -> None:
    a = Box(0, 0, 10, 20, 0.5)
    assert iou(a, a) == pytest.approx(1)
    assert iou(a, Box(5, 0, 10, 20, 0.9)) == pytest.approx(100 / 300)
    assert iou(a, Box(10, 0, 10, 20, 0.9)) == 0
    assert intersection(a, Box(2, 5, 100, 10, 0.9)) == 80


def test_each_belongs_to_one_and_only_where_it_fits() -> None:
    affinity = np.array([[0.9, 0.8, 0.0], [0.85, 0.2, 0.1]])
    assert assign(affinity, 0.15) == [(0, 0), (1, 1)]
    assert assign(affinity, 0.5) == [(0, 0)]
    assert assign(np.zeros((0, 3)), 0.1) == []
    assert assign(np.zeros((2, 0)), 0.1) == []
