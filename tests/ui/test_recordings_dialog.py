"""The list of recordings: real files in a real folder, a trash of the test's own."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from pose_app.ui.dialogs.about import AboutDialog
from pose_app.ui.dialogs.about_text import PAPERS
from pose_app.ui.dialogs.recordings import RecordingsDialog, move_to_trash
from pose_app.ui.tasks import TaskRunner
from tests.media import regular, write_video
from tests.ui.conftest import WAIT_MS, SilentDialogs, wait_for_pose


@pytest.fixture
def tasks(qapp, qtbot: QtBot):
    runner = TaskRunner()
    yield runner
    qtbot.waitUntil(lambda: not runner.busy, timeout=WAIT_MS)
    runner.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "recordings"
    made.mkdir()
    write_video(made / "walk.mp4", regular(20), size=(192, 96))
    write_video(made / "walk-raw.mp4", regular(20), size=(192, 96))
    write_video(made / "jump.mp4", regular(10), size=(192, 96))
    (made / "walk.jsonl").write_text('{"type": "header"}\n{"type": "frame", "t": 0.6}\n')
    return made


@pytest.fixture
def dialog(qtbot: QtBot, tasks: TaskRunner, folder: Path, tmp_path: Path) -> RecordingsDialog:
    trash = tmp_path / "trash"
    trash.mkdir()

    def to_trash(path: Path) -> bool:
        shutil.move(path, trash)
        return True

    dialog = RecordingsDialog(folder, tasks, SilentDialogs(), to_trash=to_trash)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 2, timeout=WAIT_MS)
    return dialog


def select(dialog: RecordingsDialog, name: str) -> int:
    (item,) = dialog.table.findItems(name, Qt.MatchFlag.MatchExactly)
    dialog.table.setCurrentItem(item)
    return item.row()


def names(dialog: RecordingsDialog) -> set[str]:
    return {dialog.table.item(row, 0).text() for row in range(dialog.table.rowCount())}


def test_it_lists_date_length_size_and_files(dialog: RecordingsDialog) -> None:
    row = select(dialog, "walk")
    texts = [dialog.table.item(row, column).text() for column in range(5)]
    assert texts[1]
    assert texts[2] == "0:00"
    assert texts[3].endswith("MB")
    assert texts[4] == "skeleton, raw, joints"
    assert "free in" in dialog.room.text()


def test_play_asks_the_window_for_the_annotated_video(
    dialog: RecordingsDialog, qtbot: QtBot, folder: Path
) -> None:
    select(dialog, "walk")
    with qtbot.waitSignal(dialog.play_wanted) as wanted:
        dialog.play_button.click()
    assert wanted.args == [folder / "walk.mp4"]


def test_a_recording_is_renamed_with_all_its_files(
    dialog: RecordingsDialog, qtbot: QtBot, folder: Path
) -> None:
    select(dialog, "walk")
    dialog.rename_button.click()
    assert dialog.name.text() == "walk"
    dialog.name.setText("first steps")
    qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "first steps" in names(dialog), timeout=WAIT_MS)
    assert {path.name for path in folder.iterdir()} == {
        "first steps.mp4", "first steps-raw.mp4", "first steps.jsonl", "jump.mp4"
    }  # fmt: skip
    assert dialog.recording().name == "first steps"


def test_a_name_that_is_taken_is_refused_with_a_sentence(
    dialog: RecordingsDialog, qtbot: QtBot, folder: Path
) -> None:
    before = {path.name for path in folder.iterdir()}
    select(dialog, "walk")
    dialog.rename_button.click()
    dialog.name.setText("jump")
    dialog.agree_button.click()
    qtbot.waitUntil(lambda: dialog.message.isVisible(), timeout=WAIT_MS)
    assert "jump" in dialog.message.text()
    assert {path.name for path in folder.iterdir()} == before


def test_deleting_asks_first_and_moves_to_the_trash(
    dialog: RecordingsDialog, qtbot: QtBot, folder: Path, tmp_path: Path
) -> None:
    select(dialog, "walk")
    qtbot.keyClick(dialog, Qt.Key.Key_Delete)
    assert "walk-raw.mp4" in dialog.question_words.text()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.question.isHidden()
    assert (folder / "walk.mp4").exists()
    dialog.delete_button.click()
    dialog.agree_button.click()
    qtbot.waitUntil(lambda: names(dialog) == {"jump"}, timeout=WAIT_MS)
    assert {path.name for path in (tmp_path / "trash").iterdir()} == {
        "walk.mp4", "walk-raw.mp4", "walk.jsonl"
    }  # fmt: skip
    assert dialog.recording().name == "jump"


def test_what_the_trash_does_not_take_stays_and_is_named(
    dialog: RecordingsDialog, qtbot: QtBot, folder: Path
) -> None:
    took = dialog._to_trash
    dialog._to_trash = lambda path: path.suffix == ".jsonl" and took(path)
    select(dialog, "walk")
    dialog.delete_button.click()
    dialog.agree_button.click()
    qtbot.waitUntil(lambda: dialog.message.isVisible(), timeout=WAIT_MS)
    assert dialog.message.text() == (
        "walk.mp4, walk-raw.mp4 could not be moved to the trash: delete them in your file manager."
    )
    qtbot.waitUntil(lambda: dialog.table.item(1, 4).text() == "skeleton, raw", timeout=WAIT_MS)
    assert dialog.recording().name == "walk"
    assert (folder / "walk.mp4").stat().st_size > 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of the trash of Linux desktops")
def test_the_trash_is_made_where_there_is_none(tmp_path: Path, monkeypatch) -> None:
    data = tmp_path / "share" / "none yet"
    monkeypatch.setenv("XDG_DATA_HOME", str(data))
    file = tmp_path / "walk.mp4"
    file.write_bytes(b"video")
    assert move_to_trash(file)
    assert not file.exists()
    assert (data / "Trash" / "files" / "walk.mp4").read_bytes() == b"video"


def test_an_empty_folder_says_what_to_do(qtbot: QtBot, tasks: TaskRunner, tmp_path: Path) -> None:
    dialog = RecordingsDialog(tmp_path / "none yet", tasks, SilentDialogs())
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: "Nothing has been recorded" in dialog.nothing.text(), timeout=WAIT_MS)
    assert dialog.table.isHidden()
    assert not dialog.play_button.isEnabled()


def test_a_recording_is_played_in_the_window(open_window, qtbot, dialogs, settings) -> None:
    folder = Path(settings.get("recording.folder"))
    folder.mkdir(parents=True)
    write_video(folder / "walk.mp4", regular(20), size=(192, 96))
    window = open_window("demo")

    def play(dialog: RecordingsDialog) -> None:
        qtbot.waitUntil(dialog.play_button.isEnabled, timeout=WAIT_MS)
        dialog.play()

    dialogs.on_show = play
    window.commands["recordings"].trigger()
    qtbot.waitUntil(
        lambda: window.sources.info is not None and window.sources.info.name == "walk.mp4",
        timeout=WAIT_MS,
    )


def test_a_recording_that_runs_is_not_in_the_list(open_window, qtbot, dialogs, settings) -> None:
    folder = Path(settings.get("recording.folder"))
    folder.mkdir(parents=True)
    write_video(folder / "walk.mp4", regular(20), size=(192, 96))
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    window.commands["record"].trigger()
    qtbot.waitUntil(lambda: len(list(folder.glob("*.mp4"))) == 2, timeout=WAIT_MS)
    listed = []

    def look(dialog: RecordingsDialog) -> None:
        qtbot.waitUntil(lambda: dialog.table.rowCount() > 0, timeout=WAIT_MS)
        listed.extend(names(dialog))

    dialogs.on_show = look
    window.commands["recordings"].trigger()
    assert listed == ["walk"]
    window.commands["record"].trigger()
    qtbot.waitUntil(lambda: window.recordings.last is not None, timeout=WAIT_MS)


def test_about_names_version_papers_licences_and_the_model_card(
    qtbot: QtBot, tasks: TaskRunner
) -> None:
    dialog = AboutDialog(tasks)
    qtbot.addWidget(dialog)
    text = dialog.papers.toPlainText()
    for paper in PAPERS:
        assert paper.title in text
        assert paper.address.startswith("https://")
    for name, year in (("Newell", "2016"), ("Zhou", "2019"), ("Casiez", "2012")):
        assert any(name in paper.authors and year in paper.where for paper in PAPERS)
    qtbot.waitUntil(lambda: dialog.licences.rowCount() > 5, timeout=WAIT_MS)
    table = dialog.licences
    rows = {table.item(row, 0).text(): table.item(row, 2).text() for row in range(table.rowCount())}
    assert "Apache" in rows["openvino"]
    assert "LGPL" in rows["PySide6-Essentials"]
    qtbot.waitUntil(lambda: "default.safetensors" in dialog.card.toPlainText(), timeout=WAIT_MS)


def test_enter_presses_the_button_with_the_focus(
    dialog: RecordingsDialog, qtbot: QtBot, folder: Path
) -> None:
    select(dialog, "walk")
    qtbot.keyClick(dialog.table, Qt.Key.Key_Delete)
    assert dialog.question.isVisible()
    button = {b.text().replace("&", ""): b for b in dialog.findChildren(QPushButton)}
    button["Cancel"].setFocus()
    qtbot.keyClick(button["Cancel"], Qt.Key.Key_Return)
    assert dialog.question.isHidden()
    assert (folder / "walk.mp4").is_file()
    played: list[Path] = []
    dialog.play_wanted.connect(played.append)
    button["Close"].setFocus()
    qtbot.keyClick(button["Close"], Qt.Key.Key_Return)
    assert played == []
    assert not dialog.isVisible()
