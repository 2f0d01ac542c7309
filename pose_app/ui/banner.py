"""Messages that do not stop anybody: a banner over the picture, a toast at its foot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from .icons import icon

TOAST_MS = 12_000

Button = tuple[str, Callable[[], None]]


class Banner(QFrame):
    """One line about what went wrong; stays until it is closed or the trouble is over."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self.setAccessibleName(self.tr("Message"))
        self._icon = QLabel()
        self._icon.setPixmap(icon("warning").pixmap(18, 18))
        self._label = QLabel()
        self._label.setWordWrap(True)
        self._label.setTextFormat(Qt.TextFormat.PlainText)  # names of files may look like HTML
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button = QPushButton()
        self.button.clicked.connect(self._press)
        self._act: Callable[[], None] | None = None
        close = QToolButton()
        close.setIcon(icon("close"))
        close.setAutoRaise(True)
        close.setToolTip(self.tr("Close this message"))
        close.setAccessibleName(self.tr("Close this message"))
        close.clicked.connect(self.dismiss)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 6, 8, 6)
        row.setSpacing(10)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._label, 1)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self._topic = ""
        self.hide()

    @property
    def text(self) -> str:
        """What is shown; empty while the banner is hidden."""
        return "" if self.isHidden() else self._label.text()

    def show_text(self, text: str, topic: str = "", button: Button | None = None) -> None:
        """Show a sentence; `topic` lets `settle` take it away when the trouble is over."""
        self._topic = topic
        label, self._act = button or ("", None)
        self.button.setText(label)
        self.button.setVisible(button is not None)
        self._label.setText(text)
        self._icon.setPixmap(icon("warning").pixmap(18, 18))  # in the theme of now
        self.show()

    def _press(self) -> None:
        if self._act is not None:
            self._act()

    def settle(self, topic: str) -> None:
        """Hide the message if it is about `topic`."""
        if self._topic == topic:
            self.dismiss()

    def dismiss(self) -> None:
        self._topic = ""
        self.hide()


class Toast(QFrame):
    """Good news with buttons at the foot of another widget; goes by itself."""

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self.setObjectName("toast")
        self.setAccessibleName(self.tr("Notice"))
        self._label = QLabel()
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(16, 10, 12, 10)
        self._row.setSpacing(10)
        self._row.addWidget(self._label, 1)
        self._buttons: list[QPushButton] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(TOAST_MS)
        self._timer.timeout.connect(self.hide)
        self._over = over
        over.installEventFilter(self)
        self.hide()

    @property
    def text(self) -> str:
        """What is shown; empty while the toast is hidden."""
        return "" if self.isHidden() else self._label.text()

    def show_text(self, text: str, buttons: Sequence[Button] = ()) -> None:
        """Show a sentence with a button for each (text, function)."""
        for button in self._buttons:
            button.hide()
            button.deleteLater()
        self._buttons = []
        self._label.setText(text)
        for label, act in buttons:
            button = QPushButton(label)
            button.clicked.connect(act)
            button.clicked.connect(self.hide)
            self._row.addWidget(button)
            button.show()  # at once, or a toast that is there already is too narrow for it
            self._buttons.append(button)
        self.show()
        self._place()
        self.raise_()
        self._timer.start()

    def hideEvent(self, event: QEvent) -> None:
        self._timer.stop()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and not self.isHidden():
            self._place()
        return False

    def _place(self) -> None:
        self.adjustSize()
        width = min(self.width(), self._over.width() - 24)
        self.resize(width, self.height())
        self.move((self._over.width() - width) // 2, self._over.height() - self.height() - 20)
