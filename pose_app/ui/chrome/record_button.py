"""The button that starts, shows and stops a recording."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QPushButton, QToolButton, QWidget

from ..canvas import colours
from ..icons import icon
from ..state.recording_state import RecordingState

_MARGIN = 16


class RecordButton(QToolButton):
    """Starts a recording; its menu has the other kinds.

    While one of any kind runs, it is a red pill with its length and size, and stops it.
    """

    def __init__(
        self, state: RecordingState, record: QAction, menu: QMenu, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._record = record
        self.setObjectName("record")
        self.setProperty("labelled", "true")
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIconSize(QSize(20, 20))
        self.setMenu(menu)
        self.clicked.connect(record.trigger)
        state.changed.connect(self._show)
        record.changed.connect(self._show)
        self._show()

    def _show(self, name: str = "") -> None:
        running = self._state.running
        if self.property("running") != running or not self.text():
            self.setProperty("running", running)
            self.setIcon(icon("stop" if running else "record", None if running else colours.RED))
            mode = QToolButton.ToolButtonPopupMode
            self.setPopupMode(mode.DelayedPopup if running else mode.MenuButtonPopup)
            style = Qt.ToolButtonStyle
            self.setToolButtonStyle(
                style.ToolButtonTextOnly if running else style.ToolButtonTextBesideIcon
            )
            self.style().unpolish(self)
            self.style().polish(self)
        waiting = self.tr("Cancel ({seconds})").format(seconds=self._state.countdown)
        idle = waiting if self._state.countdown else self.tr("Record")
        self.setText(self._state.words if running else idle)
        stop = self.tr("Stop the recording")
        told = "\n".join(line for line in (stop, self._state.room_words) if line)
        self.setToolTip(told if running else self._record.toolTip())
        self.setAccessibleName(f"{stop}: {self._state.words}" if running else self.tr("Record"))


class RecordPill(QPushButton):
    """The same pill in a corner of the picture, for full screen without a toolbar."""

    def __init__(self, state: RecordingState, record: QAction, over: QWidget) -> None:
        super().__init__(over)
        self._state = state
        self._over = over
        self._wanted = False
        self.setObjectName("pill")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setToolTip(self.tr("Stop the recording"))
        self.clicked.connect(record.trigger)
        state.changed.connect(self._show)
        over.installEventFilter(self)
        self.hide()

    def set_wanted(self, wanted: bool) -> None:
        """Whether it is shown while something is recorded."""
        self._wanted = wanted
        self._show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and not self.isHidden():
            self._place()
        return False

    def _show(self, name: str = "") -> None:
        self.setVisible(self._wanted and self._state.running)
        if not self.isHidden():
            self.setText(self._state.words)
            self.setAccessibleName(f"{self.toolTip()}: {self._state.words}")
            self._place()
            self.raise_()

    def _place(self) -> None:
        self.adjustSize()
        self.move(self._over.width() - self.width() - _MARGIN, _MARGIN)
