"""The plots of the last ten seconds, their memory and their pace."""

from __future__ import annotations

import time
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from pose_app.skeletons import COCO_17, MPII_16
from pose_app.types import Frame, FrameResult
from pose_app.ui.icons import names
from pose_app.ui.panels import PANELS, plots, throttle
from pose_app.ui.panels.history import SECONDS, History
from pose_app.ui.panels.plots import STAGES, PlotsPanel
from pose_app.ui.panels.throttle import Throttle
from pose_app.ui.panels.time_plot import TimePlot
from pose_app.ui.stacks.distances import Distances
from pose_app.ui.state.view_state import ViewState
from tests.ui.panel_results import TIMINGS, made_result, real_results


class Clock:
    """Time that passes when a test says so, for the plots and their pace."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        fake = SimpleNamespace(
            monotonic=lambda: self.now,
            perf_counter=lambda: self.now,
            perf_counter_ns=lambda: int(self.now * 1e9),
        )
        monkeypatch.setattr(throttle, "time", fake)
        monkeypatch.setattr(plots, "time", fake)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def view() -> ViewState:
    return ViewState()


@pytest.fixture
def panel(qtbot: QtBot, view: ViewState, clock: Clock) -> PlotsPanel:
    panel = PlotsPanel(view)
    qtbot.addWidget(panel)
    panel.resize(1000, 220)
    panel.show()
    return panel


def feed(panel: PlotsPanel, clock: Clock, count: int, **made: Any) -> None:
    """`count` frames at 30 per second, each 40 ms old."""
    for index in range(count):
        clock.now += 1 / 30
        result = made_result(index=index, **made)
        frame = result.frame
        stamped = type(frame)(index, int((clock.now - 0.04) * 1e9), frame.seconds, frame.image)
        done = int(clock.now * 1e9)
        panel.show_result(FrameResult(stamped, result.poses, done, result.timings))
    panel.show_stats(None)  # type: ignore[arg-type]


def test_history_keeps_the_last_seconds_in_order() -> None:
    history = History(2)
    for index in range(5000):
        history.add(index / 100, np.array([index, -index]))
    rows = history.recent(49.99)
    assert rows[0, 0] == pytest.approx(-SECONDS, abs=0.011)
    assert rows[-1, 0] == pytest.approx(0.0)
    np.testing.assert_array_equal(rows[:, 1], np.arange(5000 - len(rows), 5000))
    np.testing.assert_array_equal(rows[:, 2], -rows[:, 1])


def test_history_interrupts_curves_where_nothing_came() -> None:
    history = History(1)
    for seconds in (0.0, 0.1, 4.0, 4.1):
        history.add(seconds, np.array([seconds]))
    values = history.recent(4.1)[:, 1]
    assert np.isnan(values).tolist() == [False, False, True, False, False]


def test_history_can_be_empty() -> None:
    assert History(3).recent(5.0).shape == (0, 4)


def test_throttle_shows_ten_a_second_and_never_loses_the_last(clock: Clock) -> None:
    shown: list[int] = []
    throttled = Throttle(shown.append)
    for frame in range(30):
        throttled.offer(frame)
        clock.now += 1 / 30
    assert 9 <= len(shown) <= 11
    throttled.flush()
    assert shown[-1] == 29
    count = len(shown)
    throttled.flush()
    assert len(shown) == count, "nothing is shown twice"


def test_stages_pile_up(panel: PlotsPanel, clock: Clock) -> None:
    feed(panel, clock, 60)
    tops = [panel._stage_curves[stage].getData()[1][-1] for stage in STAGES]
    np.testing.assert_allclose(tops, np.cumsum([TIMINGS[stage] for stage in STAGES]))
    x = panel._stage_curves["crop"].getData()[0]
    assert len(x) == 60
    assert x[0] == pytest.approx(-59 / 30, abs=0.01)
    assert panel.stages.top >= sum(TIMINGS.values())


def test_the_age_is_from_capture_to_now(panel: PlotsPanel, clock: Clock) -> None:
    feed(panel, clock, 10)
    np.testing.assert_allclose(panel._age_curve.getData()[1], 40.0, atol=0.1)


def test_a_picture_that_is_shown_again_has_no_age(panel: PlotsPanel, clock: Clock) -> None:
    """While paused, the panel gets the newest result when it is shown, and every refreshed one."""
    held = made_result(index=1)
    captured = int(clock.now * 1e9)
    frame = Frame(1, captured, 0.0, held.frame.image)
    clock.now += 30
    panel.show_result(FrameResult(frame, held.poses, captured, held.timings))
    clock.now += 0.1
    panel.show_result(FrameResult(frame, held.poses, int(clock.now * 1e9), held.timings))
    assert np.isnan(panel._times.recent(clock.now)[:, -1]).all()
    feed(panel, clock, 3)
    np.testing.assert_allclose(panel._times.recent(clock.now)[-3:, -1], 40.0, atol=0.1)
    assert panel.age.top == 100


def test_confidence_is_of_the_visible_joints(
    panel: PlotsPanel, view: ViewState, clock: Clock
) -> None:
    view.visible = frozenset({MPII_16.index("left_wrist"), MPII_16.index("right_knee")})
    view.joint = MPII_16.index("right_knee")
    scores = np.linspace(0.1, 0.85, 16)
    feed(panel, clock, 20, scores=scores)

    def values(curve: Any) -> set[float]:
        y = curve.getData()[1]
        return {round(float(v), 3) for v in y[np.isfinite(y)]}

    assert values(panel._side_curves["left"]) == {round(scores[15], 3)}
    assert values(panel._side_curves["right"]) == {round(scores[1], 3)}
    assert values(panel._side_curves["centre"]) == set()
    assert values(panel._chosen_curve) == {round(scores[1], 3)}


def test_the_path_is_of_the_chosen_joint_with_holes_where_it_is_absent(
    panel: PlotsPanel, view: ViewState, clock: Clock
) -> None:
    view.joint = 3
    feed(panel, clock, 5)
    feed(panel, clock, 5, scores=0.1)
    x, y = panel._x_curve.getData()[1], panel._y_curve.getData()[1]
    pose = made_result().person()
    assert pose is not None
    np.testing.assert_allclose(x[:5], pose.joints[3, 0])
    np.testing.assert_allclose(y[:5], pose.joints[3, 1])
    assert np.isnan(x[5:]).all()
    assert "left hip" in panel.positions.heading.text()


def test_without_a_choice_the_path_is_the_right_wrists(
    panel: PlotsPanel, view: ViewState, clock: Clock
) -> None:
    assert panel.followed_joint() is None
    feed(panel, clock, 3)
    assert panel.followed_joint() == MPII_16.index("right_wrist")
    view.joint = 40
    assert panel.followed_joint() == MPII_16.index("right_wrist")


def test_pause_holds_the_plots_and_leaves_a_gap(panel: PlotsPanel, clock: Clock) -> None:
    feed(panel, clock, 30)
    panel.pause.click()
    before = panel._age_curve.getData()
    feed(panel, clock, 60)
    np.testing.assert_array_equal(panel._age_curve.getData(), before)
    panel.pause.click()
    feed(panel, clock, 30)
    assert np.isnan(panel._age_curve.getData()[1]).sum() == 1


def test_a_model_with_other_joints_starts_new_curves(panel: PlotsPanel, clock: Clock) -> None:
    feed(panel, clock, 10)
    feed(panel, clock, 4, skeleton=COCO_17)
    assert len(panel._x_curve.getData()[0]) == 4
    assert len(panel._age_curve.getData()[0]) == 14


def test_real_results_draw_real_curves(panel: PlotsPanel, clock: Clock) -> None:
    for result in real_results():
        clock.now += 1 / 30
        panel.show_result(result)
    panel.show_stats(None)  # type: ignore[arg-type]
    network = np.diff([panel._stage_curves[s].getData()[1] for s in ("crop", "network")], axis=0)
    assert (network > 0).all()
    assert not panel.grab().isNull()


@pytest.mark.parametrize(("size", "columns"), [((1200, 200), 4), ((500, 360), 2), ((260, 700), 1)])
def test_plots_arrange_themselves(panel: PlotsPanel, size: tuple[int, int], columns: int) -> None:
    panel.resize(*size)
    QApplication.processEvents()
    places = {plot.x() for plot in (panel.stages, panel.age, panel.confidence, panel.positions)}
    assert len(places) == columns


def test_axes_change_seldom_and_hold_the_values(qtbot: QtBot) -> None:
    plot = TimePlot("Test", 10)
    qtbot.addWidget(plot)
    tops = []
    for value in (8.0, 9.0, 11.0, 12.0, 19.0, 9.0, 6.5):
        plot.fit(np.array([value, np.nan]))
        tops.append(plot.top)
        assert plot.top >= value
    assert tops == [10, 10, 20, 20, 20, 20, 10]
    plot.fit(np.array([np.nan]))
    assert plot.top > 0


@pytest.mark.parametrize(("width", "labels"), [(160, 2), (400, 4)])
def test_labels_of_the_seconds_never_touch(qtbot: QtBot, width: int, labels: int) -> None:
    plot = TimePlot("Age")
    qtbot.addWidget(plot)
    plot.resize(width, 120)
    plot.show()
    image = plot.grab()
    painter = QPainter(image)
    _, _, texts = plot.plot.getAxis("bottom").generateDrawSpecs(painter)
    painter.end()
    rects = sorted((rect for rect, _, _ in texts), key=lambda rect: rect.left())
    assert len(rects) == labels
    assert all(a.right() < b.left() for a, b in pairwise(rects))


def test_plots_take_the_palettes_colours(panel: PlotsPanel) -> None:
    palette = QPalette(panel.palette())
    palette.setColor(QPalette.ColorRole.Window, QColor("#102030"))
    palette.setColor(QPalette.ColorRole.WindowText, QColor("#ffeedd"))
    panel.setPalette(palette)
    QApplication.processEvents()
    image = panel.grab().toImage()
    middle = panel.age.plot.mapTo(panel, panel.age.plot.rect().center())
    assert image.pixelColor(middle).name() == "#102030"
    assert panel._chosen_curve.opts["pen"].color().name() == "#ffeedd"


def test_the_panel_is_made_when_it_is_first_shown(open_window: Any, qtbot: QtBot) -> None:
    window = open_window("demo")
    dock = window.docks["plots"]
    assert dock.widget().panel is None
    size = dock.widget().sizeHint()
    window.panels.toggles["plots"].trigger()
    assert isinstance(dock.widget().panel, PlotsPanel)
    assert dock.widget().sizeHint() == size
    qtbot.waitUntil(lambda: len(dock.widget().panel._times.recent(time.perf_counter())) > 3)
    made = dock.widget().panel
    for _ in range(2):
        window.panels.toggles["plots"].trigger()
    assert dock.widget().panel is made


@pytest.mark.parametrize("spec", PANELS, ids=lambda spec: spec.key)
def test_every_panel_of_the_table_takes_results(spec: Any, qtbot: QtBot) -> None:
    widget = spec.factory(ViewState(), Distances())
    qtbot.addWidget(widget)
    assert isinstance(widget, QWidget)
    assert spec.icon in names()
    assert spec.area in Qt.DockWidgetArea
    result = made_result(3)
    widget.show_result(FrameResult(result.frame, (), result.done_ns, estimated=False))
    widget.show_result(result)
    widget.resize(300, 300)
    assert not widget.grab().isNull()


def test_keys_of_the_table_are_unique() -> None:
    assert len({spec.key for spec in PANELS}) == len(PANELS)
