"""That the network is being prepared, while there are pictures but no poses yet."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QWidget


class Preparing(QFrame):
    """A line with a bar that moves; nobody can tell how long the system takes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("steps")
        words = QLabel(self.tr("Preparing the network for this computer: only the first time."))
        bar = QProgressBar()
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setMaximumWidth(220)
        bar.setAccessibleName(words.text())
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 6, 14, 6)
        row.setSpacing(14)
        row.addWidget(words)
        row.addWidget(bar, 1)
        row.addStretch(1)
        self.hide()
