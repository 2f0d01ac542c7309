"""Every command of the window, as data: a new one is one entry and the method it names.

`slot` is a path from the main window to a method, e.g. `sources.open_file`; a checkable command's
method gets the new state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence

from .icons import icon

if TYPE_CHECKING:
    from .main_window import MainWindow

MENUS = ("&Source", "&Play", "&Stacks", "&View", "&Model", "&Record", "&Panels", "&Help")


class ActionSpec(NamedTuple):
    """One command; `tip` says what it does in a sentence; `group` makes commands exclusive.

    `value` is handed to the slot of a command that is not checkable, or in a group.
    """

    name: str
    menu: str
    text: str
    slot: str
    shortcut: str = ""
    icon: str = ""
    tip: str = ""
    checkable: bool = False
    group: str = ""
    value: Any = None
    separator: bool = False  # a line above it
    on_picture: bool = False  # its key works only there: sliders and buttons need it themselves


_OPEN = (
    ActionSpec(
        "open_file", "&Source", "Open video or picture…", "sources.choose_file", "Ctrl+O", "video",
        "Play a video or show a picture. You can also drop files onto the window.",
    ),
    ActionSpec(
        "open_folder", "&Source", "Open folder of pictures…", "sources.choose_folder",
        "Ctrl+Shift+O", "folder", "Show the pictures of a folder one after the other.",
    ),
    ActionSpec(
        "open_url", "&Source", "Open address…", "sources.choose_url", "Ctrl+U", "link",
        "A network camera or a video on the network: http, https, rtsp.",
    ),
    ActionSpec(
        "demo", "&Source", "Demo clip", "sources.open", "Ctrl+D", "demo",
        "A short clip of a rendered person, for trying things out.", value="demo",
    ),
    ActionSpec(
        "reload", "&Source", "Open again", "sources.reload", "Ctrl+R", "",
        "Close the source and open it again.",
    ),
    ActionSpec(
        "preferences", "&Source", "Preferences…", "show_preferences", "Ctrl+,", "settings",
        "Everything that is remembered.", separator=True,
    ),
    ActionSpec("quit", "&Source", "Quit", "close", "Ctrl+Q", "close", "Close the window."),
)  # fmt: skip

_PLAY = (
    ActionSpec(
        "pause", "&Play", "Pause", "sources.set_paused", "Space", "pause",
        "Hold the picture, or go on.", checkable=True, on_picture=True,
    ),
    ActionSpec(
        "step", "&Play", "Next frame", "sources.step", ".", "step",
        "Pause and show one more frame.",
    ),
    ActionSpec(
        "back", "&Play", "Back 5 seconds", "sources.skip", "Left", value=-5.0,
        separator=True, on_picture=True,
    ),
    ActionSpec(
        "forward", "&Play", "Forward 5 seconds", "sources.skip", "Right", value=5.0,
        on_picture=True,
    ),
    ActionSpec(
        "start", "&Play", "To the start", "sources.seek", "Home", value=0.0, on_picture=True
    ),
    ActionSpec(
        "slower", "&Play", "Slower", "sources.change_speed", "[", "", "", value=-1, separator=True
    ),
    ActionSpec("faster", "&Play", "Faster", "sources.change_speed", "]", value=1),
    ActionSpec(
        "loop", "&Play", "Repeat", "sources.set_loop", "L", "loop",
        "Start again at the end.", checkable=True,
    ),
)  # fmt: skip

_STACKS = (
    *(
        ActionSpec(
            f"stack_{number}", "&Stacks", f"Stack {number}", "views.choose_stack", str(number),
            "", "The overlay and the skeleton come from this stack.", True, "stack", number - 1,
        )
        for number in range(1, 9)
    ),
    ActionSpec(
        "stack_last", "&Stacks", "Last stack", "views.choose_stack", "0", "stacks",
        "The overlay and the skeleton come from the last stack that runs.", True, "stack", None,
    ),
    ActionSpec(
        "compare", "&Stacks", "Compare with the first stack", "views.set_compare", "C", "compare",
        "Draw a second stack's skeleton, dashed: see what the later stacks corrected.", True,
        separator=True,
    ),
    ActionSpec(
        "compare_next", "&Stacks", "Compare with the next stack", "views.compare_next", "Shift+C",
        "", "Go through the stacks to compare with.",
    ),
)  # fmt: skip

_VIEW = (
    ActionSpec(
        "heatmap", "&View", "Heatmap", "views.set_heatmap", "H", "heatmap",
        "Where the network believes the joint to be, over the picture.", True,
    ),
    ActionSpec("skeleton", "&View", "Skeleton", "views.set_skeleton", "S", "", "", True),
    ActionSpec(
        "region", "&View", "Region", "views.set_region", "G", "",
        "The square that the network looks at.", True,
    ),
    ActionSpec(
        "follow", "&View", "Follow the person again", "views.release_region", "Esc", "",
        "Give a region that was set by hand back to the tracking.",
    ),
    ActionSpec(
        "next_joint", "&View", "Next joint", "views.next_joint", "J", "joints",
        "Show the heatmap of the next joint.", value=1, separator=True,
    ),
    ActionSpec(
        "previous_joint", "&View", "Previous joint", "views.next_joint", "Shift+J", value=-1
    ),
    ActionSpec(
        "all_joints", "&View", "All joints", "views.all_joints", "A", "",
        "Show all joints, and their heatmaps as one.",
    ),
    ActionSpec(
        "mirror", "&View", "Mirror", "views.set_mirror", "M", "mirror",
        "As in a mirror; recordings and logs are never mirrored.", True, separator=True,
    ),
    ActionSpec(
        "fit", "&View", "Fit", "views.set_scale", "F", "fit", "All of the picture.", True, "scale",
        "fit", True,
    ),
    ActionSpec(
        "fill", "&View", "Fill", "views.set_scale", "Shift+F", "", "No borders.", True, "scale",
        "fill",
    ),
    ActionSpec(
        "actual", "&View", "Actual size", "views.set_scale", "Z", "", "Each pixel as it is.",
        True, "scale", "actual",
    ),
    ActionSpec(
        "picture", "&View", "On the picture", "views.set_background", "V", "", "", True,
        "background", "picture", True,
    ),
    ActionSpec(
        "black", "&View", "On black", "views.set_background", "B", "",
        "Only the skeleton, on black.", True, "background", "black",
    ),
    ActionSpec(
        "blurred", "&View", "On the blurred picture", "views.set_background", "Shift+B", "",
        "Nobody can be recognised.", True, "background", "blurred",
    ),
    ActionSpec(
        "fullscreen", "&View", "Full screen", "set_full_screen", "F11", "fullscreen", "", True,
        separator=True,
    ),
)  # fmt: skip

_MODEL = (
    ActionSpec(
        "models", "&Model", "Models…", "models.show_dialog", "Ctrl+M", "models",
        "The models on this computer, and those that can be downloaded.",
    ),
    ActionSpec(
        "open_model", "&Model", "Open model file…", "models.choose_file", "Ctrl+Shift+M", "",
        "A checkpoint of any published stacked hourglass.",
    ),
    ActionSpec(
        "smooth", "&Model", "Smooth movements", "models.set_smoothing", "Shift+S", "",
        "Remove jitter from the skeleton.", True, separator=True,
    ),
)  # fmt: skip

_RECORD = (
    ActionSpec(
        "record", "&Record", "Record with skeleton", "recordings.toggle", "R", "record",
        "A video with the skeleton drawn in, as shown here but never mirrored.", True,
        value="annotated",
    ),
    ActionSpec(
        "record_raw", "&Record", "Record the raw picture", "recordings.toggle", "Shift+R",
        "record-raw", "A video of the picture as it came.", True, value="raw",
    ),
    ActionSpec(
        "record_both", "&Record", "Record both", "recordings.toggle", "Ctrl+Shift+R", "",
        "Two videos, one with the skeleton.", True, value="both",
    ),
    ActionSpec(
        "log", "&Record", "Write the joints too", "recordings.set_log", "", "",
        "A log with the joints of every frame beside each recording.", True, separator=True,
    ),
    ActionSpec(
        "snapshot", "&Record", "Snapshot", "recordings.snapshot", "P", "snapshot",
        "This moment as shown, the picture alone, and its joints.", separator=True,
    ),
    ActionSpec(
        "open_recordings", "&Record", "Open the recordings folder", "recordings.open_folder",
        "Ctrl+Shift+E", "folder",
    ),
)  # fmt: skip

_PANELS = (
    ActionSpec(
        "hide_panels", "&Panels", "Picture only", "set_panels_hidden", "F9", "",
        "Hide all panels, or show them again.", True,
    ),
    ActionSpec(
        "reset_layout", "&Panels", "Reset the layout", "reset_layout", "", "",
        "Every panel where it was at the first start.",
    ),
)  # fmt: skip

_HELP = (
    ActionSpec(
        "shortcuts", "&Help", "Keyboard shortcuts", "show_shortcuts", "?", "help",
        "Every command and its key.",
    ),
    ActionSpec(
        "hint", "&Help", "What am I seeing?", "show_hint", "F1", "info",
        "The picture, the stacks and the heatmaps in a few sentences.",
    ),
    ActionSpec(
        "diagnostics", "&Help", "Diagnostics…", "show_diagnostics", "Ctrl+I", "info",
        "What runs where, for a report.",
    ),
)  # fmt: skip

ACTIONS: tuple[ActionSpec, ...] = (
    *_OPEN, *_PLAY, *_STACKS, *_VIEW, *_MODEL, *_RECORD, *_PANELS, *_HELP
)  # fmt: skip


def translated(text: str) -> str:
    """A text of the tables in the person's language."""
    return QCoreApplication.translate("actions", text)


