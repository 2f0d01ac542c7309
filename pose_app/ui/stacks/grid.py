"""The heatmaps of all stacks side by side.

One widget paints all of them: a heatmap of 64 x 64 values is coloured in numpy and scaled up, over
the greyed region, which is cut out of the frame once for all stacks.
"""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from ...pose.crop import to_input
from ...types import FrameResult, Image, Pose, Region
from ..canvas import colours, painting
from ..panels.throttle import Throttle
from ..state.view_state import ViewState
from .distances import Distances
from .kept import KeptStacks
from .older_tiles import OlderTiles
from .pictures import close_up, grey_picture, stack_picture
from .readings import Reading, caption, help_text
from .tile_layout import FRAME, TileLayout, fit

_CENTRED = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
_DIM = 0.35  # opacity of a stack that did not run
_PERIOD = 0.045  # seconds between two updates: every second frame at 30 fps, every one at 20
COMPARE = colours.COMPARE_SIDES["left"]


class StackGrid(QWidget):
    """One tile per stack of the model. Click chooses, Ctrl-click or right click compares.

    Keys: arrows choose, arrows with Ctrl compare, Esc ends the comparison.
    """

    def __init__(
        self, view: ViewState, distances: Distances | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._view = view
        self.kept = KeptStacks(view, distances or Distances())
        self._pose: Pose | None = None
        self._frame: Image | None = None
        self._total = 1
        self._hovered: int | None = None
        self._zoomed = False
        self._throttle = Throttle(lambda result: self.update(), _PERIOD)
        self._set_fonts()
        self._seen: Region | None = None  # the part of the region that the tiles show
        self._older = OlderTiles(view)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the window
        self.setMouseTracking(True)
        # Everything is painted here: what is below need not be painted first.
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Stacks"))
        view.changed.connect(self._view_changed)
        self._describe()

    # What is shown

    def show_result(self, result: FrameResult) -> None:
        """Show the chosen person's stacks; without a person the tiles are empty."""
        self._pose, self._frame = self.kept.take(result), result.frame.image
        if self._pose is not None:
            self.set_total(max(self._total, self._pose.stacks))
        self._look()
        self._throttle.offer(result)

    def flush(self) -> None:
        """Paint the newest frame, which may be the last one before a pause."""
        self._throttle.flush()

    def set_zoomed(self, zoomed: bool) -> None:
        """Show the neighbourhood of the chosen joint instead of the whole region."""
        self._zoomed = zoomed
        self._older.clear()
        self._look()
        self.update()

    @property
    def seen(self) -> Region | None:
        """The part of the picture that the tiles show; None before the first pose."""
        return self._seen

    def _look(self) -> None:
        """Decide what the tiles show."""
        pose, joint = self._pose, self._view.joint
        if pose is None:
            self._seen = None
        elif self._zoomed and joint is not None and joint < len(pose.skeleton):
            position = pose.stack_joints[-1, joint]
            self._seen = close_up(pose.region, position, self.kept.aspect, self._seen)
        else:
            self._seen = pose.region

    def set_total(self, stacks: int) -> None:
        """Set how many stacks the model has, whether they run or not."""
        if stacks != self._total:
            self._total = stacks
            self._describe()
            self.updateGeometry()
            self.update()

    @property
    def total(self) -> int:
        return self._total

    def reading(self, stack: int) -> Reading | None:
        return self.kept.reading(stack)

    # Geometry

    def sizeHint(self) -> QSize:
        return QSize(370, 340)  # room for four tiles, two by two

    def minimumSizeHint(self) -> QSize:
        columns = min(self._total, 4)
        rows = math.ceil(self._total / columns)
        side = 96 if rows == 1 else 56
        return QSize(columns * side, rows * (side + self._caption))

    def tile(self, stack: int) -> QRect:
        """The rectangle of a stack's picture, without its caption, in widget pixels."""
        return self._layout().tile(stack)

    def stack_at(self, point: QPointF) -> int | None:
        """The stack whose tile or caption is under a point of the widget."""
        for stack in range(self._total):
            if self.tile(stack).adjusted(0, 0, 0, self._caption).contains(point.toPoint()):
                return stack
        return None

    def _set_fonts(self) -> None:
        self._small, self._bold = QFont(self.font()), QFont(self.font())
        for font in (self._small, self._bold):
            font.setPointSizeF(max(font.pointSizeF() * 0.9, 7.0))
        self._bold.setBold(True)
        self._small_metrics = QFontMetrics(self._small)
        self._bold_metrics = QFontMetrics(self._bold)
        self._caption = 2 * self._small_metrics.height() + 11

    def _layout(self) -> TileLayout:
        return fit(self._total, self.width(), self.height(), self.kept.aspect, self._caption)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), self.palette().window())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        grey = self._grey()
        for stack in range(self._total):
            self._paint_tile(painter, stack, grey)
            self._paint_caption(painter, self.tile(stack), stack)
        painter.end()

    def _pixels(self) -> tuple[int, int]:
        """The size (height, width) of a tile in screen pixels."""
        layout, ratio = self._layout(), self.devicePixelRatioF()
        return max(round(layout.height * ratio), 1), max(round(layout.width * ratio), 1)

    def _grey(self) -> QImage | None:
        if self._frame is None or self._seen is None:
            return None
        return grey_picture(
            self._frame, self._seen, self._pixels(), self._view.mirror, self._view.backdrop
        )

    def _paint_tile(self, painter: QPainter, stack: int, grey: QImage | None) -> None:
        rect, shown, seen = self.tile(stack), self.kept.shown(stack), self._seen
        painter.setOpacity(_DIM if shown is None else 1.0)
        heat: QImage | None = None
        if shown is not None and shown.age:
            seen = self._seen_of(shown.pose)
            grey, heat = self._older.pictures(stack, shown, seen, self._pixels())
        elif shown is not None and seen is not None:
            heat = stack_picture(shown, stack, self._view, seen, self._pixels())
        if grey is None:
            painter.fillRect(rect, self.palette().color(QPalette.ColorRole.Mid))
        else:
            painter.drawImage(rect, grey)
        if shown is not None and heat is not None and seen is not None:
            painter.drawImage(rect, heat)
            self._paint_joint(painter, rect, stack, shown.pose, seen)
        painter.setOpacity(1.0)
        if shown is None and self._pose is not None:
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            painter.setFont(self._bold)
            painter.drawText(rect, _CENTRED, self.tr("Click to run"))
        self._paint_frame(painter, rect, stack)

    def _seen_of(self, pose: Pose) -> Region:
        """The part of an older frame's region to show, as large as the newest frame's."""
        joint = self._view.joint
        if self._zoomed and joint is not None and joint < len(pose.skeleton):
            return close_up(pose.region, pose.stack_joints[-1, joint], self.kept.aspect, None)
        return pose.region

    def _paint_joint(
        self, painter: QPainter, rect: QRect, stack: int, pose: Pose, seen: Region
    ) -> None:
        """Paint the chosen joint of this stack (ring) and of the last one (cross)."""
        joint = self._view.joint
        if joint is None or joint >= len(pose.skeleton):
            return
        size = rect.height(), rect.width()
        points = to_input(pose.stack_joints[[stack, -1], joint], seen, size) + 0.5
        if self._view.mirror:
            points[:, 0] = rect.width() - points[:, 0]
        here, last = (QPointF(rect.left() + x, rect.top() + y) for x, y in points.tolist())
        apart = math.hypot(here.x() - last.x(), here.y() - last.y())
        radius = min(max(rect.height() * 0.06, 5.0), 12.0)  # around the blob, not on it
        painter.save()
        painter.setClipRect(rect)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((QColor(0, 0, 0, 150), 3.5), (QColor("white"), 1.5)):
            painter.setPen(QPen(colour, width))
            painter.drawEllipse(here, radius, radius)
            if apart > radius / 2:
                painter.drawLine(last - QPointF(4, 0), last + QPointF(4, 0))
                painter.drawLine(last - QPointF(0, 4), last + QPointF(0, 4))
        painter.restore()

    def _paint_caption(self, painter: QPainter, rect: QRect, stack: int) -> None:
        text = self.palette().color(QPalette.ColorRole.WindowText)
        muted = QColor(text)
        muted.setAlphaF(0.68)
        reading, font, bold = self.reading(stack), self._small, self._bold
        painter.setOpacity(2 * _DIM if reading is None else 1.0)
        height = self._small_metrics.height()
        line = QRect(rect.left(), rect.bottom() + 8, rect.width(), height)
        name = self.tr("Stack {0}").format(stack + 1)
        if self._bold_metrics.horizontalAdvance(name + " 0.00") > rect.width():
            name = str(stack + 1)
        if reading is not None and reading.score is not None:
            track = QRectF(rect.left(), rect.bottom() + 5, rect.width(), 3)
            painter.fillRect(track, self.palette().color(QPalette.ColorRole.Mid))
            track.setWidth(rect.width() * min(max(reading.score, 0.0), 1.0))
            painter.fillRect(track, colours.ACCENT)
            painter.setFont(font)
            painter.setPen(text)
            painter.drawText(line, Qt.AlignmentFlag.AlignRight, f"{reading.score:.2f}")
        painter.setFont(bold)
        painter.setPen(text)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, name)
        painter.setFont(font)
        painter.setPen(muted)
        last, shown = self.kept.last, self.kept.shown(stack)
        words = caption(stack, last, shown, reading) if self._pose is not None else ""
        if self._small_metrics.horizontalAdvance(words) > rect.width():
            words = caption(stack, last, shown, reading, short=True)
        painter.drawText(line.translated(0, height), Qt.AlignmentFlag.AlignLeft, words)

    def _paint_frame(self, painter: QPainter, rect: QRect, stack: int) -> None:
        chosen, compared = self._chosen(), self._compared()
        outer = QRectF(rect).adjusted(-1.5, -1.5, 1.5, 1.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(Qt.PenStyle.NoPen)
        if stack == chosen:
            painter.setPen(QPen(colours.ACCENT, FRAME))
        elif stack == compared:
            painter.setPen(QPen(COMPARE, FRAME))
        elif stack == self._hovered:
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.WindowText), 1))
        painter.drawRect(outer)
        if stack == compared and stack != chosen:
            painting.paint_chip(
                painter, QPointF(rect.left() - 10, rect.top() + 34), self.tr("compared"), outer
            )
        if stack == chosen and self.hasFocus():
            pen = QPen(self.palette().color(QPalette.ColorRole.WindowText), 1, Qt.PenStyle.DotLine)
            painter.setPen(pen)
            painter.drawRect(outer.adjusted(-2, -2, 2, 2))

    # Choosing

    def _chosen(self) -> int:
        """The stack whose heatmap and skeleton are on the picture."""
        if self._pose is not None:
            return self._view.stack_of(self._pose)
        wanted = self._view.stack
        return self._total - 1 if wanted is None else min(wanted, self._total - 1)

    def _compared(self) -> int | None:
        if self._view.compare is None or self._pose is None:
            return None
        return self._view.stack_of(self._pose, self._view.compare)

    def _compare(self, stack: int) -> None:
        """Compare with this stack; the same one again ends the comparison."""
        self._view.compare = None if self._view.compare == stack else stack

    def mousePressEvent(self, event: QMouseEvent) -> None:
        stack = self.stack_at(event.position())
        if stack is None:
            return
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if event.button() == Qt.MouseButton.RightButton or control:
            self._compare(stack)
        elif event.button() == Qt.MouseButton.LeftButton:
            self._view.stack = stack

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self.stack_at(event.position()))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._set_fonts()
            self.updateGeometry()

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)

    def _hover(self, stack: int | None) -> None:
        if stack != self._hovered:
            self._hovered = stack
            clickable = Qt.CursorShape.PointingHandCursor
            self.setCursor(Qt.CursorShape.ArrowCursor if stack is None else clickable)
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self._layout().columns,
            Qt.Key.Key_Down: self._layout().columns,
        }
        if event.key() == Qt.Key.Key_Escape and self._view.compare is not None:
            self._view.compare = None
        elif event.key() in steps:
            compare = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            start = self._compared() if compare else None
            wanted = (self._chosen() if start is None else start) + steps[Qt.Key(event.key())]
            if 0 <= wanted < self._total:
                setattr(self._view, "compare" if compare else "stack", wanted)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.ShortcutOverride
            and event.key() == Qt.Key.Key_Escape
            and self._view.compare is not None
        ):
            event.accept()  # it ends the comparison, not what Escape ends elsewhere
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            stack = self.stack_at(QPointF(event.pos()))
            if stack is None:
                QToolTip.hideText()
            else:
                QToolTip.showText(event.globalPos(), self.tile_help(stack), self)
            return True
        return super().event(event)

    def tile_help(self, stack: int) -> str:
        missing = self._pose is not None and self.kept.shown(stack) is None
        return help_text(stack, self._total, missing, self.reading(stack))

    def _view_changed(self, name: str) -> None:
        self._older.clear()
        if name in ("stack", "compare"):
            self._describe()
        if self._pose is not None and name in ("joint", "visible"):
            self.kept.forget_readings()
            self._look()
        self.update()

    def _describe(self) -> None:
        text = self.tr("{0} stacks, stack {1} is chosen").format(self._total, self._chosen() + 1)
        if self._view.compare is not None:
            text += self.tr(", compared with stack {0}").format(self._view.compare + 1)
        self.setAccessibleDescription(text)
