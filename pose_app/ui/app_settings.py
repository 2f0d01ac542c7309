"""The settings of the running window: they tell when they change and are written soon after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from ..errors import SettingsError
from ..settings import Settings

_SAVE_MS = 1500


class AppSettings(QObject):
    """`changed(frozenset of keys)` once for everything that was changed together.

    `failed(sentence)`: the file cannot be written; the values hold as long as the app runs.
    """

    changed = Signal(object)
    failed = Signal(str)

    def __init__(self, stored: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.stored = stored
        self._previewed: frozenset[str] = frozenset()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SAVE_MS)
        self._timer.timeout.connect(self.save)

    def get(self, key: str) -> Any:
        """The value of a setting. Raises KeyError for one that is not in the table."""
        return self.stored.get(key)

    def set(self, key: str, value: Any) -> None:
        """Keep another value; it is written soon. Raises SettingsError, KeyError."""
        self.update({key: value})

    def update(self, values: Mapping[str, Any]) -> None:
        """Keep several values; `changed` has the keys of those that were others before."""
        keys = frozenset(key for key, value in values.items() if self.get(key) != value)
        for key in keys:
            self.stored.set(key, values[key])
        if keys:
            self._timer.start()
            self.changed.emit(keys)

    def end_overrides(self, names: Iterable[str]) -> bool:
        """Go back to what is saved where the command line said something else for this run.

        Whether that changed anything.
        """
        before = {key: self.get(key) for key in names}
        for key in before:
            self.stored.end_override(key)
        keys = frozenset(key for key, value in before.items() if self.get(key) != value)
        if keys:
            self.changed.emit(keys)
        return bool(keys)

    def preview(self, values: Mapping[str, Any]) -> None:
        """Show these values without keeping them; those of the call before are shown no more."""
        before = {key: self.get(key) for key in self._previewed | values.keys()}
        for key in self._previewed:
            self.stored.end_override(key)
        for key, value in values.items():
            self.stored.override(key, value)
        self._previewed = frozenset(values)
        keys = frozenset(key for key, value in before.items() if self.get(key) != value)
        if keys:
            self.changed.emit(keys)

    def keep(self, values: Mapping[str, Any]) -> None:
        """Keep values that may be previewed now; no other value is previewed any more."""
        before = {key: self.get(key) for key in self._previewed | values.keys()}
        for key in self._previewed:
            self.stored.end_override(key)
        self._previewed = frozenset()
        for key, value in values.items():
            if self.get(key) != value:
                self.stored.set(key, value)
                self._timer.start()
        keys = frozenset(key for key, value in before.items() if self.get(key) != value)
        if keys:
            self.changed.emit(keys)

    def save(self) -> None:
        """Write the file now."""
        self._timer.stop()
        try:
            self.stored.save()
        except SettingsError as error:
            self.failed.emit(str(error))
