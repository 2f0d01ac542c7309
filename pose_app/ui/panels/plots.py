"""The plots panel: time per stage, latency, confidence and one joint's path over ten seconds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...skeletons import Skeleton
from ...types import Frame, FrameResult, Pose
from ..canvas import colours
from ..icons import icon
from ..state.view_state import ViewState
from ..words import joint_label
from .history import History
from .throttle import Throttle
from .time_plot import TimePlot

if TYPE_CHECKING:
    from ...pipeline.metrics import FrameMetrics

# Stages in the order they pile up, and their colours: told apart by brightness too.
STAGES = {
    "find": "#38bdf8",
    "crop": "#fbbf24",
    "network": "#6366f1",
    "decode": "#2dd4bf",
    "track": "#f472b6",
}
X_COLOUR, Y_COLOUR = "#f97316", "#0ea5e9"
_HELD_SECONDS = 0.5  # an older result is not new: it was waiting for the panel to be shown
_WIDE = 640  # widget pixels from which all plots can be in one row


class PlotsPanel(QWidget):
    """Four plots of the last ten seconds."""

    def __init__(self, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._skeleton: Skeleton | None = None
        self._frame: Frame | None = None  # of the result that was remembered last
        self._throttle = Throttle(self._redraw)
        self._times = History(len(STAGES) + 1)  # ms: stages, then age
        self._scores = History(0)  # one column per joint
        self._path = History(0)  # x and y of every joint, in pixels of the picture
        self.pause = QToolButton()
        self.stages = TimePlot(self.tr("Stages (ms)"), 20)
        self.age = TimePlot(self.tr("Age of the picture (ms)"), 100)
        self.confidence = TimePlot(self.tr("Confidence"))
        self.positions = TimePlot(self.tr("Position of a joint (px)"), 500)
        self._stage_curves = {stage: self.stages.curve() for stage in STAGES}
        self._age_curve = self.age.curve()
        self._side_curves = {side: self.confidence.curve() for side in colours.SIDES}
        self._chosen_curve = self.confidence.curve()
        self._x_curve: Any = self.positions.curve()
        self._y_curve: Any = self.positions.curve()
        self._columns = 0
        self._grid = QGridLayout()
        self._build()
        self._colour()

    def show_result(self, result: FrameResult) -> None:
        if not result.estimated or self.pause.isChecked():
            return
        self._remember(result, result.person(self._view.person))
        self._throttle.offer(result)

    def show_stats(self, stats: FrameMetrics) -> None:
        self._throttle.flush()

    # Data

    def _remember(self, result: FrameResult, pose: Pose | None) -> None:
        if pose is not None and pose.skeleton != self._skeleton:
            self._skeleton = pose.skeleton
            self._scores = History(len(pose.skeleton))
            self._path = History(2 * len(pose.skeleton))
        now_ns = time.perf_counter_ns()
        now = now_ns / 1e9
        stages = [result.timings.get(stage, 0.0) for stage in STAGES]
        # Of a picture that was shown before, or is held, that is not its age on the screen.
        new = result.frame is not self._frame and now_ns - result.done_ns < 1e9 * _HELD_SECONDS
        age = (now_ns - result.frame.captured_ns) / 1e6 if new else np.nan
        self._frame = result.frame
        self._times.add(now, np.array([*stages, age]))
        if pose is None:
            joints = 0 if self._skeleton is None else len(self._skeleton)
            self._scores.add(now, np.zeros(joints))
            self._path.add(now, np.full(2 * joints, np.nan))
            return
        self._scores.add(now, pose.stack_scores[self._view.stack_of(pose)])
        seen = pose.present[:, None]
        self._path.add(now, np.where(seen, pose.joints, np.nan).ravel())

    def shown_joints(self) -> list[int]:
        """The joints whose confidence is drawn: the visible ones."""
        count = 0 if self._skeleton is None else len(self._skeleton)
        return [joint for joint in range(count) if self._view.is_visible(joint)]

    def followed_joint(self) -> int | None:
        """The joint whose path is drawn: the chosen one, else the right wrist, else the first."""
        if self._skeleton is None:
            return None
        if self._view.joint is not None and self._view.joint < len(self._skeleton):
            return self._view.joint
        names = self._skeleton.joints
        return names.index("right_wrist") if "right_wrist" in names else 0

    # Drawing

    def _redraw(self, result: FrameResult) -> None:
        now = time.perf_counter()
        times = self._times.recent(now)
        stacked = np.cumsum(times[:, 1 : len(STAGES) + 1], axis=1)
        for index, curve in enumerate(self._stage_curves.values()):
            curve.setData(times[:, 0], stacked[:, index])
        self.stages.fit(stacked[:, -1])
        self._age_curve.setData(times[:, 0], times[:, -1])
        self.age.fit(times[:, -1])
        self._draw_scores(self._scores.recent(now))
        self._draw_path(self._path.recent(now))

    def _draw_scores(self, rows: NDArray[np.float64]) -> None:
        skeleton, chosen = self._skeleton, self._view.joint
        if skeleton is None:
            return
        joints = self.shown_joints()
        for side, curve in self._side_curves.items():
            curve.setData(*_joined(rows, [j + 1 for j in joints if skeleton.side(j) == side]))
        alone = [] if chosen is None or chosen >= len(skeleton) else [chosen + 1]
        self._chosen_curve.setData(*_joined(rows, alone))

    def _draw_path(self, rows: NDArray[np.float64]) -> None:
        joint = self.followed_joint()
        if self._skeleton is None or joint is None:
            return
        positions = rows[:, 1 + 2 * joint : 3 + 2 * joint]
        self._x_curve.setData(rows[:, 0], positions[:, 0])
        self._y_curve.setData(rows[:, 0], positions[:, 1])
        self.positions.fit(positions)
        name = joint_label(self._skeleton.joints[joint])
        legend = (("x", X_COLOUR), ("y", Y_COLOUR))
        self.positions.set_heading(self.tr("Position of the {0} (px)").format(name), legend)

    # Set up

    def _build(self) -> None:
        self.pause.setIcon(icon("pause"))
        self.pause.setCheckable(True)
        self.pause.setAutoRaise(True)
        self.pause.setAccessibleName(self.tr("Pause the plots"))
        self.pause.setToolTip(self.tr("Hold the plots still; the picture goes on"))
        self.pause.toggled.connect(lambda held: self.pause.setIcon(icon(_PAUSE_ICONS[held])))
        for depth, curve in enumerate(self._stage_curves.values()):
            curve.setZValue(-depth)  # a higher pile lies behind the lower ones
            curve.setFillLevel(0)
        self.stages.set_heading(
            self.tr("Stages (ms)"),
            tuple((self.tr(stage), colour) for stage, colour in STAGES.items()),
        )
        self.stages.setToolTip(self.tr("What one frame costs, stage on stage"))
        self.age.setToolTip(self.tr("Time from the camera to the screen"))
        self.confidence.setToolTip(
            self.tr("Scores of the joints that are drawn; the chosen one is bold")
        )
        sides = (("left", self.tr("left")), ("right", self.tr("right")))
        legend = tuple((name, colours.SIDES[side].name()) for side, name in sides)
        self.confidence.set_heading(self.tr("Confidence"), legend)
        self._grid.setSpacing(8)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._arrange(4)
        head = QHBoxLayout()
        head.addWidget(QLabel(self.tr("The last 10 seconds")))
        head.addStretch(1)
        head.addWidget(self.pause)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 4)
        layout.setSpacing(0)
        layout.addLayout(head)
        plots = _Content()
        plots.setLayout(self._grid)
        area = QScrollArea()
        area.setWidget(plots)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout.addWidget(area, 1)

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for index, plot in enumerate((self.stages, self.age, self.confidence, self.positions)):
            self._grid.addWidget(plot, index // columns, index % columns)
        for column in range(4):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width, height = self.width(), self.height()
        flat, tall = width > 2.5 * height and width > _WIDE, height > 1.5 * width
        self._arrange(4 if flat else 1 if tall else 2)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._colour()

    def _colour(self) -> None:
        text = self.palette().color(QPalette.ColorRole.WindowText)
        # The skeleton's own colour of the centre is nearly white: invisible on a light theme.
        centre = self.palette().color(QPalette.ColorRole.PlaceholderText)
        for stage, curve in self._stage_curves.items():
            curve.setPen(QColor(STAGES[stage]))
            curve.setBrush(QColor(STAGES[stage]))
        self._age_curve.setPen(colours.ACCENT.lighter(115))
        for side, curve in self._side_curves.items():
            curve.setPen(centre if side == "centre" else colours.SIDES[side])
        self._chosen_curve.setPen(text, width=2)
        self._x_curve.setPen(QColor(X_COLOUR))
        self._y_curve.setPen(QColor(Y_COLOUR))


class _Content(QWidget):
    """Uses the panel's height; where the plots would be too low the panel scrolls."""

    def heightForWidth(self, width: int) -> int:
        return self.minimumSizeHint().height()


_PAUSE_ICONS = {False: "pause", True: "play"}


def _joined(
    rows: NDArray[np.float64], columns: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """X and y of several curves as one curve with gaps, which paints faster than several."""
    hole = np.full((1, len(columns)), np.nan)
    y = np.concatenate([rows[:, columns], hole]).T.ravel()
    x = np.tile(np.append(rows[:, 0], 0.0), len(columns))
    return x, y
