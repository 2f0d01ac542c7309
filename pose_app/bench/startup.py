"""Measures start-up times in new processes, and the window in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ..errors import PoseAppError

_ROUNDS = 3
_LOOK_SECONDS = 0.005
_SHORT = 0.1  # seconds of pictures where only the start is measured


def startup(model: Path, folder: Path) -> dict[str, Any]:
    """Seconds, the best of three: bare interpreter, only imports, `--help`, first pose of `run`.

    The first pose counts when it is in the log file. The cache of converted models is warm.
    `folder` is for temporary files.
    """
    log = folder / "first.jsonl"
    run = ["-m", "pose_app", "run", "demo", "--frames", "2", "--model", str(model), "--log"]
    commands: dict[str, Callable[[], float]] = {
        "python": lambda: _seconds(["-c", "pass"]),
        "imports": lambda: _seconds(["-c", "import pose_app.openvino_silently, cv2, av"]),
        "help": lambda: _seconds(["-m", "pose_app", "--help"]),
        "first_pose": lambda: _until_pose([*run, str(log)], log),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for index in range(_ROUNDS + 1):
        for name, command in commands.items():
            spent = command()
            if index > 0:  # the first round fills the disk's cache
                times[name].append(spent)
    best = {name: min(values) for name, values in times.items()}
    return {**best, "first_pose_over_imports": best["first_pose"] / best["imports"]}


def first_start(model: Path, folder: Path) -> dict[str, Any]:
    """The first start on a machine, with an empty cache.

    Returns:
        Seconds until the first pose is in the log file, and whether the process imports torch.
    """
    log = folder / "first-start.jsonl"
    code = (
        "import sys; from pose_app.cli import main; status = main(sys.argv[1:]); "
        "print('torch' in sys.modules); sys.exit(status)"
    )
    run = ["run", "demo", "--frames", "2", "--model", str(model), "--log", str(log)]
    printed = folder / "printed.txt"
    with printed.open("w", encoding="utf-8") as out:
        empty = {"POSE_APP_CACHE": str(folder / "empty-cache")}
        spent = _until_pose(["-c", code, *run], log, out, empty)
    imports_torch = printed.read_text(encoding="utf-8").split()[-1] == "True"
    return {"first_start_s": spent, "first_start_imports_torch": imports_torch}


def _until_pose(
    arguments: list[str],
    log: Path,
    out: IO[str] | int = subprocess.DEVNULL,
    environment: dict[str, str] | None = None,
) -> float:
    """Seconds until the first frame is in the log; waits for the end of the process."""
    log.unlink(missing_ok=True)
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(environment or {}),
    )
    spent = None
    while spent is None:
        ended = process.poll() is not None
        if log.exists() and '"frame"' in log.read_text(encoding="utf-8", errors="replace"):
            spent = time.perf_counter() - started
        elif ended:
            raise PoseAppError(f"A run to be measured failed: {process.communicate()[1][-300:]}")
        else:
            time.sleep(_LOOK_SECONDS)
    process.communicate()
    return spent


def window_starts(model: Path, folder: Path) -> dict[str, Any]:
    """Seconds to the window and its first skeleton on the demo clip: first start and a later one.

    `imports` is the bare import of what the window needs; all are the best of three.
    """
    bare = ["-c", "import pose_app.openvino_silently, cv2, av, PySide6.QtWidgets"]
    times: dict[str, list[float]] = {}
    for index in range(_ROUNDS + 1):
        cache = {"POSE_APP_CACHE": str(folder / f"window-cache-{index}")}
        first, later = (window(model, _SHORT, environment=cache) for _ in range(2))
        spent = {
            "imports": _seconds(bare),
            "first_start_window": first["window_s"],
            "first_start_skeleton": first["first_skeleton_s"],
            "window": later["window_s"],
            "skeleton": later["first_skeleton_s"],
        }
        if index > 0:  # the first round fills the disk's cache
            for name, value in spent.items():
                times.setdefault(name, []).append(value)
    return {name: min(values) for name, values in times.items()}


def window(
    model: Path,
    seconds: float,
    everything: Path | None = None,
    environment: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The real window, offscreen: start-up, age, cost of a frame.

    On the demo clip as at the first start, or on the clip `everything`, with the heatmap and all
    panels.
    """
    offscreen = {"QT_QPA_PLATFORM": "offscreen", **(environment or {})}
    arguments = ["-m", "pose_app.ui.bench_window"]
    options = ["--model", str(model), "--seconds", str(seconds), "--started", repr(time.time())]
    if everything is not None:
        options += ["--source", str(everything), "--everything"]
    found: dict[str, Any] = json.loads(_run([*arguments, *options], offscreen))
    return found


def _seconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    _run(arguments, {})
    return time.perf_counter() - started


def _run(arguments: list[str], environment: dict[str, str]) -> str:
    """The output of a Python process that finds this package."""
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env=_environment(environment),
        check=False,
    )
    if done.returncode != 0:
        raise PoseAppError(f"A process to be measured failed: {done.stderr.strip()[-300:]}")
    return done.stdout


def _environment(more: dict[str, str]) -> dict[str, str]:
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    return os.environ | {"PYTHONPATH": path} | more
