"""Dark, light or the desktop's colours: one palette and one short style sheet for both."""

from __future__ import annotations

from PySide6.QtCore import QDir, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from ..paths import bundled
from .canvas import colours

_Role = QPalette.ColorRole

_DARK = {
    _Role.Window: "#12151d",
    _Role.Base: "#0d1017",
    _Role.AlternateBase: "#171b25",
    _Role.Button: "#1d2230",
    _Role.Mid: "#2a3142",
    _Role.Midlight: "#232938",
    _Role.Light: "#343c50",
    _Role.Dark: "#0a0c12",
    _Role.Shadow: "#000000",
    _Role.WindowText: "#e5e9f2",
    _Role.Text: "#e5e9f2",
    _Role.ButtonText: "#e5e9f2",
    _Role.PlaceholderText: "#8791a7",
    _Role.ToolTipBase: "#1d2230",
    _Role.ToolTipText: "#e5e9f2",
}
_LIGHT = {
    _Role.Window: "#f3f5f9",
    _Role.Base: "#ffffff",
    _Role.AlternateBase: "#f8f9fc",
    _Role.Button: "#ffffff",
    _Role.Mid: "#d3d9e4",
    _Role.Midlight: "#e4e8f0",
    _Role.Light: "#ffffff",
    _Role.Dark: "#aab3c4",
    _Role.Shadow: "#667085",
    _Role.WindowText: "#1b2130",
    _Role.Text: "#1b2130",
    _Role.ButtonText: "#1b2130",
    _Role.PlaceholderText: "#667085",
    _Role.ToolTipBase: "#ffffff",
    _Role.ToolTipText: "#1b2130",
}

