"""The card that is shown while there is no source: every way to open one."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ..icons import icon
from ..units import on_button

EXAMPLE = "http://192.168.1.20:8080/video"
_WIDTH = 440
_MOST_RECENT = 3

# How people let an app use the camera, by `sys.platform`.
PERMISSIONS = {
    "linux": "A camera is plugged in? Your user needs the right to use it: on most systems that is "
    "the group “video” (sudo usermod -aG video $USER, then log in again).",
    "darwin": "A camera is there? Allow it in System Settings, Privacy & Security, Camera: tick "
    "the terminal or the app that started pose-app, then start it again.",
    "win32": "A camera is there? Allow it in Settings, Privacy & security, Camera: “Let desktop "
    "apps access your camera”.",
}


class EmptyState(QFrame):
    """A card in the middle of the picture.

    `demo_wanted`, `file_wanted`, `cameras_wanted` (look again), `address_wanted(text)`.
    """

    demo_wanted = Signal()
    file_wanted = Signal()
    cameras_wanted = Signal()
    address_wanted = Signal(str)

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self._over = over
        self.setObjectName("hint")
        self.setAccessibleName(self.tr("No picture"))
        self._title = QLabel(f"<b>{self.tr('No camera found')}</b>")
        self._title.setWordWrap(True)  # it may be a whole sentence
        self.address = QLineEdit()
        self.address.setPlaceholderText(self.tr("e.g. {address}").format(address=EXAMPLE))
        self.address.setAccessibleName(self.tr("Address of a network camera"))
        self.address.returnPressed.connect(self._connect)
        self._again: list[QPushButton] = []
        self._recent = QVBoxLayout()
        self._recent.setSpacing(2)
        connect = self._button(self.tr("Connect"), self._connect)
        network = QHBoxLayout()
        network.addWidget(self.address, 1)
        network.addWidget(connect)
        choices = QHBoxLayout()
        choices.addWidget(self._button(self.tr("Demo clip"), self.demo_wanted.emit, "demo"))
        choices.addWidget(self._button(self.tr("Open a file…"), self.file_wanted.emit, "video"))
        choices.addWidget(self._button(self.tr("Look again"), self.cameras_wanted.emit, "camera"))
        how = QLabel(self.tr(PERMISSIONS.get(sys.platform, PERMISSIONS["linux"])))
        how.setWordWrap(True)
        how.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        how.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._column = column = QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 18)
        column.setSpacing(10)
        column.addWidget(self._title)
        column.addLayout(choices)
        column.addWidget(QLabel(self.tr("Network camera, or a video on the network:")))
        column.addLayout(network)
        column.addLayout(self._recent)
        column.addWidget(how)
        over.installEventFilter(self)
        self.hide()

    def open(self, title: str, recent: Sequence[str]) -> None:
        """Show it; `recent` are the sources that ran before, the newest first."""
        self._title.setText(f"<b>{html.escape(title)}</b>")
        for button in self._again:
            button.hide()
            button.deleteLater()
        known = [text for text in recent if "://" in text][:_MOST_RECENT]
        self._again = [
            self._button(on_button(text, 50), partial(self.address_wanted.emit, text), "link")
            for text in known
        ]
        for button, text in zip(self._again, known, strict=True):
            button.setToolTip(text)
            self._recent.addWidget(button)
        self.show()
        self._place()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and not self.isHidden():
            self._place()
        return False

    def _connect(self) -> None:
        text = self.address.text().strip()
        if text:
            self.address_wanted.emit(text)

    def _button(self, text: str, act: Callable[[], object], name: str = "") -> QPushButton:
        button = QPushButton(text)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        if name:
            button.setIcon(icon(name))
        button.clicked.connect(lambda: act())
        return button

    def _place(self) -> None:
        width = min(_WIDTH, self._over.width() - 16)
        height = min(self._column.totalHeightForWidth(width), self._over.height() - 8)
        self.resize(width, height)
        self.move((self._over.width() - width) // 2, (self._over.height() - height) // 2)
