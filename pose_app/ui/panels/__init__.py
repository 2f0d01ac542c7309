"""The docks of the window: one entry per panel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from ...pipeline.metrics import FrameMetrics
    from ...types import FrameResult
    from ..stacks.distances import Distances
    from ..state.view_state import ViewState


class Panel(Protocol):
    """The interface of a panel's widget; both methods are called only while it is visible."""

    def show_result(self, result: FrameResult) -> None: ...

    def show_stats(self, stats: FrameMetrics) -> None: ...


class PanelSpec(NamedTuple):
    """A dock of the window.

    `key` is its name in the settings, `icon` one of icons.py, `area` where it is at the first
    start: as a tab behind the panels above it in the table that start in the same area.
    """

    key: str
    title: str
    factory: Callable[[ViewState, Distances], QWidget]
    area: Qt.DockWidgetArea
    icon: str
    shown_first: bool = True


def _stacks(view: ViewState, distances: Distances) -> QWidget:
    from ..stacks.panel import StacksPanel

    return StacksPanel(view, distances)


def _movement(view: ViewState, distances: Distances) -> QWidget:
    from .movement import MovementPanel

    return MovementPanel(view, distances)


def _joints(view: ViewState, distances: Distances) -> QWidget:
    from .joints import JointsPanel

    return JointsPanel(view)


def _plots(view: ViewState, distances: Distances) -> QWidget:
    from .late import LatePanel

    def make() -> QWidget:
        from .plots import PlotsPanel  # pyqtgraph is half of the window's time to be made

        return PlotsPanel(view)

    return LatePanel(make, QSize(880, 190), QSize(220, 100))


_Area = Qt.DockWidgetArea

PANELS: tuple[PanelSpec, ...] = (
    PanelSpec("stacks", "Stacks", _stacks, _Area.RightDockWidgetArea, "stacks"),
    PanelSpec("joints", "Joints", _joints, _Area.RightDockWidgetArea, "joints"),
    PanelSpec("movement", "Movement", _movement, _Area.RightDockWidgetArea, "movement"),
    PanelSpec("plots", "Plots", _plots, _Area.BottomDockWidgetArea, "plots", shown_first=False),
)
