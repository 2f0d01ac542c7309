"""A panel that is made when it is shown for the first time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

if TYPE_CHECKING:
    from ...pipeline.metrics import FrameMetrics
    from ...types import FrameResult


class LatePanel(QWidget):
    """Stands for a panel that is hidden at first and takes long to make: the window need not wait.

    `panel` is None until it is made. `size` is the panel's usual size, `smallest` its least one.
    """

    def __init__(
        self,
        make: Callable[[], QWidget],
        size: QSize,
        smallest: QSize,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.panel: Any = None
        self._make = make
        self._size, self._smallest = size, smallest
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    def show_result(self, result: FrameResult) -> None:
        self._made().show_result(result)

    def show_stats(self, stats: FrameMetrics) -> None:
        self._made().show_stats(stats)

    def sizeHint(self) -> QSize:
        return self._size

    def minimumSizeHint(self) -> QSize:
        return self._smallest

    def showEvent(self, event: QShowEvent) -> None:
        self._made()
        super().showEvent(event)

    def _made(self) -> Any:
        if self.panel is None:
            self.panel = self._make()
            self._layout.addWidget(self.panel)
        return self.panel
