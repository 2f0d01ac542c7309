"""The keyboard shortcuts: the default of each command, and those the user chose instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from PySide6.QtGui import QKeySequence

_Format = QKeySequence.SequenceFormat


class Command(NamedTuple):
    """A command; `key` is its default shortcut as QKeySequence writes it, or empty."""

    name: str
    menu: str
    text: str
    key: str


class Keymap:
    """The shortcuts of all commands; no two commands have the same one.

    `overrides` is the value of the setting `window.shortcuts`: by the command's name the shortcut
    that differs from the default ("" = none).
    """

    def __init__(self, commands: Sequence[Command], overrides: Mapping[str, str]) -> None:
        self.commands = {command.name: command for command in commands}
        self._at_first = {name: portable(command.key) for name, command in self.commands.items()}
        self._foreign = {  # of another version of the app: kept
            name: key for name, key in overrides.items() if name not in self.commands
        }
        self._keys = dict(self._at_first)
        for name, key in overrides.items():
            if name in self._keys:
                self._keys[name] = portable(key)
        self._before = dict(self._keys)

    @property
    def overrides(self) -> dict[str, str]:
        """The shortcuts that differ from the defaults, by the name of their command."""
        chosen = {name: key for name, key in self._keys.items() if key != self._at_first[name]}
        return {**self._foreign, **chosen}

    @property
    def changed(self) -> bool:
        """Whether any shortcut differs from when this was made."""
        return self._keys != self._before

    def key(self, name: str) -> str:
        """The shortcut of a command; empty where it has none."""
        return self._keys[name]

    def is_changed(self, name: str) -> bool:
        """Whether a command's shortcut is not the default."""
        return self._keys[name] != self._at_first[name]

    def other_with(self, name: str, key: str) -> Command | None:
        """Another command that has this shortcut; None = none."""
        wanted = portable(key)
        for other, taken in self._keys.items():
            if wanted and other != name and taken == wanted:
                return self.commands[other]
        return None

    def assign(self, name: str, key: str) -> None:
        """Give a command a shortcut, or none; another command that has it loses it."""
        other = self.other_with(name, key)
        if other is not None:
            self._keys[other.name] = ""
        self._keys[name] = portable(key)

    def default(self, name: str) -> str:
        """The default shortcut of a command."""
        return self._at_first[name]

    def reset_all(self) -> None:
        """Give every command its default."""
        self._keys = dict(self._at_first)


def portable(key: str) -> str:
    """A shortcut as it is stored, the same on every system; empty where invalid."""
    return QKeySequence(key).toString(_Format.PortableText)


def native(key: str) -> str:
    """A shortcut as this system writes it."""
    return QKeySequence(key).toString(_Format.NativeText)
