"""The paths of bundled files and of the user's folders.

Two environment variables move the user's folders, on every system: `POSE_APP_HOME` all of them (for
a portable app, a second set of settings, tests), `POSE_APP_CACHE` only the cache.
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

    In a wheel these files are inside the package, in an editable install beside it. Raises
    PoseAppError where the file is missing.
    """
    package = Path(__file__).resolve().parent
    for root in (package, package.parent):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise PoseAppError(f"The bundled file {'/'.join(parts)} is missing: install pose-app again.")


def expanded(path: str | Path) -> Path:
    """The path with `~` replaced.

    `~name` stays where there is no such user: a file may be called so.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def settings_file() -> Path:
    """The settings file."""
    return _own("config", platformdirs.user_config_dir(_APP, appauthor=False)) / "settings.json"


def models_folder() -> Path:
    """The folder of downloaded and added models."""
    return _own("data", platformdirs.user_data_dir(_APP, appauthor=False)) / "models"


def cache_folder() -> Path:
    """The folder of files that can be made again: converted and compiled models."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).absolute()
    return _own("cache", platformdirs.user_cache_dir(_APP, appauthor=False))


def log_folder() -> Path:
    """The folder of the log files."""
    return _own("log", platformdirs.user_log_dir(_APP, appauthor=False))


def recordings_folder() -> Path:
    """The default folder for recordings and snapshots."""
    return _own("recordings", str(Path(platformdirs.user_videos_dir()) / _APP))


def _own(name: str, usual: str) -> Path:
    home = os.environ.get(HOME_VARIABLE)
    return Path(home).absolute() / name if home else Path(usual)