_STYLE = """
QMainWindow::separator { background: palette(window); width: 6px; height: 6px; }
QMainWindow::separator:hover { background: palette(highlight); }
QToolBar { border: none; border-bottom: 1px solid palette(mid); padding: 3px 8px; spacing: 4px; }
QToolBar::separator { background: palette(mid); width: 1px; margin: 6px 6px; }
QToolButton { border: 1px solid transparent; border-radius: 7px; padding: 5px; }
#low { padding: 1px 4px; }
QToolButton:hover { background: palette(midlight); }
QToolButton:pressed { background: palette(mid); }
QToolButton:checked { background: %(accent_soft)s; border-color: %(accent)s; }
QToolButton:focus { border-color: %(accent)s; }
QToolButton[segment] { padding: 5px 10px; border-radius: 0; background: palette(button);
  border-color: palette(mid); margin-left: -1px; }
QToolButton[segment="first"], QToolButton[segment="alone"] { border-top-left-radius: 7px;
  border-bottom-left-radius: 7px; margin-left: 0; }
QToolButton[segment="last"], QToolButton[segment="alone"] { border-top-right-radius: 7px;
  border-bottom-right-radius: 7px; }
QToolButton[segment]:hover { background: palette(midlight); }
QToolButton[segment]:checked { background: %(accent_soft)s; border-color: %(accent)s; }
QToolButton#record { color: %(red)s; font-weight: 600; padding-right: 26px; }
QToolButton#record::menu-button { border: none; width: 20px; }
QToolButton#record::menu-arrow { image: url(theme:down.svg); width: 10px; height: 10px; }
QToolButton#record[running="true"], #pill { background: #dc2626; border: 1px solid #dc2626;
  border-radius: 12px; color: white; font-weight: 600; padding: 5px 14px; }
QToolButton#record[running="true"]:hover, #pill:hover { background: #b91c1c; }
QToolButton[labelled="true"] { padding: 5px 10px; background: palette(button);
  border-color: palette(mid); }
QToolButton[labelled="compact"] { padding: 4px 6px; background: palette(button);
  border-color: palette(mid); }
QToolButton[labelled="compact"]:hover { background: palette(midlight); }
QToolButton[labelled="true"]:hover { background: palette(midlight); }
QToolButton[state="amber"] { color: %(amber)s; border-color: %(amber)s; }
QToolButton::menu-indicator { image: none; width: 0; }
QMenuBar { background: palette(window); padding: 2px 6px; }
QMenuBar::item { padding: 4px 9px; border-radius: 5px; background: transparent; }
QMenuBar::item:selected { background: palette(midlight); }
QMenu { background: palette(button); border: 1px solid palette(mid); padding: 5px; }
QMenu::item { padding: 5px 26px 5px 10px; border-radius: 5px; }
QMenu::item:selected { background: %(accent)s; color: white; }
QMenu::item:disabled { color: %(faint)s; }
QMenu::indicator { width: 14px; height: 14px; margin-left: 4px; }
QMenu::indicator:checked { background: %(accent)s; border: 1px solid %(accent)s; border-radius: 4px;
  image: url(theme:check.svg); }
QMenu::icon { padding-left: 8px; }
QMenu::separator { height: 1px; background: palette(mid); margin: 5px 8px; }
QDockWidget { font-weight: 600; border: 1px solid %(outline)s;
  titlebar-close-icon: url(theme:close.svg); titlebar-normal-icon: url(theme:float.svg); }
QDockWidget::close-button, QDockWidget::float-button { border: none; border-radius: 4px;
  padding: 0; icon-size: 14px; }
QDockWidget::close-button:hover, QDockWidget::float-button:hover { background: palette(midlight); }
QDockWidget::title { background: palette(window); padding: 7px 10px; text-align: left;
  border-top: 1px solid palette(mid); }
QStatusBar { border-top: 1px solid palette(mid); }
QStatusBar QToolButton[labelled="true"] { padding: 2px 9px; margin: 2px 6px; }
QStatusBar::item { border: none; }
QStatusBar QLabel { padding: 1px 8px; }
QPushButton { background: palette(button); border: 1px solid %(outline)s; border-radius: 7px;
  padding: 5px 14px; }
QPushButton:hover { background: palette(midlight); }
QPushButton:pressed { background: palette(mid); }
QPushButton:focus { border-color: %(accent)s; }
QPushButton:default { background: %(accent)s; border-color: %(accent)s; color: white; }
QPushButton:default:hover { background: %(accent_hover)s; }
QPushButton:disabled, QPushButton:default:disabled { background: transparent;
  border-color: palette(mid); color: %(faint)s; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QLineEdit, QComboBox, QAbstractSpinBox { background: palette(base); border-radius: 6px;
  border: 1px solid %(outline)s; padding: 4px 8px; min-height: 18px;
  selection-background-color: %(accent)s; selection-color: white; }
QLineEdit:focus, QComboBox:focus, QAbstractSpinBox:focus { border-color: %(accent)s; }
QLineEdit:disabled, QComboBox:disabled, QAbstractSpinBox:disabled { color: %(faint)s;
  border-color: palette(mid); }
QAbstractSpinBox { padding-right: 22px; }
QComboBox { padding-right: 2px; }
QComboBox::drop-down { border: none; width: 20px; }
QComboBox::down-arrow { image: url(theme:down.svg); width: 10px; height: 10px; }
QComboBox QAbstractItemView { background: palette(button); border: 1px solid %(outline)s;
  padding: 4px; outline: 0; }
QComboBox QAbstractItemView::item { padding: 4px 8px; min-height: 20px; }
QComboBox QAbstractItemView::item:selected { background: %(accent)s; color: white; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { border: none; width: 20px;
  subcontrol-origin: border; }
QAbstractSpinBox::up-button { subcontrol-position: top right; margin-top: 3px; }
QAbstractSpinBox::down-button { subcontrol-position: bottom right; margin-bottom: 3px; }
QAbstractSpinBox::up-arrow { image: url(theme:up.svg); width: 10px; height: 10px; }
QAbstractSpinBox::down-arrow { image: url(theme:down.svg); width: 10px; height: 10px; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: %(groove)s; }
QSlider::sub-page:horizontal { border-radius: 2px; background: %(accent)s; }
QSlider::sub-page:horizontal:disabled { background: %(groove)s; }
QSlider::handle:horizontal { width: 12px; height: 12px; margin: -5px 0; border-radius: 7px;
  background: %(handle)s; border: 1px solid %(handle_edge)s; }
QSlider::handle:horizontal:hover, QSlider:focus::handle:horizontal { border-color: %(accent)s; }
QSlider::handle:horizontal:disabled { background: %(groove)s; border-color: palette(mid); }
QCheckBox { spacing: 8px; }
QCheckBox::indicator, QAbstractItemView::indicator { width: 14px; height: 14px; border-radius: 4px;
  border: 1px solid %(outline)s; background: palette(base); }
QCheckBox::indicator { width: 16px; height: 16px; }
QCheckBox::indicator:hover, QCheckBox:focus::indicator { border-color: %(accent)s; }
QCheckBox::indicator:checked, QAbstractItemView::indicator:checked { background: %(accent)s;
  border-color: %(accent)s; image: url(theme:check.svg); }
QAbstractItemView::indicator:checked:selected { border-color: white; }
QAbstractItemView::indicator:indeterminate { background: %(accent)s;
  border-color: %(accent)s; image: url(theme:partly.svg); }
QCheckBox:disabled { color: %(faint)s; }
QCheckBox::indicator:disabled { border-color: palette(mid); }
QPlainTextEdit, QTextBrowser, QTableView, QListView, QTreeView { background: palette(base);
  border: 1px solid palette(mid); border-radius: 6px; }
QPlainTextEdit:focus, QTableView:focus, QListView:focus, QTreeView:focus {
  border-color: %(accent)s; }
QTableView, QListView, QTreeView { outline: 0;
  alternate-background-color: palette(alternate-base); }
QTableView::item { padding: 0 8px; }
#keys::item { padding: 4px 0; }
QTableView::item:selected { background: %(accent)s; color: white; }
QHeaderView { background: transparent; }
QHeaderView::section { background: palette(window); border: none;
  border-bottom: 1px solid palette(mid); padding: 6px 8px; color: %(faint)s; }
QTableView QTableCornerButton::section { background: palette(window); border: none; }
#pages { background: transparent; border: none; }
#pages::item { padding: 9px 12px; margin: 1px 0; border-radius: 7px; color: palette(text); }
#pages::item:hover { background: palette(midlight); }
#pages::item:selected { background: %(accent_soft)s; color: palette(text); }
#card { background: palette(base); border: 1px solid palette(mid); border-radius: 8px; }
#title { font-size: 17px; font-weight: 600; }
#heading { font-weight: 600; }
#faint { color: %(faint)s; }
#trouble { color: %(amber)s; }
QProgressBar { background: palette(mid); border: none; border-radius: 3px; max-height: 6px;
  min-height: 6px; }
QProgressBar::chunk { background: %(accent)s; border-radius: 3px; }
QScrollArea { border: none; background: transparent; }
QScrollBar { background: transparent; border: none; margin: 0; }
QScrollBar:vertical { width: 12px; }
QScrollBar:horizontal { height: 12px; }
QScrollBar::handle { background: %(scroll)s; border-radius: 4px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: %(outline)s; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QTabBar::tab { padding: 6px 14px; border: none; border-bottom: 2px solid transparent; }
QTabBar::tab:selected { border-bottom-color: %(accent)s; }
QToolTip { padding: 5px 7px; border: 1px solid palette(mid); }
#countdown { background: rgba(15, 18, 28, 170); color: white; border-radius: 24px;
  font-weight: 700; }
#steps { background: palette(base); border-top: 1px solid palette(mid); }
#banner { background: %(banner)s; border-bottom: 1px solid %(amber)s; }
#toast, #hint { background: palette(button); border: 1px solid palette(mid); border-radius: 10px; }
#words { font-weight: 500; }
"""


