"""The folder of recordings and snapshots, and free names in it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from ... import paths
from ...errors import RecordingError

if TYPE_CHECKING:
    from ..app_settings import AppSettings


def recordings_folder(settings: AppSettings) -> Path:
    """The folder of the settings, or the default one."""
    chosen = settings.get("recording.folder")
    return paths.expanded(chosen) if chosen else paths.recordings_folder()


def made_folder(settings: AppSettings) -> Path:
    """Make that folder where it is missing. Raises RecordingError."""
    folder = recordings_folder(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordingError(
            f"The folder {folder} cannot be made ({error.strerror}): "
            "choose another one in the preferences."
        ) from None
    return folder


def free_stem(folder: Path, stem: str, endings: tuple[str, ...]) -> str:
    """`stem`, with ' (2)', ' (3)' ... appended where one of the files exists."""
    for number in itertools.count(1):
        candidate = stem if number == 1 else f"{stem} ({number})"
        if not any((folder / f"{candidate}{ending}").exists() for ending in endings):
            return candidate
    raise AssertionError("there is always another number")
