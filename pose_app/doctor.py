"""`pose-app doctor`: a report about this installation, for bug reports."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import __version__, paths
from .errors import PoseAppError

PACKAGES = (
    "torch",
    "openvino",
    "opencv-python-headless",
    "PySide6-Essentials",
    "pyqtgraph",
    "av",
    "numpy",
    "cv2-enumerate-cameras",
    "safetensors",
    "platformdirs",
    "psutil",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(arguments: argparse.Namespace) -> int:
    """Print the report; the exit status is 0."""
    found = report()
    print(without_home(json.dumps(found, indent=2)) if arguments.json else as_text(found))
    return 0


def report() -> dict[str, Any]:
    """The sections of the report; a section that fails is a sentence that says why.

    It contains no addresses of streams, and only names of folders and devices.
    """
    sections: dict[str, Callable[[], Any]] = {
        "pose-app": _app,
        "system": _system,
        "packages": _packages,
        "engines": _engines,
        "models": _models,
        "cameras": _cameras,
        "video": _video,
        "folders": _folders,
    }
    found: dict[str, Any] = {}
    for name, section in sections.items():
        try:
            found[name] = section()
        except Exception as error:  # noqa: BLE001 - a report about a broken installation
            found[name] = f"failed ({type(error).__name__}: {error})"
    return found


def full_text() -> str:
    """The report and the last lines of the log, as text."""
    from . import diagnostics

    return without_home("\n".join([as_text(report()), "", "log", *diagnostics.recent()]))


def without_home(text: str) -> str:
    """The text with ~ for the home folder, which often contains the user's name."""
    home = Path.home()
    if home.parent == home:  # of a user without one, in a container
        return text
    return re.sub(rf"{re.escape(str(home))}(?=$|[^\w.-])", "~", text, flags=re.MULTILINE)


def as_text(found: dict[str, Any]) -> str:
    """The report as text."""
    lines: list[str] = []
    for name, section in found.items():
        lines += ["", name] if lines else [name]
        if isinstance(section, dict):
            lines += [f"  {key}: {value}" for key, value in section.items()]
        elif isinstance(section, list):
            lines += [f"  {entry}" for entry in section] or ["  none"]
        else:
            lines.append(f"  {section}")
    return without_home("\n".join(lines))


def _app() -> dict[str, str]:
    return {"version": __version__, "installed in": str(Path(__file__).parent)}


def _system() -> dict[str, Any]:
    import psutil

    from .engines.hardware import processor

    memory = psutil.virtual_memory()
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": processor(),
        "cores": f"{psutil.cpu_count(logical=False)} ({os.cpu_count()} threads)",
        "memory": f"{memory.total / 2**30:.1f} GiB, {memory.available / 2**30:.1f} GiB free",
        "display": ", ".join(
            f"{name}={os.environ[name]}"
            for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
            if name in os.environ
        )
        or "none named in the environment",
    }


def _packages() -> dict[str, str]:
    def version(name: str) -> str:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return "not installed"

    return {name: version(name) for name in PACKAGES}


def _engines() -> list[str]:
    from .engines.kinds import available

    lines = [
        f"{choice.engine} {choice.device}: {choice.label}, {choice.problem or 'ready'}"
        for choice in available()
    ]
    from .engines.choose import measured, open_engine
    from .engines.measure import as_text

    try:
        engine = open_engine("default")
    except PoseAppError as error:
        return [*lines, f"the default model does not run: {error}"]
    lines.append(f"the default model runs on {engine.info.badge()}")
    if engine.info.reason:
        lines.append(f"because: {engine.info.reason}")
    engine.close()
    table = measured("default")
    lines.append(f"measured here with all stacks: {as_text(table)}")
    lines += [f"not {one.candidate}: {one.problem}" for one in table if one.problem]
    return lines


def _models() -> list[str]:
    from .network import catalogue

    return [entry.name for entry in catalogue.installed()]


def _cameras() -> list[str]:
    from .sources.discover import cameras

    return [
        f"{camera.index}: {camera.name} ({camera.vid or '?'}:{camera.pid or '?'})"
        for camera in cameras()
    ]


def _video() -> dict[str, str]:
    import av
    import cv2

    versions = av.library_versions
    h264 = [name for name in ("libx264",) if name in av.codecs_available]
    return {
        "FFmpeg": ", ".join(f"{n} {'.'.join(map(str, v))}" for n, v in sorted(versions.items())),
        "H.264 encoder": ", ".join(h264) or "none: recording is not possible",
        "OpenCV capture": ", ".join(
            cv2.videoio_registry.getBackendName(backend)
            for backend in cv2.videoio_registry.getCameraBackends()
        ),
    }


def _folders() -> dict[str, str]:
    folders = {
        "settings": paths.settings_file().parent,
        "models": paths.models_folder(),
        "cache": paths.cache_folder(),
        "logs": paths.log_folder(),
        "recordings": paths.recordings_folder(),
    }
    return {name: f"{folder} ({_state(folder)})" for name, folder in folders.items()}


def _state(folder: Path) -> str:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        return "not writable"
    free = shutil.disk_usage(existing).free / 1e9
    return f"{free:.1f} GB free" + ("" if existing == folder else ", does not exist yet")
