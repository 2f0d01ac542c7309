"""Everything that waits for a person or leaves the app, behind one object.

Tests hand the window another one that answers by itself.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QFileDialog, QInputDialog, QWidget


class Dialogs:
    """The real ones. An empty text means that the person cancelled."""

    def open_file(self, parent: QWidget, title: str, folder: str, filters: str = "") -> str:
        return QFileDialog.getOpenFileName(parent, title, folder, filters)[0]

    def open_folder(self, parent: QWidget, title: str, folder: str) -> str:
        return QFileDialog.getExistingDirectory(parent, title, folder)

    def text(self, parent: QWidget, title: str, label: str) -> str:
        text, accepted = QInputDialog.getText(parent, title, label)
        return text if accepted else ""

    def show(self, dialog: QDialog) -> bool:
        """Run a dialog; whether it was accepted. The session goes on meanwhile."""
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        dialog.deleteLater()
        return accepted

    def open_path(self, path: Path) -> None:
        """A file in the program that the desktop has for it, a folder in its file manager."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
