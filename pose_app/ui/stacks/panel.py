"""The stacks panel: the heatmaps of all stacks of the hourglass network, live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QSignalBlocker, QSize, Qt
from PySide6.QtGui import QIcon, QImage, QPalette, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...skeletons import Skeleton
from ...types import FrameResult
from ..canvas import colours
from ..icons import icon
from ..state.view_state import COMBINATIONS, ViewState
from ..words import joint_label
from .distances import Distances
from .grid import StackGrid

if TYPE_CHECKING:
    from ...pipeline.metrics import FrameMetrics


_ROOMY = 600  # widget pixels of height with room for an explanation
_FLAT = 2.0  # width over height from which a panel is a strip


class StacksPanel(QWidget):
    """The grid of stacks, and controls for the heatmaps here and on the picture."""

    def __init__(
        self, view: ViewState, distances: Distances | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._view = view
        self._skeleton: Skeleton | None = None
        self._own_threshold: float | None = None  # the model's, as the newest pose tells
        self.grid = StackGrid(view, distances)
        self.joint = QComboBox()
        self.colour_map = QComboBox()
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.threshold = QSlider(Qt.Orientation.Horizontal)
        self.own = QToolButton()
        self.zoom = QToolButton()
        self._threshold_value = QLabel()
        self._waiting = QLabel(self.tr("The stacks appear here once the model is loaded."))
        self._waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._waiting.setWordWrap(True)
        self._waiting.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._build()
        self._fill_joints()
        self._show_view()
        view.changed.connect(self._show_view)

    def show_result(self, result: FrameResult) -> None:
        pose = result.person(self._view.person)
        if pose is not None:
            self._show_grid()
            if pose.skeleton != self._skeleton:
                self._skeleton = pose.skeleton
                self._fill_joints()
            if self._view.threshold is None and pose.threshold != self._own_threshold:
                self._own_threshold = pose.threshold
                self._show_view()
        self.grid.show_result(result)

    def show_stats(self, stats: FrameMetrics) -> None:
        self.grid.flush()
        if stats.stacks_all:
            self._show_grid()
            self.grid.set_total(stats.stacks_all)

    def _show_grid(self) -> None:
        """A model is known: before, an empty tile would look like a stack that sees nothing."""
        if self.grid.isHidden():
            self._waiting.hide()
            self.grid.show()

    def _build(self) -> None:
        why = QLabel(
            self.tr("Each stack looks again and corrects the one before: watch the blob sharpen.")
        )
        why.setWordWrap(True)
        why.setToolTip(
            self.tr(
                "<p>A stacked hourglass is several networks in a row. Each one looks at the whole "
                "person, from coarse to fine and back, and answers with one heatmap per joint.</p>"
                "<p><b>Intermediate supervision</b>: in training every stack is compared with the "
                "truth, not only the last. So each answer can be used, and each following stack "
                "gets the picture and the answer before it, and learns to correct that.</p>"
            )
        )
        self._set_up_joint()
        self._set_up_looks()
        looks = QGridLayout()
        looks.setSpacing(8)
        for row, (text, slider) in enumerate(
            ((self.tr("Opacit&y"), self.opacity), (self.tr("&Threshold"), self.threshold))
        ):
            label = QLabel(text)
            label.setBuddy(slider)
            label.setToolTip(slider.toolTip())
            slider.setMinimumWidth(50)
            looks.addWidget(label, row, 0)
            looks.addWidget(slider, row, 1)
        looks.addWidget(self._threshold_value, 1, 2)
        looks.addWidget(self.own, 1, 3)
        looks.addWidget(self.colour_map, 0, 2, 1, 2)
        top = QHBoxLayout()
        label = QLabel(self.tr("Heatmap o&f"))
        label.setBuddy(self.joint)
        top.addWidget(label)
        top.addWidget(self.joint, 1)
        top.addWidget(self.zoom)
        self._why = why
        self._side = QVBoxLayout()
        self._side.setSpacing(6)
        self._side.addWidget(why)
        self._side.addLayout(top)
        self._side.addLayout(looks)
        self._box = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._box.setContentsMargins(8, 6, 8, 8)
        self._box.setSpacing(8)
        self._box.addLayout(self._side)
        self._box.addWidget(self.grid, 1)
        self._box.addWidget(self._waiting, 1)
        self.grid.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the controls beside the tiles in a low panel, else above them."""
        super().resizeEvent(event)
        flat = self.width() > _FLAT * self.height()
        direction = QBoxLayout.Direction
        self._box.setDirection(direction.LeftToRight if flat else direction.TopToBottom)
        self._why.setVisible(not flat and self.height() >= _ROOMY)

    def minimumSizeHint(self) -> QSize:
        return QSize(260, 100)

    def _set_up_joint(self) -> None:
        self.joint.setAccessibleName(self.tr("Heatmap of"))
        self.joint.setToolTip(self.tr("Whose heatmap the tiles and the picture show"))
        self.joint.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.joint.activated.connect(self._choose_joint)
        self.zoom.setIcon(icon("zoom"))
        self.zoom.setCheckable(True)
        self.zoom.setAccessibleName(self.tr("Close-up of the joint"))
        self.zoom.setToolTip(self.tr("Close-up: look at the chosen joint only"))
        self.zoom.toggled.connect(self.grid.set_zoomed)

    def _set_up_looks(self) -> None:
        self.colour_map.setToolTip(self.tr("Colours of the heatmaps, from nothing to certain"))
        self.colour_map.setAccessibleName(self.tr("Colours"))
        self.colour_map.setIconSize(QSize(36, 12))
        for name in colours.COLOUR_MAPS:
            self.colour_map.addItem(_swatch(name), name, name)
        self.colour_map.activated.connect(
            lambda row: setattr(self._view, "colour_map", self.colour_map.itemData(row))
        )
        for widget in (self.joint, self.colour_map, self.opacity, self.threshold):
            widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the window
        self.opacity.setRange(0, 100)
        self.opacity.setAccessibleName(self.tr("Opacity"))
        self.opacity.setToolTip(self.tr("How much of the picture a heatmap hides"))
        self.opacity.valueChanged.connect(lambda v: setattr(self._view, "opacity", v / 100))
        self.threshold.setRange(0, 100)
        self.threshold.setAccessibleName(self.tr("Threshold"))
        self.threshold.setToolTip(
            self.tr("Joints with a lower score count as not in view and are not drawn")
        )
        self.threshold.valueChanged.connect(lambda v: setattr(self._view, "threshold", v / 100))
        self.own.setIcon(icon("reset"))
        self.own.setObjectName("low")  # no higher than its row beside the tiles
        self.own.setAutoRaise(True)
        self.own.setAccessibleName(self.tr("The model's own threshold"))
        self.own.setToolTip(self.tr("Back to the threshold that the model was measured with"))
        self.own.clicked.connect(lambda: setattr(self._view, "threshold", None))
        width = self._threshold_value.fontMetrics().horizontalAdvance("0.00")
        self._threshold_value.setMinimumWidth(width)

    def _fill_joints(self) -> None:
        with QSignalBlocker(self.joint):
            self.joint.clear()
            self.joint.addItem(self.tr("all joints: the highest"), "max")
            self.joint.addItem(self.tr("all joints: the sum"), "sum")
            if self._skeleton is not None:
                self.joint.insertSeparator(2)
                for index, name in enumerate(self._skeleton.joints):
                    self.joint.addItem(joint_label(name), index)
        self._show_view()

    def _choose_joint(self, row: int) -> None:
        data = self.joint.itemData(row)
        if data in COMBINATIONS:
            self._view.combine = data
            self._view.joint = None
        else:
            self._view.joint = data

    def _show_view(self, name: str = "") -> None:
        """Update the controls from the ViewState."""
        view = self._view
        shown = view.combine if view.joint is None else view.joint
        threshold = view.threshold if view.threshold is not None else self._own_threshold
        widgets = (self.joint, self.colour_map, self.opacity, self.threshold)
        blockers = [QSignalBlocker(widget) for widget in widgets]
        self.joint.setCurrentIndex(max(self.joint.findData(shown), 0))
        self.colour_map.setCurrentIndex(self.colour_map.findData(view.colour_map))
        self.opacity.setValue(round(view.opacity * 100))
        self.threshold.setValue(round((threshold or 0.0) * 100))
        del blockers
        self._threshold_value.setText("" if threshold is None else f"{threshold:.2f}")
        self.own.setEnabled(view.threshold is not None)
        self.zoom.setEnabled(view.joint is not None)


def _swatch(name: str) -> QIcon:
    """A colour map as a small picture."""
    strip = np.ascontiguousarray(np.broadcast_to(colours.lookup(name), (16, 256, 3)))
    image = QImage(strip.data, 256, 16, 768, QImage.Format.Format_RGB888)
    return QIcon(QPixmap.fromImage(image).scaled(72, 24))
