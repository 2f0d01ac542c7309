"""A page of the preferences, generated from the settings of one group."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import shiboken6
from PySide6.QtCore import QCoreApplication, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ... import paths
from ...errors import PoseAppError
from ...settings import Settings
from ...settings_table import CHOICE_LABELS, SETTINGS, Setting
from ..units import size_of
from .asking import Dialogs
from .parts import faint, heading, let_scroll

if TYPE_CHECKING:
    from ..tasks import TaskRunner

_EDITOR = 240  # widget pixels: all fields of a page are as wide
_INDENT = (7, 0, 0, 0)  # of numbers: style sheets cannot indent the text of a spin box
_STEP = 0.05  # of numbers with a fraction
_ASK_MS = 250  # after the last key before the disk is asked


class Editor(NamedTuple):
    """A setting's widget, and how to read and write its value."""

    widget: QWidget
    get: Callable[[], Any]
    put: Callable[[Any], None]


def tr(text: str) -> str:
    """The text in the language of the window."""
    return QCoreApplication.translate("settings", text)


class SettingsPage(QWidget):
    """One row per setting: its label, its field and its help text.

    `edited(key)`: another value is shown. `tasks` asks for free disk space on a thread; without
    it the free space is not shown.
    """

    edited = Signal(str)

    def __init__(
        self,
        group: str,
        settings: Settings,
        dialogs: Dialogs,
        tasks: TaskRunner | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.title = tr(group)
        self._dialogs = dialogs
        self._tasks = tasks
        self.editors: dict[str, Editor] = {}
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(4, 2, 14, 2)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(18)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnMinimumWidth(0, 150)
        self._grid.setColumnStretch(1, 1)
        for setting in SETTINGS:
            if setting.group == group:
                self._add_row(setting, settings.get(setting.key))
        self.column.addLayout(self._grid)
        self.column.addStretch(1)

    def values(self) -> dict[str, Any]:
        """The values that the fields show, by the key of their setting."""
        return {key: editor.get() for key, editor in self.editors.items()}

    def restore_defaults(self) -> None:
        """Show every default."""
        for setting in SETTINGS:
            if setting.key in self.editors:
                self.editors[setting.key].put(setting.default)

    def _add_row(self, setting: Setting, value: Any) -> None:
        editor = _editor(setting, lambda: self.edited.emit(setting.key))
        editor.put(value)
        widget = editor.widget
        widget.setAccessibleName(tr(setting.label))
        widget.setAccessibleDescription(tr(setting.help))
        self.editors[setting.key] = editor
        if setting.heading:
            over = heading(tr(setting.heading))
            over.setContentsMargins(0, 8, 0, 6)
            self._grid.addWidget(over, self._grid.rowCount(), 0, 1, 2)
        row = self._grid.rowCount()
        words = faint(tr(setting.help))
        words.setContentsMargins(0, 0, 0, 14)
        if isinstance(widget, QCheckBox):
            widget.setText(tr(setting.label))
            words.setContentsMargins(26, 0, 0, 14)
            self._grid.addWidget(widget, row, 0, 1, 2)
        else:
            label = QLabel(tr(setting.label))
            label.setBuddy(widget)
            self._grid.addWidget(label, row, 0)
            if isinstance(widget, QLineEdit) and setting.folder:
                self._grid.addWidget(self._folder_row(widget, words, tr(setting.help)), row, 1)
            else:
                widget.setFixedWidth(_EDITOR)
                self._grid.addWidget(widget, row, 1, Qt.AlignmentFlag.AlignLeft)
        self._grid.addWidget(words, row + 1, 0, 1, 2)

    def _folder_row(self, line: QLineEdit, words: QLabel, help_text: str) -> QWidget:
        """A field for a folder, with a button that chooses it and the free space there."""
        usual = str(paths.recordings_folder())
        line.setPlaceholderText(usual)
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(line, 1)
        button = QPushButton(self.tr("Choose…"))
        button.setAutoDefault(False)

        def choose() -> None:
            path = self._dialogs.open_folder(
                self, self.tr("Choose folder"), line.text() or str(Path(usual).parent)
            )
            if path:
                line.setText(path)

        button.clicked.connect(choose)
        layout.addWidget(button)
        row.setFocusProxy(line)
        row.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._watch_room(line, words, help_text)
        return row

    def _watch_room(self, line: QLineEdit, words: QLabel, help_text: str) -> None:
        """Show the folder's free space now and after it was changed."""
        tasks = self._tasks
        if tasks is None:
            return

        def ask() -> None:
            text = line.text().strip()

            def room_of_folder() -> str:
                return describe_room(paths.expanded(text) if text else paths.recordings_folder())

            def show(room: str | None, error: PoseAppError | None) -> None:
                if shiboken6.isValid(words) and line.text().strip() == text:
                    words.setText(f"{room if error is None else error}\n{help_text}")

            tasks.run(room_of_folder, show)

        timer = QTimer(line)
        timer.setSingleShot(True)
        timer.setInterval(_ASK_MS)
        timer.timeout.connect(ask)
        line.textChanged.connect(lambda text: timer.start())
        ask()


def describe_room(folder: Path) -> str:
    """The folder of recordings and its free space; may wait for the disk."""
    there = folder
    try:
        while not there.exists() and there != there.parent:
            there = there.parent
        free = shutil.disk_usage(there).free
    except OSError as error:
        return tr("{folder} cannot be read ({why}).").format(folder=folder, why=error.strerror)
    made = "" if there == folder else " " + tr("The folder is made when it is needed.")
    return tr("{room} free in {folder}.").format(room=size_of(free), folder=folder) + made


def _editor(setting: Setting, edited: Callable[[], None]) -> Editor:
    """The widget for a setting's type; it calls `edited()` after every change."""
    if setting.choices:
        combo = QComboBox()
        for choice in setting.choices:
            combo.addItem(tr(CHOICE_LABELS.get(choice, choice.capitalize())), choice)
        combo.currentIndexChanged.connect(lambda index: edited())
        let_scroll(combo)
        return Editor(combo, combo.currentData, lambda v: combo.setCurrentIndex(combo.findData(v)))
    if isinstance(setting.default, bool):
        box = QCheckBox()
        box.toggled.connect(lambda on: edited())
        return Editor(box, box.isChecked, box.setChecked)
    if isinstance(setting.default, float):
        spin = QDoubleSpinBox()
        low = setting.low or 0.0
        # Below 0 there is nothing but "the lowest": one step from there is 0.
        spin.setRange(max(low, -_STEP), setting.high or 1.0)
        spin.setSingleStep(_STEP)
        spin.setSpecialValueText(tr(setting.lowest))
        spin.valueChanged.connect(lambda value: edited())
        spin.lineEdit().setTextMargins(*_INDENT)
        let_scroll(spin)
        return Editor(
            spin, lambda: low if spin.value() < 0 else round(spin.value(), 2), spin.setValue
        )
    if isinstance(setting.default, int):
        whole = QSpinBox()
        whole.setRange(int(setting.low or 0), int(setting.high or 0))
        whole.setSpecialValueText(tr(setting.lowest))
        whole.setSuffix(f" {tr(setting.unit)}" if setting.unit else "")
        whole.valueChanged.connect(lambda value: edited())
        whole.lineEdit().setTextMargins(*_INDENT)
        let_scroll(whole)
        return Editor(whole, whole.value, whole.setValue)
    line = QLineEdit()
    line.textChanged.connect(lambda text: edited())
    return Editor(line, line.text, line.setText)
