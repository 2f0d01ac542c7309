"""Commands that open a dialog about the app itself, and the colours of all windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

from .. import theme

if TYPE_CHECKING:
    from ..context import AppContext


class DialogsController(QObject):
    """Preferences, keyboard shortcuts and diagnostics, over `window`; keeps its theme.

    `paint_ms` tells how long the picture takes to paint.
    """

    def __init__(
        self,
        context: AppContext,
        window: QWidget,
        paint_ms: Callable[[], float],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._window = window
        self._paint_ms = paint_ms
        self.panels: Sequence[QAction] = ()  # their commands, for the list of shortcuts
        context.settings.changed.connect(self._settings_changed)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._scheme_changed)
        self.apply_theme()

    def show_preferences(self) -> None:
        from ..dialogs.preferences import PreferencesDialog

        settings, dialogs = self._context.settings, self._context.dialogs
        dialog = PreferencesDialog(settings.stored, dialogs, self._window)
        if dialogs.show(dialog):
            settings.update(dialog.changes)

    def show_shortcuts(self) -> None:
        from ..dialogs.shortcuts import ShortcutsDialog

        self._context.dialogs.show(ShortcutsDialog(self.panels, self._window))

    def show_diagnostics(self) -> None:
        from ..dialogs.diagnostics import DiagnosticsDialog

        session, tasks = self._context.session, self._context.tasks
        self._context.dialogs.show(
            DiagnosticsDialog(session.metrics(), tasks, self._paint_ms(), self._window)
        )

    def copy_report(self) -> None:
        """The diagnostics to the clipboard, without the dialog."""
        from ..dialogs.diagnostics import copy_report

        def done() -> None:
            self._context.notices.tell("report", self.tr("The report is in the clipboard."))

        copy_report(self._context.session.metrics(), self._context.tasks, self._paint_ms(), done)

    def apply_theme(self) -> None:
        """Take the colours of the settings, or those of the desktop."""
        wanted = self._context.settings.get("appearance.theme")
        app = QApplication.instance()
        if isinstance(app, QApplication):
            theme.apply(app, wanted)
        self._window.setStyleSheet(theme.style_sheet(wanted))

    def _settings_changed(self, keys: frozenset[str]) -> None:
        if "appearance.theme" in keys:
            self.apply_theme()

    def _scheme_changed(self) -> None:
        if self._context.settings.get("appearance.theme") == "system":
            self.apply_theme()
