"""The About dialog with the real model card."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QTextCursor, QTextTable

from pose_app.ui.dialogs.about import AboutDialog
from pose_app.ui.dialogs.markdown_page import MarkdownPage
from pose_app.ui.tasks import TaskRunner
from tests.ui.conftest import WAIT_MS


@pytest.fixture
def about(qtbot) -> Iterator[AboutDialog]:
    tasks = TaskRunner()
    dialog = AboutDialog(tasks)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.tabs.setCurrentWidget(dialog.card)
    qtbot.waitUntil(
        lambda: bool(dialog.card.toPlainText()) and dialog.licences.rowCount() > 0, timeout=WAIT_MS
    )
    yield dialog
    tasks.close()


def links(page: MarkdownPage) -> set[str]:
    """Every link of the page."""
    found = set()
    block = page.document().begin()
    while block.isValid():
        fragments = block.begin()
        while not fragments.atEnd():
            found.add(fragments.fragment().charFormat().anchorHref())
            fragments += 1
        block = block.next()
    return found - {""}


def test_no_table_of_the_card_has_an_empty_heading(about: AboutDialog) -> None:
    tables = [
        frame
        for frame in about.card.document().rootFrame().childFrames()
        if isinstance(frame, QTextTable)
    ]
    assert len(tables) > 3
    for table in tables:
        first = [
            table.cellAt(0, c).firstCursorPosition().block().text() for c in range(table.columns())
        ]
        assert any(first)


def test_every_link_of_the_card_leads_somewhere(about: AboutDialog) -> None:
    found = links(about.card)
    inside = {link.removeprefix("#") for link in found if link.startswith("#")}
    assert inside
    assert all(about.card.heading(anchor) is not None for anchor in inside)
    others = [link for link in found if not link.startswith(("#", "https://"))]
    assert others == []


def test_a_link_to_a_heading_scrolls_there(about: AboutDialog) -> None:
    card = about.card
    text = card.toPlainText()
    card.anchorClicked.emit(QUrl("#the-person-finder"))
    assert card.toPlainText() == text
    heading = card.heading("the-person-finder")
    assert heading is not None
    assert 0 <= card.cursorRect(QTextCursor(heading)).top() < 60
