"""The heatmap and the stack it comes from, as one control of the toolbar."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget


class HeatmapControl(QWidget):
    """`Heatmap | 1 | 2 | 3 | 4`: a button, and one for each visible stack command."""

    def __init__(
        self, heatmap: QAction, stacks: Sequence[QAction], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self._heatmap = _segment(heatmap, Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._stacks = [
            (action, _segment(action, Qt.ToolButtonStyle.ToolButtonTextOnly)) for action in stacks
        ]
        row.addWidget(self._heatmap)
        for action, button in self._stacks:
            row.addWidget(button)
            action.changed.connect(self._renew)
        self._shown: tuple[bool, ...] = ()
        self._renew()

    def _renew(self) -> None:
        """Hide the buttons of a single stack; round the ends of the row."""
        shown = tuple(action.isVisible() for action, _ in self._stacks)
        if shown == self._shown:
            return
        self._shown = shown
        several = sum(shown) > 1
        buttons = [self._heatmap]
        for visible, (_, button) in zip(shown, self._stacks, strict=True):
            button.setVisible(visible and several)
            if visible and several:
                buttons.append(button)
        for index, button in enumerate(buttons):
            first, last = index == 0, index == len(buttons) - 1
            side = "alone" if first and last else "first" if first else "last" if last else "middle"
            button.setProperty("segment", side)
            button.style().unpolish(button)
            button.style().polish(button)
        self.updateGeometry()


def _segment(action: QAction, style: Qt.ToolButtonStyle) -> QToolButton:
    button = QToolButton()
    button.setDefaultAction(action)
    button.setToolButtonStyle(style)
    button.setAccessibleName(action.text())
    button.setProperty("segment", "middle")
    return button
