"""Keys that people choose themselves."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from pytestqt.qtbot import QtBot

from pose_app.ui.dialogs.keymap import Command, Keymap
from pose_app.ui.dialogs.keys_page import KeysPage
from tests.ui.conftest import WAIT_MS, close, wait_for_pose

COMMANDS = (
    Command("pause", "Play", "Pause", "Space"),
    Command("heatmap", "View", "Heatmap", "H"),
    Command("mirror", "View", "Mirror", "M"),
    Command("log", "Record", "Also write the joints", ""),
)


def test_only_what_differs_from_the_start_is_kept() -> None:
    keymap = Keymap(COMMANDS, {"mirror": "Ctrl+M", "of another version": "F7"})
    assert not keymap.changed
    keymap.assign("heatmap", "ctrl+h")
    keymap.assign("pause", "")
    assert keymap.changed
    assert keymap.overrides == {
        "mirror": "Ctrl+M", "heatmap": "Ctrl+H", "pause": "", "of another version": "F7"
    }  # fmt: skip
    again = Keymap(COMMANDS, keymap.overrides)
    assert again.key("pause") == ""
    assert again.key("heatmap") == "Ctrl+H"
    again.reset_all()
    assert again.overrides == {"of another version": "F7"}
    assert again.key("pause") == "Space"


def test_a_key_has_one_command() -> None:
    keymap = Keymap(COMMANDS, {})
    other = keymap.other_with("mirror", "h")
    assert other is not None
    assert other.text == "Heatmap"
    assert keymap.other_with("heatmap", "H") is None
    assert keymap.other_with("heatmap", "") is None
    keymap.assign("mirror", "H")
    assert keymap.key("heatmap") == ""
    assert keymap.key("mirror") == "H"


@pytest.fixture
def page(qtbot: QtBot) -> KeysPage:
    page = KeysPage(Keymap(COMMANDS, {}))
    qtbot.addWidget(page)
    page.show()
    return page


def test_a_free_key_is_taken_at_once_and_can_be_given_back(page: KeysPage, qtbot: QtBot) -> None:
    page.select("mirror")
    assert not page.reset.isEnabled()
    page.edit.setFocus()
    qtbot.keyClick(page.edit, Qt.Key.Key_X)
    assert page.keymap.overrides == {"mirror": "X"}
    assert page.tree.currentItem().text(1) == "X"
    assert page.tree.currentItem().font(0).bold()
    page.reset.click()
    assert page.keymap.overrides == {}
    assert page.edit.keySequence() == QKeySequence("M")
    page.none.click()
    assert page.keymap.overrides == {"mirror": ""}
    assert page.edit.keySequence().isEmpty()


def test_a_conflict_is_named_before_anything_changes(page: KeysPage, qtbot: QtBot) -> None:
    page.select("mirror")
    page.edit.setFocus()
    qtbot.keyClick(page.edit, Qt.Key.Key_H)
    assert "Heatmap" in page.words.text()
    assert page.take.isVisible()
    assert not page.keymap.changed
    page.select("pause")  # somebody who thinks again
    assert page.take.isHidden()
    assert not page.keymap.changed
    page.select("mirror")
    qtbot.keyClick(page.edit, Qt.Key.Key_H)
    page.take.click()
    assert page.keymap.overrides == {"mirror": "H", "heatmap": ""}
    page.select("heatmap")
    page.reset.click()
    assert "Mirror" in page.words.text()
    assert page.keymap.key("heatmap") == ""


def test_commands_are_found_by_name_and_by_key(page: KeysPage) -> None:
    def shown() -> list[str]:
        return [name for name, item in page._items.items() if not item.isHidden()]

    page.search.setText("heat")
    assert shown() == ["heatmap"]
    assert page._menus["Play"].isHidden()
    page.search.setText("space")
    assert shown() == ["pause"]
    page.search.clear()
    assert shown() == ["pause", "heatmap", "mirror", "log"]


def test_every_word_about_a_key_names_the_key_that_is_chosen(
    open_window, qtbot, settings, dialogs
) -> None:
    """Tooltips, the first steps, the card about the window, the state line, the speed."""
    settings.set("window.hint_seen", False)
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    steps = window.steps._labels
    assert "<b>1, 2, 3, 4</b>" in steps["stacks"].text()
    chosen = {
        "heatmap": "Ctrl+J", "record": "Y", "stack_2": "Shift+2", "follow": "Q", "compare": "",
        "slower": "Alt+1", "pause": "Alt+P", "panel_stacks": "Alt+S", "models": "Alt+M",
    }  # fmt: skip
    window.settings.set("window.shortcuts", chosen)
    for name, action in {**window.commands, **window.about.keys._actions}.items():
        key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        title = action.text().replace("&", "").removesuffix("…")
        first = action.toolTip().partition("\n")[0]
        assert first == (f"{title} ({key})" if key else title), name
    assert window.record_button.toolTip().startswith("Record as shown (Y)\n")
    assert window.playback.speed.toolTip() == "Speed (Alt+1 and ])"
    assert "<b>Ctrl+J</b>" in steps["heatmap"].text()
    assert "<b>1, Shift+2, 3, 4</b>" in steps["stacks"].text()
    assert "<b>Y</b>" in steps["record"].text()
    window.commands["hint"].trigger()
    card = window.hint.words.text()
    assert "<b>1</b>, <b>Shift+2</b>" in card
    assert "<b>“Compare with the first stack”</b> to compare" in card
    assert "<b>Q</b> gives it back" in card


def test_a_chosen_key_works_in_the_window_and_stays(open_window, qtbot, settings, dialogs) -> None:
    window = open_window("demo")

    def change(dialog) -> None:
        dialog.keys.keymap.assign("heatmap", "Ctrl+J")
        dialog.keys.keymap.assign("mirror", "H")
        dialog.keys.keymap.assign("panel_joints", "F12")

    dialogs.on_show = change
    before = window.view.heatmap
    window.commands["preferences"].trigger()
    assert window.commands["heatmap"].toolTip().startswith("Heatmap (Ctrl+J)\n")
    assert window.panels.toggles["joints"].shortcut() == QKeySequence("F12")
    window.activateWindow()
    window.canvas.setFocus()
    qtbot.waitUntil(window.canvas.hasFocus, timeout=WAIT_MS)
    qtbot.keyClick(window.canvas, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    assert window.view.heatmap != before
    mirrored = window.view.mirror
    qtbot.keyClick(window.canvas, Qt.Key.Key_H)
    assert window.view.mirror != mirrored
    assert settings.get("window.shortcuts") == {
        "heatmap": "Ctrl+J", "mirror": "H", "panel_joints": "F12"
    }  # fmt: skip
    close(window, qtbot)
    again = open_window("demo")
    assert again.commands["heatmap"].shortcut() == QKeySequence("Ctrl+J")
    assert again.commands["mirror"].shortcut() == QKeySequence("H")
    dialogs.on_show = lambda dialog: dialog.restore_defaults()
    again.commands["preferences"].trigger()
    assert again.commands["heatmap"].shortcut() == QKeySequence("H")
    assert again.commands["mirror"].toolTip().startswith("Mirror (M)\n")
