"""The stacks panel: small multiples that show, choose and compare."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from pose_app.engines.base import HostHeatmaps
from pose_app.errors import EngineError
from pose_app.pipeline.metrics import FrameMetrics
from pose_app.skeletons import COCO_17
from pose_app.types import FrameResult, Region
from pose_app.ui.panels import throttle
from pose_app.ui.panels.movement import MovementPlot
from pose_app.ui.stacks import older_tiles
from pose_app.ui.stacks.distances import Distances
from pose_app.ui.stacks.grid import StackGrid
from pose_app.ui.stacks.panel import StacksPanel
from pose_app.ui.stacks.pictures import ZOOM, close_up
from pose_app.ui.stacks.readings import caption, read_stacks
from pose_app.ui.state.view_state import ViewState
from tests.ui.panel_results import made_result, real_results


@pytest.fixture
def panel(qtbot: QtBot) -> StacksPanel:
    panel = StacksPanel(ViewState())
    qtbot.addWidget(panel)
    panel.resize(420, 460)
    panel.show()
    return panel


def view_of(panel: StacksPanel) -> ViewState:
    return panel.grid._view


def pixels(widget: QWidget, rect: QRect | None = None) -> np.ndarray:
    """(H, W, 3) int of a widget as painted."""
    pixmap = widget.grab() if rect is None else widget.grab(rect)
    image = pixmap.toImage().convertToFormat(QImage.Format.Format_RGB888)
    lines = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
    return lines[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def click(
    qtbot: QtBot,
    grid: StackGrid,
    stack: int,
    button: Qt.MouseButton = Qt.MouseButton.LeftButton,
    modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    qtbot.mouseClick(grid, button, modifier, grid.tile(stack).center())


def test_real_stacks_look_different_by_stack_and_by_joint(panel: StacksPanel) -> None:
    result = real_results()[-1]
    assert result.person() is not None
    panel.show_result(result)
    assert panel.grid.total == result.person().stacks >= 2
    first, last = (pixels(panel.grid, panel.grid.tile(s)) for s in (0, result.person().stacks - 1))
    assert np.abs(first - last).mean() > 0.2
    view_of(panel).joint = result.person().skeleton.index("head_top")
    head = pixels(panel.grid, panel.grid.tile(0))
    assert np.abs(head - first).mean() > 0.2
    view_of(panel).joint = result.person().skeleton.index("left_wrist")
    assert np.abs(pixels(panel.grid, panel.grid.tile(0)) - head).mean() > 0.2


@pytest.mark.parametrize("zoomed", [False, True])
@pytest.mark.parametrize("background", ["blurred", "black"])
def test_no_sharp_pixel_is_painted_under_a_heatmap(
    panel: StacksPanel, background: str, zoomed: bool
) -> None:
    """Two pictures that differ in what is fine alone are painted alike."""
    result, view = made_result(2, scores=0.0), view_of(panel)
    view.joint = 3
    panel.grid.set_zoomed(zoomed)
    board = np.indices((90, 120)).sum(axis=0) // 2 % 2
    tiles: dict[str, list[np.ndarray]] = {"picture": [], background: []}
    for shown, painted in tiles.items():
        view.background = shown
        for phase in (0, 1):
            image = np.where(board == phase, 255, 0).astype(np.uint8)[..., None].repeat(3, axis=2)
            panel.show_result(replace(result, frame=replace(result.frame, image=image)))
            painted.append(pixels(panel.grid, panel.grid.tile(1)))
    away = {name: np.abs(first - second) for name, (first, second) in tiles.items()}
    assert away["picture"].mean() > 30
    assert away[background].max() < 8


def test_the_blob_is_painted_where_the_joint_is(panel: StacksPanel) -> None:
    view = view_of(panel)
    view.joint = 8
    result = made_result(2, scores=1.0)
    panel.show_result(result)
    assert result.person() is not None
    for stack in (0, 1):
        tile = panel.grid.tile(stack)
        colourful = np.ptp(pixels(panel.grid, tile), axis=2)
        colourful[:4], colourful[-4:], colourful[:, :4], colourful[:, -4:] = 0, 0, 0, 0
        rows, columns = np.nonzero(colourful > 0.5 * colourful.max())
        region = result.person().region
        expected = (result.person().stack_joints[stack, 8] - (region.x, region.y)) / region.side
        assert columns.mean() / tile.width() == pytest.approx(expected[0], abs=0.03)
        assert rows.mean() / tile.height() == pytest.approx(expected[1], abs=0.03)


def test_a_close_up_shows_the_same_blob_larger(panel: StacksPanel) -> None:
    view, result = view_of(panel), made_result(2, scores=1.0)
    assert not panel.zoom.isEnabled(), "there is nothing to look at closely"
    view.joint = 8
    panel.show_result(result)
    inner = panel.grid.tile(1).adjusted(4, 4, -4, -4)

    def coloured() -> np.ndarray:
        hue = np.ptp(pixels(panel.grid, inner), axis=2)
        return np.argwhere(hue > 0.5 * hue.max())

    far = coloured()
    panel.zoom.click()
    near = coloured()
    assert len(near) > 4 * len(far)
    assert result.person() is not None
    seen, joint = panel.grid.seen, result.person().stack_joints[1, 8]
    assert seen is not None
    expected = (joint[::-1] + 0.5 - (seen.y, seen.x)) / seen.side
    assert (near.mean(axis=0) + 4.5) / inner.adjusted(-4, -4, 4, 4).height() == pytest.approx(
        expected, abs=0.03
    )
    panel.zoom.click()
    assert panel.grid.seen == result.person().region


def test_a_close_up_stays_inside_the_region_and_moves_calmly() -> None:
    region = Region(100, 50, 200)
    corner = close_up(region, np.array([90.0, 400.0], np.float32), 1.0, None)
    assert corner.side == pytest.approx(200 * ZOOM)
    assert (corner.x, corner.y + corner.side) == pytest.approx((100, 250))
    first = close_up(region, np.array([200.0, 150.0], np.float32), 1.0, region)
    assert first.centre == pytest.approx((200, 150))
    then = close_up(region, np.array([210.0, 150.0], np.float32), 1.0, first)
    assert 200 < then.centre[0] < 210
    far = close_up(region, np.array([250.0, 150.0], np.float32), 1.0, first)
    assert far.centre == pytest.approx((250, 150)), "another place is looked at at once"


def test_mirroring_mirrors_picture_and_heatmap(panel: StacksPanel) -> None:
    view = view_of(panel)
    panel.show_result(made_result(2))
    inner = panel.grid.tile(0).adjusted(4, 4, -4, -4)
    plain = pixels(panel.grid, inner)
    view.mirror = True
    mirrored = pixels(panel.grid, inner)
    assert np.abs(plain - mirrored).mean() > 10
    assert np.abs(plain[:, ::-1] - mirrored).mean() < 3


def test_opacity_and_colour_map_change_the_tiles(panel: StacksPanel) -> None:
    panel.show_result(made_result(2))
    inner = panel.grid.tile(0).adjusted(4, 4, -4, -4)
    inferno = pixels(panel.grid, inner)
    view_of(panel).colour_map = "viridis"
    assert np.abs(pixels(panel.grid, inner) - inferno).max() > 30
    view_of(panel).opacity = 0.0
    assert np.ptp(pixels(panel.grid, inner), axis=2).max() == 0, "only the grey picture is left"


def test_click_chooses_and_control_or_right_click_compares(
    panel: StacksPanel, qtbot: QtBot
) -> None:
    view, grid = view_of(panel), panel.grid
    panel.show_result(made_result(4))
    click(qtbot, grid, 2)
    assert view.stack == 2
    click(qtbot, grid, 0, modifier=Qt.KeyboardModifier.ControlModifier)
    assert (view.stack, view.compare) == (2, 0)
    click(qtbot, grid, 1, Qt.MouseButton.RightButton)
    assert view.compare == 1
    click(qtbot, grid, 1, Qt.MouseButton.RightButton)
    assert view.compare is None
    qtbot.mouseClick(grid, Qt.MouseButton.LeftButton, pos=QPoint(1, grid.height() - 1))
    assert view.stack == 2, "beside the tiles nothing happens"


def test_the_keyboard_does_the_same(panel: StacksPanel, qtbot: QtBot) -> None:
    view, grid = view_of(panel), panel.grid
    panel.show_result(made_result(3))
    qtbot.keyClick(grid, Qt.Key.Key_Left)
    assert view.stack == 1
    qtbot.keyClick(grid, Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier)
    assert (view.stack, view.compare) == (1, 0)
    qtbot.keyClick(grid, Qt.Key.Key_Escape)
    assert view.compare is None
    for _ in range(5):
        qtbot.keyClick(grid, Qt.Key.Key_Right)
    assert view.stack == 2, "there is no stack after the last"
    assert "3 stacks, stack 3" in grid.accessibleDescription()


def test_the_chosen_tile_has_the_frame(panel: StacksPanel) -> None:
    panel.show_result(made_result(2))
    grid = panel.grid

    def framed() -> list[bool]:
        shades = []
        for stack in (0, 1):
            tile = grid.tile(stack)
            shades.append(pixels(grid, QRect(tile.left() - 2, tile.center().y(), 1, 1))[0, 0])
        return [bool(np.ptp(shade) > 60) for shade in shades]

    assert framed() == [False, True], "without a choice it is the last"
    view_of(panel).stack = 0
    assert framed() == [True, False]
    view_of(panel).compare = 1
    assert framed() == [True, True]


def test_readings_are_score_and_distance_to_the_last_answer(qapp: object) -> None:
    scores = np.linspace(0.0, 0.9, 16)
    pose, view = made_result(3, step=5.0, scores=scores).person(), ViewState()
    assert pose is not None
    seen = scores[scores >= 0.3]
    for stack, reading in enumerate(read_stacks(pose, view)):
        assert reading.score == pytest.approx(seen.mean(), abs=1e-5)
        assert reading.distance == pytest.approx(5.0 * (2 - stack), abs=1e-4)
    view.joint = 0
    assert read_stacks(pose, view)[0].score == pytest.approx(0.0)
    view.joint = None
    view.visible = frozenset({15})
    assert read_stacks(pose, view)[0].score == pytest.approx(0.9)
    view.visible = frozenset()
    assert read_stacks(pose, view)[0].score is None


def test_where_nobody_is_in_view_no_stack_is_said_not_to_run(panel: StacksPanel) -> None:
    panel.show_result(made_result(2, found=False))
    panel.show_stats(FrameMetrics(stacks_now=2, stacks_all=4))
    assert "Did not run" not in panel.grid.tile_help(1)


def test_stacks_that_did_not_run_are_there_but_dim(panel: StacksPanel) -> None:
    grid = panel.grid
    panel.show_result(made_result(2))
    panel.show_stats(FrameMetrics(stacks_now=2, stacks_all=4))
    assert grid.total == 4
    assert grid.reading(3) is None
    assert "Did not run" in grid.tile_help(3)
    assert "px from the last" in grid.tile_help(0)
    ran, idle = (pixels(grid, grid.tile(s).adjusted(4, 4, -4, -4)) for s in (0, 3))
    assert np.ptp(idle, axis=2).max() < 20 < np.ptp(ran, axis=2).max(), "no heat"
    behind = np.array(grid.palette().window().color().getRgb()[:3])
    near, far = (np.abs(tile - behind).mean() for tile in (idle, ran))
    assert near < far, "as pale as the window behind it"


def test_nobody_in_view_has_no_figures(panel: StacksPanel) -> None:
    panel.show_result(made_result(2))
    assert panel.grid.reading(0) is not None
    panel.show_result(made_result(2, found=False))
    assert panel.grid.reading(0) is None
    assert panel.grid.total == 2
    inner = panel.grid.tile(0).adjusted(4, 4, -4, -4)
    empty = pixels(panel.grid, inner).reshape(-1, 3)
    assert len(np.unique(empty, axis=0)) == 1, "neither picture nor heatmap"
    assert not panel.grid.grab().isNull()


def test_a_picture_before_the_model_is_loaded_is_no_trouble(panel: StacksPanel) -> None:
    result = made_result()
    panel.show_result(FrameResult(result.frame, (), result.done_ns, estimated=False))
    assert panel.grid.reading(0) is None
    assert not panel.grab().isNull()


class LostHeatmaps(HostHeatmaps):
    """Heatmaps on a device that is gone."""

    def stack(self, stack: int, item: int = 0) -> np.ndarray:
        raise EngineError("The device was lost: start the app again.")


class CountedHeatmaps(HostHeatmaps):
    copies = 0

    def stack(self, stack: int, item: int = 0) -> np.ndarray:
        self.copies += 1
        return super().stack(stack, item)


def test_a_lost_device_leaves_the_picture_without_heat(panel: StacksPanel) -> None:
    result = made_result(2)
    assert result.person() is not None
    pose = replace(result.person(), maps=LostHeatmaps(np.zeros((2, 1, 16, 32, 32), np.float32)))
    panel.show_result(FrameResult(result.frame, (pose,), result.done_ns))
    inner = panel.grid.tile(0).adjusted(4, 4, -4, -4)
    assert np.ptp(pixels(panel.grid, inner), axis=2).max() == 0


class CountsPaints(QObject):
    """Counts the paint events of a widget."""

    count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.Paint
        return False


def test_tiles_are_painted_fifteen_times_a_second_and_the_last_frame_for_certain(
    panel: StacksPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=lambda: now))
    panel.show_result(made_result(2))
    QApplication.processEvents()
    paints = CountsPaints()
    panel.grid.installEventFilter(paints)
    for _ in range(31):
        now += 1 / 30
        panel.show_result(made_result(2))
        QApplication.processEvents()
    assert 14 <= paints.count <= 17
    shown = paints.count
    panel.show_stats(FrameMetrics())
    QApplication.processEvents()
    assert paints.count == shown + 1
    panel.show_stats(FrameMetrics())
    QApplication.processEvents()
    assert paints.count == shown + 1, "nothing new"


def test_maps_are_copied_out_once_per_frame(panel: StacksPanel) -> None:
    result = made_result(3)
    assert result.person() is not None
    maps = CountedHeatmaps(np.zeros((3, 1, 16, 32, 32), np.float32))
    pose = replace(result.person(), maps=maps)
    panel.show_result(FrameResult(result.frame, (pose,), result.done_ns))
    for _ in range(3):
        panel.grid.grab()
    assert maps.copies == 3


@pytest.mark.parametrize("stacks", range(1, 9))
@pytest.mark.parametrize("size", [(300, 250), (420, 430), (900, 200), (200, 700)])
def test_tiles_fit_and_never_overlap(panel: StacksPanel, stacks: int, size: tuple) -> None:
    grid = panel.grid
    grid.set_total(stacks)
    grid.resize(*size)
    tiles = [grid.tile(stack).adjusted(0, 0, 0, grid._caption) for stack in range(stacks)]
    for index, tile in enumerate(tiles):
        assert grid.rect().contains(tile)
        assert grid.stack_at(QPointF(tile.center())) == index
        assert not any(tile.intersects(other) for other in tiles[index + 1 :])


def test_the_joint_box_offers_all_and_each_joint(panel: StacksPanel) -> None:
    view, box = view_of(panel), panel.joint
    panel.show_result(made_result())
    words = [box.itemText(row) for row in range(box.count())]
    assert words[:2] == ["all joints: the highest", "all joints: the sum"]
    assert "right ankle" in words
    box.activated.emit(words.index("left wrist"))
    assert view.joint == 15
    box.activated.emit(1)
    assert (view.joint, view.combine) == (None, "sum")
    view.joint = 9
    assert box.currentText() == "head top"


def test_the_joint_box_follows_the_model(panel: StacksPanel) -> None:
    panel.show_result(made_result())
    panel.show_result(made_result(skeleton=COCO_17))
    words = [panel.joint.itemText(row) for row in range(panel.joint.count())]
    assert "left eye" in words
    assert "pelvis" not in words


def test_colours_opacity_and_threshold_reach_the_view(panel: StacksPanel) -> None:
    view = view_of(panel)
    panel.show_result(made_result(threshold=0.42))
    assert panel.threshold.value() == 42, "the model's own threshold is shown"
    assert view.threshold is None
    assert not panel.own.isEnabled()
    panel.threshold.setValue(55)
    assert view.threshold == pytest.approx(0.55)
    panel.own.click()
    assert view.threshold is None
    assert panel.threshold.value() == 42
    panel.opacity.setValue(25)
    assert view.opacity == pytest.approx(0.25)
    panel.colour_map.activated.emit(panel.colour_map.findData("turbo"))
    assert view.colour_map == "turbo"
    view.opacity = 0.75
    assert panel.opacity.value() == 75


def result_at(stacks: int, seconds: float, **more: Any) -> FrameResult:
    """A result of a frame that was captured then."""
    result = made_result(stacks, **more)
    return replace(result, frame=replace(result.frame, captured_ns=round(seconds * 1e9)))


def test_a_stack_that_ran_a_moment_ago_is_still_shown_with_its_age(panel: StacksPanel) -> None:
    grid = panel.grid
    panel.show_result(result_at(4, 10.0))
    full = pixels(grid, grid.tile(3).adjusted(4, 4, -4, -4))
    panel.show_result(result_at(1, 10.5))
    assert np.array_equal(pixels(grid, grid.tile(3).adjusted(4, 4, -4, -4)), full)
    shown = grid.kept.shown(3)
    assert shown is not None
    assert caption(3, grid.kept.last, shown, grid.reading(3)) == "the last stack · 0.5 s"
    assert (
        caption(1, grid.kept.last, grid.kept.shown(1), grid.reading(1))
        == "8 px from the last · 0.5 s"
    )
    assert caption(0, grid.kept.last, grid.kept.shown(0), grid.reading(0)) == "12 px from the last"


def test_an_older_tile_is_made_once_until_the_view_changes(
    panel: StacksPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    true = older_tiles.grey_picture

    def grey_picture(*arguments: Any) -> QImage:
        made.append(arguments[-1])
        return true(*arguments)

    monkeypatch.setattr(older_tiles, "grey_picture", grey_picture)
    grid, view = panel.grid, view_of(panel)
    panel.show_result(result_at(2, 10.0))
    for seconds in (10.1, 10.2, 10.3):
        panel.show_result(result_at(1, seconds))
        sharp = pixels(grid, grid.tile(1))
    assert made == ["picture"]
    view.background = "black"
    assert not np.array_equal(pixels(grid, grid.tile(1)), sharp)
    assert made == ["picture", "black"]
    view.opacity = 0.0
    pixels(grid, grid.tile(1))
    assert len(made) == 3


def test_a_stack_that_did_not_run_for_long_says_how_to_run_it(
    panel: StacksPanel, qtbot: QtBot
) -> None:
    grid = panel.grid
    panel.show_result(result_at(4, 10.0))
    panel.show_result(result_at(1, 20.0))
    assert grid.kept.shown(2) is None
    assert caption(2, grid.kept.last, None, grid.reading(2)) == "Click to run"
    click(qtbot, grid, 2)
    assert view_of(panel).stack == 2


def test_another_persons_stacks_are_not_shown_for_this_one(panel: StacksPanel) -> None:
    panel.show_result(result_at(4, 10.0))
    result = result_at(1, 10.2)
    other = replace(result.poses[0], track_id=99)
    panel.show_result(replace(result, poses=(other,)))
    assert panel.grid.kept.shown(2) is None


def test_stacks_and_movement_tell_the_same_distance(qtbot: QtBot) -> None:
    distances, view = Distances(), ViewState()
    view.joint = 5
    stacks, movement = StackGrid(view, distances), MovementPlot(view, distances)
    qtbot.addWidget(stacks)
    qtbot.addWidget(movement)
    for step in (3.0, 9.0, 4.0):
        result = made_result(2, step=step)
        stacks.show_result(result)
        movement.show_pose(result.person())
    reading = stacks.reading(0)
    assert reading is not None
    assert reading.distance == pytest.approx(float(movement.values[0, 5]), abs=0.02)
    assert 3.0 <= reading.distance < 4.0, "smoothed"


def test_before_a_model_is_known_there_are_no_tiles(panel: StacksPanel) -> None:
    """An empty frame would look like a stack that sees nothing."""
    accent = np.array([99, 102, 241])

    def framed() -> bool:
        near = np.abs(pixels(panel) - accent).max(axis=2) < 6
        return bool(near[panel.height() // 2 :].any())  # below the sliders

    panel.show_stats(FrameMetrics())
    assert not framed()
    panel.show_stats(FrameMetrics(stacks_all=1))
    assert framed()
