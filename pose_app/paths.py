"""Where bundled files and the user's own folders are."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from .errors import PoseAppError

_APP = "pose-app"


def bundled(*parts: str) -> Path:
    """A file of `assets/` or `weights/`, e.g. bundled("assets", "demo.mp4").

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
    return Path(platformdirs.user_config_dir(_APP, appauthor=False)) / "settings.json"


def models_folder() -> Path:
    return Path(platformdirs.user_data_dir(_APP, appauthor=False)) / "models"


def cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir(_APP, appauthor=False))


def log_folder() -> Path:
    return Path(platformdirs.user_log_dir(_APP, appauthor=False))


def recordings_folder() -> Path:
    return Path(platformdirs.user_videos_dir()) / _APP
