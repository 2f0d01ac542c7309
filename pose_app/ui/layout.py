"""Toolbar, docks and menus of the window, made from the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QDockWidget,
    QLabel,
    QMenu,
    QSizePolicy,
    QToolBar,
    QToolButton,
    QWidget,
)

from .actions import ACTIONS, MENUS, translated
from .icons import icon
from .panels import PANELS

if TYPE_CHECKING:
    from .main_window import MainWindow

# Commands on the toolbar, in groups; what is after None stands on the right.
TOOLBAR: tuple[tuple[str, ...] | None, ...] = (
    ("pause", "step"),
    ("heatmap", "compare"),
    ("mirror", "fullscreen"),
    None,
    ("snapshot", "record", "record_raw"),
)

_SMALL = 1100  # widget pixels: narrower windows start with fewer panels


def build_toolbar(window: MainWindow) -> None:
    """The source on the left, commands, and the recording on the right.

    The badge of the model stands at the foot of the window: long as it is, it would push the
    recording out of a small one.
    """
    bar = QToolBar(window.tr("Toolbar"))
    bar.setObjectName("toolbar")
    bar.setMovable(False)
    bar.setIconSize(QSize(20, 20))
    bar.toggleViewAction().setEnabled(False)
    window.toolbar = bar
    window.source_button = _menu_button("camera", window.tr("Source"))
    window.model_button = _menu_button("models", window.tr("Model"))
    window.recording_label = QLabel()
    window.recording_label.setObjectName("recording")
    window.recording_label.setAccessibleName(window.tr("Recording"))
    bar.addWidget(window.source_button)
    for group in TOOLBAR:
        if group is None:
            bar.addSeparator()
            for dock in window.docks.values():
                bar.addAction(dock.toggleViewAction())
            spacer = QWidget()
            spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            bar.addWidget(spacer)
            window.recording_place = bar.addWidget(window.recording_label)
            continue
        if group != TOOLBAR[TOOLBAR.index(None) + 1]:
            bar.addSeparator()
        for name in group:
            action = window.commands[name]
            bar.addAction(action)
            bar.widgetForAction(action).setAccessibleName(action.text())
    window.addToolBar(bar)
    window.status.addPermanentWidget(window.model_button)


def build_docks(window: MainWindow) -> None:
    """One dock per entry of PANELS."""
    # The column on the right is as high as the window: the stacks need the room.
    window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
    for number, spec in enumerate(PANELS, start=2):
        dock = QDockWidget(window.tr(spec.title), window)
        dock.setObjectName(spec.key)
        dock.setWidget(spec.factory(window.bridge, window.view))
        toggle = dock.toggleViewAction()
        toggle.setIcon(icon(spec.icon))
        toggle.setShortcut(f"F{number}")
        toggle.setToolTip(f"{spec.title} (F{number})")
        window.addDockWidget(spec.area, dock)
        dock.setVisible(spec.shown_first)
        window.docks[spec.key] = dock


def place_docks(window: MainWindow) -> None:
    """Where nothing is remembered the picture gets most of the window, whatever panels would like.

    On a small screen the panel of the left side waits behind its button.
    """
    sides = {Qt.DockWidgetArea.LeftDockWidgetArea: 0.2, Qt.DockWidgetArea.RightDockWidgetArea: 0.28}
    for spec in PANELS:
        dock = window.docks[spec.key]
        left = spec.area == Qt.DockWidgetArea.LeftDockWidgetArea
        dock.setVisible(spec.shown_first and not (left and window.width() < _SMALL))
        if spec.area in sides:
            wanted = round(window.width() * sides[spec.area])
            window.resizeDocks([dock], [wanted], Qt.Orientation.Horizontal)
        elif spec.area == Qt.DockWidgetArea.BottomDockWidgetArea:
            wanted = round(window.height() * 0.25)
            window.resizeDocks([dock], [wanted], Qt.Orientation.Vertical)


def build_menus(window: MainWindow) -> None:
    """The menu bar; the menus of source and model are those of their buttons too."""
    menus: dict[str, QMenu] = {}
    for title in MENUS:
        menus[title] = window.menuBar().addMenu(translated(title))
        menus[title].setToolTipsVisible(True)
    for spec in ACTIONS:
        if spec.separator:
            menus[spec.menu].addSeparator()
        menus[spec.menu].addAction(window.commands[spec.name])
    panels = menus["&Panels"]
    first = panels.actions()[0]
    for dock in window.docks.values():
        panels.insertAction(first, dock.toggleViewAction())
    panels.insertSeparator(first)
    window.sources.fill(menus["&Source"], window.commands["open_file"])
    window.models.fill(menus["&Model"], window.commands["models"])
    window.source_button.setMenu(menus["&Source"])
    window.model_button.setMenu(menus["&Model"])


def _menu_button(name: str, text: str) -> QToolButton:
    button = QToolButton()
    button.setIcon(icon(name))
    button.setText(text)
    button.setAccessibleName(text)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    button.setProperty("labelled", "true")
    return button
