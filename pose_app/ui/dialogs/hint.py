"""The first-run hint: what this window shows, over the picture, until the window is used."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QMargins, QObject, Qt, Signal
from PySide6.QtGui import QAction, QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..chrome.actions import key_of

# Keys for the card itself: the button's, and those that mean nothing alone.
_OWN_KEYS = {
    Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space, Qt.Key.Key_Tab, Qt.Key.Key_Backtab,
    Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_AltGr, Qt.Key.Key_Meta,
    Qt.Key.Key_F1,
}  # fmt: skip

_WIDTH = 460  # widget pixels; more where that would be too high
_AWAY = 8  # from the edges of the picture
_NAMED = ("stack_1", "stack_2", "stack_last", "compare", "heatmap", "follow", "hint")  # commands
_WORDS = (
    "<p>The <b>skeleton</b> is what a stacked hourglass network believes: blue is the person's "
    "left, orange the right. Faint joints are uncertain, missing ones it does not see.</p>"
    "<p>The network works in <b>stacks</b>: each looks at the answer of the one before and "
    "corrects it. Press {stack_1}, {stack_2}, … to see the answer of each stack, {stack_last} for "
    "the last one, {compare} to compare.</p>"
    "<p>A <b>heatmap</b> ({heatmap}) shows where a joint could be. Click a joint to see its own. "
    "The <b>square</b> is the part of the picture that the network looks at; drag another one, "
    "{follow} gives it back. Of several people, click one or press <b>Tab</b> to choose whom the "
    "panels describe. {hint} shows all this again.</p>"
)


class Hint(QFrame):
    """A card in the middle of another widget.

    `read` when the person closes it, or goes on to use the window: presses any key, or clicks
    beside the card. It names the keys that `commands` have now.
    """

    read = Signal()

    def __init__(self, over: QWidget, commands: Mapping[str, QAction]) -> None:
        super().__init__(over)
        self.setObjectName("hint")
        self.setAccessibleName(self.tr("What am I seeing?"))
        title = QLabel(f"<b>{self.tr('A network making up its mind')}</b>")
        self.words = QLabel()
        self._commands = commands
        self.words.setWordWrap(True)
        self._button = QPushButton(self.tr("Got it"))
        self._button.setDefault(True)
        self._button.clicked.connect(self._done)
        self._column = layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 14, 18, 18)
        top = QHBoxLayout()
        top.addWidget(title, 1)
        top.addWidget(self._button)
        layout.addLayout(top)
        layout.addWidget(self.words)
        over.installEventFilter(self)
        self._button.installEventFilter(self)
        self._over = over
        self.hide()

    def open(self) -> None:
        keys = {name: f"<b>{key_of(self._commands[name])}</b>" for name in _NAMED}
        self.words.setText(self.tr(_WORDS).format(**keys))
        self.show()
        self._place()
        self.raise_()
        self._button.setFocus()

    def _done(self) -> None:
        self.hide()
        self._over.setFocus()
        self.read.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if self.isHidden():
            return False
        if watched is self._over and event.type() == QEvent.Type.Resize:
            self._place()
        elif self._goes_on(watched, event):
            self._done()
        return False

    def _goes_on(self, watched: QObject, event: QEvent) -> bool:
        """Whether this is the person using the window behind the card."""
        if watched is self._over:
            return event.type() == QEvent.Type.MouseButtonPress
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            return event.key() not in _OWN_KEYS
        if isinstance(event, QFocusEvent) and event.lostFocus():
            return event.reason() == Qt.FocusReason.MouseFocusReason
        return False

    def _place(self) -> None:
        room = self._over.size().shrunkBy(QMargins(_AWAY, _AWAY, _AWAY, _AWAY))
        tall = self._column.totalHeightForWidth
        wider = range(min(_WIDTH, room.width()), room.width() + 1, 20)
        width = next((w for w in wider if tall(w) <= room.height()), room.width())
        self.resize(width, min(tall(width), room.height()))
        self.move((self._over.width() - width) // 2, (self._over.height() - self.height()) // 2)
