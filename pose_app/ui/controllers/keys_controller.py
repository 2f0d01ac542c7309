"""Assigns the commands the keyboard shortcuts that the user chose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence

from ..chrome.actions import tool_tip
from ..dialogs.keymap import Command, Keymap, portable

if TYPE_CHECKING:
    from ..app_settings import AppSettings

SETTING = "window.shortcuts"


class KeysController(QObject):
    """Keeps the shortcuts of `actions` as the settings say; tooltips name them.

    `actions` and `menus` (the title of the menu that an action is in) are by the action's name.
    The shortcuts that the actions have when this is made are the defaults.
    """

    def __init__(
        self,
        settings: AppSettings,
        actions: Mapping[str, QAction],
        menus: Mapping[str, str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._actions = dict(actions)
        self.commands = tuple(
            Command(
                name,
                menus[name].replace("&", ""),
                action.text().replace("&", ""),
                portable(action.shortcut().toString()),
            )
            for name, action in self._actions.items()
        )
        settings.changed.connect(self._settings_changed)
        if settings.get(SETTING):
            self._apply()

    @property
    def now(self) -> tuple[Command, ...]:
        """All commands with their present shortcuts."""
        return tuple(
            command._replace(key=portable(self._actions[command.name].shortcut().toString()))
            for command in self.commands
        )

    def _settings_changed(self, keys: frozenset[str]) -> None:
        if SETTING in keys:
            self._apply()

    def _apply(self) -> None:
        keymap = Keymap(self.commands, self._settings.get(SETTING))
        # First away with the old ones: for a moment two commands would have the same.
        for name, action in self._actions.items():
            if action.shortcut() != QKeySequence(keymap.key(name)):
                action.setShortcut(QKeySequence())
        for name, action in self._actions.items():
            action.setShortcut(QKeySequence(keymap.key(name)))
            below = action.toolTip().partition("\n")[2]
            action.setToolTip(tool_tip(action, below))
