"""What the Models dialog uses of `pose_app.network.catalogue`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from ...network.download import Progress
    from ...network.published import ModelEntry


class Catalogue(Protocol):
    """The module's functions; every call may take long."""

    @property
    def METRICS(self) -> Mapping[str, str]: ...

    def entries(self) -> list[ModelEntry]: ...

    def needs_licence(self, entry: ModelEntry) -> bool: ...

    def licence_text(self, entry: ModelEntry) -> str: ...

    def download(
        self, name: str, progress: Progress | None, cancel: threading.Event | None
    ) -> ModelEntry: ...

    def add(
        self, path: str | Path, name: str | None = None, family: str | None = None
    ) -> ModelEntry: ...

    def remove(self, name: str) -> None: ...


def real_catalogue() -> Catalogue:
    """The module itself."""
    from ...network import catalogue

    return cast("Catalogue", catalogue)