def build_actions(window: MainWindow) -> dict[str, QAction]:
    """Make every command, connected to the method that it names and added to the window.

    Raises AttributeError where a slot does not exist: at the start, not at the first click.
    """
    groups: dict[str, QActionGroup] = {}
    actions: dict[str, QAction] = {}
    for spec in ACTIONS:
        action = QAction(translated(spec.text), window)
        action.setObjectName(spec.name)
        action.setCheckable(spec.checkable)
        if spec.icon:
            action.setIcon(icon(spec.icon))
        if spec.shortcut:
            action.setShortcut(QKeySequence(spec.shortcut))
        if spec.on_picture:
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            window.canvas.addAction(action)
        tip = translated(spec.tip) if spec.tip else translated(spec.text)
        key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        action.setToolTip(f"{tip} ({key})" if key else tip)
        if spec.group:
            group = groups.setdefault(spec.group, QActionGroup(window))
            group.addAction(action)
        slot: Any = window
        for part in spec.slot.split("."):
            slot = getattr(slot, part)
        if spec.checkable and not spec.group and spec.value is None:
            action.triggered.connect(slot)
        else:
            action.triggered.connect(_without_state(slot, spec))
        window.addAction(action)
        actions[spec.name] = action
    return actions


def _without_state(slot: Callable[..., None], spec: ActionSpec) -> Callable[[bool], None]:
    """A slot for `triggered` that hands on the entry's value instead of the new state."""

    def triggered(checked: bool = False) -> None:
        if spec.value is None and not spec.group:
            slot()
        else:
            slot(spec.value)

    return triggered