def is_dark(theme: str) -> bool:
    """Whether `dark`, `light` or `system` means dark now."""
    if theme == "system":
        return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    return theme == "dark"


def apply(app: QApplication, theme: str) -> None:
    """Colour the whole application: `dark`, `light` or `system`."""
    schemes = {"dark": Qt.ColorScheme.Dark, "light": Qt.ColorScheme.Light}
    # Window frames, file dialogs and everything else the desktop draws follow this.
    QGuiApplication.styleHints().setColorScheme(schemes.get(theme, Qt.ColorScheme.Unknown))
    QDir.setSearchPaths(
        "theme", [str(bundled("assets", "theme"))]
    )  # the style sheet's url(theme:…)
    app.setPalette(_palette(_DARK if is_dark(theme) else _LIGHT))


def style_sheet(theme: str) -> str:
    """Shapes and spacing of a window and its dialogs; its colours are the palette's."""
    dark = is_dark(theme)
    table = _DARK if dark else _LIGHT
    return _STYLE % {
        "accent": colours.ACCENT.name(),
        "accent_soft": "rgba(99, 102, 241, 70)" if dark else "rgba(99, 102, 241, 45)",
        "amber": colours.AMBER.name() if dark else "#b45309",
        "red": colours.RED.name(),
        "banner": "#3a2a0c" if dark else "#fef3c7",
        "faint": table[_Role.PlaceholderText],
        "outline": outline(dark).name(),
        "groove": "#3d465c" if dark else "#c3cad8",
        "handle_edge": "#6d778d" if dark else "#667085",
        "handle": "#e5e9f2" if dark else "#ffffff",
        "scroll": table[_Role.Light] if dark else table[_Role.Dark],
        "accent_hover": colours.ACCENT.lighter(112).name(),
    }


def outline(dark: bool) -> QColor:
    """The line around fields, check boxes and floating panels.

    At least 3 to 1 on what is behind it (WCAG 2.1, 1.4.11).
    """
    return QColor("#6d778d" if dark else "#7b869c")


def _palette(table: dict[QPalette.ColorRole, str]) -> QPalette:
    palette = QPalette()
    for role, name in table.items():
        palette.setColor(role, QColor(name))
    palette.setColor(_Role.Highlight, colours.ACCENT)
    palette.setColor(_Role.HighlightedText, QColor("white"))
    palette.setColor(_Role.Accent, colours.ACCENT)
    dark = table is _DARK
    palette.setColor(
        _Role.Link, colours.ACCENT.lighter(125) if dark else colours.ACCENT.darker(115)
    )
    faint = palette.color(_Role.PlaceholderText)
    faint.setAlpha(150)
    for role in (_Role.WindowText, _Role.Text, _Role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, faint)
    return palette
