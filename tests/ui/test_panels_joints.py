"""The tree of joints: what is drawn, what is chosen, how certain it is."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTreeWidgetItem
from pytestqt.qtbot import QtBot

from pose_app.skeletons import COCO_17, LSP_14, MPII_16, Skeleton
from pose_app.ui.panels.joints import PRESETS, JointsPanel, preset
from pose_app.ui.state.view_state import ViewState
from tests.ui.panel_results import made_result, real_results

CHECKED, UNCHECKED, PARTLY = (
    Qt.CheckState.Checked,
    Qt.CheckState.Unchecked,
    Qt.CheckState.PartiallyChecked,
)


@pytest.fixture
def view() -> ViewState:
    return ViewState()


@pytest.fixture
def panel(qtbot: QtBot, view: ViewState) -> JointsPanel:
    panel = JointsPanel(view)
    qtbot.addWidget(panel)
    panel.resize(280, 560)
    panel.show()
    return panel


def row(panel: JointsPanel, label: str) -> QTreeWidgetItem:
    flags = Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchRecursive
    (item,) = panel.tree.findItems(label, flags)
    return item


def names(skeleton: Skeleton, joints: frozenset[int]) -> set[str]:
    return {skeleton.joints[joint] for joint in joints}


def test_a_check_box_hides_and_shows_a_joint(panel: JointsPanel, view: ViewState) -> None:
    panel.show_result(made_result())
    wrist = MPII_16.index("left_wrist")
    row(panel, "left wrist").setCheckState(0, UNCHECKED)
    assert not view.is_visible(wrist)
    assert view.is_visible(MPII_16.index("left_elbow"))
    assert row(panel, "Left arm").checkState(0) == PARTLY
    assert row(panel, "All joints").checkState(0) == PARTLY
    row(panel, "left wrist").setCheckState(0, CHECKED)
    assert view.visible is None, "all again"


def test_a_group_box_stands_for_its_joints(panel: JointsPanel, view: ViewState) -> None:
    panel.show_result(made_result())
    row(panel, "Right leg").setCheckState(0, UNCHECKED)
    assert view.visible is not None
    hidden = frozenset(range(16)) - view.visible
    assert names(MPII_16, hidden) == {"right_hip", "right_knee", "right_ankle"}
    row(panel, "All joints").setCheckState(0, UNCHECKED)
    assert view.visible == frozenset()
    row(panel, "All joints").setCheckState(0, CHECKED)
    assert view.visible is None


def test_the_space_bar_checks(panel: JointsPanel, view: ViewState, qtbot: QtBot) -> None:
    panel.show_result(made_result())
    panel.tree.setCurrentItem(row(panel, "head top"))
    qtbot.keyClick(panel.tree, Qt.Key.Key_Space)
    assert not view.is_visible(MPII_16.index("head_top"))


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Arms", {"wrist", "elbow", "shoulder"}),
        ("Legs", {"hip", "knee", "ankle"}),
    ],
)
def test_a_preset_shows_its_joints_only(
    panel: JointsPanel, view: ViewState, label: str, expected: set[str]
) -> None:
    panel.show_result(made_result())
    next(button for button in panel.presets if button.text() == label).click()
    assert view.visible is not None
    assert {name.split("_")[-1] for name in names(MPII_16, view.visible)} == expected
    assert row(panel, "Torso").checkState(0) == UNCHECKED
    panel.presets[0].click()
    assert view.visible is None
    assert row(panel, "All joints").checkState(0) == CHECKED


@pytest.mark.parametrize("skeleton", [MPII_16, COCO_17, LSP_14], ids=lambda s: s.name)
def test_presets_of_every_skeleton(skeleton: Skeleton) -> None:
    chosen = {label: preset(skeleton, parts) for label, parts in PRESETS}
    assert chosen["All"] is None
    upper, arms, legs = chosen["Upper body"], chosen["Arms"], chosen["Legs"]
    assert upper is not None
    assert arms is not None
    assert legs is not None
    assert arms < upper
    assert not upper & legs
    assert upper | legs == frozenset(range(len(skeleton)))


def test_selecting_a_row_chooses_the_heatmap(panel: JointsPanel, view: ViewState) -> None:
    panel.show_result(made_result())
    panel.tree.setCurrentItem(row(panel, "right elbow"))
    assert view.joint == MPII_16.index("right_elbow")
    panel.tree.setCurrentItem(row(panel, "All joints"))
    assert view.joint is None


def test_choices_made_elsewhere_show_in_the_tree(panel: JointsPanel, view: ViewState) -> None:
    panel.show_result(made_result())
    view.joint = MPII_16.index("pelvis")
    assert panel.tree.currentItem() is row(panel, "pelvis")
    view.visible = frozenset({view.joint})
    assert row(panel, "pelvis").checkState(0) == CHECKED
    assert row(panel, "thorax").checkState(0) == UNCHECKED
    assert view.visible == frozenset({MPII_16.index("pelvis")}), "showing it changes nothing"


def test_scores_are_those_of_the_shown_stack(panel: JointsPanel, view: ViewState) -> None:
    result = real_results()[-1]
    assert result.person() is not None
    for stack in range(result.person().stacks):
        view.stack = stack
        panel.show_result(result)
        panel.show_stats(None)  # type: ignore[arg-type]  # what came too early is shown now
        for joint, name in enumerate(result.person().skeleton.joints):
            shown = float(row(panel, name.replace("_", " ")).text(1))
            assert shown == pytest.approx(result.person().stack_scores[stack, joint], abs=0.0051)


def test_nobody_in_view_has_no_scores(panel: JointsPanel) -> None:
    panel.show_result(made_result())
    assert row(panel, "pelvis").text(1) != "–"
    panel.show_result(made_result(found=False))
    panel.show_stats(None)  # type: ignore[arg-type]
    assert row(panel, "pelvis").text(1) == "–"
    assert not panel.grab().isNull()


def test_a_longer_bar_is_a_higher_score(panel: JointsPanel) -> None:
    panel.show_result(made_result(scores=np.linspace(0.0, 1.0, 16)))

    def painted(label: str) -> int:
        rect = panel.tree.visualItemRect(row(panel, label))
        rect.setLeft(panel.tree.columnViewportPosition(1))
        image = panel.tree.viewport().grab(rect).toImage()
        y = image.height() // 2
        orange = 0
        for x in range(image.width()):
            colour = image.pixelColor(x, y)
            orange += colour.red() > colour.blue() + 80
        return orange

    assert painted("right wrist") < painted("right elbow") < painted("right shoulder")


def test_another_model_brings_its_joints(panel: JointsPanel, view: ViewState) -> None:
    panel.show_result(made_result())
    view.joint = MPII_16.index("left_knee")
    view.visible = preset(MPII_16, ("leg",))
    view.carry_over(MPII_16, COCO_17)  # as the window does
    panel.show_result(made_result(skeleton=COCO_17))
    panel.show_stats(None)  # type: ignore[arg-type]
    assert view.joint == COCO_17.index("left_knee")
    assert row(panel, "left eye").checkState(0) == CHECKED, "nobody hid a joint of that name"
    assert row(panel, "left wrist").checkState(0) == UNCHECKED
    assert view.visible is not None
    assert names(COCO_17, view.visible) >= {"left_knee", "nose"}


def test_a_joint_that_is_gone_is_not_chosen_any_more(view: ViewState) -> None:
    view.joint = view.solo = MPII_16.index("pelvis")
    view.carry_over(MPII_16, COCO_17)
    assert (view.joint, view.solo, view.visible) == (None, None, None)
    view.joint = 99
    view.carry_over(MPII_16, COCO_17)
    assert view.joint is None
