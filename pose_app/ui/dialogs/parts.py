"""Widgets that the dialogs share: button rows, headings, explanations, scroll areas."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QIcon, QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QWidget,
)

Standard = QDialogButtonBox.StandardButton


def button_box(buttons: Standard) -> QDialogButtonBox:
    """A row of standard buttons without the stock icons that some desktops put on them."""
    return without_icons(QDialogButtonBox(buttons))


def without_icons(box: QDialogButtonBox) -> QDialogButtonBox:
    """Remove the stock icons from the buttons that it has now."""
    for button in box.buttons():
        button.setIcon(QIcon())
    return box


def press_focused(dialog: QDialog, event: QKeyEvent) -> bool:
    """Press the button with the focus where this is Enter; else it would press the default one.

    Qt asks the default button even where the focus is on "Cancel". Returns whether it was pressed.
    """
    button = dialog.focusWidget()
    enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
    if not enter or not isinstance(button, QPushButton):
        return False
    button.click()
    return True


class _WheelGuard(QObject):
    """Lets the wheel scroll the page, unless the field under it has the focus."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.Wheel or not isinstance(watched, QWidget):
            return False
        if watched.hasFocus():
            return False
        event.ignore()  # it goes on to what the field lies in
        return True


def let_scroll(*fields: QWidget) -> None:
    """Keep the wheel from changing these fields while somebody scrolls past them."""
    for field in fields:
        field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        field.installEventFilter(_WheelGuard(field))


def heading(text: str) -> QLabel:
    """A line over a group of fields."""
    label = QLabel(text)
    label.setObjectName("heading")
    return label


def faint(text: str = "", name: str = "faint") -> QLabel:
    """An explanation, wrapped; `name` is its name in the style sheet."""
    label = QLabel(text)
    label.setObjectName(name)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def scrolled(widget: QWidget) -> QScrollArea:
    """The widget in a scroll area, for windows that are too low for it."""
    area = QScrollArea()
    area.setWidget(widget)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.viewport().setAutoFillBackground(False)
    widget.setAutoFillBackground(False)
    return area
