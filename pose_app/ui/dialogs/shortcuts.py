"""Every command with its key, made from the table of commands."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from ..chrome.actions import ACTIONS, MENUS, translated

_COLUMNS = 3


class ShortcutsDialog(QDialog):
    """One block per menu, in columns."""

    def __init__(self, panels: Sequence[QAction] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        columns = [QVBoxLayout() for _ in range(_COLUMNS)]
        lengths = [0] * _COLUMNS
        for menu in MENUS:
            rows = [
                (translated(spec.text), QKeySequence(spec.shortcut))
                for spec in ACTIONS
                if spec.menu == menu and spec.shortcut
            ]
            if menu == "&Panels":
                rows = [(panel.text(), panel.shortcut()) for panel in panels] + rows
            shortest = lengths.index(min(lengths))
            lengths[shortest] += len(rows) + 2
            columns[shortest].addLayout(_block(translated(menu).replace("&", ""), rows))
        body = QHBoxLayout()
        body.setSpacing(34)
        for column in columns:
            column.addStretch(1)
            body.addLayout(column)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 14)
        layout.setSpacing(14)
        layout.addLayout(body)
        layout.addWidget(buttons)


def _block(title: str, rows: Sequence[tuple[str, QKeySequence]]) -> QGridLayout:
    """What a menu holds, one command and its key a line."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(3)
    heading = QLabel(f"<b>{title}</b>")
    heading.setContentsMargins(0, 8, 0, 2)
    grid.addWidget(heading, 0, 0, 1, 2)
    for row, (text, shortcut) in enumerate(rows, start=1):
        key = QLabel(shortcut.toString(QKeySequence.SequenceFormat.NativeText))
        key.setAlignment(Qt.AlignmentFlag.AlignRight)
        key.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        grid.addWidget(QLabel(text), row, 0)
        grid.addWidget(key, row, 1)
    grid.setColumnStretch(0, 1)
    return grid
