"""A page of Markdown to read, with links to its headings and to the web."""

from __future__ import annotations

import re

from PySide6.QtCore import QUrl
from PySide6.QtGui import QBrush, QDesktopServices, QTextBlock, QTextFrameFormat, QTextTable
from PySide6.QtWidgets import QTextBrowser, QWidget


class MarkdownPage(QTextBrowser):
    """Shows Markdown; `show_markdown` may be called again."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setOpenLinks(False)
        self.document().setDocumentMargin(12)
        self.anchorClicked.connect(self._follow)

    def show_markdown(self, text: str) -> None:
        """Show this text from its beginning."""
        self.setMarkdown(re.sub(r"(?<=\w)@(?=\d)", "&#64;", text))  # PCK@0.2 is no mail address
        for frame in self.document().rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                self._tidy(frame)

    def heading(self, anchor: str) -> QTextBlock | None:
        """The heading that a link to `#anchor` means, as on GitHub; None where there is none."""
        block = self.document().begin()
        while block.isValid():
            if block.blockFormat().headingLevel() and _anchor(block.text()) == anchor:
                return block
            block = block.next()
        return None

    def _tidy(self, table: QTextTable) -> None:
        """Without the empty heading that Markdown asks of every table, in the theme's colours."""
        columns = range(table.columns())
        if not any(table.cellAt(0, c).firstCursorPosition().block().text() for c in columns):
            table.removeRows(0, 1)
        look = table.format().toTableFormat()
        look.setBorderBrush(QBrush(self.palette().mid().color()))
        look.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        look.setCellPadding(5)
        look.setTopMargin(6)
        look.setBottomMargin(6)
        table.setFormat(look)

    def _follow(self, link: QUrl) -> None:
        if link.scheme():
            QDesktopServices.openUrl(link)
            return
        heading = self.heading(link.fragment())
        if heading is not None:
            top = self.document().documentLayout().blockBoundingRect(heading).top()
            self.verticalScrollBar().setValue(round(top))


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
