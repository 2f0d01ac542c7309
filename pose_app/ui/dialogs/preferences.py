"""The preferences, generated from the table of settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ...settings import CHOICE_LABELS, SETTINGS, Setting, Settings
from .asking import Dialogs

Getter = Callable[[], Any]
Setter = Callable[[Any], None]


def tr(text: str) -> str:
    return QCoreApplication.translate("settings", text)


class PreferencesDialog(QDialog):
    """Edits a copy; `changes` are the values that differ once it is accepted."""

    def __init__(
        self, settings: Settings, dialogs: Dialogs | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Preferences"))
        self._settings = settings
        self._dialogs = dialogs or Dialogs()
        self.editors: dict[str, tuple[QWidget, Getter, Setter]] = {}
        self.pages = QListWidget()
        self.pages.setFixedWidth(150)
        self.pages.setAccessibleName(self.tr("Pages"))
        self._stack = QStackedWidget()
        groups: dict[str, QFormLayout] = {}
        for setting in SETTINGS:
            if setting.group is None:
                continue
            if setting.group not in groups:
                groups[setting.group] = self._add_page(setting.group)
            self._add_row(groups[setting.group], setting)
        self.pages.currentRowChanged.connect(self._stack.setCurrentIndex)
        self.pages.setCurrentRow(0)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok
            | QDialogButtonBox.StandardButton.Cancel
            | QDialogButtonBox.StandardButton.RestoreDefaults
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        restore = buttons.button(QDialogButtonBox.StandardButton.RestoreDefaults)
        restore.clicked.connect(self.restore_defaults)
        body = QHBoxLayout()
        body.setSpacing(18)
        body.addWidget(self.pages)
        body.addWidget(self._stack, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 18, 18, 14)
        layout.setSpacing(14)
        layout.addLayout(body)
        layout.addWidget(buttons)
        self.resize(680, 480)

    @property
    def changes(self) -> dict[str, Any]:
        """Keys and values that are not as they were."""
        values = {key: get() for key, (_, get, _) in self.editors.items()}
        return {key: value for key, value in values.items() if value != self._settings.get(key)}

    def restore_defaults(self) -> None:
        """Show every default; nothing changes before OK."""
        for setting in SETTINGS:
            if setting.key in self.editors:
                self.editors[setting.key][2](setting.default)

    def _add_page(self, group: str) -> QFormLayout:
        page = QWidget()
        form = QFormLayout(page)
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._stack.addWidget(page)
        self.pages.addItem(tr(group))
        return form

    def _add_row(self, form: QFormLayout, setting: Setting) -> None:
        editor, get, put = self._editor(setting)
        put(self._settings.get(setting.key))
        editor.setAccessibleName(tr(setting.label))
        editor.setAccessibleDescription(tr(setting.help))
        editor.setToolTip(tr(setting.help))
        self.editors[setting.key] = editor, get, put
        label = QLabel(tr(setting.label))
        label.setBuddy(editor)
        if isinstance(editor, QCheckBox):
            editor.setText(tr(setting.label))
            form.addRow(editor)
        else:
            form.addRow(label, self._with_button(editor) if setting.folder else editor)
        words = QLabel(tr(setting.help))
        words.setWordWrap(True)
        words.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        words.setContentsMargins(0, 0, 0, 10)
        form.addRow(words)

    def _editor(self, setting: Setting) -> tuple[QWidget, Getter, Setter]:
        """A widget for the setting's type, with how to read and write its value."""
        if setting.choices:
            combo = QComboBox()
            for choice in setting.choices:
                combo.addItem(tr(CHOICE_LABELS.get(choice, choice.capitalize())), choice)
            return combo, combo.currentData, lambda v: combo.setCurrentIndex(combo.findData(v))
        if isinstance(setting.default, bool):
            box = QCheckBox()
            return box, box.isChecked, box.setChecked
        if isinstance(setting.default, float):
            spin = QDoubleSpinBox()
            spin.setRange(setting.low or 0.0, setting.high or 1.0)
            spin.setSingleStep(0.05)
            if setting.lowest:
                spin.setSpecialValueText(tr(setting.lowest))
            return spin, lambda: round(spin.value(), 2), spin.setValue
        if isinstance(setting.default, int):
            whole = QSpinBox()
            whole.setRange(int(setting.low or 0), int(setting.high or 0))
            if setting.lowest:
                whole.setSpecialValueText(tr(setting.lowest))
            return whole, whole.value, whole.setValue
        line = QLineEdit()
        return line, line.text, line.setText

    def _with_button(self, editor: QWidget) -> QWidget:
        """A line for a path with a button that chooses the folder."""
        assert isinstance(editor, QLineEdit)
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(editor, 1)
        button = QPushButton(self.tr("Choose…"))
        button.setAutoDefault(False)

        def choose() -> None:
            path = self._dialogs.open_folder(self, self.tr("Choose folder"), editor.text())
            if path:
                editor.setText(path)

        button.clicked.connect(choose)
        layout.addWidget(button)
        row.setFocusProxy(editor)
        row.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return row
