"""The table of settings, from which the preferences are made. A new setting is one row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from . import engine_words
from .errors import SettingsError

_HUGE = 10**300


@dataclass(frozen=True)
class Setting:
    """A row of the table.

    Attributes:
        key: Its name in the file.
        default: Its type is the type of the value: bool, int, float, str, a tuple of str or a dict
            of str to str.
        label: In the preferences.
        help: A sentence for the preferences.
        group: A page of the preferences; None = not in the preferences.
        heading: Begins a part of the page.
        choices: The allowed values.
        low: The smallest allowed number.
        high: The largest allowed number.
        lowest: What to show instead of the number `low`.
        unit: Of the number.
        folder: Whether it is the path of a folder.
    """

    key: str
    default: bool | int | float | str | tuple[str, ...] | dict[str, str]
    label: str = ""
    help: str = ""
    group: str | None = None
    heading: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    lowest: str = ""
    unit: str = ""
    folder: bool = False

    def check(self, value: Any) -> Any:
        """The value as it is stored. Raises SettingsError for an invalid value."""
        wanted = type(self.default)
        if wanted is tuple and isinstance(value, (list, tuple)):
            value = tuple(value)
            good = all(isinstance(item, str) for item in value)
        elif wanted is dict and isinstance(value, dict):
            value = dict(value)  # a copy, because the caller may change it
            good = all(isinstance(item, str) for pair in value.items() for item in pair)
        elif wanted is float and type(value) is int:
            value, good = float(max(-_HUGE, min(value, _HUGE))), True  # larger ones overflow
        else:
            good = type(value) is wanted
        if good and wanted is float:
            good = math.isfinite(value)
        if good and self.choices:
            good = value in self.choices
        if good and self.low is not None:
            good = self.low <= value
        if good and self.high is not None:
            good = value <= self.high
        if not good:
            raise SettingsError(
                f"The setting {self.key} cannot be {repr(value)[:60]}: {self._allowed()}."
            )
        return value

    def _allowed(self) -> str:
        if self.choices:
            return f"choose one of {', '.join(self.choices)}"
        if self.low is not None or self.high is not None:
            return f"choose a number from {self.low} to {self.high}"
        kinds = {
            bool: "true or false",
            tuple: "a list of texts",
            str: "a text",
            dict: "texts with a name each",
        }
        return f"it takes {kinds.get(type(self.default), 'a number')}"


SETTINGS: tuple[Setting, ...] = (
    # Appearance
    Setting(
        "appearance.theme",
        "dark",
        "Theme",
        "Colours of the window; system follows the desktop.",
        "Appearance",
        choices=("dark", "light", "system"),
    ),
    Setting(
        "view.mirror",
        "auto",
        "Mirror the picture",
        "Show it as in a mirror. Automatic mirrors only webcams. Recordings and logs are never "
        "mirrored.",
        "Appearance",
        choices=("auto", "on", "off"),
    ),
    Setting(
        "view.scale",
        "fit",
        "Size of the picture",
        "Fit shows all of it, fill leaves no border, actual shows its own pixels.",
        "Appearance",
        choices=("fit", "fill", "actual"),
    ),
    Setting(
        "view.background",
        "picture",
        "Background",
        "What is behind the skeleton: the picture, black, or the blurred picture.",
        "Appearance",
        choices=("picture", "black", "blurred"),
    ),
    Setting(
        "view.skeleton",
        True,
        "Draw the skeleton",
        "Joints and limbs over the picture.",
        "Appearance",
    ),
    Setting(
        "view.region",
        True,
        "Draw the region",
        "The square of the picture that the network sees.",
        "Appearance",
    ),
    # Heatmaps
    Setting(
        "view.heatmap",
        False,
        "Heatmap over the picture",
        "Where the network believes the chosen joint to be.",
        "Heatmaps",
    ),
    Setting(
        "view.colour_map",
        "inferno",
        "Colour map",
        "Colours of the heatmaps, from nothing to certain.",
        "Heatmaps",
        choices=("inferno", "viridis", "magma", "turbo", "hot", "bone"),
    ),
    Setting(
        "view.opacity",
        0.6,
        "Opacity",
        "How much of the picture a heatmap hides.",
        "Heatmaps",
        low=0.0,
        high=1.0,
    ),
    Setting(
        "view.combine",
        "max",
        "All joints together",
        "How the heatmaps of all joints are combined: the highest value or the sum.",
        "Heatmaps",
        choices=("max", "sum"),
    ),
    # Source
    Setting(
        "source.size",
        "auto",
        "Usual size",
        "Width and height to ask a camera for, unless a size is chosen for that camera. It may "
        "give another one.",
        "Source",
        "Cameras without a size of their own",
        choices=("auto", "640x480", "1280x720", "1920x1080"),
    ),
    Setting(
        "source.fps",
        0,
        "Usual rate",
        "Frames per second to ask a camera for, unless a rate is chosen for that camera.",
        "Source",
        low=0,
        high=240,
        lowest="The camera's own",
        unit="fps",
    ),
    Setting(
        "source.reopen",
        True,
        "Open the last source at start",
        "Otherwise the first camera, or the demo clip where there is none.",
        "Source",
        "Start and end",
    ),
    Setting("source.loop", False, "Repeat video files", "Start again at the end.", "Source"),
    Setting("source.last", ""),
    Setting("source.camera", ""),  # the identity of the camera used last, as JSON
    Setting("source.cameras", ()),  # chosen and found out sizes: see ui/known_cameras.py
    Setting("source.recent", ()),
    # Model
    Setting("model.name", "default"),
    Setting(
        "model.engine",
        "auto",
        "Engine",
        "What computes the network; automatic takes the fastest that works here. "
        f"{engine_words.explained(engine_words.ENGINES)}",
        "Model",
        choices=engine_words.choices(engine_words.ENGINES),
    ),
    Setting(
        "model.device",
        "auto",
        "Device",
        f"Where the network runs. {engine_words.explained(engine_words.DEVICES)}",
        "Model",
        choices=engine_words.choices(engine_words.DEVICES),
    ),
    Setting(
        "model.precision",
        "auto",
        "Precision",
        "Fewer bits are often faster; automatic takes what was measured to be the fastest and "
        f"gives the same joints. {engine_words.explained(engine_words.PRECISIONS)}",
        "Model",
        choices=engine_words.choices(engine_words.PRECISIONS),
    ),
    Setting(
        "model.stacks",
        0,
        "Stacks to run",
        "Automatic runs as many as the frame rate allows. Fewer are faster and less accurate.",
        "Model",
        low=0,
        high=64,
        lowest="Automatic",
    ),
    Setting(
        "pose.people",
        4,
        "People",
        "How many are tracked at most, the largest first. Each costs as much as the first.",
        "Model",
        low=1,
        high=8,
    ),
    Setting(
        "pose.threshold",
        -1.0,
        "Threshold",
        "Joints with a lower score are not drawn.",
        "Model",
        low=-1.0,
        high=1.0,
        lowest="The model's own",
    ),
    Setting(
        "pose.smoothing",
        True,
        "Smooth movements",
        "Reduces the jitter of joints.",
        "Model",
    ),
    # Recording
    Setting(
        "recording.folder",
        "",
        "Folder",
        "Recordings and snapshots go here.",
        "Recording",
        folder=True,
    ),
    Setting(
        "recording.log",
        True,
        "Also write the joints",
        "Writes a log with the joints of every frame beside each recording.",
        "Recording",
    ),
    Setting("recording.completed_at_exit", ()),  # files that the next start reports
    Setting(
        "recording.countdown",
        0,
        "Countdown",
        "Seconds to get into the picture before a recording starts.",
        "Recording",
        low=0,
        high=10,
        lowest="Off",
        unit="s",
    ),
    Setting(
        "recording.replay_seconds",
        0,
        "Keep the last seconds",
        "So many seconds can be saved after they have happened. They are kept only in memory.",
        "Recording",
        low=0,
        high=60,
        lowest="Off",
        unit="s",
    ),
    # The window itself
    Setting("window.shortcuts", {}),  # name of an action -> its shortcut; "" = none
    Setting("window.geometry", ""),
    Setting("window.state", ""),
    Setting("window.steps", ()),  # the first steps that were tried
    Setting("window.hint_seen", False),  # whether the first steps are finished
)

# Labels of choices that differ from their words.
CHOICE_LABELS = {
    "auto": "Automatic",
    **{row.word: row.label for row in engine_words.ROWS},
    "max": "Highest",
    "640x480": "640 × 480",
    "1280x720": "1280 × 720",
    "1920x1080": "1920 × 1080",
}
