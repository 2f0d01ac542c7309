"""Which values of the heatmaps are painted how bright."""

from __future__ import annotations

import numpy as np
import pytest

from pose_app.drawing import colours
from pose_app.drawing.heat import (
    chosen,
    coloured,
    combine,
    covered,
    heat,
    over_picture,
    paint_heat,
    placed,
)
from pose_app.drawing.options import DrawOptions
from pose_app.types import Region
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


def test_a_joint_that_the_model_does_not_have_shows_all() -> None:
    pose = made_result().person()
    assert pose is not None
    together = heat(pose, DrawOptions(), 0)
    np.testing.assert_array_equal(heat(pose, DrawOptions(joint=99), 0), together)


def test_a_stack_that_did_not_run_has_no_heat() -> None:
    pose = made_result(stacks=2).person()
    assert pose is not None
    with pytest.raises(ValueError, match="did not run"):
        heat(pose, DrawOptions(), 2)


def test_hidden_joints_have_no_part_in_all_together() -> None:
    scores = np.array([0.8, 0.6, 0.0], np.float32)
    both = chosen(MAPS, scores, DrawOptions())
    assert both[5, 5]
    assert both[12, 20]
    one = chosen(MAPS, scores, DrawOptions(visible=frozenset({1, 99})))
    assert not one[5, 5]
    assert one[12, 20] == both[12, 20]
    assert not chosen(MAPS, scores, DrawOptions(visible=frozenset())).any()
    # Whoever asks for a joint sees it, hidden or not.
    asked = chosen(MAPS, scores, DrawOptions(joint=0, visible=frozenset({1})))
    assert asked[5, 5]


def test_only_the_part_with_something_in_it_is_painted() -> None:
    levels = np.zeros((32, 32), np.uint8)
    assert covered(levels) is None
    levels[3] = 2  # nobody sees that
    assert covered(levels) is None
    levels[10:14, 20:25] = 200
    part = covered(levels)
    assert part is not None
    rows, columns = part
    assert 6 <= rows.start < 10
    assert 14 < rows.stop <= 18
    assert 16 <= columns.start < 20
    assert 25 < columns.stop <= 29


TABLE = colours.overlay_lookup("inferno")


@pytest.mark.parametrize("scale", [1.0, 0.5, 2.0])
@pytest.mark.parametrize("shape", [(32, 32), (32, 24)])
def test_the_heat_lies_where_its_joint_is(scale: float, shape: tuple[int, int]) -> None:
    """Over the picture at any size; a rectangular input is as high as the region's side."""
    region = Region(40.0, 20.0, 128.0)
    levels = np.zeros(shape, np.uint8)
    levels[12, 8] = 255
    out = np.zeros((round(200 * scale), round(220 * scale), 3), np.uint8)
    paint_heat(out, levels, region, scale, TABLE)
    cell = 128 / 32
    x = 40 + 64 + (8.5 - shape[1] / 2) * cell
    y = 20 + 12.5 * cell
    rows, columns = np.nonzero(out.max(axis=2) > 60)
    assert columns.mean() + 0.5 == pytest.approx(x * scale, abs=0.5)
    assert rows.mean() + 0.5 == pytest.approx(y * scale, abs=0.5)


def test_strips_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    from pose_app.drawing import heat as module

    levels = combine(MAPS, np.ones(3, np.float32), None)
    pictures = []
    for size in (2**12, 2**30):
        monkeypatch.setattr(module, "_STRIP", size)
        out = np.full((300, 300, 3), 90, np.uint8)
        paint_heat(out, levels, Region(-30.5, 10.25, 320.0), 1.0, TABLE)
        pictures.append(out.astype(int))
    assert (pictures[0] != 90).any()
    np.testing.assert_allclose(*pictures, atol=1)  # rounding


@pytest.mark.parametrize("region", [Region(-500, -500, 100), Region(900, 3, 50), Region(3, 900, 9)])
def test_heat_outside_of_the_picture_changes_nothing(region: Region) -> None:
    out = np.full((60, 80, 3), 90, np.uint8)
    paint_heat(out, np.full((16, 16), 255, np.uint8), region, 1.0, TABLE)
    assert (out == 90).all()


def test_a_huge_region_costs_no_more_than_the_picture() -> None:
    out = np.full((60, 80, 3), 90, np.uint8)
    paint_heat(out, np.full((16, 16), 255, np.uint8), Region(-4e5, -4e5, 8e5), 1.0, TABLE)
    assert (out != 90).all()


def test_full_opacity_hides_the_picture_and_none_keeps_it() -> None:
    levels = np.full((16, 16), 255, np.uint8)
    for opacity, wanted in ((1.0, colours.lookup("inferno")[255, ::-1]), (0.0, (90, 90, 90))):
        out = np.full((60, 60, 3), 90, np.uint8)
        table = colours.overlay_lookup("inferno", opacity)
        paint_heat(out, levels, Region(0, 0, 60), 1.0, table)
        assert np.abs(out.astype(int) - wanted).max() <= 1


def test_a_tile_shows_what_the_picture_shows() -> None:
    levels = combine(MAPS, np.ones(3, np.float32), None)
    pixels, region = coloured(levels, TABLE), Region(10.0, 20.0, 64.0)
    whole = placed(pixels, region, 1.0, (0.0, 0.0), (100, 100))
    part = placed(pixels, region, 1.0, (30.0, 40.0), (20, 10))
    np.testing.assert_array_equal(part, whole[40:60, 30:40])
