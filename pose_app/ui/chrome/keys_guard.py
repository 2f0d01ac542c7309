"""Decides whether a key that both a command and a widget use goes to the window or the widget."""

from __future__ import annotations

import shiboken6
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QDockWidget, QWidget

_Key = Qt.Key
SHARED = {_Key.Key_Space, _Key.Key_Left, _Key.Key_Right, _Key.Key_Up, _Key.Key_Down,
          _Key.Key_Home, _Key.Key_End}  # fmt: skip


class KeysGuard(QObject):
    """Gives Space, arrows and Home to the window's commands, or to the widget with the focus.

    A widget gets them where it needs them (a text field, a list, a check box) or was reached
    with Tab. A click on any other widget gives it no focus (`click_takes_no_focus`), so that the
    shortcuts go on working.
    """

    def __init__(self, picture: QWidget) -> None:
        super().__init__(picture)
        self._picture = picture
        self._watched: QWidget | None = None
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._focus_changed)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            if event.key() in SHARED and plain == Qt.KeyboardModifier.NoModifier:
                event.accept()  # the widget gets it as a plain key
        return False

    def _focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        if self._watched is not None and shiboken6.isValid(self._watched):
            self._watched.removeEventFilter(self)
        self._watched = None
        window = self._picture.window()
        if new is None or new in (self._picture, window):
            return
        its = new.window()  # of a panel that floats the panel itself
        if its is window or (isinstance(its, QDockWidget) and its.parentWidget() is window):
            self._watched = new
            new.installEventFilter(self)


def click_takes_no_focus(*widgets: QWidget) -> None:
    """Let these widgets take the focus by Tab only, not by a click."""
    for widget in widgets:
        widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
