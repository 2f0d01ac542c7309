"""The last seconds before a recording, large enough to be read from the other side of the room."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QLabel, QWidget

from ..state.recording_state import RecordingState


class Countdown(QLabel):
    """A number in the middle of the picture; transparent for the mouse."""

    def __init__(self, state: RecordingState, over: QWidget) -> None:
        super().__init__(over)
        self._state = state
        self._over = over
        self.setObjectName("countdown")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName(self.tr("Countdown"))
        state.changed.connect(self._show)
        over.installEventFilter(self)
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and not self.isHidden():
            self._place()
        return False

    def _show(self, name: str) -> None:
        if name == "countdown":
            self.setText(str(self._state.countdown))
            self.setVisible(self._state.countdown > 0)
            self._place()
            self.raise_()

    def _place(self) -> None:
        side = max(min(self._over.width(), self._over.height()) // 3, 60)
        font = self.font()
        font.setPixelSize(side * 2 // 3)
        self.setFont(font)
        self.resize(side, side)
        self.move((self._over.width() - side) // 2, (self._over.height() - side) // 2)
