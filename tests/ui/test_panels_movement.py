"""How far joints move from stack to stack."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot

from pose_app.pipeline.metrics import FrameMetrics
from pose_app.skeletons import COCO_17, MPII_16
from pose_app.ui.panels.movement import LEAST, MovementPanel, step_colours
from pose_app.ui.stacks.distances import Distances, movements
from pose_app.ui.state.view_state import ViewState
from tests.ui.panel_results import made_result, real_results


@pytest.fixture
def view() -> ViewState:
    return ViewState()


@pytest.fixture
def panel(qtbot: QtBot, view: ViewState) -> MovementPanel:
    panel = MovementPanel(view)
    qtbot.addWidget(panel)
    panel.resize(320, 320)
    panel.show()
    return panel


def test_lengths_are_pixels_between_neighbouring_stacks() -> None:
    pose = made_result(4, step=7.0).person()
    assert pose is not None
    lengths = movements(pose)
    assert lengths.shape == (3, 16)
    np.testing.assert_allclose(lengths, 7.0)


def test_joints_not_in_view_have_no_length() -> None:
    scores = np.full(16, 0.8)
    scores[[0, 5]] = 0.1
    pose = made_result(2, scores=scores).person()
    assert pose is not None
    assert np.flatnonzero(np.isnan(movements(pose)[0])).tolist() == [0, 5]


def test_nobody_in_view_has_no_bars(panel: MovementPanel) -> None:
    panel.show_result(made_result(2))
    assert np.isfinite(panel.plot.values).all()
    panel.show_result(made_result(2, found=False))
    panel.show_stats(FrameMetrics())
    assert panel.plot.values.shape == (1, 16)
    assert np.isnan(panel.plot.values).all()


def test_hidden_joints_have_no_line(panel: MovementPanel, view: ViewState) -> None:
    panel.show_result(made_result(2))
    everything = panel.plot.minimumSizeHint().height()
    view.visible = frozenset((10, 11, 12))
    assert [joint for joint in range(16) if joint in panel.plot._order] == [10, 11, 12]
    assert panel.plot.minimumSizeHint().height() < everything
    hit = {panel.plot.joint_at(QPointF(50, y)) for y in range(panel.plot.height())}
    assert hit == {None, 10, 11, 12}
    panel.show_result(made_result(3))
    assert set(panel.plot._order) == {10, 11, 12}
    view.visible = None
    assert len(panel.plot._order) == 16


def test_real_stacks_move_real_joints(panel: MovementPanel) -> None:
    pose = real_results()[-1].person()
    assert pose is not None
    panel.show_result(real_results()[-1])
    seen = np.isfinite(panel.plot.values[0])
    assert seen.sum() >= 5
    assert 0 < np.nanmedian(panel.plot.values) < pose.region.side / 4


def test_bars_follow_calmly_and_arrive(panel: MovementPanel) -> None:
    plot = panel.plot
    first, second = made_result(2, step=10.0).person(), made_result(2, step=20.0).person()
    assert first is not None
    assert second is not None
    plot.show_pose(first, now=1.0)
    np.testing.assert_allclose(plot.values, 10.0)
    plot.show_pose(second, now=1.1)
    assert (plot.values > 10.0).all()
    assert (plot.values < 20.0).all()
    plot.show_pose(second, now=1.1)  # the other panel, in the same moment
    assert (plot.values < 20.0).all()
    for moment in range(40):
        plot.show_pose(second, now=1.2 + moment / 10)
    np.testing.assert_allclose(plot.values, 20.0, atol=0.01)


def bar_pixels(panel: MovementPanel, joint: int, steps: int) -> int:
    line = panel.plot.row(joint)
    image = panel.plot.grab(line.toRect()).toImage()
    wanted = {colour.rgb() for colour in step_colours(steps)}
    y = image.height() // 2
    return sum(image.pixelColor(x, y).rgb() in wanted for x in range(image.width()))


def test_a_longer_way_is_a_longer_bar(panel: MovementPanel) -> None:
    result = made_result(3, step=4.0)
    assert result.person() is not None
    result.person().stack_joints[1:, 4] += (6.0, 0.0)
    panel.plot.show_pose(result.person())
    assert bar_pixels(panel, 4, 2) > bar_pixels(panel, 3, 2) > 5


def test_the_scale_is_round_and_holds_every_bar(panel: MovementPanel) -> None:
    now = 0.0
    for step in (0.1, 3.0, 45.0, 800.0, 2.0):
        pose = made_result(2, step=step).person()
        assert pose is not None
        for _ in range(100):
            now += 0.1
            panel.plot.show_pose(pose, now)
        assert step <= panel.plot._scale <= max(step * 6, 1)


def test_click_and_keys_choose_a_joint(panel: MovementPanel, view: ViewState, qtbot: QtBot) -> None:
    panel.show_result(made_result())
    elbow = MPII_16.index("right_elbow")
    spot = panel.plot.row(elbow).center().toPoint()
    qtbot.mouseClick(panel.plot, Qt.MouseButton.LeftButton, pos=spot)
    assert view.joint == elbow
    assert panel.plot.joint_at(QPointF(spot)) == elbow
    qtbot.keyClick(panel.plot, Qt.Key.Key_Down)
    assert view.joint == MPII_16.index("right_shoulder")
    qtbot.keyClick(panel.plot, Qt.Key.Key_Up)
    assert view.joint == elbow
    qtbot.mouseClick(panel.plot, Qt.MouseButton.LeftButton, pos=spot)
    assert view.joint is None


def test_the_tooltip_says_what_each_stack_did(panel: MovementPanel) -> None:
    panel.show_result(made_result(3, step=2.5))
    assert panel.plot.help_for(0).splitlines() == [
        "right ankle",
        "Stack 1 to 2: 2.5 px",
        "Stack 2 to 3: 2.5 px",
    ]
    assert "pixels" in panel.plot.help_for(None)


@pytest.mark.parametrize("size", [(160, 120), (320, 320), (700, 200)])
@pytest.mark.parametrize("stacks", [1, 2, 8])
def test_it_paints_any_number_of_stacks_at_any_size(
    panel: MovementPanel, stacks: int, size: tuple[int, int]
) -> None:
    panel.show_result(made_result(stacks))
    panel.resize(*size)
    assert not panel.grab().isNull()
    for joint in range(16):
        assert panel.plot.row(joint).bottom() <= panel.plot.height()
        assert panel.plot.row(joint).height() >= LEAST >= 12


def test_the_scale_keeps_still_for_a_while(panel: MovementPanel) -> None:
    far, near = made_result(2, step=90.0).person(), made_result(2, step=2.0).person()
    panel.plot.show_pose(far, now=1.0)
    scale = panel.plot._scale
    for moment in range(20):
        panel.plot.show_pose(near, now=2.0 + moment / 10)
    assert panel.plot._scale == scale
    for moment in range(40):
        panel.plot.show_pose(near, now=4.0 + moment / 10)
    assert panel.plot._scale < scale


def moved(joint: int, by: float, track: int = 1):
    """Two stacks between which every joint moves by 2 pixels, one joint by more."""
    pose = made_result(2, step=2.0).person()
    assert pose is not None
    pose.stack_joints[1, joint] += (by, 0.0)
    return replace(pose, track_id=track)


def test_the_joints_that_moved_most_come_first(panel: MovementPanel) -> None:
    plot = panel.plot
    plot.show_pose(moved(4, by=20.0), now=1.0)
    assert plot._order[0] == 4
    assert plot.row(4).top() < plot.row(3).top()
    rest = plot._order[1:]
    assert rest == [joint for joints in MPII_16.groups.values() for joint in joints if joint != 4]
    plot.show_pose(moved(9, by=20.0, track=2), now=1.1)  # another person
    assert plot._order[0] == 9


def test_lines_change_places_slowly(panel: MovementPanel, monkeypatch) -> None:
    plot = panel.plot
    monkeypatch.setattr(plot, "underMouse", lambda: False)  # where it is without a screen
    plot.show_pose(moved(4, by=20.0), now=1.0)
    orders = []
    for moment in range(1, 120):  # at 10 fps: now one joint, now the other
        plot.show_pose(moved(4 if moment % 4 < 2 else 9, by=20.0), now=1.0 + moment / 10)
        orders.append(tuple(plot._order))
    assert orders[18] == orders[0]
    changes = sum(a != b for a, b in pairwise(orders))
    assert changes <= 2
    assert set(orders[-1][:2]) == {4, 9}
    for moment in range(60):
        plot.show_pose(moved(9, by=20.0), now=13.0 + moment / 10)
    assert plot._order[0] == 9


def test_nothing_moves_away_under_the_mouse(panel: MovementPanel, monkeypatch) -> None:
    plot = panel.plot
    plot.show_pose(moved(4, by=20.0), now=1.0)
    monkeypatch.setattr(plot, "underMouse", lambda: True)
    for moment in range(90):
        plot.show_pose(moved(9, by=20.0), now=1.1 + moment / 10)
    assert plot._order[0] == 4
    monkeypatch.setattr(plot, "underMouse", lambda: False)
    plot.show_pose(moved(9, by=20.0), now=10.1)
    assert plot._order[0] == 9


def test_one_stack_alone_offers_to_run_all(panel: MovementPanel, view: ViewState) -> None:
    panel.show_result(made_result(1))
    panel.show_stats(FrameMetrics(stacks_all=4))
    assert panel.run_all.isVisible()
    panel.run_all.click()
    assert view.stack == 3
    panel.plot.distances = Distances()
    panel.plot.show_pose(made_result(4).person())
    panel.show_stats(FrameMetrics(stacks_all=4))
    assert panel.run_all.isHidden()


def test_a_frame_with_fewer_stacks_does_not_take_the_movement_away(panel: MovementPanel) -> None:
    panel.plot.show_pose(made_result(4).person(), now=1.0)
    panel.plot.show_pose(made_result(1).person(), now=1.2)
    assert panel.plot.values.shape == (3, 16)
    panel.plot.show_pose(made_result(1).person(), now=9.0)
    assert panel.plot.values.shape == (0, 16)


def test_another_model_starts_afresh(panel: MovementPanel) -> None:
    for result in (made_result(2, step=9.0), made_result(4, COCO_17, step=1.0)):
        assert result.person() is not None
        panel.plot.show_pose(result.person())
    assert panel.plot.values.shape == (3, 17)
    np.testing.assert_allclose(panel.plot.values, 1.0)
