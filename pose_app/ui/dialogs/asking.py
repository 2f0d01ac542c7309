"""Everything that waits for the user's answer or opens another program, behind one object.

Tests give the window one that answers by itself.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from PySide6.QtCore import QProcess, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QInputDialog, QWidget

from .parts import without_icons


class Dialogs:
    """The real dialogs. An empty text means that the user cancelled."""

    def open_file(self, parent: QWidget, title: str, folder: str, filters: str = "") -> str:
        return QFileDialog.getOpenFileName(parent, title, folder, filters)[0]

    def open_folder(self, parent: QWidget, title: str, folder: str) -> str:
        return QFileDialog.getExistingDirectory(parent, title, folder)

    def text(self, parent: QWidget, title: str, label: str) -> str:
        dialog = QInputDialog(parent)
        dialog.setWindowTitle(title)
        dialog.setLabelText(label)
        dialog.resize(520, dialog.sizeHint().height())  # addresses are long
        for box in dialog.findChildren(QDialogButtonBox):
            without_icons(box)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        dialog.deleteLater()
        return dialog.textValue() if accepted else ""

    def show(self, dialog: QDialog) -> bool:
        """Run a dialog; returns whether it was accepted. The session goes on meanwhile."""
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        dialog.deleteLater()
        return accepted

    def open_path(self, path: Path) -> bool:
        """Open a file in the desktop's program for it, a folder in the file manager.

        Returns whether the desktop accepted it; some do even where they have no such program,
        see `can_open`.
        """
        return QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))

    def can_open(self, kind: str) -> bool:
        """Whether the desktop has a program for files of a MIME type such as `video/mp4`.

        May take a moment: not for the UI thread. True where it cannot be found out.
        """
        asked = shutil.which("xdg-mime") if sys.platform.startswith("linux") else None
        if asked is None:
            return not sys.platform.startswith("linux")
        try:
            told = subprocess.run(
                [asked, "query", "default", kind], capture_output=True, timeout=5, check=False
            )
        except (OSError, subprocess.SubprocessError):
            return False
        return bool(told.stdout.strip())

    def reveal(self, path: Path) -> None:
        """Show a file in the file manager: selected where the system can, else its folder."""
        if sys.platform == "win32":
            QProcess.startDetached("explorer", ["/select,", str(path)])
        elif sys.platform == "darwin":
            QProcess.startDetached("open", ["-R", str(path)])
        else:
            self.open_path(path.parent)
