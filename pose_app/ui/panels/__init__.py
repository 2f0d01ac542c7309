"""The docks of the window: one entry per panel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from ...pipeline.stats import Stats
    from ...types import Result
    from ..bridge import Bridge
    from ..view_state import ViewState


class Panel(Protocol):
    """What a panel's widget implements; both are called only while it is visible."""

    def show_result(self, result: Result) -> None: ...

    def show_stats(self, stats: Stats) -> None: ...


class PanelSpec(NamedTuple):
    """A dock: `key` names it in the settings, `area` is where it starts, `icon` as in icons.py."""

    key: str
    title: str
    factory: Callable[[Bridge, ViewState], QWidget]
    area: Qt.DockWidgetArea
    icon: str
    shown_first: bool = True


PANELS: tuple[PanelSpec, ...] = ()
