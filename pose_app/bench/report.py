"""All measurements in one run, so that their ratios mean something."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from ..network import catalogue
from .clips import enlarged, opener

_PACKAGES = ("openvino", "torch", "numpy", "opencv-python-headless", "av", "PySide6-Essentials")


def measure(model: str, seconds: float, ui: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything; `say` is told what is measured next. Raises PoseAppError."""
    from . import networks, pipeline, startup

    path = catalogue.resolve(model)
    memory = [_memory()]
    found: dict[str, Any] = {"machine": _machine()}
    # First the pipeline: torch's threads, once there, stay and get in the way.
    with tempfile.TemporaryDirectory(prefix="pose-app-bench-") as name:
        folder = Path(name)
        say("the pipeline at 640 x 480")
        small = opener(None)
        found["640x480"] = {
            "in_turn": pipeline.in_turn(path, small, seconds),
            "plain": pipeline.full_speed(path, small, seconds, None),
            "recording": pipeline.full_speed(path, small, seconds, folder / "small.mp4"),
            "live": pipeline.live(path, small, 2 * seconds),
        }
        say("the pipeline at 1280 x 720")
        clip = enlarged(folder)
        large = opener(clip)
        found["1280x720"] = {
            "in_turn": pipeline.in_turn(path, large, seconds),
            "plain": pipeline.full_speed(path, large, seconds, None),
            "recording": pipeline.full_speed(path, large, seconds, folder / "large.mp4"),
            "live": pipeline.live(path, large, 2 * seconds),
        }
        say("the pipeline with a recording beside the naive loop")
        naive = pipeline.beside_naive(path, clip, large, 2 * seconds, folder)
        found["1280x720"]["naive"] = naive
        say("start-up")
        found["startup_s"] = startup.startup(path, folder)
    for size in ("640x480", "1280x720"):
        plain, recording = found[size]["plain"]["fps"], found[size]["recording"]["fps"]
        found[size]["recording_cost"] = 1 - recording / plain
    if ui:
        say("the window")
        found["window"] = startup.window(path, 2 * seconds)
    memory.append(_memory())
    say("the network beside plain torch")
    found["baseline"] = networks.baseline(path, seconds)
    say("every engine")
    found["engines"] = networks.table(path, seconds)
    memory.append(_memory())
    found["memory_mb"] = dict(
        zip(("start", "after_pipeline", "after_engines"), memory, strict=True)
    )
    live = [found[size]["live"] for size in ("640x480", "1280x720")]
    found["summary"] = {
        "openvino_over_torch": networks.openvino_over_torch(found["baseline"]),
        "network_share": found["640x480"]["in_turn"]["network_share"],
        "over_naive": naive["over_naive"],
        "age_p95_periods": max(each["age_p95_periods"] for each in live),
        "peak_share": found["baseline"]["peak_share"],
    }
    return found


def _machine() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_before": psutil.getloadavg()[0],
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _memory() -> float:
    """Resident memory of this process, MiB."""
    return float(psutil.Process().memory_info().rss / 2**20)
