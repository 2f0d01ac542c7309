"""The dialog that lists the keyboard shortcuts."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from .keymap import Command, native
from .parts import Standard, button_box

_COLUMNS = 3


class ShortcutsDialog(QDialog):
    """One block per menu, in columns. `change_wanted`: open the page that changes them."""

    change_wanted = Signal()

    def __init__(self, commands: Sequence[Command], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        columns = [QVBoxLayout() for _ in range(_COLUMNS)]
        lengths = [0] * _COLUMNS
        for menu in dict.fromkeys(command.menu for command in commands):
            rows = [(c.text, native(c.key)) for c in commands if c.menu == menu and c.key]
            shortest = lengths.index(min(lengths))
            lengths[shortest] += len(rows) + 2
            columns[shortest].addLayout(_block(menu, rows))
        body = QHBoxLayout()
        body.setSpacing(34)
        for column in columns:
            column.addStretch(1)
            body.addLayout(column)
        buttons = button_box(Standard.Close)
        change = buttons.addButton(self.tr("Change keys…"), QDialogButtonBox.ButtonRole.ActionRole)
        change.clicked.connect(self.change_wanted)
        change.clicked.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 14)
        layout.setSpacing(14)
        layout.addLayout(body)
        layout.addWidget(buttons)


def _block(title: str, rows: Sequence[tuple[str, str]]) -> QGridLayout:
    """A menu's commands with their shortcuts, one per line."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(3)
    heading = QLabel(f"<b>{title}</b>")
    heading.setContentsMargins(0, 8, 0, 2)
    grid.addWidget(heading, 0, 0, 1, 2)
    for row, (text, shortcut) in enumerate(rows, start=1):
        key = QLabel(shortcut)
        key.setAlignment(Qt.AlignmentFlag.AlignRight)
        key.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        grid.addWidget(QLabel(text), row, 0)
        grid.addWidget(key, row, 1)
    grid.setColumnStretch(0, 1)
    return grid
