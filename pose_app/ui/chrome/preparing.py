"""Tells that the model is being prepared, while there are pictures but no poses yet."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QWidget


class Preparing(QFrame):
    """A line of text with a progress bar of unknown length."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("steps")
        self.words = QLabel()
        self.bar = bar = QProgressBar()
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setMaximumWidth(220)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 6, 14, 6)
        row.setSpacing(14)
        row.addWidget(self.words)
        row.addWidget(bar, 1)
        row.addStretch(1)
        self.hide()

    def show_step(self, step: str) -> None:
        """A sentence about what is going on; an empty one hides the line."""
        if step:
            self.words.setText(f"{step}…")
            self.bar.setAccessibleName(step)
        self.setVisible(bool(step))
