"""The movement panel: how far each joint moves from stack to stack."""

from __future__ import annotations

import math
import time
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
)
from PySide6.QtWidgets import QPushButton, QScrollArea, QSizePolicy, QToolTip, QVBoxLayout, QWidget

from ...skeletons import Skeleton
from ...types import Floats, FrameResult, Pose
from ..canvas import colours
from ..stacks.distances import Distances
from ..state.view_state import ViewState
from ..words import joint_label
from .throttle import Throttle

if TYPE_CHECKING:
    from ...pipeline.metrics import FrameMetrics

_CALM = 5.0  # seconds for which a smaller scale is enough before it is taken
_NICE = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)  # full scales, in pixels
_MARGIN = 6
LEAST = 14.0  # widget pixels of a line
_AVERAGE = 2.0  # seconds over which a joint's place in the order is decided
_STILL = 2.0  # seconds for which the lines keep their order at least
_CLEARLY = 1.2, 0.5  # a line is out of place: so many times, plus so many pixels, longer


class MovementPlot(QWidget):
    """One bar per joint, made of one piece per step between two stacks; click selects the joint.

    The joints that moved most come first. Lines change places seldom, only where the order is
    clearly wrong, and never under the mouse.
    """

    def __init__(
        self, view: ViewState, distances: Distances | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._view = view
        self.distances = distances or Distances()
        self._enough_since: float | None = None
        self._skeleton: Skeleton | None = None
        self._values: Floats = np.zeros((0, 0), np.float32)
        self._order: list[int] = []  # joints with a line
        self._track: int | None = None
        self._averages: Floats = np.zeros(0, np.float32)  # (K,) lengths of the bars, slowly
        self._averaged = self._sorted = 0.0
        self._scale = _NICE[3]
        # Everything is painted here: what is below need not be painted first.
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the window
        self.setAccessibleName(self.tr("Movement from stack to stack"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        view.changed.connect(self._view_changed)

    @property
    def values(self) -> Floats:
        """(S - 1, K) the lengths of the pieces, in pixels of the picture; NaN = not in view."""
        return self._values

    def show_pose(self, pose: Pose | None, now: float | None = None) -> None:
        """The chosen person's movements; nobody: every joint is out of view."""
        if pose is None:
            self._values = np.full_like(self._values, np.nan)
            self.update()
            return
        self.distances.take(pose, now)
        other = pose.skeleton != self._skeleton
        another = other or pose.track_id != self._track
        self._values, self._skeleton = self.distances.steps, pose.skeleton
        self._track = pose.track_id
        now = time.monotonic() if now is None else now
        totals = np.nan_to_num(self._values).sum(axis=0)
        self._average(totals, now, another)
        if another:
            self._renew_order()
        elif now - self._sorted >= _STILL and not self.underMouse():
            self._sort(now)
        self._rescale(float(totals[self._order].max(initial=0.0)), now, other)
        self.update()

    def _average(self, totals: Floats, now: float, at_once: bool) -> None:
        if len(self._values) == 0:  # one stack alone moves nothing
            return
        if at_once or self._averages.shape != totals.shape:
            self._averages, self._sorted = totals, now
        else:
            share = np.float32(1 - math.exp((self._averaged - now) / _AVERAGE))
            self._averages = self._averages + (totals - self._averages) * share
        self._averaged = now

    def _sort(self, now: float) -> None:
        """The longest first, where a longer one is clearly further down."""
        if len(self._averages) == 0 or not self._order:
            return
        lengths = self._averages[self._order]
        longest_below = np.maximum.accumulate(lengths[::-1])[::-1]
        times, plus = _CLEARLY
        if (longest_below > times * lengths + plus).any():
            self._sort_now()
        self._sorted = now

    def _sort_now(self) -> None:
        if len(self._averages):
            shown = np.round(self._averages, 1)  # as they are written: equal ones keep their order
            self._order.sort(key=lambda joint: -float(shown[joint]))

    def _view_changed(self, name: str) -> None:
        if name == "visible":
            self._renew_order()
        self.update()

    def _renew_order(self) -> None:
        """A line for every joint that is not hidden; equally long ones from head to foot."""
        groups = {} if self._skeleton is None else self._skeleton.groups
        shown = [joint for joints in groups.values() for joint in joints]
        self._order = [joint for joint in shown if self._view.is_visible(joint)]
        self._sort_now()
        self.updateGeometry()

    def _rescale(self, longest: float, now: float, at_once: bool) -> None:
        """The next nice full scale; a smaller one only once it has been enough for a while."""
        if longest >= 0.35 * self._scale:
            self._enough_since = None
        elif self._enough_since is None:
            self._enough_since = now
        smaller = self._enough_since is not None and now - self._enough_since >= _CALM
        if longest > self._scale or smaller or at_once:
            self._scale = next((nice for nice in _NICE if nice >= longest * 1.1), _NICE[-1])
            self._enough_since = None

    def sizeHint(self) -> QSize:
        return QSize(360, 200)

    def minimumSizeHint(self) -> QSize:
        """All lines, each high enough to read; the panel scrolls where there is less room."""
        return QSize(160, math.ceil(self._head() + self._rows() * self._least() + _MARGIN))

    # Geometry

    def _rows(self) -> int:
        return len(self._order)

    def _head(self) -> float:
        return QFontMetricsF(self._font()).height() + 10

    def row(self, joint: int) -> QRectF:
        """The line of a joint, in widget pixels."""
        height, width = self._line_height(), max(self.width() - 2.0 * _MARGIN, 1.0)
        return QRectF(_MARGIN, self._head() + self._order.index(joint) * height, width, height)

    def _line_height(self) -> float:
        height = (self.height() - self._head() - _MARGIN) / max(self._rows(), 1)
        return max(min(height, 24.0), self._least())

    def _least(self) -> float:
        """Widget pixels of a line that can be read."""
        return max(QFontMetricsF(self._font()).height(), LEAST)

    def _font(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(max(font.pointSizeF() * 0.85, 6.5))
        return font

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), self.palette().window())
        if self._skeleton is None:
            painter.end()
            return
        painter.setFont(self._font())
        metrics = QFontMetricsF(self._font())
        labels = [joint_label(joint) for joint in self._skeleton.joints]
        left = _MARGIN + max(metrics.horizontalAdvance(label) for label in labels) + 8
        right = self.width() - metrics.horizontalAdvance("000.0") - 2 * _MARGIN
        width = max(right - left, 10.0)
        muted = self.palette().color(QPalette.ColorRole.PlaceholderText)
        if len(self._values) == 0:
            painter.setPen(muted)
            words = self.tr("Only one stack runs.")
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, words)
        else:
            self._paint_axis(painter, left, width, muted)
            self._paint_legend(painter, metrics)
            painter.setFont(self._font())
            for joint in self._order:
                self._paint_joint(painter, joint, labels[joint], left, width)
        painter.end()

    def _paint_joint(
        self, painter: QPainter, joint: int, label: str, left: float, width: float
    ) -> None:
        line = self.row(joint)
        if joint == self._view.joint:
            glow = QColor(colours.ACCENT)
            glow.setAlphaF(0.28)
            painter.fillRect(line, glow)
        values = self._values[:, joint]
        seen = bool(np.isfinite(values[0]))
        palette = self.palette()
        role = QPalette.ColorRole.WindowText if seen else QPalette.ColorRole.PlaceholderText
        painter.setPen(palette.color(role))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(line, middle | Qt.AlignmentFlag.AlignLeft, label)
        number = f"{values.sum():.1f}" if seen else "–"
        painter.drawText(line, middle | Qt.AlignmentFlag.AlignRight, number)
        if not seen:
            return
        height = max(min(line.height() * 0.62, 12.0), 3.0)
        x = left
        for value, colour in zip(values.tolist(), step_colours(len(values)), strict=True):
            length = width * value / self._scale
            painter.fillRect(QRectF(x, line.center().y() - height / 2, length, height), colour)
            x += length

    def _paint_axis(self, painter: QPainter, left: float, width: float, muted: QColor) -> None:
        grid = self.palette().color(QPalette.ColorRole.Mid)
        height = self._rows() * self._line_height()
        for part in (0.0, 0.5, 1.0):
            painter.fillRect(QRectF(left + part * width, self._head(), 1, height), grid)
        painter.setPen(muted)
        box = QRectF(_MARGIN, 2, self.width() - 2 * _MARGIN, self._head() - 6)
        painter.drawText(box, Qt.AlignmentFlag.AlignRight, f"{self._scale:g} px")

    def _paint_legend(self, painter: QPainter, metrics: QFontMetricsF) -> None:
        x, steps = float(_MARGIN), len(self._values)
        for step, colour in enumerate(step_colours(steps)):
            label = f"{step + 1}→{step + 2}"
            if x + metrics.horizontalAdvance(label) > self.width() * 0.7:
                break
            painter.fillRect(QRectF(x, self._head() / 2 - 5, 9, 9), colour)
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            painter.drawText(QPointF(x + 13, self._head() / 2 + metrics.ascent() / 2 - 2), label)
            x += 22 + metrics.horizontalAdvance(label)

    # Choosing

    def joint_at(self, point: QPointF) -> int | None:
        for joint in self._order:
            if self.row(joint).contains(point):
                return joint
        return None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        joint = self.joint_at(event.position())
        if joint is not None:
            self._view.joint = None if joint == self._view.joint else joint

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if by is None or not self._order:
            super().keyPressEvent(event)
            return
        start = self._order.index(self._view.joint) if self._view.joint in self._order else -1
        self._view.joint = self._order[max(start + by, 0) % len(self._order)]

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            joint = self.joint_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self.help_for(joint), self)
            return True
        return super().event(event)

    def help_for(self, joint: int | None) -> str:
        """What the tooltip says: the lengths of a joint's pieces, or what the plot is."""
        if joint is None or self._skeleton is None or len(self._values) == 0:
            return self.tr(
                "How far each stack moves a joint from where the stack before it put it, in pixels "
                "of the picture.\nShort bars: the network was sure at once."
            )
        lines = [joint_label(self._skeleton.joints[joint])]
        for step, value in enumerate(self._values[:, joint].tolist()):
            known = f"{value:.1f} px" if np.isfinite(value) else self.tr("not in view")
            lines.append(self.tr("Stack {0} to {1}: {2}").format(step + 1, step + 2, known))
        return "\n".join(lines)


