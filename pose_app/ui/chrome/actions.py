"""All commands of the window as a table; a new one is a row here and a slot of a controller.

A row says how a command looks; what it does is in the `slots` given to `build_actions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QWidget

from ..app_settings import AppSettings
from ..icons import icon
from ..state.observable import Observable
from ..state.view_state import MOST_STACKS

MENUS = ("&Source", "&Play", "Stac&ks", "&View", "&Model", "Re&cord", "Pa&nels", "&Help")


class ActionSpec(NamedTuple):
    """One command; `tip` says what it does in a sentence; `group` makes commands exclusive."""

    name: str
    menu: str
    text: str
    shortcut: str = ""
    icon: str = ""
    tip: str = ""
    checkable: bool = False
    group: str = ""
    separator: bool = False  # a line above it
    short: str = ""  # its name on a button with little room


_OPEN = (
    ActionSpec(
        "open_file", "&Source", "Open video or picture…", "Ctrl+O", "video",
        "Play a video or show a picture. You can also drop files onto the window.",
    ),
    ActionSpec(
        "open_folder", "&Source", "Open folder of pictures…", "Ctrl+Shift+O", "folder",
        "Show the pictures of a folder one after the other.",
    ),
    ActionSpec(
        "open_url", "&Source", "Open address…", "Ctrl+U", "link",
        "A network camera or a video on the network: http, https, rtsp.",
    ),
    ActionSpec(
        "demo", "&Source", "Demo clip", "Ctrl+D", "demo",
        "A short clip of a rendered person, for trying things out.",
    ),
    ActionSpec(
        "demo_people", "&Source", "Demo clip of two people", "", "demo",
        "A short clip of two rendered people who cross, for trying things out.",
    ),
    ActionSpec(
        "reload", "&Source", "Open again", "Ctrl+R", "", "Close the source and open it again."
    ),
    ActionSpec(
        "cameras", "&Source", "Camera settings…", "Ctrl+Shift+K", "camera",
        "See a camera's picture, and choose its size and rate.",
    ),
    ActionSpec(
        "preferences", "&Source", "Preferences…", "Ctrl+,", "settings",
        "Settings, cameras and keyboard shortcuts.", separator=True,
    ),
    ActionSpec("quit", "&Source", "Quit", "Ctrl+Q", "close", "Close the window."),
)  # fmt: skip

_PLAY = (
    ActionSpec(
        "pause", "&Play", "Pause", "Space", "pause", "Hold the picture, or go on.",
    ),
    ActionSpec(
        "step", "&Play", "Next frame", ".", "step", "Pause and show one more frame."
    ),
    ActionSpec(
        "step_back", "&Play", "Previous frame", ",", "", "Pause and show the frame before."
    ),
    ActionSpec(
        "back", "&Play", "Back 5 seconds", "Left", separator=True
    ),
    ActionSpec("forward", "&Play", "Forward 5 seconds", "Right"),
    ActionSpec("start", "&Play", "To the start", "Home"),
    ActionSpec("slower", "&Play", "Slower", "[", separator=True),
    ActionSpec("faster", "&Play", "Faster", "]"),
    ActionSpec(
        "loop", "&Play", "Repeat", "L", "loop", "Start again at the end.", checkable=True
    ),
)  # fmt: skip

_STACKS = (
    *(
        ActionSpec(
            f"stack_{number}", "Stac&ks", f"Stack {number}", str(number), "",
            "The overlay and the skeleton come from this stack.", True, "stack",
            short=str(number),
        )
        for number in range(1, MOST_STACKS + 1)
    ),
    ActionSpec(
        "stack_last", "Stac&ks", "Last stack", "0", "stacks",
        "The overlay and the skeleton come from the last stack that runs.", True, "stack",
    ),
    ActionSpec(
        "compare", "Stac&ks", "Compare with the first stack", "C", "compare",
        "Draw a second stack's skeleton, dashed: see what the later stacks corrected.", True,
        separator=True,
    ),
    ActionSpec(
        "compare_next", "Stac&ks", "Compare with the next stack", "Shift+C", "",
        "Go through the stacks to compare with.",
    ),
)  # fmt: skip

_VIEW = (
    ActionSpec(
        "heatmap", "&View", "Heatmap", "H", "heatmap",
        "Where the network believes the joint to be, over the picture.", True,
    ),
    ActionSpec("skeleton", "&View", "Skeleton", "S", checkable=True),
    ActionSpec(
        "region", "&View", "Region", "G", "", "The square that the network looks at.", True
    ),
    ActionSpec(
        "follow", "&View", "Follow the person again", "Esc", "",
        "End the region set by hand.",
    ),
    ActionSpec(
        "next_joint", "&View", "Next joint", "J", "joints",
        "Show the heatmap of the next joint.", separator=True,
    ),
    ActionSpec("previous_joint", "&View", "Previous joint", "Shift+J"),
    ActionSpec(
        "all_joints", "&View", "All joints", "A", "",
        "Show all joints, and their heatmaps as one.",
    ),
    ActionSpec(
        "mirror", "&View", "Mirror", "M", "mirror",
        "As in a mirror; recordings and logs are never mirrored.", True, separator=True,
    ),
    ActionSpec(
        "fit", "&View", "Fit", "F", "fit", "Show the whole picture.", True, "scale", separator=True
    ),
    ActionSpec(
        "fill", "&View", "Fill", "Shift+F", "", "Fill the window, without borders.", True, "scale"
    ),
    ActionSpec(
        "actual", "&View", "Actual size", "Z", "",
        "One pixel of the picture is one of the screen.", True, "scale",
    ),
    ActionSpec(
        "picture", "&View", "On the picture", "V", "", "", True, "background", separator=True
    ),
    ActionSpec(
        "black", "&View", "On black", "B", "", "Only the skeleton, on black.", True, "background"
    ),
    ActionSpec(
        "blurred", "&View", "On the blurred picture", "Shift+B", "",
        "Nobody can be recognised.", True, "background",
    ),
    ActionSpec(
        "fullscreen", "&View", "Full screen", "F11", "fullscreen", "", True, separator=True
    ),
)  # fmt: skip

_MODEL = (
    ActionSpec(
        "models", "&Model", "Models…", "Ctrl+M", "models",
        "The models on this computer, and those that can be downloaded.",
    ),
    ActionSpec(
        "open_model", "&Model", "Open model file…", "Ctrl+Shift+M", "",
        "A checkpoint of any published stacked hourglass.",
    ),
    ActionSpec(
        "smooth", "&Model", "Smooth movements", "Shift+S", "",
        "Remove jitter from the skeleton.", True, separator=True,
    ),
)  # fmt: skip

_RECORD = (
    ActionSpec(
        "record", "Re&cord", "Record as shown", "R", "record",
        "A video of what is seen here: background, skeletons, heatmap. Never mirrored.",
    ),
    ActionSpec(
        "record_skeleton", "Re&cord", "Record the skeleton only", "Ctrl+Alt+R", "",
        "A video with the skeletons, without heatmaps, on the background that is chosen.",
    ),
    ActionSpec(
        "record_stacks", "Re&cord", "Record the stacks side by side", "Alt+R", "stacks",
        "A video of the picture with the heatmap of every stack below it.",
    ),
    ActionSpec(
        "record_raw", "Re&cord", "Record the raw, sharp picture", "Shift+R", "record-raw",
        "A video as it came from the camera: everybody can be recognised, whatever is shown.",
    ),
    ActionSpec(
        "record_both", "Re&cord", "Record as shown, and raw", "Ctrl+Shift+R", "",
        "Two videos; the raw one is sharp, whatever is shown.",
    ),
    ActionSpec(
        "save_replay", "Re&cord", "Save the last seconds", "Ctrl+S", "",
        "What has just been seen, as a video; the seconds are chosen in the preferences.",
        separator=True,
    ),
    ActionSpec(
        "log", "Re&cord", "Also write the joints", "", "",
        "A log with the joints of every frame beside each recording.", True, separator=True,
    ),
    ActionSpec(
        "snapshot", "Re&cord", "Snapshot", "P", "snapshot",
        "Save the picture as shown, the picture alone, and the joints.", separator=True,
    ),
    ActionSpec(
        "recordings", "Re&cord", "Recordings…", "Ctrl+E", "video",
        "Play, rename or delete recordings.",
    ),
    ActionSpec(
        "open_recordings", "Re&cord", "Open the recordings folder", "Ctrl+Shift+E", "folder"
    ),
)  # fmt: skip

_PANELS = (
    ActionSpec(
        "hide_panels", "Pa&nels", "Picture only", "F9", "",
        "Hide all panels, or show them again.", True,
    ),
    ActionSpec(
        "reset_layout", "Pa&nels", "Reset the layout", "", "",
        "Put every panel back where it was at the first start.",
    ),
)  # fmt: skip

_HELP = (
    ActionSpec(
        "shortcuts", "&Help", "Keyboard shortcuts", "?", "help", "Every command and its key."
    ),
    ActionSpec(
        "hint", "&Help", "What am I seeing?", "F1", "info",
        "The picture, the stacks and the heatmaps in a few sentences.",
    ),
    ActionSpec(
        "diagnostics", "&Help", "Diagnostics…", "Ctrl+I", "info",
        "What runs where, as text for a bug report.",
    ),
    ActionSpec(
        "about", "&Help", "About pose-app", "", "app", "Version, papers, licences, model card."
    ),
)  # fmt: skip

ACTIONS: tuple[ActionSpec, ...] = (
    *_OPEN, *_PLAY, *_STACKS, *_VIEW, *_MODEL, *_RECORD, *_PANELS, *_HELP
)  # fmt: skip


def translated(text: str) -> str:
    """A text of the tables in the user's language."""
    return QCoreApplication.translate("actions", text)


