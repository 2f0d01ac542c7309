"""The settings of the running window: they signal changes and are saved shortly after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from ..errors import PoseAppError
from ..settings import Settings
from .tasks import TaskRunner

_SAVE_MS = 1500


class AppSettings(QObject):
    """Settings with signals: `changed(frozenset of keys)` once per update.

    `failed(sentence)`: the file cannot be written; the values stay valid until the app ends.
    `tasks` writes it.
    """

    changed = Signal(object)
    failed = Signal(str)

    def __init__(self, stored: Settings, tasks: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.stored = stored
        self._tasks = tasks
        self._previewed: frozenset[str] = frozenset()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SAVE_MS)
        self._timer.timeout.connect(lambda: self.save())

    def get(self, key: str) -> Any:
        """The value of a setting. Raises KeyError for one that is not in the table."""
        return self.stored.get(key)

    def set(self, key: str, value: Any) -> None:
        """Set a value; it is saved shortly after. Raises SettingsError, KeyError."""
        self.update({key: value})

    def update(self, values: Mapping[str, Any]) -> None:
        """Set several values; `changed` is emitted with the keys whose value really changed."""
        keys = frozenset(key for key, value in values.items() if self.get(key) != value)
        for key in keys:
            self.stored.set(key, values[key])
        if keys:
            self._timer.start()
            self.changed.emit(keys)

    def end_overrides(self, names: Iterable[str]) -> bool:
        """Replace what the command line set for this run by the saved values.

        Returns whether anything changed.
        """
        before = {key: self.get(key) for key in names}
        for key in before:
            self.stored.end_override(key)
        keys = frozenset(key for key, value in before.items() if self.get(key) != value)
        if keys:
            self.changed.emit(keys)
        return bool(keys)

    def preview(self, values: Mapping[str, Any]) -> None:
        """Show these values without saving them; they replace those previewed before."""
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
        """Save these values and end the preview."""
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

    def save(self, done: Callable[[], object] | None = None) -> None:
        """Write the file now, on another thread; then call `done()`, also where that failed."""
        self._timer.stop()

        def saved(value: Any, error: PoseAppError | None) -> None:
            if error is not None:
                self.failed.emit(str(error))
            if done is not None:
                done()

        self._tasks.run(self.stored.save, saved)
