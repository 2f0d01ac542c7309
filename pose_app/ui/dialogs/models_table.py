"""The table of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem, QWidget

from .models_text import COLUMNS, tr

if TYPE_CHECKING:
    from ...network.published import ModelEntry

_WIDEST = 145  # widget pixels of a column after the name
_WIDEST_NAME = 190


class ModelsTable(QTableWidget):
    """One row per model; a click on a heading sorts by that column."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(COLUMNS), parent)
        for index, column in enumerate(COLUMNS):
            header = QTableWidgetItem(tr(column.title))
            header.setToolTip(tr(column.help))
            self.setHorizontalHeaderItem(index, header)
        self.setAccessibleName(tr("Models"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 10)
        heading = self.horizontalHeader()
        heading.setHighlightSections(False)
        heading.setStretchLastSection(True)
        heading.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        heading.sectionClicked.connect(self.sortByColumn)
        heading.setSectionsClickable(True)

    def fill(self, entries: Sequence[ModelEntry], metrics: Mapping[str, str], current: str) -> None:
        """Show these models, the one that runs in bold; tooltips explain the metrics."""
        bold = QFont(self.font())
        bold.setBold(True)
        self.setRowCount(len(entries))
        for row, entry in enumerate(entries):
            for index, column in enumerate(COLUMNS):
                item = _Cell(column.text(entry), column.value(entry))
                whole = column.text(entry)  # which may be cut
                item.setToolTip(
                    "\n".join(
                        filter(None, (whole, metrics.get(entry.metric, "") or tr(column.help)))
                    )
                )
                if entry.name == current:
                    item.setFont(bold)
                self.setItem(row, index, item)
        self.resizeColumnsToContents()
        for index in range(len(COLUMNS) - 1):  # the last one takes what is left
            widest = _WIDEST_NAME if index == 0 else _WIDEST
            self.setColumnWidth(index, min(self.columnWidth(index) + 4, widest))

    def chosen(self) -> str:
        """The name of the selected model, "" where none is."""
        item = self.item(self.currentRow(), 0)
        return "" if item is None else item.text()

    def select(self, name: str) -> None:
        """Select the model of that name, if it is there."""
        for row in range(self.rowCount()):
            item = self.item(row, 0)
            if item is not None and item.text() == name:
                self.setCurrentCell(row, 0)


class _Cell(QTableWidgetItem):
    """Sorts by its value, not by its text."""

    def __init__(self, text: str, value: Any) -> None:
        super().__init__(text)
        self.value = value

    def __lt__(self, other: QTableWidgetItem) -> bool:
        return bool(self.value < other.value) if isinstance(other, _Cell) else False
