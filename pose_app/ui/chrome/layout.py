"""Where things are in the window: toolbar, menus and the docks of the panels."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QObject, QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QDockWidget,
    QLabel,
    QMainWindow,
    QMenu,
    QSizePolicy,
    QToolBar,
    QToolButton,
    QWidget,
)

from ..icons import icon
from ..panels import PANELS
from ..state.view_state import ViewState
from .actions import ACTIONS, MENUS, translated

if TYPE_CHECKING:
    from ...pipeline.metrics import FrameMetrics
    from ...types import FrameResult
    from ..app_settings import AppSettings

log = logging.getLogger(__name__)

# Commands on the toolbar, in groups; what is after None stands on the right.
TOOLBAR: tuple[tuple[str, ...] | None, ...] = (
    ("pause", "step"),
    ("heatmap", "compare"),
    ("mirror", "fullscreen"),
    None,
    ("snapshot", "record", "record_raw"),
)

_SMALL = 1100  # widget pixels: narrower windows start with fewer panels
_VERSION = 1


class Layout(QObject):
    """Keeps the docks of a window, one for each entry of PANELS, and what is remembered of it."""

    def __init__(self, window: QMainWindow, view: ViewState, settings: AppSettings) -> None:
        super().__init__(window)
        self._window = window
        self._settings = settings
        self._hidden: list[QDockWidget] = []
        self._first = QByteArray()
        self.docks: dict[str, QDockWidget] = {}
        self._build_docks(view)

    def show_result(self, result: FrameResult) -> None:
        """Hand a result to the panels that are visible."""
        for panel in self._visible_panels():
            panel.show_result(result)

    def show_stats(self, stats: FrameMetrics) -> None:
        """Hand the figures to the panels that are visible."""
        for panel in self._visible_panels():
            panel.show_stats(stats)

    def set_panels_hidden(self, hidden: bool) -> None:
        """Hide all panels, or show those again that were hidden so."""
        if hidden:
            self._hidden = [dock for dock in self.docks.values() if not dock.isHidden()]
        for dock in self._hidden:
            dock.setVisible(not hidden)

    def place(self) -> None:
        """Where nothing is remembered the picture gets most of the window, whatever panels would
        like. On a small screen the panel of the left side waits behind its button."""
        sides = {
            Qt.DockWidgetArea.LeftDockWidgetArea: 0.2,
            Qt.DockWidgetArea.RightDockWidgetArea: 0.28,
        }
        window = self._window
        for spec in PANELS:
            dock = self.docks[spec.key]
            left = spec.area == Qt.DockWidgetArea.LeftDockWidgetArea
            dock.setVisible(spec.shown_first and not (left and window.width() < _SMALL))
            if spec.area in sides:
                wanted = round(window.width() * sides[spec.area])
                window.resizeDocks([dock], [wanted], Qt.Orientation.Horizontal)
            elif spec.area == Qt.DockWidgetArea.BottomDockWidgetArea:
                wanted = round(window.height() * 0.25)
                window.resizeDocks([dock], [wanted], Qt.Orientation.Vertical)

    def reset(self) -> None:
        """Every panel where it was at the first start."""
        self._window.restoreState(self._first, _VERSION)
        self.place()

    def restore(self) -> None:
        """Take over what is remembered. Once everything is in the window."""
        self._first = self._window.saveState(_VERSION)
        for key, restore in (
            ("window.geometry", self._window.restoreGeometry),
            ("window.state", lambda state: self._window.restoreState(state, _VERSION)),
        ):
            text = self._settings.get(key)
            try:
                restore(QByteArray(base64.b64decode(text.encode("ascii"))))
            except ValueError:  # damaged: the window goes where the system puts it
                log.warning("%s is not readable", key)

    def remember(self) -> None:
        """Keep size, place and panels for the next start."""
        window = self._window
        self._settings.update(
            {
                "window.geometry": _text_of(window.saveGeometry()),
                "window.state": _text_of(window.saveState(_VERSION)),
            }
        )

    def _visible_panels(self) -> list[Any]:
        return [dock.widget() for dock in self.docks.values() if dock.widget().isVisible()]

    def _build_docks(self, view: ViewState) -> None:
        window = self._window
        window.setDockNestingEnabled(True)
        # The column on the right is as high as the window: the stacks need the room.
        window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        for number, spec in enumerate(PANELS, start=2):
            dock = QDockWidget(self.tr(spec.title), window)
            dock.setObjectName(spec.key)
            dock.setWidget(spec.factory(view))
            toggle = dock.toggleViewAction()
            toggle.setIcon(icon(spec.icon))
            toggle.setShortcut(f"F{number}")
            toggle.setToolTip(f"{spec.title} (F{number})")
            window.addDockWidget(spec.area, dock)
            dock.setVisible(spec.shown_first)
            self.docks[spec.key] = dock


def build_toolbar(
    window: QMainWindow,
    commands: Mapping[str, QAction],
    docks: Mapping[str, QDockWidget],
    source: QToolButton,
    recording: QLabel,
) -> QToolBar:
    """The source on the left, commands, and the recording on the right."""
    bar = QToolBar(window.tr("Toolbar"))
    bar.setObjectName("toolbar")
    bar.setMovable(False)
    bar.setIconSize(QSize(20, 20))
    bar.toggleViewAction().setEnabled(False)
    bar.addWidget(source)
    for group in TOOLBAR:
        if group is None:
            bar.addSeparator()
            for dock in docks.values():
                bar.addAction(dock.toggleViewAction())
            spacer = QWidget()
            spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            bar.addWidget(spacer)
            bar.addWidget(recording)
            continue
        if group != TOOLBAR[TOOLBAR.index(None) + 1]:
            bar.addSeparator()
        for name in group:
            action = commands[name]
            bar.addAction(action)
            bar.widgetForAction(action).setAccessibleName(action.text())
    window.addToolBar(bar)
    return bar


def build_menus(
    window: QMainWindow, commands: Mapping[str, QAction], docks: Mapping[str, QDockWidget]
) -> dict[str, QMenu]:
    """The menu bar, as ACTIONS say it; returns the menus by their titles in MENUS."""
    menus: dict[str, QMenu] = {}
    for title in MENUS:
        menus[title] = window.menuBar().addMenu(translated(title))
        menus[title].setToolTipsVisible(True)
    for spec in ACTIONS:
        if spec.separator:
            menus[spec.menu].addSeparator()
        menus[spec.menu].addAction(commands[spec.name])
    panels = menus["&Panels"]
    first = panels.actions()[0]
    for dock in docks.values():
        panels.insertAction(first, dock.toggleViewAction())
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
