"""Runs all measurements."""

from __future__ import annotations

import logging
import os
import platform
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from ..engines.hardware import processor
from ..errors import PoseAppError
from ..network import catalogue
from .clips import enlarged, opener

_PACKAGES = ("openvino", "torch", "numpy", "opencv-python-headless", "av", "PySide6-Essentials")

log = logging.getLogger(__name__)


def measure(model: str, seconds: float, ui: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Run all measurements; a failure of one is a sentence in `problems`.

    Args:
        model: A name or file.
        seconds: Of each measurement.
        ui: Whether to measure the window.
        say: Called with the name of the next measurement.

    Raises:
        PoseAppError: The model cannot be found.
    """
    from ..engines.choose import measured
    from . import networks, pipeline, startup

    path = catalogue.resolve(model)
    notes = _Notes(say)
    memory = [_memory()]
    found: dict[str, Any] = {"machine": _machine(), "problems": notes.problems}
    # What the app would have measured by itself within its first seconds on this machine.
    notes.take("the choice", lambda: measured(path))
    # Compiles what a session compiles while it runs; the figures are those of later starts.
    notes.take("a first run", lambda: pipeline.full_speed(path, opener(None), 0.2, None))
    # The pipeline before networks: torch's threads, once started, stay and slow it down.
    with tempfile.TemporaryDirectory(prefix="pose-app-bench-") as name:
        folder = Path(name)
        clip = notes.take("the enlarged clip", lambda: enlarged(folder))
        for size, file in (("640x480", None), ("1280x720", clip)):
            if file is None and size != "640x480":
                found[size] = {}  # there is no such clip: what is wrong stands in the problems
                continue
            source = opener(file)
            runs: dict[str, Callable[[], Any]] = {
                "in_turn": partial(pipeline.in_turn, path, source, seconds),
                "plain": partial(pipeline.full_speed, path, source, seconds, None),
                "recording": partial(
                    pipeline.full_speed, path, source, seconds, folder / f"{size}.mp4"
                ),
                "live": partial(pipeline.live, path, source, 2 * seconds),
            }
            if file is not None:
                runs["naive"] = partial(
                    pipeline.beside_naive, path, file, source, 2 * seconds, folder
                )
            found[size] = {
                name: made
                for name, run in runs.items()
                if (made := notes.take(f"the pipeline at {size}, {name}", run)) is not None
            }
        found["startup_s"] = notes.take("start-up", lambda: startup.startup(path, folder))
        first = notes.take("the first start", lambda: startup.first_start(path, folder))
        found.update(first or {"first_start_s": None, "first_start_imports_torch": None})
        if ui:
            found["window_starts_s"] = notes.take(
                "the window's starts", lambda: startup.window_starts(path, folder)
            )
            found["window"] = notes.take("the window", lambda: startup.window(path, 2 * seconds))
            if clip is not None:
                found["full_window"] = notes.take(
                    "the window at 1280x720 with everything",
                    lambda: startup.window(path, 2 * seconds, clip),
                )
    memory.append(_memory())
    found.update(
        notes.take("the choice again", lambda: networks.choice(path)) or networks.NO_CHOICE
    )
    found["baseline"] = notes.take(
        "the network beside plain torch", lambda: networks.baseline(path, seconds)
    )
    found["engines"] = notes.take("every engine", lambda: networks.table(path, seconds)) or []
    memory.append(_memory())
    found["memory_mb"] = dict(
        zip(("start", "after_pipeline", "after_engines"), memory, strict=True)
    )
    found["summary"] = _summary(found)
    return found


class _Notes:
    """Runs measurements and notes which failed."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.problems: dict[str, str] = {}
        self._say = say

    def take(self, what: str, run: Callable[[], Any]) -> Any:
        """The result of `run`, None where it fails."""
        self._say(what)
        try:
            return run()
        except Exception as error:
            log.exception("measuring %s failed", what)
            known = isinstance(error, PoseAppError)
            self.problems[what] = str(error) if known else f"{type(error).__name__}: {error}"
            return None


def _summary(found: dict[str, Any]) -> dict[str, float | None]:
    """The most important figures; None for what could not be measured."""
    base, large = found["baseline"] or {}, found["1280x720"]
    sizes = [found[size] for size in ("640x480", "1280x720")]
    for size in sizes:
        if {"plain", "recording"} <= size.keys():
            size["recording_cost"] = 1 - size["recording"]["fps"] / size["plain"]["fps"]
    ages = [size["live"]["age_p95_periods"] for size in sizes if "live" in size]
    on_openvino = str(base.get("engine")).startswith("OpenVINO")
    return {
        "openvino_over_torch": base.get("over_torch") if on_openvino else None,
        "network_share": found["640x480"].get("in_turn", {}).get("network_share"),
        "over_naive": large.get("naive", {}).get("over_naive"),
        "age_p95_periods": max(ages, default=None),
        "peak_share": base.get("peak_share"),
    }


def _machine() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_before": psutil.getloadavg()[0],
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _memory() -> float:
    """Resident memory of this process, MiB."""
    return float(psutil.Process().memory_info().rss / 2**20)
