"""The settings: values of `settings_table.SETTINGS`, stored in a JSON file."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from . import paths
from .errors import SettingsError
from .settings_table import SETTINGS
from .whole_files import replacing

_SCHEMA = 1

_TABLE = {setting.key: setting for setting in SETTINGS}


class Settings:
    """The values of SETTINGS. `messages` are sentences about what could not be loaded."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or paths.settings_file()
        self.messages: list[str] = []
        self._values: dict[str, Any] = {}
        self._overrides: dict[str, Any] = {}  # of the command line; never saved
        self._foreign: dict[str, Any] = {}  # of other versions of the app
        self._saving = threading.Lock()

    @classmethod
    def load(cls, path: Path | None = None) -> Settings:
        """Read the file; without one every setting has its default.

        A file that is not JSON is renamed to `settings.broken-<time>.json`; an invalid value is
        replaced by the default. Both add a sentence to `messages`; nothing is raised.
        """
        settings = cls(path)
        try:
            data = json.loads(settings.path.read_text(encoding="utf-8"))
            if not isinstance(data, dict):
                raise ValueError("not an object")
        except FileNotFoundError:
            return settings
        except OSError as error:
            settings.messages.append(
                f"The settings in {settings.path} cannot be read ({error.strerror}): "
                "until the next start every setting has its default."
            )
            return settings
        except (ValueError, RecursionError):
            settings._set_aside()
            return settings
        for key, value in data.items():
            if key not in _TABLE:
                # Kept, so that changing between versions of the app loses nothing.
                settings._foreign[key] = value
                continue
            try:
                settings._values[key] = _TABLE[key].check(value)
            except SettingsError as error:
                settings.messages.append(f"{error} It has its default again.")
        return settings

    def get(self, key: str) -> Any:
        """The value of a setting. Raises KeyError for an unknown one."""
        if key in self._overrides:
            return self._overrides[key]
        return self._values.get(key, _TABLE[key].default)

    def set(self, key: str, value: Any) -> None:
        """Change a setting; `save` writes it. Raises SettingsError or KeyError."""
        self._values[key] = _TABLE[key].check(value)
        self._overrides.pop(key, None)

    def override(self, key: str, value: Any) -> None:
        """Set a value that is not saved: it lasts until the app ends or the setting is set.

        Raises SettingsError or KeyError.
        """
        self._overrides[key] = _TABLE[key].check(value)

    def end_override(self, key: str) -> None:
        """Return to the saved value."""
        self._overrides.pop(key, None)

    def reset(self, key: str) -> None:
        """Give a setting its default again. Raises KeyError for an unknown one."""
        self._values.pop(_TABLE[key].key, None)
        self._overrides.pop(key, None)

    def save(self) -> None:
        """Write the file atomically; any thread may. Raises SettingsError where it cannot be."""
        with self._saving:  # whoever is the last to write has the newest values
            self._write()

    def _write(self) -> None:
        values = {k: v for k, v in dict(self._values).items() if v != _TABLE[k].default}
        text = json.dumps({**self._foreign, **values, "schema": _SCHEMA}, indent=2, sort_keys=True)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with (
                replacing(self.path, mode=0o600) as temporary,
                temporary.open("w", encoding="utf-8") as file,
            ):
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SettingsError(
                f"The settings cannot be written to {self.path}: {error.strerror}."
            ) from None

    def _set_aside(self) -> None:
        aside = self.path.with_name(
            f"{self.path.stem}.broken-{time.strftime('%Y%m%d-%H%M%S')}.json"
        )
        try:
            self.path.replace(aside)
            kept = f"it is kept as {aside.name}"
        except OSError as error:
            kept = f"it could not be renamed ({error.strerror})"
        self.messages.append(
            f"The settings file was damaged ({kept}): every setting has its default again."
        )
