"""What is remembered between two starts: one table, one JSON file.

A new setting is one entry of SETTINGS; the preferences dialog is made from the table.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import paths
from .errors import SettingsError

_SCHEMA = 1


_HUGE = 10**300


@dataclass(frozen=True)
class Setting:
    """One remembered value.

    The type of `default` is the type of the value: bool, int, float, str or a list of str.
    `choices` are the only values allowed, `low`..`high` the range of a number, ends included.
    `lowest` says what `low` means where that is no number; `folder` marks the path of one.
    `group` is a page of the preferences dialog; None keeps the setting out of it.
    """

    key: str
    default: bool | int | float | str | tuple[str, ...]
    label: str = ""
    help: str = ""
    group: str | None = None
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    lowest: str = ""
    folder: bool = False

    def check(self, value: Any) -> Any:
        """The value as it is kept. Raises SettingsError, naming the setting, if it cannot be."""
        wanted = type(self.default)
        if wanted is tuple and isinstance(value, (list, tuple)):
            value = tuple(value)
            good = all(isinstance(item, str) for item in value)
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
        kinds = {bool: "true or false", tuple: "a list of texts", str: "a text"}
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
        "source.reopen",
        True,
        "Open the last source at start",
        "Otherwise the first camera, or the demo clip where there is none.",
        "Source",
    ),
    Setting(
        "source.size",
        "auto",
        "Camera size",
        "Width and height asked from cameras without a choice in the source menu; they may give "
        "another one.",
        "Source",
        choices=("auto", "640x480", "1280x720", "1920x1080"),
    ),
    Setting(
        "source.fps",
        0,
        "Camera frames per second",
        "Rate asked from cameras without a choice in the source menu; they may give another one.",
        "Source",
        low=0,
        high=240,
        lowest="the camera's own",
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
        "What computes the network; auto takes the fastest that works here.",
        "Model",
        choices=("auto", "openvino", "torch"),
    ),
    Setting(
        "model.device",
        "auto",
        "Device",
        "Where the network runs: auto, cpu, gpu, cuda or mps.",
        "Model",
        choices=("auto", "cpu", "gpu", "cuda", "mps"),
    ),
    Setting(
        "model.precision",
        "auto",
        "Precision",
        "Fewer bits are faster; auto keeps them only where the joints stay the same.",
        "Model",
        choices=("auto", "f32", "bf16", "fp16"),
    ),
    Setting(
        "model.stacks",
        0,
        "Stacks to run",
        "Auto runs as many as the frame rate allows. Fewer are faster and less exact.",
        "Model",
        low=0,
        high=64,
        lowest="auto",
    ),
    Setting(
        "pose.threshold",
        -1.0,
        "Threshold",
        "Joints with a lower score are not drawn.",
        "Model",
        low=-1.0,
        high=1.0,
        lowest="the model's own",
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
        "Where recordings and snapshots go; empty is pose-app in your videos folder.",
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
    # The window itself
    Setting("window.geometry", ""),
    Setting("window.state", ""),
    Setting("window.steps", ()),  # of the first minute, that were tried
    Setting("window.hint_seen", False),  # these steps are over
)

# How choices are called where the word itself will not do.
CHOICE_LABELS = {
    "auto": "Automatic",
    "openvino": "OpenVINO",
    "torch": "PyTorch",
    "cpu": "CPU",
    "gpu": "Intel graphics",
    "cuda": "CUDA",
    "mps": "Apple graphics",
    "f32": "32 bit",
    "bf16": "16 bit (bf16)",
    "fp16": "16 bit (fp16)",
    "max": "Highest",
    "640x480": "640 × 480",
    "1280x720": "1280 × 720",
    "1920x1080": "1920 × 1080",
}

_TABLE = {setting.key: setting for setting in SETTINGS}


class Settings:
    """The values of SETTINGS. `messages` are sentences about what could not be read."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or paths.settings_file()
        self.messages: list[str] = []
        self._values: dict[str, Any] = {}
        self._overrides: dict[str, Any] = {}  # of the command line: never written
        self._foreign: dict[str, Any] = {}

    @classmethod
    def load(cls, path: Path | None = None) -> Settings:
        """Read the file; without one every setting has its default.

        A file that is not JSON is renamed to `settings.broken-<time>.json`; a value that makes no
        sense is replaced by the default. Both leave a sentence in `messages`; nothing is raised.
        """
        settings = cls(path)
        try:
            data = json.loads(settings.path.read_text(encoding="utf-8"))
            if not isinstance(data, dict):
                raise ValueError("not an object")
        except FileNotFoundError:
            return settings
        except OSError as error:
            settings.messages.append(
                f"The settings in {settings.path} cannot be read ({error.strerror}): "
                "this time everything has its default."
            )
            return settings
        except (ValueError, RecursionError):
            settings._set_aside()
            return settings
        for key, value in data.items():
            if key not in _TABLE:
                # Of another version of the app: kept, so that going back and forth loses nothing.
                settings._foreign[key] = value
                continue
            try:
                settings._values[key] = _TABLE[key].check(value)
            except SettingsError as error:
                settings.messages.append(f"{error} It has its default again.")
        return settings

    def get(self, key: str) -> Any:
        """The value of a setting. Raises KeyError for one that is not in the table."""
        if key in self._overrides:
            return self._overrides[key]
        return self._values.get(key, _TABLE[key].default)

    def set(self, key: str, value: Any) -> None:
        """Change a setting; `save` writes it. Raises SettingsError, KeyError."""
        self._values[key] = _TABLE[key].check(value)
        self._overrides.pop(key, None)

    def override(self, key: str, value: Any) -> None:
        """Give a setting a value until the app ends, or until it is set again; it is not saved.

        Raises SettingsError, KeyError.
        """
        self._overrides[key] = _TABLE[key].check(value)

    def drop_overrides(self) -> bool:
        """Go back to what is saved; whether anything was overridden."""
        dropped = bool(self._overrides)
        self._overrides = {}
        return dropped

    def reset(self, key: str) -> None:
        """Give a setting its default again. Raises KeyError for one that is not in the table."""
        self._values.pop(_TABLE[key].key, None)
        self._overrides.pop(key, None)

    def save(self) -> None:
        """Write the file as a whole: it is the old one or the new one, never half of it.

        Raises SettingsError where the folder cannot be written.
        """
        values = {k: v for k, v in self._values.items() if v != _TABLE[k].default}
        text = json.dumps({**self._foreign, **values, "schema": _SCHEMA}, indent=2, sort_keys=True)
        temporary = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(".tmp", self.path.stem, self.path.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path)
        except OSError as error:
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)
            raise SettingsError(
                f"The settings cannot be written to {self.path}: {error.strerror}."
            ) from None

    def _set_aside(self) -> None:
        aside = self.path.with_name(
            f"{self.path.stem}.broken-{time.strftime('%Y%m%d-%H%M%S')}.json"
        )
        try:
            self.path.replace(aside)
            kept = f"it is kept as {aside.name}"
        except OSError as error:
            kept = f"it could not be renamed ({error.strerror})"
        self.messages.append(
            f"The settings file was damaged, {kept}; every setting has its default again."
        )
