"""The joints panel: which joints are drawn, whose heatmap is shown, the score of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSignalBlocker,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ...skeletons import Skeleton
from ...types import FrameResult, Pose
from ..canvas import colours
from ..state.view_state import ViewState
from ..words import group_label, joint_label
from .throttle import Throttle

if TYPE_CHECKING:
    from ...pipeline.metrics import FrameMetrics

_ALL = -1  # what the top row and the groups have in place of a joint's index
_INDEX = Qt.ItemDataRole.UserRole
_ABSENT = "–"

# Label and words in the names of the groups that a preset shows; None = all.
PRESETS: tuple[tuple[str, tuple[str, ...] | None], ...] = (
    ("All", None),
    ("Upper body", ("head", "torso", "arm")),
    ("Arms", ("arm",)),
    ("Legs", ("leg",)),
)


def preset(skeleton: Skeleton, parts: tuple[str, ...] | None) -> frozenset[int] | None:
    """The joints of a preset; None = all of them."""
    if parts is None:
        return None
    return frozenset(
        joint
        for group, joints in skeleton.groups.items()
        if group.split()[-1] in parts
        for joint in joints
    )


class JointsPanel(QWidget):
    """A tree of groups and joints with check boxes, presets above it, live scores beside it."""

    def __init__(self, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._skeleton: Skeleton | None = None
        self._throttle = Throttle(lambda result: self._show_pose(result.person(self._view.person)))
        self._items: dict[int, QTreeWidgetItem] = {}
        self._top = QTreeWidgetItem()
        self.presets: list[QToolButton] = []
        self.tree = QTreeWidget()
        self._build()
        view.changed.connect(self._show_view)

    def show_result(self, result: FrameResult) -> None:
        if result.estimated:
            self._throttle.offer(result)

    def show_stats(self, stats: FrameMetrics) -> None:
        self._throttle.flush()

    def _build(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(4)
        for label, parts in PRESETS:
            button = QToolButton()
            button.setText(self.tr(label))
            button.setProperty("labelled", "compact")
            button.setToolTip(self.tr("Only these joints: skeleton, heatmap, movement and plots"))
            button.clicked.connect(lambda checked=False, parts=parts: self._choose_preset(parts))
            row.addWidget(button)
            self.presets.append(button)
        row.addStretch(1)
        self.tree.setColumnCount(2)
        self.tree.setHeaderLabels([self.tr("Joint"), self.tr("Score")])
        self.tree.setAccessibleName(self.tr("Joints"))
        self.tree.setToolTip(
            self.tr("Check what is drawn; select the joint whose heatmap is shown")
        )
        self.tree.setUniformRowHeights(True)
        self.tree.setIndentation(14)
        self.tree.setItemDelegateForColumn(1, _ScoreDelegate(self.tree))
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.tree.header()
        header.setStretchLastSection(True)
        header.setMinimumSectionSize(40)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.tree.itemChanged.connect(self._checked)
        self.tree.currentItemChanged.connect(self._selected)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 8)
        layout.setSpacing(6)
        layout.addLayout(row)
        layout.addWidget(self.tree, 1)

    def _show_pose(self, pose: Pose | None) -> None:
        if pose is None:
            self._show_scores({})
            return
        if pose.skeleton != self._skeleton:
            self._follow(pose.skeleton)
        scores = pose.stack_scores[self._view.stack_of(pose)]
        self._show_scores(dict(enumerate(scores.tolist())))
        delegate = self.tree.itemDelegateForColumn(1)
        if isinstance(delegate, _ScoreDelegate) and delegate.threshold != pose.threshold:
            delegate.threshold = pose.threshold
            self.tree.viewport().update()

    def _show_scores(self, scores: dict[int, float]) -> None:
        """Show the scores by joint; a joint without one is absent."""
        with QSignalBlocker(self.tree):
            for joint, item in self._items.items():
                text = f"{scores[joint]:.2f}" if joint in scores else _ABSENT
                if item.text(1) != text:
                    item.setText(1, text)

    def _follow(self, skeleton: Skeleton) -> None:
        """Show another model's joints."""
        self._skeleton = skeleton
        with QSignalBlocker(self.tree):
            self.tree.clear()
            self._items = {}
            self._top = self._row(self.tree.invisibleRootItem(), self.tr("All joints"), _ALL)
            for group, joints in skeleton.groups.items():
                branch = self._row(self._top, group_label(group), _ALL)
                for joint in joints:
                    leaf = self._row(branch, joint_label(skeleton.joints[joint]), joint)
                    leaf.setData(1, _INDEX, skeleton.side(joint))
                    self._items[joint] = leaf
            self.tree.expandAll()
        # Qt's own measure is too narrow for the longest name beside a box of our style sheet.
        self.tree.header().resizeSection(0, self.tree.sizeHintForColumn(0) + 12)
        self._show_view("visible")
        self._show_view("joint")

    def _row(self, parent: QTreeWidgetItem, label: str, index: int) -> QTreeWidgetItem:
        item = QTreeWidgetItem(parent, [label])
        item.setData(0, _INDEX, index)
        flags = item.flags() | Qt.ItemFlag.ItemIsUserCheckable
        item.setFlags(flags | Qt.ItemFlag.ItemIsAutoTristate if index == _ALL else flags)
        if index != _ALL:
            item.setCheckState(0, Qt.CheckState.Checked)
        return item

    def sizeHint(self) -> QSize:
        return QSize(284, 420)

    def minimumSizeHint(self) -> QSize:
        return QSize(260, 100)

    def _choose_preset(self, parts: tuple[str, ...] | None) -> None:
        if self._skeleton is not None:
            self._view.visible = preset(self._skeleton, parts)

    def _checked(self, item: QTreeWidgetItem, column: int) -> None:
        checked = frozenset(
            joint
            for joint, leaf in self._items.items()
            if leaf.checkState(0) == Qt.CheckState.Checked
        )
        self._view.visible = None if len(checked) == len(self._items) else checked

    def _selected(self, item: QTreeWidgetItem | None, previous: QTreeWidgetItem | None) -> None:
        if item is not None:
            index = item.data(0, _INDEX)
            self._view.joint = None if index == _ALL else index

    def _show_view(self, name: str) -> None:
        """Update the tree from the ViewState."""
        with QSignalBlocker(self.tree):
            if name == "visible":
                for joint, item in self._items.items():
                    shown = self._view.is_visible(joint)
                    item.setCheckState(
                        0, Qt.CheckState.Checked if shown else Qt.CheckState.Unchecked
                    )
            elif name == "joint" and self._items:
                joint = _ALL if self._view.joint is None else self._view.joint
                current = self.tree.currentItem()
                if current is None or current.data(0, _INDEX) != joint:
                    self.tree.setCurrentItem(self._items.get(joint, self._top))


