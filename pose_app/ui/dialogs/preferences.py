"""The preferences: pages made from the table of settings, the cameras, and the keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QListWidget,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ...settings import Settings
from ...settings_table import SETTINGS
from .asking import Dialogs
from .keymap import Command, Keymap
from .keys_page import KeysPage
from .parts import Standard, button_box, scrolled
from .settings_page import Editor, SettingsPage

if TYPE_CHECKING:
    from ..tasks import TaskRunner
    from .camera_page import CameraPage

# Settings whose change is shown in the window before OK: it costs nothing and is undone by Cancel.
_PREVIEWED = ("appearance.", "view.")

SOURCES = "Source"  # the group of settings on whose page the cameras are


class PreferencesDialog(QDialog):
    """Edits a copy of the settings; once accepted, `changes` are the values that differ.

    `preview(values)` shows values in the window that are not kept; an empty mapping ends that.
    `tasks` asks disks off the UI's thread. `commands` get a page for their keys, `camera` is a page
    of its own; both may be missing. The dialog opens at `page`, the name of a group.
    """

    def __init__(
        self,
        settings: Settings,
        dialogs: Dialogs | None = None,
        parent: QWidget | None = None,
        *,
        tasks: TaskRunner | None = None,
        preview: Callable[[Mapping[str, Any]], None] = lambda values: None,
        commands: Sequence[Command] = (),
        camera: CameraPage | None = None,
        page: str = "",
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Preferences"))
        self._settings = settings
        self._preview = preview
        self._start = {s.key: settings.get(s.key) for s in SETTINGS if s.group is not None}
        self._pages: list[SettingsPage] = []
        self.camera = camera
        self.keys: KeysPage | None = None
        self.pages = QListWidget()
        self.pages.setObjectName("pages")
        self.pages.setFixedWidth(160)
        self.pages.setAccessibleName(self.tr("Pages"))
        self._stack = QStackedWidget()
        groups = dict.fromkeys(setting.group for setting in SETTINGS if setting.group is not None)
        for group in groups:
            made = SettingsPage(group, settings, dialogs or Dialogs(), tasks)
            made.edited.connect(self._edited)
            self._pages.append(made)
            if group == SOURCES and camera is not None:
                made.column.insertWidget(0, camera)
            self._add(made.title, scrolled(made))
        if commands:
            self.keys = KeysPage(Keymap(commands, settings.get("window.shortcuts")))
            self._add(self.tr("Keys"), self.keys)
        self.pages.currentRowChanged.connect(self._turn_to)
        names = [*groups, "Keys"]
        self.pages.setCurrentRow(names.index(page) if page in names else 0)
        buttons = button_box(Standard.Ok | Standard.Cancel | Standard.RestoreDefaults)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        buttons.button(Standard.RestoreDefaults).clicked.connect(self.restore_defaults)
        body = QHBoxLayout()
        body.setSpacing(22)
        body.addWidget(self.pages)
        body.addWidget(self._stack, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 18, 18, 16)
        layout.setSpacing(16)
        layout.addLayout(body)
        layout.addWidget(buttons)
        self.resize(780, 640)

    @property
    def editors(self) -> dict[str, Editor]:
        """The field of every setting, by its key."""
        return {key: editor for page in self._pages for key, editor in page.editors.items()}

    @property
    def changes(self) -> dict[str, Any]:
        """The settings that differ from when the dialog was opened."""
        values = {key: value for page in self._pages for key, value in page.values().items()}
        changed = {key: value for key, value in values.items() if value != self._start[key]}
        if self.keys is not None and self.keys.keymap.changed:
            changed["window.shortcuts"] = self.keys.keymap.overrides
        return changed

    def restore_defaults(self) -> None:
        """Show every default; nothing is saved before OK."""
        for page in self._pages:
            page.restore_defaults()
        if self.keys is not None:
            self.keys.restore_defaults()

    def leave(self, accepted: bool) -> None:
        """End previews and release cameras; call it once the dialog is closed."""
        self._preview({})
        if self.camera is not None:
            self.camera.leave(accepted)

    def _add(self, title: str, page: QWidget) -> None:
        self._stack.addWidget(page)
        self.pages.addItem(title)

    def _turn_to(self, row: int) -> None:
        self._stack.setCurrentIndex(row)

    def _edited(self, key: str) -> None:
        if key.startswith(_PREVIEWED):
            changes = self.changes.items()
            self._preview({k: value for k, value in changes if k.startswith(_PREVIEWED)})
