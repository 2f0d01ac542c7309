"""How long a new process takes; the window is measured in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ..errors import PoseAppError

_ROUNDS = 3


def startup(model: Path) -> dict[str, Any]:
    """Seconds, the best of three: bare interpreter, imports alone, `--help`, first pose of `run`.

    The first pose is taken as the end of a run of one frame, its shutdown included; the cache of
    converted models is warm.
    """
    commands = {
        "python": ["-c", "pass"],
        "imports": ["-c", "import openvino, cv2, av"],
        "help": ["-m", "pose_app", "--help"],
        "first_pose": ["-m", "pose_app", "run", "demo", "--frames", "1", "--model", str(model)],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for index in range(_ROUNDS + 1):
        for name, arguments in commands.items():
            spent = _seconds(arguments)
            if index > 0:  # the first fills the disk's cache
                times[name].append(spent)
    best = {name: min(values) for name, values in times.items()}
    return {**best, "first_pose_over_imports": best["first_pose"] / best["imports"]}


def window(model: Path, seconds: float) -> dict[str, Any]:
    """The real window on the demo clip without a screen: start-up, age, cost of a frame."""
    offscreen = {"QT_QPA_PLATFORM": "offscreen"}
    arguments = ["-m", "pose_app.ui.bench_window"]
    wishes = ["--model", str(model), "--seconds", str(seconds)]
    found: dict[str, Any] = json.loads(_run([*arguments, *wishes], offscreen))
    return found


def _seconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    _run(arguments, {})
    return time.perf_counter() - started


def _run(arguments: list[str], environment: dict[str, str]) -> str:
    """A Python process that finds this package; what it prints."""
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path} | environment,
        check=False,
    )
    if done.returncode != 0:
        raise PoseAppError(f"A process to be measured failed: {done.stderr.strip()[-300:]}")
    return done.stdout