class _ScoreDelegate(QStyledItemDelegate):
    """A score as a bar in the colour of the body's side, with a tick at the threshold."""

    threshold = 0.0

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(90, option.fontMetrics.height() + 5)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        palette = option.palette
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if selected:
            painter.fillRect(option.rect, palette.highlight())
        text = index.data(Qt.ItemDataRole.DisplayRole)
        if text is None:
            return
        number = option.fontMetrics.horizontalAdvance("0.00") + 6
        rect: QRect = option.rect.adjusted(4, 0, -4, 0)
        track = rect.adjusted(0, 0, -number, 0)
        track.setTop(rect.center().y() - 2)
        track.setHeight(5)
        score = 0.0 if text == _ABSENT else float(text)
        certain = score >= self.threshold
        role = QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text
        ink = palette.color(role)
        if not certain:
            ink.setAlphaF(0.55)
        painter.save()
        painter.fillRect(track, palette.color(QPalette.ColorRole.Mid))
        bar = QRect(track)
        bar.setWidth(round(track.width() * min(max(score, 0.0), 1.0)))
        painter.fillRect(bar, _bar_colour(str(index.data(_INDEX)), certain, palette))
        tick = track.left() + round(track.width() * self.threshold)
        painter.fillRect(QRect(tick, track.top() - 2, 1, track.height() + 4), ink)
        painter.setPen(ink)
        align = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(rect, align, text)
        painter.restore()


def _bar_colour(side: str, certain: bool, palette: QPalette) -> QColor:
    # The skeleton's own colour of the centre is nearly white: it would vanish on a light theme.
    centre = palette.color(QPalette.ColorRole.PlaceholderText)
    colour = QColor(centre if side == "centre" else colours.SIDES[side])
    if not certain:
        colour.setAlphaF(0.4)
    return colour
