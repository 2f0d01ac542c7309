"""The table of everything that is remembered between two starts.

A new setting is one entry of SETTINGS; the preferences dialog is made from the table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from . import engine_words
from .errors import SettingsError

_HUGE = 10**300


@dataclass(frozen=True)
class Setting:
    """One remembered value.

    The type of `default` is the type of the value: bool, int, float, str, a list of str or a
    mapping of str to str. `choices` are the only values allowed, `low`..`high` the range of a
    number, ends included. `lowest` says what `low` means where that is no number, `unit` what is
    counted; `folder` marks the path of one.
    `group` is a page of the preferences dialog; None keeps the setting out of it. `heading` begins
    a part of the page.
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
        """The value as it is kept. Raises SettingsError, naming the setting, if it cannot be."""
        wanted = type(self.default)
        if wanted is tuple and isinstance(value, (list, tuple)):
            value = tuple(value)
            good = all(isinstance(item, str) for item in value)
        elif wanted is dict and isinstance(value, dict):
            value = dict(value)  # not the caller's own, which may change
            good = all(isinstance(item, str) for pair in value.items() for item in pair)
        elif wanted is float and type(value) is int:
            value, good = float(max(-_HUGE, min(value, _HUGE))), True  # others are no float at all
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
        "As in a mirror. Auto mirrors webcams that look at you, nothing else. Recordings and "
        "logs are never mirrored.",
        "Appearance",
        choices=("auto", "on", "off"),
    ),
    Setting(
        "view.scale",
        "fit",
        "Size of the picture",
        "Fit shows all of it, fill leaves no border, actual shows each pixel as it is.",
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
        "The square that the network looks at: when it misses the person, so does the pose.",
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
        "How the heatmaps of all joints become one picture: the highest or the sum.",
        "Heatmaps",
        choices=("max", "sum"),
    ),
    # Source
    Setting(
        "source.size",
        "auto",
        "Usual size",
        "Width and height asked from cameras; they may give another one.",
        "Source",
        "Cameras for which nothing is chosen above",
        choices=("auto", "640x480", "1280x720", "1920x1080"),
    ),
    Setting(
        "source.fps",
        0,
        "Usual rate",
        "Frames per second asked from cameras.",
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
        "What computes the network; auto takes the fastest that works here. "
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
        "Fewer bits are often faster; auto measures, and keeps them only where the joints stay the "
        f"same. {engine_words.explained(engine_words.PRECISIONS)}",
        "Model",
        choices=engine_words.choices(engine_words.PRECISIONS),
    ),
    Setting(
        "model.stacks",
        0,
        "Stacks to run",
        "Auto runs as many as the frame rate allows. Fewer are faster and less exact.",
        "Model",
        low=0,
        high=64,
        lowest="Automatic",
    ),
    Setting(
        "pose.people",
        4,
        "People",
        "How many are followed at most, the largest first. Each costs as much as the first.",
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
        "Removes jitter from the skeleton; logs say whether it was on.",
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
        "Write the joints too",
        "A log with the joints of every frame beside each recording.",
        "Recording",
    ),
    Setting("recording.completed_at_exit", ()),  # files that the next start tells about
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
        "So much of what was just seen can be saved afterwards. It is kept in memory, never on "
        "disk.",
        "Recording",
        low=0,
        high=60,
        lowest="Off",
        unit="s",
    ),
    # The window itself
    Setting("window.shortcuts", {}),  # name of a command -> its key; "" is none
    Setting("window.geometry", ""),
    Setting("window.state", ""),
    Setting("window.steps", ()),  # of the first minute, that were tried
    Setting("window.hint_seen", False),  # these steps are over
)

# How choices are called where the word itself will not do.
CHOICE_LABELS = {
    "auto": "Automatic",
    **{row.word: row.label for row in engine_words.ROWS},
    "max": "Highest",
    "640x480": "640 × 480",
    "1280x720": "1280 × 720",
    "1920x1080": "1920 × 1080",
}
