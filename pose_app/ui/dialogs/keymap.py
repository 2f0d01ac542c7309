"""Which key does what: the keys that commands have at first, and those chosen instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from PySide6.QtGui import QKeySequence

_Format = QKeySequence.SequenceFormat


class Command(NamedTuple):
    """Something that has a key, or could have one; `key` as QKeySequence writes it, or empty."""

    name: str
    menu: str
    text: str
    key: str


class Keymap:
    """The keys of all commands; never two commands with the same one.

    `overrides` is what the setting `window.shortcuts` keeps: the name of each command that has
    another key than at first, with that key ("" is none).
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
        """The keys that are not those of the start, by the name of their command."""
        chosen = {name: key for name, key in self._keys.items() if key != self._at_first[name]}
        return {**self._foreign, **chosen}

    @property
    def changed(self) -> bool:
        """Whether any key is another one than when this was made."""
        return self._keys != self._before

    def key(self, name: str) -> str:
        """The key of a command; empty where it has none."""
        return self._keys[name]

    def is_changed(self, name: str) -> bool:
        """Whether a command has another key than at first."""
        return self._keys[name] != self._at_first[name]

    def rival(self, name: str, key: str) -> Command | None:
        """Another command that has this key already."""
        wanted = portable(key)
        for other, taken in self._keys.items():
            if wanted and other != name and taken == wanted:
                return self.commands[other]
        return None

    def assign(self, name: str, key: str) -> None:
        """Give a command a key, or none; whoever had it before has none then."""
        rival = self.rival(name, key)
        if rival is not None:
            self._keys[rival.name] = ""
        self._keys[name] = portable(key)

    def default(self, name: str) -> str:
        """The key that a command has at first."""
        return self._at_first[name]

    def reset_all(self) -> None:
        """Every key as at first."""
        self._keys = dict(self._at_first)


def portable(key: str) -> str:
    """The same key in the same words on every system; empty for what is no key."""
    return QKeySequence(key).toString(_Format.PortableText)


def native(key: str) -> str:
    """The key as this system writes it."""
    return QKeySequence(key).toString(_Format.NativeText)
