"""The file name filters of the file dialogs."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QCoreApplication

# Of the containers that videos usually come in; others are opened, too, by "All files".
_VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv"),
    *(".ts", ".mts", ".m2ts", ".3gp", ".ogv"),
)


def videos_and_pictures() -> str:
    """Videos and pictures together, each alone, and everything."""
    from ...sources.images import SUFFIXES

    return ";;".join(
        (
            _filter(tr("Videos and pictures"), (*_VIDEOS, *sorted(SUFFIXES))),
            _filter(tr("Videos"), _VIDEOS),
            _filter(tr("Pictures"), sorted(SUFFIXES)),
            _everything(),
        )
    )


def models() -> str:
    """Model files of every published layout, and everything."""
    from ...network.model_files import patterns

    return f"{tr('Models')} ({patterns()});;{_everything()}"


def tr(text: str) -> str:
    """The text in the language of the window."""
    return QCoreApplication.translate("file filters", text)


def _filter(title: str, suffixes: Iterable[str]) -> str:
    return f"{title} ({' '.join(f'*{suffix}' for suffix in suffixes)})"


def _everything() -> str:
    return f"{tr('All files')} (*)"
