"""The page of the preferences with the keyboard shortcuts."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from .keymap import Command, Keymap, native, portable
from .parts import faint, heading

_NAME = Qt.ItemDataRole.UserRole


class KeysPage(QWidget):
    """A list of all commands by menu; the shortcut of the selected one is edited below it.

    A shortcut of another command is only taken after a question. There is at least one command.
    """

    def __init__(self, keymap: Keymap, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.keymap = keymap
        self._items: dict[str, QTreeWidgetItem] = {}
        self._menus: dict[str, QTreeWidgetItem] = {}
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search for a command or a key"))
        self.search.setAccessibleName(self.tr("Search"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.tree = QTreeWidget()
        self.tree.setObjectName("keys")
        self.tree.setAccessibleName(self.tr("Commands"))
        self.tree.setHeaderLabels([self.tr("Command"), self.tr("Key")])
        self.tree.setRootIsDecorated(False)
        self.tree.setIndentation(14)
        self.tree.setUniformRowHeights(True)
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(1, 170)
        self.name = heading("")
        self.edit = QKeySequenceEdit()
        self.edit.setMaximumSequenceLength(1)
        self.edit.setAccessibleName(self.tr("New key"))
        self.edit.setFixedWidth(170)
        self.edit.keySequenceChanged.connect(self._typed)
        self.none = QPushButton(self.tr("No key"))
        self.reset = QPushButton(self.tr("Default"))
        self.take = QPushButton(self.tr("Use it here"))
        self.words = faint()
        for button, slot in (
            (self.none, lambda: self._assign("")),
            (self.reset, self._reset),
            (self.take, self._take),
        ):
            button.setAutoDefault(False)
            button.clicked.connect(slot)
        self._build()
        self._fill()
        self.tree.currentItemChanged.connect(lambda item, previous: self._select())
        self.select(next(iter(self._items)))

    def restore_defaults(self) -> None:
        """Give every command its default shortcut."""
        self.keymap.reset_all()
        self._renew()
        self._select()

    def select(self, name: str) -> None:
        """Select the command whose shortcut is to be changed."""
        self.tree.setCurrentItem(self._items[name])

    def _build(self) -> None:
        card = QFrame()
        card.setObjectName("card")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.name, 1)
        row.addWidget(self.edit)
        row.addWidget(self.none)
        row.addWidget(self.reset)
        told = QHBoxLayout()
        told.addWidget(self.words, 1)
        told.addWidget(self.take)
        inside = QVBoxLayout(card)
        inside.setContentsMargins(14, 10, 12, 10)
        inside.addLayout(row)
        inside.addLayout(told)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(10)
        layout.addWidget(self.search)
        layout.addWidget(self.tree, 1)
        layout.addWidget(card)
        # As high with a question as without one: the list must not jump.
        self.words.setMinimumHeight(self.take.sizeHint().height())
        QWidget.setTabOrder(self.tree, self.edit)

    def _fill(self) -> None:
        for command in self.keymap.commands.values():
            menu = self._menus.get(command.menu)
            if menu is None:
                menu = self._menus[command.menu] = QTreeWidgetItem(self.tree, [command.menu])
                menu.setFlags(Qt.ItemFlag.ItemIsEnabled)
                font = menu.font(0)
                font.setBold(True)
                menu.setFont(0, font)
            item = QTreeWidgetItem(menu, [command.text])
            item.setData(0, _NAME, command.name)
            self._items[command.name] = item
        self.tree.expandAll()
        self._renew()

    def _renew(self) -> None:
        """Show all shortcuts, those that were changed in bold."""
        for name, item in self._items.items():
            item.setText(1, native(self.keymap.key(name)))
            for column in range(2):
                font = item.font(column)
                font.setBold(self.keymap.is_changed(name))
                item.setFont(column, font)

    def _command(self) -> Command | None:
        item = self.tree.currentItem()
        name = None if item is None else item.data(0, _NAME)
        return None if name is None else self.keymap.commands[name]

    def _select(self) -> None:
        """Show the selected command's shortcut below the list."""
        command = self._command()
        for widget in (self.edit, self.none, self.reset):
            widget.setEnabled(command is not None)
        self._question(None)
        if command is None:
            return
        self.name.setText(command.text)
        self._show_key(self.keymap.key(command.name))
        self.none.setEnabled(bool(self.keymap.key(command.name)))
        self.reset.setEnabled(self.keymap.is_changed(command.name))
        usual = native(self.keymap.default(command.name)) or self.tr("none")
        self.words.setText(
            self.tr("Click into the field and press the new key.")
            + (
                "  " + self.tr("Default: {key}.").format(key=usual)
                if self.keymap.is_changed(command.name)
                else ""
            )
        )

    def _show_key(self, key: str) -> None:
        blocked = self.edit.blockSignals(True)
        self.edit.setKeySequence(QKeySequence(key))
        self.edit.blockSignals(blocked)

    def _typed(self, sequence: QKeySequence) -> None:
        command = self._command()
        key = portable(sequence.toString())
        if command is None or not key:  # empty: what the field holds before the key comes
            return
        if key == self.keymap.key(command.name):
            self._select()
            return
        other = self.keymap.other_with(command.name, key)
        if other is None:
            self._assign(key)
        else:
            self._question(other)

    def _question(self, other: Command | None) -> None:
        """Ask whether to take the shortcut from the command that has it."""
        self.take.setVisible(other is not None)
        self.words.setObjectName("faint" if other is None else "trouble")
        self.words.style().unpolish(self.words)
        self.words.style().polish(self.words)
        if other is not None:
            key = self.edit.keySequence().toString(QKeySequence.SequenceFormat.NativeText)
            self.words.setText(
                self.tr("{key} is the key of “{other}”.").format(key=key, other=other.text)
            )

    def _take(self) -> None:
        self._assign(self.edit.keySequence().toString())

    def _reset(self) -> None:
        command = self._command()
        if command is not None:
            key = self.keymap.default(command.name)
            other = self.keymap.other_with(command.name, key)
            self._show_key(key)
            if other is None:
                self._assign(key)
            else:
                self._question(other)

    def _assign(self, key: str) -> None:
        command = self._command()
        if command is not None:
            self.keymap.assign(command.name, key)
            self._renew()
            self._select()

    def _filter(self, text: str) -> None:
        """Show the commands with this text in their name, or with exactly this shortcut."""
        wanted = text.casefold().strip()
        shown: set[str] = set()
        for name, item in self._items.items():
            hit = wanted in item.text(0).casefold() or wanted == item.text(1).casefold()
            item.setHidden(not hit)
            if hit:
                shown.add(self.keymap.commands[name].menu)
        for menu, heading_item in self._menus.items():
            heading_item.setHidden(menu not in shown)