def build_actions(
    window: QWidget, slots: Mapping[str, Callable[..., object]]
) -> dict[str, QAction]:
    """Make every command of ACTIONS, connected to the function of its name in `slots`.

    A checkable command outside of a group passes its new state to its slot, all others nothing.

    Raises:
        KeyError: A command has no slot.
    """
    groups: dict[str, QActionGroup] = {}
    actions: dict[str, QAction] = {}
    for spec in ACTIONS:
        action = QAction(translated(spec.text), window)
        action.setObjectName(spec.name)
        action.setCheckable(spec.checkable)
        if spec.icon:
            action.setIcon(icon(spec.icon))
            action.setIconVisibleInMenu(not spec.checkable)  # it would stand where the tick is
        if spec.short:
            action.setIconText(spec.short)
        if spec.shortcut:
            action.setShortcut(QKeySequence(spec.shortcut))
        action.setToolTip(tool_tip(action, translated(spec.tip) if spec.tip else ""))
        if spec.group:
            group = groups.setdefault(spec.group, QActionGroup(window))
            group.addAction(action)
        slot = slots[spec.name]
        hands_on = spec.checkable and not spec.group
        action.triggered.connect(slot if hands_on else _without_state(slot))
        window.addAction(action)
        actions[spec.name] = action
    return actions


