"""The picture: frame, region, skeleton and heatmap in one paint event."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QWidget

from ...drawing import skeletons
from ...drawing.heat import chosen, copied_out
from ...types import FrameResult, Pose, Region
from ..icons import icon
from ..state.view_state import ViewState
from . import colours, painting
from .view_transform import ViewTransform

_GRAB = 16  # widget pixels around a joint in which the mouse points at it
_DRAG = 8  # widget pixels from which a press is a drag
_SMALLEST_REGION = 16  # picture pixels


class Canvas(QWidget):
    """Paints the newest result as the ViewState says.

    `region_chosen(Region)`: the user dragged a rectangle around a person. `painted_ns` is when
    the newest result was painted first, None before.
    """

    region_chosen = Signal(object)

    def __init__(self, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = view
        self.result: FrameResult | None = None
        self.message = self.tr("Starting…")
        self.painted_ns: int | None = None
        self.paint_ms = 0.0
        self._age_ms: float | None = None
        self._region: Region | None = None
        self._picture = painting.Picture()
        self._hovered: int | None = None
        self._pressed: QPointF | None = None
        self._dragged: QPointF | None = None
        self.setMinimumSize(240, 160)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(self.tr("Picture"))
        self.setAccessibleDescription(
            self.tr("The picture with the skeleton. Drag a rectangle to choose the person.")
        )
        view.changed.connect(self._view_changed)

    def sizeHint(self) -> QSize:
        return QSize(800, 600)

    def show_result(self, result: FrameResult) -> None:
        """Show another frame at the screen's next refresh."""
        self.result = result
        self.painted_ns = None
        self.update()

    def show_region(self, region: Region | None) -> None:
        """The region that was chosen by hand, which is drawn while nobody is found in it, too."""
        if region != self._region:
            self._region = region
            self.update()

    def show_message(self, text: str) -> None:
        """Show a text while there is no picture."""
        if text != self.message:
            self.message = text
            if self.result is None:
                self.update()

    def clear(self, text: str) -> None:
        """Forget the picture and show `text` instead."""
        self.result = None
        self.message = text
        self.update()

    @property
    def age_ms(self) -> float | None:
        """From capture to paint of the newest picture that was painted."""
        if self.result is None or self.painted_ns is None:
            return self._age_ms
        self._age_ms = (self.painted_ns - self.result.frame.captured_ns) / 1e6
        return self._age_ms

    @property
    def transform(self) -> ViewTransform:
        """The transform from picture to widget coordinates that is painted with now."""
        size = (1, 1) if self.result is None else self.result.frame.size
        return ViewTransform.place(
            size,
            (self.width(), self.height()),
            self.view.scale,
            self.view.mirror,
            self.devicePixelRatioF(),
        )

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        started = time.perf_counter_ns()
        painter = QPainter(self)
        try:
            self._paint(painter)
        finally:
            painter.end()  # one that is left active keeps the window from ever being painted again
        if self.result is None:
            return
        now = time.perf_counter_ns()
        self.paint_ms = (now - started) / 1e6
        self.painted_ns = self.painted_ns or now

    def _paint(self, painter: QPainter) -> None:
        if self.result is None:
            self._paint_nothing(painter)
            return
        self._paint_picture(painter, self.result, self.transform)
        chosen = self.result.person(self.view.person)
        selected = self.view.person is not None
        for pose in sorted(self.result.poses, key=lambda pose: pose is chosen):  # that one on top
            others = selected and pose is not chosen
            self._paint_pose(painter, pose, self.transform, pose is chosen, others)
        if len(self.result.poses) > 1 and self.view.skeleton:
            for pose in self.result.poses:
                self._paint_number(painter, pose)
        if self._region is not None and not any(pose.manual for pose in self.result.poses):
            region = self._region
            square = QRectF(*self.transform.square(region.x, region.y, region.side))
            picture = QRectF(*self.transform.rectangle)
            painting.paint_region(painter, square, picture, manual=True)
        if self._dragged is not None:
            self._paint_drag(painter)

    def _paint_nothing(self, painter: QPainter) -> None:
        palette = self.palette()
        painter.fillRect(self.rect(), self._border())
        colour = palette.color(QPalette.ColorRole.PlaceholderText)
        middle = self.rect().center()
        side = 72
        icon("app").paint(painter, middle.x() - side // 2, middle.y() - side // 2 - 40, side, side)
        painter.setPen(colour)
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * 1.25)
        painter.setFont(font)
        words = QRectF(self.rect()).adjusted(24, self.height() / 2 + 16, -24, 0)
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        painter.drawText(words, int(flags) | int(Qt.TextFlag.TextWordWrap), self.message)

    def _border(self) -> QColor:
        return self.palette().color(QPalette.ColorRole.Window).darker(112)

    def _paint_picture(
        self, painter: QPainter, result: FrameResult, transform: ViewTransform
    ) -> None:
        target = QRectF(*transform.rectangle)
        # A window that is not filled has calm borders; the picture itself covers the rest.
        if not target.contains(QRectF(self.rect())):
            painter.fillRect(self.rect(), self._border())
        if self.view.background == "black":
            painter.fillRect(target, QColor(0, 0, 0))
            return
        blurred = self.view.background == "blurred"
        image = self._picture.show(result.frame.image, self.view.mirror, blurred)
        smooth = self.view.scale != "actual" or blurred
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.drawImage(target, image)

    def _paint_pose(
        self, painter: QPainter, pose: Pose, transform: ViewTransform, chosen: bool, others: bool
    ) -> None:
        """Paint one person.

        `others`: a person who is not selected, drawn thinner and without heatmap or hovered joint.
        """
        view = self.view
        square = QRectF(*transform.square(pose.region.x, pose.region.y, pose.region.side))
        levels = None if others else self._heat(pose)
        if levels is not None:
            # A rectangular input sees `side` as its height, around the same centre.
            width = square.height() * levels.shape[1] / levels.shape[0]
            over = QRectF(square.center().x() - width / 2, square.top(), width, square.height())
            painting.paint_heatmap(
                painter, levels, over, view.colour_map, view.opacity, view.mirror
            )
        if view.region:
            painting.paint_region(painter, square, QRectF(*transform.rectangle), pose.manual)
        if not view.skeleton:
            return
        width = painting.line_width(pose.region, transform)
        if others:
            width = max(width * skeletons.OTHERS, 1.5)
        points, strengths = self._joints(pose, view.stack_of(pose), transform)
        painting.paint_skeleton(painter, pose.skeleton, points, strengths, width)
        if view.compare is not None and not others:
            self._paint_other_stack(painter, pose, view.compare, width)
        marked = self._hovered if self._hovered is not None else view.solo
        if chosen and marked is not None and marked < len(strengths) and strengths[marked] > 0:
            point = QPointF(*points[marked])
            painting.paint_ring(painter, point, width * 1.6 + 3)
            painting.paint_chip(painter, point, self._words(pose, marked), QRectF(self.rect()))

    def _paint_number(self, painter: QPainter, pose: Pose) -> None:
        """Paint the person's number above the highest joint, in the person's colour."""
        points, strengths = self._joints(pose, self.view.stack_of(pose), self.transform)
        drawn = points[strengths > 0]
        if len(drawn):
            x, y = drawn[int(np.argmin(drawn[:, 1]))]
            gap = painting.line_width(pose.region, self.transform) * 1.5 + 4
            above = QPointF(x, max(y - gap, 0.0))
            painting.paint_number(painter, above, pose.track_id, pose.track_id == self.view.person)

    def _heat(self, pose: Pose) -> NDArray[np.uint8] | None:
        """The heatmap (h, w) 0..255 over the region; None where it is off or not available."""
        stack = self.view.stack_of(pose)
        maps = copied_out(pose, stack) if self.view.heatmap else None
        return None if maps is None else chosen(maps, pose.stack_scores[stack], self.view)

    def _paint_other_stack(self, painter: QPainter, pose: Pose, compare: int, width: float) -> None:
        """Paint the compared stack's skeleton, thin and dashed, where it is another stack's."""
        stack = self.view.stack_of(pose, compare)
        if stack == self.view.stack_of(pose):
            return
        points, strengths = self._joints(pose, stack, self.transform)
        painting.paint_skeleton(
            painter,
            pose.skeleton,
            points,
            strengths,
            max(width * skeletons.OTHERS, 1.5),
            colours.COMPARE_SIDES,
            dashed=True,
        )

    def _joints(
        self, pose: Pose, stack: int, transform: ViewTransform
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Widget coordinates (K, 2) of a stack's joints and how strongly to draw each, 0 = not."""
        joints, _ = skeletons.of_stack(pose, stack)
        return transform.to_widget(joints), skeletons.strengths(pose, stack, self.view)

    def _words(self, pose: Pose, joint: int) -> str:
        _, scores = skeletons.of_stack(pose, self.view.stack_of(pose))
        name = pose.skeleton.joints[joint].replace("_", " ")
        return f"{name}  {scores[joint]:.2f}"

    def _paint_drag(self, painter: QPainter) -> None:
        assert self._pressed is not None
        assert self._dragged is not None
        pen = QPen(colours.REGION, 1.5, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(QColor(250, 204, 21, 30))
        painter.drawRect(QRectF(self._pressed, self._dragged).normalized())

    # Mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.result is not None:
            self._pressed = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None:
            moved = event.position() - self._pressed
            if self._dragged is not None or moved.manhattanLength() >= _DRAG:
                self._dragged = event.position()
                self.setCursor(Qt.CursorShape.CrossCursor)
                self.update()
            return
        hovered = self.joint_at(event.position())
        if hovered != self._hovered:
            self._hovered = hovered
            pointing = Qt.CursorShape.PointingHandCursor
            self.setCursor(pointing if hovered is not None else Qt.CursorShape.ArrowCursor)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._pressed is None:
            return
        pressed, dragged = self._pressed, self._dragged
        self._pressed = self._dragged = None
        self.unsetCursor()
        self.update()
        if dragged is not None:
            region = self._region_of(QRectF(pressed, event.position()).normalized())
            if region is not None:
                self.region_chosen.emit(region)
            return
        other = self.person_at(event.position())
        if other is not None:
            self.view.person = other
            return
        self.solo(self.joint_at(event.position()))

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes from person to person where there are several."""
        poses = () if self.result is None else self.result.poses
        if len(poses) < 2:
            return super().focusNextPrevChild(forward)
        tracks = sorted(pose.track_id for pose in poses)
        if self.view.person in tracks:
            index = tracks.index(self.view.person) + (1 if forward else -1)
            if not 0 <= index < len(tracks):  # once round: Tab goes on to what comes next
                self.view.person = None
                return super().focusNextPrevChild(forward)
        else:
            index = 0 if forward else len(tracks) - 1
        self.view.person = tracks[index]
        return True

    def person_at(self, position: QPointF) -> int | None:
        """The track of the person at a point of the widget.

        None where there is nobody, it is the selected person, or there is only one person.
        """
        poses = () if self.result is None else self.result.poses
        if len(poses) < 2 or not self.view.skeleton:
            return None
        away = {pose.track_id: self._away(pose, position) for pose in poses}
        nearest = min(away, key=lambda track: away[track])
        return nearest if away[nearest] <= _GRAB and nearest != self.view.person else None

    def _away(self, pose: Pose, position: QPointF) -> float:
        """Widget pixels from a point to the nearest drawn limb or joint of a person."""
        points, strengths = self._joints(pose, self.view.stack_of(pose), self.transform)
        at = np.array([position.x(), position.y()])
        limbs = [(a, b) for a, b in pose.skeleton.limbs if min(strengths[a], strengths[b]) > 0]
        limbs += [(int(joint), int(joint)) for joint in np.flatnonzero(strengths > 0)]
        if not limbs:
            return float("inf")
        start, end = (points[[limb[k] for limb in limbs]] for k in (0, 1))
        way = end - start
        share = ((at - start) * way).sum(axis=1) / np.maximum((way**2).sum(axis=1), 1e-9)
        nearest = start + way * np.clip(share, 0.0, 1.0)[:, None]
        return float(np.hypot(*(nearest - at).T).min())

    def cancel_drag(self) -> bool:
        """Forget a rectangle that is being dragged. False where there is none."""
        if self._dragged is None:
            return False
        self._pressed = self._dragged = None
        self.unsetCursor()
        self.update()
        return True

    def leaveEvent(self, event: QEvent) -> None:
        if self._hovered is not None:
            self._hovered = None
            self.update()

    def solo(self, joint: int | None) -> None:
        """Emphasize one joint, with its heatmap; None or the same joint again ends it."""
        joint = None if joint == self.view.solo else joint
        if joint != self.view.solo:
            self.view.solo = joint
            self.view.joint = joint

    def joint_at(self, position: QPointF) -> int | None:
        """The drawn joint nearest to a point of the widget, None where none is near."""
        pose = None if self.result is None else self.result.person(self.view.person)
        if pose is None or not self.view.skeleton:
            return None
        points, strengths = self._joints(pose, self.view.stack_of(pose), self.transform)
        away = np.hypot(points[:, 0] - position.x(), points[:, 1] - position.y())
        away[strengths <= 0] = np.inf
        nearest = int(np.argmin(away))
        return nearest if away[nearest] <= _GRAB else None

    def _region_of(self, rectangle: QRectF) -> Region | None:
        """The square around a dragged rectangle, in picture coordinates; None for a tiny one."""
        transform = self.transform
        side = max(rectangle.width(), rectangle.height()) / transform.scale
        if side < _SMALLEST_REGION:
            return None
        centre = rectangle.center()
        x, y = transform.to_picture([centre.x(), centre.y()])
        # Pixel centres: a square of `side` pixels reaches from x - 0.5 to x + side - 0.5.
        return Region(float(x + 0.5 - side / 2), float(y + 0.5 - side / 2), float(side))

    def _view_changed(self, name: str) -> None:
        if name in ("mirror", "scale"):
            self._hovered = None
        self.update()
