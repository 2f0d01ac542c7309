"""Messages that block nothing: a banner over the picture, a toast at its bottom."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from ..icons import icon
from ..notices import Action, Notice, Notices

TOAST_MS = 12_000
_LONGEST = 560  # widget pixels of a toast's sentence before it is wrapped


class Banner(QFrame):
    """Shows the newest error that is not settled."""

    def __init__(self, notices: Notices | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.notices = notices or Notices()
        self.setObjectName("banner")
        self.setAccessibleName(self.tr("Message"))
        self._icon = QLabel()
        self._label = QLabel()
        self._label.setWordWrap(True)
        self._label.setTextFormat(Qt.TextFormat.PlainText)  # names of files may look like HTML
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._more = QLabel()
        self._more.setObjectName("faint")
        self.buttons: list[QPushButton] = []
        self._shown: Notice | None = None
        close = QToolButton()
        close.setIcon(icon("close"))
        close.setAutoRaise(True)
        close.setToolTip(self.tr("Close this message"))
        close.setAccessibleName(self.tr("Close this message"))
        close.clicked.connect(self.dismiss)
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(14, 6, 8, 6)
        row.setSpacing(10)
        row.addWidget(self._icon)
        row.addWidget(self._label, 1)
        row.addWidget(self._more)
        row.addWidget(close)
        self.hide()
        self.notices.listen(self._renew)

    @property
    def text(self) -> str:
        """What is shown; empty while the banner is hidden."""
        return "" if self.isHidden() else self._label.text()

    def show_text(self, text: str, topic: str = "", button: Action | None = None) -> None:
        """Show a sentence until `settle(topic)` or `dismiss`."""
        self.notices.error(topic, text, *(() if button is None else (button,)))

    def settle(self, topic: str) -> None:
        """Remove the message about `topic`, if there is one."""
        self.notices.settle(topic)

    def dismiss(self) -> None:
        """Close the message that is shown."""
        self.notices.dismiss()

    def _renew(self) -> None:
        errors = self.notices.errors
        newest = errors[0] if errors else None
        others = len(errors) - 1
        self._more.setVisible(others > 0)
        self._more.setText(self.tr("{count} more").format(count=others))
        if newest is not self._shown:
            self._shown = newest
            _replace_buttons(self.buttons, newest.actions if newest else ())
            for button in self.buttons:
                self._row.insertWidget(self._row.count() - 1, button)
                button.show()
            if newest is not None:
                self._label.setText(newest.text)
                self._icon.setPixmap(icon("warning").pixmap(18, 18))  # in the theme of now
        self.setVisible(newest is not None)


class Toast(QFrame):
    """Shows the newest fact with its buttons at the bottom of another widget, for some seconds."""

    def __init__(self, over: QWidget, notices: Notices | None = None) -> None:
        super().__init__(over)
        self.notices = notices or Notices()
        self.setObjectName("toast")
        self.setAccessibleName(self.tr("Notice"))
        self._label = QLabel()
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(16, 10, 12, 10)
        self._row.setSpacing(10)
        self._row.addWidget(self._label, 1)
        self._buttons: list[QPushButton] = []
        self._shown: Notice | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(TOAST_MS)
        self._timer.timeout.connect(self.hide)
        self._over = over
        over.installEventFilter(self)
        self.hide()
        self.notices.listen(self._renew)

    @property
    def text(self) -> str:
        """What is shown; empty while the toast is hidden."""
        return "" if self.isHidden() else self._label.text()

    def show_text(self, text: str, buttons: Sequence[Action] = ()) -> None:
        """Show a sentence with a button for each (text, function)."""
        self.notices.tell("", text, *buttons)

    def hideEvent(self, event: QEvent) -> None:
        self._timer.stop()
        if self.isHidden():  # not where the window around it is minimized
            self.notices.forget()

    def showEvent(self, event: QEvent) -> None:
        self._timer.start()  # also where the window around it was minimized

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and not self.isHidden():
            self._place()
        return False

    def _renew(self) -> None:
        fact = self.notices.fact
        if fact is self._shown:
            return
        self._shown = fact
        if fact is None:
            self._timer.stop()  # no hideEvent comes while the window around it is hidden
            self.hide()
            return
        _replace_buttons(self._buttons, fact.actions)
        self._label.setText(fact.text)
        for button in self._buttons:
            button.clicked.connect(self.hide)
            self._row.addWidget(button)
            button.show()  # at once, or a toast that is there already is too narrow for it
        self.show()
        self._place()
        self.raise_()
        self._timer.start()

    def _place(self) -> None:
        self._label.setWordWrap(False)
        room = self._over.width() - 24
        if self.sizeHint().width() > min(room, _LONGEST + self._beside()):
            self._label.setWordWrap(True)
            width = min(room, _LONGEST + self._beside())
            self.resize(width, self._row.totalHeightForWidth(width))
        else:
            self.adjustSize()
        self.move(
            (self._over.width() - self.width()) // 2, self._over.height() - self.height() - 20
        )

    def _beside(self) -> int:
        """Widget pixels that margins and buttons take."""
        return self.sizeHint().width() - self._label.sizeHint().width()


def _replace_buttons(buttons: list[QPushButton], actions: Sequence[Action]) -> None:
    """Empty the list of buttons and fill it with one for each action."""
    for button in buttons:
        button.hide()
        button.deleteLater()
    buttons.clear()
    for label, act in actions:
        button = QPushButton(label)
        button.clicked.connect(_calling(act))
        buttons.append(button)


def _calling(act: Callable[[], object]) -> Callable[[], None]:
    """A slot for `clicked` that drops its argument."""

    def clicked() -> None:
        act()

    return clicked