class MovementPanel(QWidget):
    """The movement plot as a dock."""

    def __init__(
        self, view: ViewState, distances: Distances | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._view = view
        self._stacks_all = 1
        self.plot = MovementPlot(view, distances)
        self._throttle = Throttle(self._show)
        self.run_all = QPushButton(self.tr("Run all stacks"))
        self.run_all.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.run_all.setToolTip(self.tr("Movement is what each stack changes of the one before"))
        self.run_all.clicked.connect(self._run_all)
        self.run_all.hide()
        area = QScrollArea()
        area.setWidget(self.plot)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 4)
        layout.addWidget(area, 1)
        layout.addWidget(self.run_all, 0, Qt.AlignmentFlag.AlignHCenter)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 100)

    def show_result(self, result: FrameResult) -> None:
        if result.estimated:
            self._throttle.offer(result)

    def show_stats(self, stats: FrameMetrics) -> None:
        self._throttle.flush()
        self._stacks_all = stats.stacks_all or 1
        self.run_all.setVisible(self._stacks_all > 1 and len(self.plot.values) == 0)

    def _show(self, result: FrameResult) -> None:
        self.plot.show_pose(result.person(self._view.person))

    def _run_all(self) -> None:
        """Choosing the last stack lets all of them run."""
        self._view.stack = self._stacks_all - 1


@cache
def step_colours(steps: int) -> list[QColor]:
    """One colour per step, from violet (first) to green (last): also told apart in grey."""
    table = colours.lookup("viridis")
    indices = np.linspace(70, 225, steps).astype(int) if steps > 1 else np.array([150])
    return [QColor(*(int(c) for c in table[place])) for place in indices]
