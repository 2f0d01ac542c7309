"""The About dialog: what the app is, the papers, packages and models it is built on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from ... import __version__
from ...errors import PoseAppError
from ..icons import icon
from . import about_text
from .markdown_page import MarkdownPage
from .parts import Standard, button_box, faint

if TYPE_CHECKING:
    from ..tasks import TaskRunner


class AboutDialog(QDialog):
    """Version, papers, licences and the default models' card; `tasks` reads the files."""

    def __init__(self, tasks: TaskRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("About pose-app"))
        self.papers = QTextBrowser()
        self.papers.setAccessibleName(self.tr("Papers"))
        self.papers.setOpenExternalLinks(True)
        self.papers.document().setDocumentMargin(12)
        self.papers.setHtml(about_text.papers())
        self.card = MarkdownPage(self.tr("Model card"))
        self.licences = _table(
            [self.tr("Package"), self.tr("Version"), self.tr("Licence")], self.tr("Licences")
        )
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.papers, self.tr("Papers"))
        self.tabs.addTab(self.licences, self.tr("Built with"))
        self.tabs.addTab(self.card, self.tr("Model card"))
        buttons = button_box(Standard.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(14)
        layout.addLayout(self._head())
        layout.addWidget(self.tabs, 1)
        layout.addWidget(buttons)
        self.resize(760, 600)
        tasks.run(about_text.model_card, self._show_card)
        tasks.run(about_text.licences, self._show_licences)

    def _head(self) -> QHBoxLayout:
        picture = QLabel()
        picture.setPixmap(icon("app").pixmap(56, 56))
        title = QLabel(f"pose-app {__version__}")
        title.setObjectName("title")
        title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        words = faint(
            self.tr(
                "Watch a stacked hourglass network estimate poses, live, stack by stack. "
                "Free software under the MIT licence; everything stays on this computer."
            )
        )
        beside = QVBoxLayout()
        beside.setSpacing(4)
        beside.addWidget(title)
        beside.addWidget(words)
        row = QHBoxLayout()
        row.setSpacing(16)
        row.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(beside, 1)
        return row

    def _show_card(self, text: str | None, error: PoseAppError | None) -> None:
        if shiboken6.isValid(self.card):
            self.card.show_markdown(text if text is not None else str(error))

    def _show_licences(
        self, rows: list[tuple[str, str, str]] | None, error: PoseAppError | None
    ) -> None:
        if not shiboken6.isValid(self.licences):
            return
        for row, texts in enumerate(rows or ()):
            self.licences.insertRow(row)
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self.licences.setItem(row, column, item)


def _table(titles: list[str], name: str) -> QTableWidget:
    table = QTableWidget(0, len(titles))
    table.setAccessibleName(name)
    table.setHorizontalHeaderLabels(titles)
    table.verticalHeader().hide()
    table.setShowGrid(False)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    heading = table.horizontalHeader()
    heading.setHighlightSections(False)
    heading.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    heading.setStretchLastSection(True)
    for column, width in enumerate((230, 110)):
        heading.resizeSection(column, width)
        heading.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
    return table
