"""Which values of the heatmaps are painted how bright."""

from __future__ import annotations

import numpy as np
import pytest

from pose_app.ui.canvas.heatmap_overlay import combine, heat, over_picture
from pose_app.ui.view_state import ViewState
from tests.ui.panel_results import blob, made_result

MAPS = np.stack([blob(5, 5), blob(20, 12), np.zeros((32, 32), np.float32)])


def test_the_peak_is_as_bright_as_the_score_whatever_the_maps_own_scale() -> None:
    probabilities = MAPS * 0.1
    scores = np.array([0.8, 0.2, 0.0], np.float32)
    for joint, place in ((0, (5, 5)), (1, (12, 20))):
        raw, small = combine(MAPS, scores, joint), combine(probabilities, scores, joint)
        np.testing.assert_array_equal(raw, small)
        assert np.unravel_index(raw.argmax(), raw.shape) == place
    levels = [int(combine(MAPS, np.full(3, s, np.float32), 0).max()) for s in (0.0, 0.3, 0.6, 1.0)]
    assert levels == sorted(set(levels))
    assert (levels[0], levels[-1]) == (0, 255)


def test_an_uncalibrated_heatmap_keeps_its_own_scale() -> None:
    halved = combine(MAPS * 0.5, np.full(3, 0.5, np.float32), 0)
    full = combine(MAPS, np.full(3, 1.0, np.float32), 0)
    assert 0 < halved.max() < full.max()


def test_all_joints_together_are_the_highest_or_the_sum() -> None:
    near = np.stack([blob(10, 10, sigma=3), blob(13, 10, sigma=3)])
    scores = np.array([0.5, 0.5], np.float32)
    one, other = combine(near, scores, 0), combine(near, scores, 1)
    highest = combine(near, scores, None, "max")
    summed = combine(near, scores, None, "sum")
    np.testing.assert_array_equal(highest, np.maximum(one, other))
    assert (summed >= highest).all()
    assert (summed > highest).any()


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_map_without_a_peak_is_black(value: float) -> None:
    maps = np.full((2, 8, 8), value, np.float32)
    for joint in (0, None):
        assert not combine(maps, np.ones(2, np.float32), joint).any()


def test_a_mirrored_view_mirrors_the_heatmap() -> None:
    table = np.arange(256, dtype=np.uint32)
    levels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    plain, mirrored = over_picture(levels, table, False), over_picture(levels, table, True)
    np.testing.assert_array_equal(plain[:, ::-1], mirrored)
    np.testing.assert_array_equal(plain[..., 0], levels)


def test_a_joint_that_the_model_does_not_have_shows_all(qapp: object) -> None:
    pose, view = made_result().pose, ViewState()
    assert pose is not None
    together = heat(pose, view, 0)
    view.joint = 99
    np.testing.assert_array_equal(heat(pose, view, 0), together)


def test_a_stack_that_did_not_run_has_no_heat(qapp: object) -> None:
    pose = made_result(stacks=2).pose
    assert pose is not None
    with pytest.raises(ValueError, match="did not run"):
        heat(pose, ViewState(), 2)
