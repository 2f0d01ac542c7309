"""The toolbar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolBar, QToolButton, QWidget

from .heatmap_control import HeatmapControl
from .record_button import RecordButton

_SPACING = 4  # widget pixels, as in the style sheet
_MARGINS = 16  # on both sides together


class Toolbar(QToolBar):
    """Source, playback, heatmap, view and panels on the left; snapshot and recording on the right.

    Where it is too narrow the less important commands are hidden; all are in the menus, too.
    """

    def __init__(
        self,
        commands: Mapping[str, QAction],
        panels: Sequence[QAction],
        source: QToolButton,
        heatmap: HeatmapControl,
        record: RecordButton,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Toolbar"))
        self.setObjectName("toolbar")
        self.setMovable(False)
        self.setIconSize(QSize(20, 20))
        self.toggleViewAction().setEnabled(False)
        self.addWidget(source)
        self._group([commands["pause"], commands["step"]])
        self.addSeparator()
        self.addWidget(heatmap)
        compare = self._group([commands["compare"]], separated=False)
        looks = self._group([commands["mirror"], commands["fullscreen"]])
        docks = self._group(panels)
        spacer = QWidget()
        spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(spacer)
        snapshot = self._group([commands["snapshot"]], separated=False)
        self.addWidget(record)
        self._least_needed = (docks, looks, compare, snapshot)
        self._fitted = 0, 0

    def fit(self) -> None:
        """Show as many commands as there is room for."""
        needed = self._needed(self.actions()) + _MARGINS
        if self._fitted == (needed, self.width()):
            return
        self._fitted = needed, self.width()
        for group in self._least_needed:
            fits = needed <= self.width()
            needed -= 0 if fits else self._needed(group)
            for action in group:
                action.setVisible(fits)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:  # a segment or the pill has another width
            self.fit()
        return super().event(event)

    def _group(self, actions: Sequence[QAction], separated: bool = True) -> list[QAction]:
        """Add buttons for commands; returns what to hide to hide them."""
        added = [self.addSeparator()] if separated else []
        for command in actions:
            button = QToolButton()
            button.setDefaultAction(command)
            button.setIconSize(self.iconSize())
            button.setAccessibleName(command.text())
            button.setObjectName(command.objectName())
            added.append(self.addWidget(button))
        return added

    def _needed(self, actions: Sequence[QAction]) -> int:
        """Widget pixels of the buttons of these actions, whether they are visible or not."""
        widgets = [self.widgetForAction(action) for action in actions]
        return sum(widget.sizeHint().width() + _SPACING for widget in widgets)
