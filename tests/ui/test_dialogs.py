"""Dialogs made from tables, commands and their keys."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtCore import QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QInputDialog,
    QLabel,
    QSpinBox,
    QTabBar,
    QToolButton,
    QWidget,
)

from pose_app import paths
from pose_app.settings import Settings
from pose_app.settings_table import SETTINGS
from pose_app.ui.canvas.colours import COLOUR_MAPS
from pose_app.ui.chrome.actions import ACTIONS, MENUS
from pose_app.ui.chrome.layout import first_size
from pose_app.ui.dialogs.asking import Dialogs
from pose_app.ui.dialogs.keymap import Command
from pose_app.ui.dialogs.preferences import PreferencesDialog
from pose_app.ui.dialogs.shortcuts import ShortcutsDialog
from pose_app.ui.panels import PANELS
from tests.ui.conftest import WAIT_MS, save_settings, wait_for_pose

_ICON_ONLY = Qt.ToolButtonStyle.ToolButtonIconOnly


def test_preferences_show_every_setting_of_the_table(qtbot, settings):
    dialog = PreferencesDialog(settings)
    qtbot.addWidget(dialog)
    assert set(dialog.editors) == {s.key for s in SETTINGS if s.group is not None}
    assert dialog.changes == {}


def test_preferences_read_change_and_restore(qtbot, settings):
    settings.set("view.opacity", 0.35)
    settings.set("model.stacks", 3)
    dialog = PreferencesDialog(settings)
    qtbot.addWidget(dialog)
    editors = {key: editor for key, (editor, _, _) in dialog.editors.items()}
    assert isinstance(editors["view.opacity"], QDoubleSpinBox)
    assert editors["view.opacity"].value() == 0.35
    assert isinstance(editors["model.stacks"], QSpinBox)
    assert editors["model.stacks"].value() == 3
    theme_choice = editors["appearance.theme"]
    assert isinstance(theme_choice, QComboBox)
    theme_choice.setCurrentIndex(theme_choice.findData("light"))
    assert isinstance(editors["recording.log"], QCheckBox)
    editors["recording.log"].setChecked(False)
    assert dialog.changes == {"appearance.theme": "light", "recording.log": False}
    assert settings.get("appearance.theme") == "dark"  # not before OK
    dialog.restore_defaults()
    for setting in SETTINGS:
        if setting.key in dialog.editors:
            assert dialog.editors[setting.key][1]() == setting.default


def test_colour_maps_of_settings_and_painting_are_the_same():
    choices = next(s.choices for s in SETTINGS if s.key == "view.colour_map")
    assert choices == COLOUR_MAPS


def test_no_two_commands_share_a_key():
    keys = Counter(QKeySequence(spec.shortcut).toString() for spec in ACTIONS if spec.shortcut)
    assert [key for key, count in keys.items() if count > 1] == []
    assert "" not in keys  # every shortcut is one that Qt understands
    assert len({spec.name for spec in ACTIONS}) == len(ACTIONS)


def test_the_sheet_lists_every_key(qtbot):
    dialog = ShortcutsDialog(
        [Command(spec.name, spec.menu, spec.text, spec.shortcut) for spec in ACTIONS]
    )
    qtbot.addWidget(dialog)
    shown = {label.text() for label in dialog.findChildren(QLabel)}
    for spec in ACTIONS:
        if spec.shortcut:
            assert spec.text in shown
            key = QKeySequence(spec.shortcut)
            assert key.toString(QKeySequence.SequenceFormat.NativeText) in shown


def test_panels_have_keys_of_their_own(open_window, dialogs):
    window = open_window("demo")
    labels = []
    dialogs.on_show = lambda dialog: labels.extend(
        label.text() for label in dialog.findChildren(QLabel)
    )
    window.commands["shortcuts"].trigger()
    taken = {spec.shortcut for spec in ACTIONS}
    for name, dock in window.docks.items():
        key = window.panels.toggles[name].shortcut().toString()
        assert key not in taken
        assert key in labels
        assert dock.windowTitle() in labels


def test_every_command_is_in_a_menu_with_its_key(open_window):
    window = open_window("demo")
    menus = {menu.title(): menu for menu in (a.menu() for a in window.menuBar().actions())}
    assert set(menus) == set(MENUS)
    for spec in ACTIONS:
        action = window.commands[spec.name]
        assert action in menus[spec.menu].actions()
        assert action.shortcut() == QKeySequence(spec.shortcut)
        assert action.toolTip()


def test_preferences_take_effect_and_stay(open_window, qtbot, settings, dialogs):
    window = open_window("demo")
    wait_for_pose(window, qtbot)

    def choose(dialog) -> None:
        dialog.editors["appearance.theme"][2]("light")
        dialog.editors["view.background"][2]("black")
        dialog.editors["model.stacks"][2](1)
        dialog.editors["pose.smoothing"][2](False)
        dialog.editors["source.loop"][2](True)

    dialogs.on_show = choose
    bright = window.palette().window().color().lightness()
    window.commands["preferences"].trigger()
    assert dialogs.shown == ["Preferences"]
    assert window.palette().window().color().lightness() > bright + 100
    assert window.view.background == "black"
    controls = window.bridge.session.controls
    assert (controls.stacks, controls.smoothing, controls.loop) == (1, False, True)
    assert window.commands["loop"].isChecked()
    assert not window.commands["smooth"].isChecked()
    qtbot.waitUntil(
        lambda: Settings.load(settings.path).get("appearance.theme") == "light", timeout=WAIT_MS
    )


def test_cancelled_preferences_change_nothing(open_window, settings, dialogs):
    window = open_window("demo")
    dialogs.accept = False
    dialogs.on_show = lambda dialog: dialog.editors["appearance.theme"][2]("light")
    window.commands["preferences"].trigger()
    assert settings.get("appearance.theme") == "dark"


def test_changes_of_the_view_are_seen_at_once_and_undone_by_cancel(open_window, qtbot, dialogs):
    window = open_window("demo")
    dark = window.palette().window().color()
    seen = []

    def change(dialog) -> None:
        dialog.editors["appearance.theme"].put("light")
        dialog.editors["view.opacity"].put(0.25)
        dialog.editors["view.colour_map"].put("viridis")
        dialog.editors["model.stacks"].put(1)
        view = window.view
        seen.append((window.palette().window().color(), view.opacity, view.colour_map))
        seen.append(window.bridge.session.controls.stacks)
        kept = save_settings(window, qtbot)  # as a timer may do meanwhile
        assert kept.get("view.opacity") == dialog._start["view.opacity"]

    dialogs.on_show = change
    dialogs.accept = False
    window.commands["preferences"].trigger()
    (colour, *shown), stacks = seen
    assert colour.lightness() > dark.lightness() + 100
    assert shown == [0.25, "viridis"]
    assert stacks == 2  # what costs something waits for OK
    assert window.palette().window().color() == dark
    assert (window.view.opacity, window.view.colour_map) == (0.6, "inferno")
    assert save_settings(window, qtbot).get("view.opacity") == 0.6
    dialogs.accept = True
    window.commands["preferences"].trigger()
    assert window.view.opacity == 0.25
    kept = save_settings(window, qtbot)
    assert kept.get("appearance.theme") == "light"
    assert kept.get("view.colour_map") == "viridis"


def test_no_button_of_a_dialog_has_a_stock_icon(open_window, dialogs, monkeypatch):
    window = open_window("demo")
    # As on desktops that put icons on the buttons of dialogs.
    window.setStyleSheet("QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 1; }")
    with_icon = []

    def look(dialog) -> None:
        with_icon.extend(
            f"{button.text()} of {dialog.windowTitle()}"
            for box in dialog.findChildren(QDialogButtonBox)
            for button in box.buttons()
            if not button.icon().isNull()
        )

    dialogs.on_show = look
    for name in ("preferences", "shortcuts", "diagnostics", "about"):
        window.commands[name].trigger()
    assert len(dialogs.shown) == 4
    assert with_icon == []


def test_the_recording_folder_tells_the_room_that_is_left(open_window, qtbot, settings, dialogs):
    window = open_window("demo")
    told = []

    def look(dialog) -> None:
        line = dialog.editors["recording.folder"].widget
        page = next(page for page in dialog._pages if "recording.folder" in page.editors)
        words = {label.text() for label in page.findChildren(QLabel)}
        assert not any("free in" in text for text in words)  # asked on another thread
        qtbot.waitUntil(
            lambda: any(
                "free in" in label.text() and line.text() in label.text()
                for label in page.findChildren(QLabel)
            ),
            timeout=WAIT_MS,
        )
        told.append(line.placeholderText())

    dialogs.on_show = look
    window.commands["preferences"].trigger()
    assert told == [str(paths.recordings_folder())]


def test_diagnostics_can_be_copied(open_window, qtbot, dialogs):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    qtbot.waitUntil(lambda: window.bridge.last_stats.engine is not None, timeout=WAIT_MS)
    copied = []

    def copy(dialog) -> None:
        dialog.copy()
        copied.append(QGuiApplication.clipboard().text())

    dialogs.on_show = copy
    window.commands["diagnostics"].trigger()
    assert "pose-app" in copied[0]
    assert "source: demo" in copied[0]
    assert "engine: OpenVINO" in copied[0] or "engine: PyTorch" in copied[0]


def test_the_explanation_comes_when_it_is_asked_for(open_window, qtbot):
    window = open_window("demo")
    assert not window.hint.isVisible()
    window.commands["hint"].trigger()
    assert window.hint.isVisible()
    window.hint._button.click()
    assert not window.hint.isVisible()


def test_the_explanation_is_not_cut_in_the_smallest_window(open_window, qtbot):
    window = open_window("demo", size=(800, 500))
    qtbot.waitUntil(lambda: window.canvas.height() < 300, timeout=WAIT_MS)
    window.commands["hint"].trigger()
    hint, words = window.hint, window.hint.words
    qtbot.waitUntil(lambda: words.height() >= words.heightForWidth(words.width()), timeout=WAIT_MS)
    assert window.canvas.rect().contains(hint.geometry())
    assert hint.rect().contains(words.geometry())


def _click_the_picture(window, qtbot):
    qtbot.mouseClick(window.canvas, Qt.MouseButton.LeftButton, pos=QPoint(3, 3))


def _press_a_key(window, qtbot):
    qtbot.keyClick(window.hint._button, Qt.Key.Key_H)


@pytest.mark.parametrize("use", [_click_the_picture, _press_a_key])
def test_using_the_window_puts_the_explanation_away(open_window, qtbot, use):
    window = open_window("demo")
    window.commands["hint"].trigger()
    qtbot.keyClick(window.hint._button, Qt.Key.Key_Shift)
    assert window.hint.isVisible()
    use(window, qtbot)
    assert not window.hint.isVisible()


@pytest.mark.parametrize("size", [(1280, 800), (1000, 700), (900, 600), (800, 500)])
def test_the_picture_gets_its_share_of_the_window(open_window, qtbot, size):
    window = open_window("demo", size=size)
    wait_for_pose(window, qtbot)
    assert (window.width(), window.height()) == size
    assert window.canvas.width() * window.canvas.height() >= 0.4 * size[0] * size[1]
    below = size[0] < 1000
    assert (window.canvas.width() >= 0.9 * size[0]) == below
    assert window.panels.is_seen(window.docks["stacks"])
    assert window.playback.slider.width() >= 0.6 * size[0]
    assert window.record_button.geometry().right() <= window.toolbar.width()


def test_panels_give_way_before_the_picture_does(open_window, qtbot):
    window = open_window("demo", size=(1400, 800))
    for width in (1300, 1150, 1010):
        window.resize(width, 800)
        qtbot.wait(50)
        assert window.canvas.width() >= 0.5 * width
    stacks, right = window.docks["stacks"], Qt.DockWidgetArea.RightDockWidgetArea
    assert window.dockWidgetArea(stacks) == right
    window.resize(900, 600)
    qtbot.wait(50)
    assert window.dockWidgetArea(stacks) == Qt.DockWidgetArea.BottomDockWidgetArea
    assert window.panels.is_seen(stacks)
    window.resize(1200, 700)
    qtbot.wait(50)
    assert window.dockWidgetArea(stacks) == right
    assert window.panels.is_seen(stacks)


def test_a_panel_behind_another_comes_to_the_front_with_its_key(open_window, qtbot):
    window = open_window("demo")
    front = {key: window.panels.is_seen(dock) for key, dock in window.docks.items()}
    assert front == {spec.key: spec.key == "stacks" for spec in PANELS}
    toggles = window.panels.toggles
    toggles["joints"].trigger()
    assert window.panels.is_seen(window.docks["joints"])
    assert (toggles["joints"].isChecked(), toggles["stacks"].isChecked()) == (True, False)
    toggles["joints"].trigger()
    assert not window.panels.is_seen(window.docks["joints"])
    assert not toggles["joints"].isChecked()
    window.commands["reset_layout"].trigger()
    assert window.panels.is_seen(window.docks["stacks"])


def test_the_first_window_fits_on_every_screen():
    def size(width: int, height: int) -> tuple[int, int]:
        return first_size(QSize(width, height)).toTuple()

    assert size(1366, 728) == (1093, 582)
    assert size(1920, 1040) == (1536, 832)
    assert size(900, 560) == (800, 500)
    assert size(640, 480) == (640, 480)


def test_the_toolbar_names_what_matters_and_everything_else_says_its_name(open_window, qtbot):
    window = open_window("demo", size=(1400, 800))
    qtbot.waitUntil(lambda: window.commands["stack_3"].isVisible(), timeout=WAIT_MS)
    buttons = [b for b in window.toolbar.findChildren(QToolButton) if b.isVisible()]
    shown = {button.text() for button in buttons if button.toolButtonStyle() != _ICON_ONLY}
    assert {"Camera", "Heatmap", "1", "2", "Record"} <= shown
    for button in buttons:
        action = button.defaultAction()
        if action is not None:
            name = action.text().replace("&", "")
            assert button.toolTip().startswith(name)
            key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            assert not key or f"{name} ({key})" in button.toolTip()
    pause = [b for b in buttons if b.defaultAction() is window.commands["pause"]]
    assert len(pause) == 1
    assert pause[0].toolTip().startswith("Pause (Space)")
    window.commands["pause"].trigger()
    assert pause[0].toolTip().startswith("Play (Space)")


def test_a_panel_that_is_torn_off_can_be_read(open_window, qtbot):
    window = open_window("demo")
    for key in ("joints", "movement"):  # behind the tab of another
        dock = window.docks[key]
        dock.setFloating(True)
        wanted = dock.widget().sizeHint()
        qtbot.waitUntil(lambda d=dock, w=wanted: d.height() >= w.height(), timeout=WAIT_MS)
        assert dock.width() >= wanted.width()


def test_a_command_that_turns_into_another_has_no_tick(open_window):
    """A ticked "Play" in the menu of a picture that stands still would say the opposite."""
    window = open_window("demo")
    for name, before, after in (
        ("pause", "Pause", "Play"),
        ("record", "Record as shown", "Stop the recording"),
    ):
        command = window.commands[name]
        assert command.text() == before
        command.trigger()
        assert command.text() == after
        assert command.toolTip().startswith(f"{after} (")
        assert not command.isChecked()
        command.trigger()
        assert command.text() == before


def tabs_seen(window) -> list[list[str]]:
    """The texts of every row of tabs that is painted in the window."""
    bars = [bar for bar in window.findChildren(QTabBar) if bar.isVisible()]
    inside = [bar for bar in bars if window.rect().intersects(bar.geometry())]
    rows = [[bar.tabText(tab) for tab in range(bar.count())] for bar in inside]
    return [row for row in rows if row]


def test_panels_leave_no_tabs_behind(open_window, qtbot):
    """Qt keeps the tabs of panels that were taken out one by one, where they were."""
    window = open_window("demo", size=(1300, 800))
    toggles = window.panels.toggles
    all_three = ["Stacks", "Joints", "Movement"]

    def seen(*rows: list[str]) -> bool:
        return tabs_seen(window) == list(rows)

    qtbot.waitUntil(lambda: seen(all_three), timeout=WAIT_MS)
    toggles["stacks"].trigger()
    qtbot.waitUntil(lambda: seen(["Joints", "Movement"]), timeout=WAIT_MS)
    toggles["joints"].trigger()
    qtbot.waitUntil(lambda: seen(), timeout=WAIT_MS)
    window.commands["reset_layout"].trigger()
    qtbot.waitUntil(lambda: seen(all_three), timeout=WAIT_MS)
    for size in ((900, 600), (1300, 800), (900, 600), (1300, 800)):
        window.resize(*size)
        qtbot.wait(100)
        qtbot.waitUntil(lambda: seen(all_three), timeout=WAIT_MS)
    for dock in window.docks.values():
        dock.setFloating(True)
    qtbot.waitUntil(lambda: seen(), timeout=WAIT_MS)
    window.commands["reset_layout"].trigger()
    qtbot.waitUntil(lambda: seen(all_three), timeout=WAIT_MS)
    toggles["plots"].trigger()
    qtbot.waitUntil(lambda: window.docks["plots"].height() >= 200, timeout=WAIT_MS)


def test_ticks_are_not_hidden_by_icons(open_window):
    window = open_window("demo")
    for action in window.commands.values():
        assert not (action.isCheckable() and not action.icon().isNull()) or (
            not action.isIconVisibleInMenu()
        )


def test_everything_that_takes_input_has_a_name(open_window, qtbot):
    """For screen readers, which hear the name instead of seeing the icon."""
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    for dock in window.docks.values():
        dock.show()
    nameless = [
        f"{type(widget).__name__} in {type(widget.parent()).__name__}"
        for kind in (QAbstractButton, QAbstractSlider, QComboBox, QAbstractItemView)
        for widget in window.findChildren(kind)
        if widget.isVisible()
        and widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        and not (widget.accessibleName() or getattr(widget, "text", str)())
    ]
    assert nameless == []


def test_tab_reaches_everything(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    chain, widget = [], window.canvas
    while widget not in chain:
        chain.append(widget)
        widget = widget.nextInFocusChain()
    wanted = [window.playback.slider, window.playback.speed, window.canvas]
    wanted += [
        widget
        for dock in window.docks.values()
        for widget in dock.findChildren(QWidget)
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]
    assert len(wanted) > 6
    for widget in wanted:
        assert widget in chain
        assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_the_question_for_a_text_has_no_stock_icons(qtbot, monkeypatch):
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.setStyleSheet("QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 1; }")
    buttons = []

    def answer(dialog: QInputDialog) -> int:
        dialog.show()
        for box in dialog.findChildren(QDialogButtonBox):
            buttons.extend(box.buttons())
        assert all(button.icon().isNull() for button in buttons)
        dialog.setTextValue("rtsp://camera/live")
        return QDialog.DialogCode.Accepted

    monkeypatch.setattr(QInputDialog, "exec", answer)
    assert Dialogs().text(parent, "Open address", "Address:") == "rtsp://camera/live"
    assert len(buttons) == 2


def test_a_threshold_is_never_below_zero(qtbot, settings):
    dialog = PreferencesDialog(settings)
    qtbot.addWidget(dialog)
    spin, _, _ = dialog.editors["pose.threshold"]
    assert spin.text() == "The model's own"
    spin.stepUp()
    assert dialog.changes == {"pose.threshold": 0.0}
    spin.stepUp()
    assert dialog.changes == {"pose.threshold": 0.05}
    spin.stepDown()
    spin.stepDown()
    assert spin.text() == "The model's own"
    assert dialog.changes == {}


def test_the_wheel_scrolls_a_page_and_changes_no_setting(qtbot, settings):
    dialog = PreferencesDialog(settings)
    qtbot.addWidget(dialog)
    dialog.show()
    fields = [editor for editor, _, _ in dialog.editors.values() if isinstance(editor, _FIELDS)]
    assert len(fields) > 5
    for field in fields:
        before = _value(field)
        _wheel(field)
        assert _value(field) == before
    first = next(field for field in fields if field.isVisible())
    dialog.activateWindow()
    first.setFocus()
    qtbot.waitUntil(first.hasFocus, timeout=WAIT_MS)
    _wheel(first)
    assert dialog.changes != {}, "a field with the focus takes it"


_FIELDS = (QComboBox, QSpinBox, QDoubleSpinBox)


def _value(field):
    return field.currentText() if isinstance(field, QComboBox) else field.text()


def _wheel(field):
    here = QPointF(field.rect().center())
    event = QWheelEvent(
        here, field.mapToGlobal(here), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(field, event)


def test_every_menu_has_a_letter_of_its_own():
    letters = [menu[menu.index("&") + 1].upper() for menu in MENUS]
    assert len(set(letters)) == len(letters)
    keys = {spec.shortcut for spec in ACTIONS}
    assert not {f"Alt+{letter}" for letter in letters} & keys
