"""The models dialog on the real catalogue, with a real server on the loopback interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from pose_app.errors import ModelError
from pose_app.network import catalogue
from pose_app.network.published import AP, METRICS, PCKH, ModelEntry
from pose_app.paths import bundled, models_folder
from pose_app.pipeline.metrics import FrameMetrics, StageTime
from pose_app.ui.dialogs.asking import Dialogs
from pose_app.ui.dialogs.models import ModelsDialog
from pose_app.ui.dialogs.models_text import about, expected_fps, megabytes
from pose_app.ui.tasks import TaskRunner
from tests.unit.network import reference_graphs as reference
from tests.unit.network.file_server import FileServer


class Answers(Dialogs):
    """A person who picks this file."""

    def __init__(self, path: str = "") -> None:
        self.path = path

    def open_file(self, parent: QWidget, title: str, folder: str, filters: str = "") -> str:
        return self.path


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(bundled("weights", "default.safetensors").read_bytes()) as server:
        yield server


@pytest.fixture
def tasks(qapp: object) -> Iterator[TaskRunner]:
    runner = TaskRunner()
    yield runner
    runner.close()


@pytest.fixture
def published(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """One published model whose file the loopback server has, and one that only a browser gets."""
    entry = ModelEntry(
        name="net-2hg",
        title="A published net",
        family="princeton",
        stacks=2,
        input_size=(256, 256),
        joints="mpii-16",
        licence="MIT",
        parameters=6.5,
        gmac=8.0,
        accuracy="88.8",
        metric=PCKH,
        size=len(server.content),
        page="https://example.org/nets",
        url=server.url,
    )
    by_hand = replace(entry, name="hand-4hg", url=None, parameters=12.0, accuracy=".7", metric=AP)
    monkeypatch.setattr(catalogue, "PUBLISHED", (entry, by_hand))
    return entry


@pytest.fixture
def dialog(qtbot: QtBot, tasks: TaskRunner, published: ModelEntry) -> ModelsDialog:
    dialog = ModelsDialog(tasks, current="default", dialogs=Answers())
    qtbot.addWidget(dialog)
    dialog.show()
    wait(qtbot, lambda: dialog.table.rowCount() == 3)
    return dialog


def wait(qtbot: QtBot, condition: Callable[[], bool]) -> None:
    qtbot.waitUntil(condition, timeout=20_000)


def column(dialog: ModelsDialog, title: str) -> dict[str, str]:
    """Name -> text in that column."""
    table = dialog.table
    titles = [table.horizontalHeaderItem(i).text() for i in range(table.columnCount())]
    place = titles.index(title)
    return {
        table.item(row, 0).text(): table.item(row, place).text() for row in range(table.rowCount())
    }


def accept(dialog: ModelsDialog, qtbot: QtBot) -> None:
    """Download the selected model and accept its licence."""
    dialog.download_button.click()
    wait(qtbot, dialog.question.isVisible)
    dialog.agree_button.click()


def finish(dialog: ModelsDialog, qtbot: QtBot) -> None:
    """Until nothing is being done."""
    wait(qtbot, lambda: not dialog._working)


def test_it_lists_what_is_here_and_what_can_be_fetched(dialog: ModelsDialog) -> None:
    assert column(dialog, "Status") == {
        "default": "installed",
        "net-2hg": "to download",
        "hand-4hg": "by hand",
    }
    assert column(dialog, "Accuracy")["net-2hg"] == f"88.8 {PCKH}"
    assert column(dialog, "Licence")["net-2hg"] == "MIT"
    assert dialog.table.chosen() == "default"
    assert dialog.table.item(0, 0).font().bold(), "the model that runs"
    assert dialog.use_button.isEnabled()
    assert not dialog.download_button.isEnabled()
    assert not dialog.remove_button.isEnabled(), "the default is part of the app"


@pytest.mark.parametrize(
    "page", ["file:///etc/passwd", "javascript:alert(1)", "smb://host/share", " https://x", "x.org"]
)
def test_only_a_web_address_becomes_a_link(published: ModelEntry, page: str) -> None:
    assert "<a " not in about(replace(published, page=page), METRICS, None)
    assert escape(page) in about(replace(published, page=page), METRICS, None)
    assert "<a href='https://example.org/nets'>" in about(published, METRICS, None)


def test_the_text_names_metric_and_source(dialog: ModelsDialog) -> None:
    dialog.table.select("net-2hg")
    words = dialog.info.toPlainText()
    assert METRICS[PCKH] in words
    assert "https://example.org/nets" in words
    dialog.table.select("hand-4hg")
    assert "browser" in dialog.info.toPlainText()
    assert not dialog.download_button.isEnabled()
    assert not dialog.use_button.isEnabled()


def test_the_licence_is_shown_before_the_first_download(
    dialog: ModelsDialog, qtbot: QtBot, server: FileServer
) -> None:
    dialog.table.select("net-2hg")
    dialog.download_button.click()
    assert not dialog.question.isVisible()  # whether it was accepted is in a file
    wait(qtbot, dialog.question.isVisible)
    assert "MIT" in dialog.question_words.text()
    assert dialog.decline_button.hasFocus() or not dialog.isActiveWindow()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.question.isVisible()
    assert dialog.isVisible(), "Esc answers the question, it does not close the dialog"
    assert server.requests == []


def test_download_use_remove_and_download_again(
    dialog: ModelsDialog, qtbot: QtBot, server: FileServer
) -> None:
    dialog.table.select("net-2hg")
    accept(dialog, qtbot)
    assert dialog.progress_row.isVisible()
    assert not dialog.download_button.isEnabled()
    finish(dialog, qtbot)
    wait(qtbot, lambda: column(dialog, "Status")["net-2hg"] == "installed")
    assert (models_folder() / "net-2hg.safetensors").is_file()
    assert "installed" in dialog.message.text()
    assert dialog.table.chosen() == "net-2hg"

    dialog.remove_button.click()
    assert dialog.question.isVisible()
    dialog.agree_button.click()
    wait(qtbot, lambda: column(dialog, "Status")["net-2hg"] == "to download")
    assert not (models_folder() / "net-2hg.safetensors").exists()

    dialog.table.select("net-2hg")
    dialog.download_button.click()
    assert not dialog.question.isVisible(), "the licence was accepted before"
    finish(dialog, qtbot)
    wait(qtbot, lambda: column(dialog, "Status")["net-2hg"] == "installed")
    with qtbot.waitSignal(dialog.model_chosen) as chosen:
        dialog.use_button.click()
    assert chosen.args == ["net-2hg"]
    assert not dialog.isVisible()


def test_an_address_without_the_file_says_what_to_do(
    dialog: ModelsDialog, qtbot: QtBot, server: FileServer
) -> None:
    server.faults = [404]
    dialog.table.select("net-2hg")
    accept(dialog, qtbot)
    finish(dialog, qtbot)
    assert "404" in dialog.message.text()
    assert "https://example.org/nets" in dialog.message.text()
    assert dialog.download_button.isEnabled(), "it can be tried again"


def test_a_file_that_is_not_the_published_one_is_refused(
    dialog: ModelsDialog, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, published: ModelEntry
) -> None:
    monkeypatch.setattr(catalogue, "PUBLISHED", (replace(published, sha256="00112233"),))
    dialog.table.select("net-2hg")
    accept(dialog, qtbot)
    finish(dialog, qtbot)
    assert "00112233" in dialog.message.text()
    assert not (models_folder() / "net-2hg.safetensors").exists()


def test_a_stalled_download_can_be_cancelled_and_goes_on_later(
    dialog: ModelsDialog, qtbot: QtBot, server: FileServer
) -> None:
    server.faults = ["stall"]
    dialog.table.select("net-2hg")
    accept(dialog, qtbot)
    wait(qtbot, lambda: server.stalled.is_set() and " of " in dialog.progress_words.text())
    assert 0 < dialog.bar.value() < dialog.bar.maximum()
    dialog.cancel_button.click()
    server.released.set()
    finish(dialog, qtbot)
    assert "cancelled" in dialog.message.text()
    assert not dialog.progress_row.isVisible()
    accept(dialog, qtbot)  # nothing was installed from there yet
    finish(dialog, qtbot)
    assert "Range" in server.requests[-1][1], "the half that had arrived was kept"
    assert (models_folder() / "net-2hg.safetensors").is_file()


def test_closing_the_dialog_ends_its_download(
    qtbot: QtBot, server: FileServer, tasks: TaskRunner, published: ModelEntry
) -> None:
    dialog = ModelsDialog(tasks)
    dialog.show()
    wait(qtbot, lambda: dialog.table.rowCount() == 3)
    server.faults = ["stall"]
    dialog.table.select("net-2hg")
    accept(dialog, qtbot)
    wait(qtbot, server.stalled.is_set)
    dialog.reject()
    dialog.deleteLater()
    server.released.set()
    wait(qtbot, lambda: not tasks.busy)
    qtbot.wait(30)  # the outcome reaches a dialog that is gone: nothing may happen
    assert not (models_folder() / "net-2hg.safetensors").exists()


def test_a_file_is_added_by_hand(dialog: ModelsDialog, qtbot: QtBot, tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    file.write_bytes(bundled("weights", "default.safetensors").read_bytes())
    dialog._dialogs = Answers(str(file))
    dialog.add_button.click()
    wait(qtbot, lambda: "mine" in column(dialog, "Name"))
    assert dialog.table.chosen() == "mine"
    assert dialog.use_button.isEnabled()
    assert dialog.remove_button.isEnabled()


@pytest.mark.parametrize(("chosen", "family"), [(None, "bearpaw"), ("fpd", "fpd")])
def test_the_family_of_an_added_file_can_be_chosen(
    dialog: ModelsDialog, qtbot: QtBot, tmp_path: Path, chosen: str | None, family: str
) -> None:
    file = tmp_path / "teacher.pth"
    torch.save({"state_dict": reference.bearpaw(1)}, file)
    dialog._dialogs = Answers(str(file))
    dialog.family.setCurrentIndex(dialog.family.findData(chosen))
    dialog.add_button.click()
    wait(qtbot, lambda: "teacher" in column(dialog, "Name"))
    dialog.table.select("teacher")
    assert f"Family: {family}." in dialog.info.toPlainText()


def test_no_file_chosen_does_nothing(dialog: ModelsDialog) -> None:
    dialog.add_button.click()
    assert not dialog._working
    assert not dialog.message.isVisible()


def test_a_file_that_is_no_model_says_so(
    dialog: ModelsDialog, qtbot: QtBot, tmp_path: Path
) -> None:
    file = tmp_path / "notes.pth"
    file.write_text("not a model")
    dialog._dialogs = Answers(str(file))
    dialog.add_button.click()
    finish(dialog, qtbot)
    assert "notes.pth" in dialog.message.text()
    assert set(column(dialog, "Name")) == {"default", "net-2hg", "hand-4hg"}


def test_a_damaged_model_cannot_be_used_but_removed(dialog: ModelsDialog, qtbot: QtBot) -> None:
    models_folder().mkdir(parents=True)
    (models_folder() / "broken.safetensors").write_bytes(b"\x00" * 40)
    dialog.refresh("broken")
    wait(qtbot, lambda: column(dialog, "Status").get("broken") == "damaged")
    assert not dialog.use_button.isEnabled()
    assert dialog.remove_button.isEnabled()
    assert "broken" in dialog.info.toPlainText()


def test_the_keyboard_is_enough(dialog: ModelsDialog, qtbot: QtBot) -> None:
    dialog.table.select("default")
    qtbot.keyClick(dialog, Qt.Key.Key_Delete)
    assert not dialog.question.isVisible(), "the default stays"
    with qtbot.waitSignal(dialog.model_chosen) as chosen:
        qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert chosen.args == ["default"]


def test_columns_sort_by_number(dialog: ModelsDialog) -> None:
    titles = [
        dialog.table.horizontalHeaderItem(i).text() for i in range(dialog.table.columnCount())
    ]
    dialog.table.sortByColumn(titles.index("Params (M)"), Qt.SortOrder.AscendingOrder)
    assert list(column(dialog, "Name")) == ["default", "net-2hg", "hand-4hg"]
    dialog.table.sortByColumn(titles.index("Params (M)"), Qt.SortOrder.DescendingOrder)
    assert list(column(dialog, "Name")) == ["hand-4hg", "net-2hg", "default"]


def test_a_catalogue_that_cannot_be_read_says_why(
    tasks: TaskRunner, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> list[ModelEntry]:
        raise ModelError("The models folder cannot be read: give yourself access to it.")

    monkeypatch.setattr(catalogue, "entries", fail)
    dialog = ModelsDialog(tasks)
    qtbot.addWidget(dialog)
    dialog.show()
    wait(qtbot, lambda: "cannot be read" in dialog.message.text())
    assert not dialog.use_button.isEnabled()


def test_what_to_expect_of_a_slower_model(published: ModelEntry) -> None:
    running = replace(published, gmac=1.0)
    stages = {"network": StageTime(10.0, 12.0), "crop": StageTime(2.0, 2.0)}
    half = FrameMetrics(stages=stages, stacks_now=2, stacks_all=4)
    slow = replace(published, gmac=8.0)
    # 10 ms for half of 1 GMAC is 160 ms for 8 GMAC, and 2 ms for everything else.
    assert expected_fps(slow, running, half) == pytest.approx(1000 / 162)
    assert expected_fps(slow, None, half) is None
    assert expected_fps(slow, running, FrameMetrics()) is None
    assert expected_fps(replace(slow, gmac=None), running, half) is None


def test_the_expectation_is_said_before_the_switch(
    qtbot: QtBot, tasks: TaskRunner, published: ModelEntry
) -> None:
    stages = {"network": StageTime(10.0, 12.0)}
    metrics = FrameMetrics(stages=stages, stacks_now=2, stacks_all=2)
    dialog = ModelsDialog(tasks, current="default", metrics=lambda: metrics)
    qtbot.addWidget(dialog)
    wait(qtbot, lambda: dialog.table.rowCount() == 3)
    dialog.table.select("net-2hg")
    assert "frames per second" in dialog.info.toPlainText()


@pytest.mark.parametrize(
    ("size", "text"), [(None, ""), (912_345, "0.9 MB"), (394_000_000, "394 MB")]
)
def test_sizes_are_readable(size: int | None, text: str) -> None:
    assert megabytes(size) == text


def test_the_table_needs_no_bar_to_the_side(dialog: ModelsDialog) -> None:
    assert dialog.width() <= 1000, "it fits a small screen"
    table = dialog.table
    used = sum(table.columnWidth(index) for index in range(table.columnCount()))
    assert used <= table.viewport().width()
    last = table.columnWidth(table.columnCount() - 1)
    assert last >= 70, "the licence can be read"


def test_enter_presses_the_button_with_the_focus(dialog: ModelsDialog, qtbot: QtBot) -> None:
    chosen: list[str] = []
    dialog.model_chosen.connect(chosen.append)
    dialog.table.select("default")
    dialog._ask("Really?", "Yes", lambda: chosen.append("yes"))
    qtbot.keyClick(dialog.decline_button, Qt.Key.Key_Return)
    assert (chosen, dialog.question.isHidden(), dialog.isVisible()) == ([], True, True)
    dialog._ask("Really?", "Yes", lambda: chosen.append("yes"))
    dialog.agree_button.setFocus()
    qtbot.keyClick(dialog.agree_button, Qt.Key.Key_Enter)
    assert chosen == ["yes"]
