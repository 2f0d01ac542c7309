"""Where bundled files and the user's own folders are.

Two environment variables move the latter, on every system: `POSE_APP_HOME` is one folder for all of
them (an app on a stick, a second set of settings, tests), `POSE_APP_CACHE` one for the cache alone.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from .errors import PoseAppError

HOME_VARIABLE, CACHE_VARIABLE = "POSE_APP_HOME", "POSE_APP_CACHE"

_APP = "pose-app"


def bundled(*parts: str) -> Path:
    """A file that comes with the app, by the parts of its path from the repository's root.

    A wheel carries both folders inside the package; an editable install reads them beside it.
    Raises PoseAppError where the file is missing.
    """
    package = Path(__file__).resolve().parent
    for root in (package, package.parent):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise PoseAppError(f"The bundled file {'/'.join(parts)} is missing: install pose-app again.")


def settings_file() -> Path:
    """The file of the settings."""
    return _own("config", platformdirs.user_config_dir(_APP, appauthor=False)) / "settings.json"


def models_folder() -> Path:
    """Downloaded and added models."""
    return _own("data", platformdirs.user_data_dir(_APP, appauthor=False)) / "models"


def cache_folder() -> Path:
    """What can be made again: converted and compiled models."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).absolute()
    return _own("cache", platformdirs.user_cache_dir(_APP, appauthor=False))


def log_folder() -> Path:
    """The app's own log and the traces of crashes."""
    return _own("log", platformdirs.user_log_dir(_APP, appauthor=False))


def recordings_folder() -> Path:
    """Where recordings and snapshots go unless the settings name another folder."""
    return _own("recordings", str(Path(platformdirs.user_videos_dir()) / _APP))


def _own(name: str, usual: str) -> Path:
    home = os.environ.get(HOME_VARIABLE)
    return Path(home).absolute() / name if home else Path(usual)