def tool_tip(action: QAction, tip: str) -> str:
    """The command's name and key, and below it what it does."""
    name = action.text().replace("&", "").removesuffix("…")
    key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    return "\n".join(line for line in (f"{name} ({key})" if key else name, tip) if line)


def key_of(action: QAction) -> str:
    """What to press for a command, for use in a sentence; its name where it has no key."""
    key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    return key or f"“{action.text().replace('&', '').removesuffix('…')}”"


def follow(
    action: QAction,
    state: Observable,
    name: str,
    checked: Callable[[Any], bool] = bool,
) -> None:
    """Keep an action's tick as an attribute of a state says.

    Args:
        action: A checkable command; a click on it changes its tick only through the state.
        state: The state with the attribute.
        name: The attribute's name.
        checked: Whether the action is ticked at a value of the attribute.
    """

    def show(changed: str = name) -> None:
        if changed == name:
            action.setChecked(checked(getattr(state, name)))

    state.changed.connect(show)
    action.triggered.connect(lambda: show())
    show()


def alternate(
    action: QAction,
    state: Observable,
    name: str,
    texts: tuple[str, str],
    icons: tuple[str, str] | None = None,
) -> None:
    """Keep the name and icon of a command that does one thing or another.

    Args:
        action: The command.
        state: The state with the attribute.
        name: The attribute that tells which.
        texts: The command's names while the attribute is false, true.
        icons: The names of its icons while it is false, true; None = its icon stays.
    """

    def show(changed: str = name) -> None:
        if changed != name:
            return
        now = bool(getattr(state, name))
        if icons is not None:
            action.setIcon(icon(icons[now]))
        if action.text() != texts[now]:
            action.setToolTip(action.toolTip().replace(action.text(), texts[now], 1))
            action.setText(texts[now])

    state.changed.connect(show)
    show()


def follow_setting(action: QAction, settings: AppSettings, key: str) -> None:
    """Keep an action's tick as a boolean setting says."""

    def show(keys: frozenset[str] = frozenset((key,))) -> None:
        if key in keys:
            action.setChecked(settings.get(key))

    settings.changed.connect(show)
    show()


def _without_state(slot: Callable[..., object]) -> Callable[[bool], None]:
    """A slot for `triggered` that drops its argument, the new state."""

    def triggered(checked: bool = False) -> None:
        slot()

    return triggered
