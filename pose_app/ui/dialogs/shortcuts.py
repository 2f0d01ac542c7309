"""Every command with its key, made from the table of commands."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from ..actions import ACTIONS, MENUS, ActionSpec, translated

_COLUMNS = 3


class ShortcutsDialog(QDialog):
    """One block per menu, in columns."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        columns = [QVBoxLayout() for _ in range(_COLUMNS)]
        lengths = [0] * _COLUMNS
        for menu in MENUS:
            specs = [spec for spec in ACTIONS if spec.menu == menu and spec.shortcut]
            if not specs:
                continue
            shortest = lengths.index(min(lengths))
            lengths[shortest] += len(specs) + 2
            columns[shortest].addLayout(self._block(menu, specs))
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

    def _block(self, menu: str, specs: list[ActionSpec]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(3)
        title = QLabel(f"<b>{translated(menu).replace('&', '')}</b>")
        title.setContentsMargins(0, 8, 0, 2)
        grid.addWidget(title, 0, 0, 1, 2)
        for row, spec in enumerate(specs, start=1):
            native = QKeySequence.SequenceFormat.NativeText
            key = QLabel(QKeySequence(spec.shortcut).toString(native))
            key.setAlignment(Qt.AlignmentFlag.AlignRight)
            key.setForegroundRole(QPalette.ColorRole.PlaceholderText)
            grid.addWidget(QLabel(translated(spec.text)), row, 0)
            grid.addWidget(key, row, 1)
        grid.setColumnStretch(0, 1)
        return grid
