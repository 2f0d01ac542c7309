"""The menus of the window and the docks of its panels."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QDockWidget,
    QMainWindow,
    QMenu,
    QTabWidget,
    QToolButton,
    QWidget,
)

from ..icons import icon
from ..panels import PANELS, PanelSpec
from ..stacks.distances import Distances
from ..state.view_state import ViewState
from .actions import ACTIONS, MENUS, translated

if TYPE_CHECKING:
    from ...pipeline.metrics import FrameMetrics
    from ...types import FrameResult
    from ..app_settings import AppSettings

log = logging.getLogger(__name__)

SMALLEST = QSize(800, 500)  # widget pixels of the window

_NARROW = 1000  # widget pixels: in a narrower window the panels are a strip below the picture
_SIDE = 0.3  # of the window's width that panels beside the picture get at first
_MOST_SIDE = 0.4  # ... and that they may keep when the window gets smaller
_BELOW = 0.3  # of the window's height that a strip below the picture gets
_OTHERS = 175  # widget pixels of the height that menus, bars and tabs take
_MOST_BELOW = 0.34
_VERSION = 2

_Area = Qt.DockWidgetArea
_BELOW_PICTURE = _Area.BottomDockWidgetArea


def first_size(available: QSize) -> QSize:
    """The size of a window at its first start: most of the screen, never more than all of it."""
    wanted = (available * 0.8).expandedTo(SMALLEST)
    return wanted.boundedTo(available)


class Layout(QObject):
    """Keeps the docks of a window, one for each entry of PANELS, and saves their layout.

    `toggles` are the commands that show and hide a panel; a panel behind another tab is brought
    to the front. `seen_changed`: another panel is visible, or none.
    """

    seen_changed = Signal()

    def __init__(self, window: QMainWindow, view: ViewState, settings: AppSettings) -> None:
        super().__init__(window)
        self._window = window
        self._settings = settings
        self._hidden: list[QDockWidget] = []
        self._front: list[QDockWidget] = []  # of those, which were seen
        self._below: list[QDockWidget] = []  # moved there because the window is narrow
        self._behind: set[str] = set()  # other panels: Qt calls them visible, too
        self._restored = False
        self._ready = False  # before that sizes are not those that the window will have
        self._newest: FrameResult | None = None
        self.docks: dict[str, QDockWidget] = {}
        self.toggles: dict[str, QAction] = {}
        self._build_docks(view)
        view.changed.connect(self._view_changed)

    def show_result(self, result: FrameResult) -> None:
        """Hand a result to the panels that are visible; the others get it when they are."""
        self._newest = result
        for panel in self._visible_panels():
            panel.show_result(result)

    def _view_changed(self, name: str) -> None:
        if name == "person" and self._newest is not None:  # while paused no other one comes
            self.show_result(self._newest)

    def show_stats(self, stats: FrameMetrics) -> None:
        """Hand the figures to the panels that are visible."""
        for panel in self._visible_panels():
            panel.show_stats(stats)

    def set_panels_hidden(self, hidden: bool) -> None:
        """Hide all panels, or show those again that this hid."""
        if hidden:
            self._hidden = [dock for dock in self.docks.values() if not dock.isHidden()]
            self._front = [dock for dock in self._hidden if self.is_seen(dock)]
        for dock in self._hidden:
            dock.setVisible(not hidden)
        if not hidden:
            for dock in self._front:
                dock.raise_()
            self._hidden, self._front = [], []

    def is_seen(self, dock: QDockWidget) -> bool:
        """Whether a panel is shown and not behind another."""
        return dock.isVisible() and dock.objectName() not in self._behind

    def place(self) -> None:
        """Arrange the panels as at the first start: the picture gets most of the window."""
        window = self._window
        areas = {spec.key: spec.area for spec in PANELS}
        self._below = []
        if window.width() < _NARROW:
            beside = [key for key, area in areas.items() if area == _Area.RightDockWidgetArea]
            areas |= dict.fromkeys(beside, _BELOW_PICTURE)
            self._below = [self.docks[key] for key in beside]
        behind: dict[Qt.DockWidgetArea, QDockWidget] = {}
        for dock in self.docks.values():
            dock.setFloating(False)
        elsewhere = [
            key for key, dock in self.docks.items() if window.dockWidgetArea(dock) != areas[key]
        ]
        self._take_out([self.docks[key] for key in elsewhere])
        for key, area in areas.items():
            dock = self.docks[key]
            if key in elsewhere:
                window.addDockWidget(area, dock)
            dock.show()
            if area in behind:
                window.tabifyDockWidget(behind[area], dock)
            behind[area] = dock
        for spec in PANELS:
            if not spec.shown_first:
                self.docks[spec.key].hide()
        first = self.docks[PANELS[0].key]
        first.raise_()
        self._title()
        self.adapt()
        size = window.size()
        window.resizeDocks([first], [round(size.width() * _SIDE)], Qt.Orientation.Horizontal)
        window.resizeDocks([first], [_strip(size.height())], Qt.Orientation.Vertical)

    def adapt(self) -> None:
        """Follow the window's size: panels shrink before the picture does."""
        window = self._window
        if not self._ready:
            return
        if window.width() < _NARROW:
            beside = [d for d in self.docks.values() if self._is_in(d, _Area.RightDockWidgetArea)]
            if beside:
                self._below += beside
                others = [d for d in self.docks.values() if self._is_in(d, _BELOW_PICTURE)]
                self._move([*beside, *others], _BELOW_PICTURE)
                height = _strip(window.height())
                window.resizeDocks([beside[0]], [height], Qt.Orientation.Vertical)
        elif self._below:
            self.unfold()
            window.resizeDocks(
                [next(iter(self.docks.values()))],
                [round(window.width() * _SIDE)],
                Qt.Orientation.Horizontal,
            )
        for dock in self.docks.values():
            if not self.is_seen(dock) or dock.isFloating():
                continue
            if window.dockWidgetArea(dock) in (_Area.LeftDockWidgetArea, _Area.RightDockWidgetArea):
                most = round(window.width() * _MOST_SIDE)
                if dock.width() > most:
                    window.resizeDocks([dock], [most], Qt.Orientation.Horizontal)
            else:
                most = max(round(_MOST_BELOW * window.height()) - 20, _strip(window.height()))
                if dock.height() > most:
                    window.resizeDocks([dock], [most], Qt.Orientation.Vertical)

    def _give_room(self, dock: QDockWidget) -> None:
        """Make a panel below the picture high enough to be read."""
        window = self._window
        wanted = _strip(window.height())
        if self._is_in(dock, _BELOW_PICTURE) and dock.height() < wanted:
            window.resizeDocks([dock], [wanted], Qt.Orientation.Vertical)

    def unfold(self) -> None:
        """Move panels back beside the picture that a narrow window had moved below it."""
        back = [d for d in self._below if self._is_in(d, _BELOW_PICTURE)]
        self._below = []
        self._move(back, _Area.RightDockWidgetArea)

    def _is_in(self, dock: QDockWidget, area: Qt.DockWidgetArea) -> bool:
        return not dock.isFloating() and self._window.dockWidgetArea(dock) == area

    def _move(self, docks: Sequence[QDockWidget], area: Qt.DockWidgetArea) -> None:
        """Move panels to another side, as tabs; the visible ones stay visible."""
        hidden = [dock for dock in docks if dock.isHidden()]
        front = [dock for dock in docks if self.is_seen(dock)]
        self._take_out(docks)
        for before, dock in zip((None, *docks), docks, strict=False):
            self._window.addDockWidget(area, dock)
            dock.show()
            if before is not None:
                self._window.tabifyDockWidget(before, dock)
        for dock in hidden:
            dock.hide()
        for dock in front or list(docks[:1]):
            dock.raise_()
        self._title()

    def _take_out(self, docks: Sequence[QDockWidget]) -> None:
        """Remove docks, all before the first is added again: otherwise Qt leaves empty tabs."""
        for dock in docks:
            self._window.removeDockWidget(dock)

    def restore(self) -> None:
        """Restore the saved layout; call it once everything is in the window."""
        window = self._window
        if not self._restore("window.geometry", window.restoreGeometry):
            window.resize(first_size(window.screen().availableSize()))
        self._restored = self._restore("window.state", lambda s: window.restoreState(s, _VERSION))

    def shown(self) -> None:
        """Adapt the layout before the window is shown first: one too large would enlarge it."""
        self._ready = True
        if not self._restored:
            self.place()
        self.adapt()

    def _restore(self, key: str, restore: Callable[[QByteArray], bool]) -> bool:
        text = self._settings.get(key)
        try:
            return bool(text) and restore(QByteArray(base64.b64decode(text.encode("ascii"))))
        except ValueError:  # damaged: the window goes where the system puts it
            log.warning("%s is not readable", key)
            return False

    def remember(self) -> None:
        """Save size, position and panels for the next start."""
        window = self._window
        self.unfold()  # the next window may be a wide one
        self.set_panels_hidden(False)  # it does not know that they were hidden for the moment
        self._settings.update(
            {
                "window.geometry": _text_of(window.saveGeometry()),
                "window.state": _text_of(window.saveState(_VERSION)),
            }
        )

    def _later(self, *_: object) -> None:
        QTimer.singleShot(0, self, self._title)

    def _title(self) -> None:
        """Hide the title bar of a panel among tabs: its tab has the title."""
        for dock in self.docks.values():
            tabbed = bool(self._window.tabifiedDockWidgets(dock)) and not dock.isFloating()
            if tabbed != (dock.titleBarWidget() is not None):
                old = dock.titleBarWidget()
                dock.setTitleBarWidget(QWidget() if tabbed else None)  # type: ignore[arg-type]
                if old is not None:
                    old.deleteLater()

    def _visible_panels(self) -> list[Any]:
        return [dock.widget() for dock in self.docks.values() if self.is_seen(dock)]

    def _build_docks(self, view: ViewState) -> None:
        window = self._window
        option = QMainWindow.DockOption
        window.setDockOptions(
            option.AnimatedDocks
            | option.AllowNestedDocks
            | option.AllowTabbedDocks
            | option.GroupedDragging  # a tab can be pulled out of its group
        )
        # The column on the right is as high as the window: the stacks need the room.
        window.setCorner(Qt.Corner.BottomRightCorner, _Area.RightDockWidgetArea)
        window.setTabPosition(_Area.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        distances = Distances()  # the same figures in all panels
        for number, spec in enumerate(PANELS, start=2):
            dock = QDockWidget(self.tr(spec.title), window)
            dock.setObjectName(spec.key)
            dock.setWidget(spec.factory(view, distances))
            window.addDockWidget(spec.area, dock)
            dock.topLevelChanged.connect(self._later)
            dock.topLevelChanged.connect(partial(_grow, dock))
            dock.dockLocationChanged.connect(self._later)
            self.docks[spec.key] = dock
            self.toggles[spec.key] = self._toggle(spec, dock, f"F{number}")

    def _toggle(self, spec: PanelSpec, dock: QDockWidget, key: str) -> QAction:
        action = QAction(icon(spec.icon), self.tr(spec.title), self._window)
        action.setObjectName(f"panel_{spec.key}")
        action.setCheckable(True)
        action.setIconVisibleInMenu(False)
        action.setShortcut(key)
        action.setToolTip(f"{self.tr(spec.title)} ({key})")

        def show_or_hide() -> None:
            if self.is_seen(dock):
                dock.hide()
            else:
                dock.show()
                dock.raise_()
                self._give_room(dock)
            action.setChecked(self.is_seen(dock))

        action.triggered.connect(show_or_hide)

        panel: Any = dock.widget()

        def visibility_changed(seen: bool) -> None:
            (self._behind.discard if seen else self._behind.add)(spec.key)
            action.setChecked(seen)
            if seen and self._newest is not None:  # while paused no other one comes
                panel.show_result(self._newest)
            self.seen_changed.emit()

        dock.visibilityChanged.connect(visibility_changed)
        self._window.addAction(action)
        return action


def _grow(dock: QDockWidget, floating: bool) -> None:
    """A panel that was torn off is large enough to read; from behind a tab it comes tiny."""
    if floating:
        dock.resize(dock.size().expandedTo(dock.widget().sizeHint()))


def _strip(height: int) -> int:
    """Of a strip below the picture in a window of that height: the picture keeps two fifths."""
    return round(min(_BELOW * height, 0.6 * height - _OTHERS))


def build_menus(
    window: QMainWindow, commands: Mapping[str, QAction], toggles: Sequence[QAction]
) -> dict[str, QMenu]:
    """Fill the menu bar with ACTIONS; returns the menus by their titles in MENUS."""
    menus: dict[str, QMenu] = {}
    for title in MENUS:
        menus[title] = window.menuBar().addMenu(translated(title))
        menus[title].setToolTipsVisible(True)
    for spec in ACTIONS:
        if spec.separator:
            menus[spec.menu].addSeparator()
        menus[spec.menu].addAction(commands[spec.name])
    panels = menus["Pa&nels"]
    first = panels.actions()[0]
    panels.insertActions(first, toggles)
    panels.insertSeparator(first)
    return menus


def menu_button(name: str, text: str) -> QToolButton:
    """A button with icon and text that opens a menu."""
    button = QToolButton()
    button.setIcon(icon(name))
    button.setText(text)
    button.setAccessibleName(text)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    button.setProperty("labelled", "true")
    return button


def _text_of(state: QByteArray) -> str:
    return base64.b64encode(state.data()).decode()
