"""Signals at every phase of a run and of the window; two copies of the app at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pose_app.paths import CACHE_VARIABLE, HOME_VARIABLE
from pose_app.recording.keypoint_log import LogReader
from pose_app.recording.verify import verify
from pose_app.settings import Settings
from pose_app.settings_table import SETTINGS
from tests.e2e.test_run import command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are of Unix")

# The process sends itself the signal when a function is called for the n-th time, so that every
# phase is hit, however busy the machine is.
SIGNALLED = """
import importlib, os, sys, threading
module, name, count, number, *words = sys.argv[1:]
owner = importlib.import_module(module)
*path, last = name.split(".")
for part in path:
    owner = getattr(owner, part)
real, calls = getattr(owner, last), []

def signalled(*arguments, **keywords):
    calls.append(1)
    if len(calls) == int(count):
        os.kill(os.getpid(), int(number))
    return real(*arguments, **keywords)

setattr(owner, last, signalled)
from pose_app.cli import entry
sys.argv[1:] = words
entry()
"""

IMPORT = ("pose_app.cli", "import_module", 1)
DIAGNOSTICS = ("pose_app.diagnostics", "start", 1)
RECORD = ("pose_app.pipeline.session", "Session.record", 1)
CLAIM = ("pose_app.recording.files", "claim", 2)
START = ("pose_app.pipeline.session", "Session.start", 1)
SOURCE = ("pose_app.sources.video", "VideoSource.__init__", 1)
MODEL = ("pose_app.engines.choose", "open_engine", 1)
CAPTURE = ("pose_app.pipeline.source_supervisor", "SourceSupervisor._deliver", 1)
POSE = ("pose_app.pipeline.inference", "InferenceWorker._publish", 1)
RUNNING = ("pose_app.pipeline.inference", "InferenceWorker._publish", 25)
STOP = ("pose_app.pipeline.session", "Session.stop", 1)
CLOSE = ("pose_app.recording.writer", "FileWriter.close", 1)
REPORT = ("pose_app.run_command", "account", 1)

PHASES = [
    *((phase, signal.SIGINT) for phase in (IMPORT, DIAGNOSTICS, RECORD, CLAIM, START, SOURCE)),
    *((phase, signal.SIGINT) for phase in (MODEL, CAPTURE, POSE, STOP, CLOSE, REPORT)),
    *((phase, signal.SIGTERM) for phase in (CLAIM, POSE, CLOSE)),
    *((phase, signal.SIGKILL) for phase in (CLAIM, POSE, RUNNING, CLOSE)),
]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, HOME_VARIABLE: str(home / "home"), "QT_QPA_PLATFORM": "offscreen"}


def ended(words: list[object], home: Path) -> tuple[int, str, str]:
    """Run to its end, which leaves no process behind: (status, stdout, stderr)."""
    process = subprocess.Popen(
        [sys.executable, "-c", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home),
        cwd=home,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=100)
    finally:
        process.kill()  # one that does not end must not slow down the other tests
    left = [other.pid for other in psutil.process_iter() if _group(other.pid) == process.pid]
    assert left == []
    return process.returncode, out, err


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def check_files(folder: Path, *, killed: bool) -> None:
    """Every file is whole, or (killed) whole up to its last moment; nothing is half begun."""
    for path in folder.iterdir():
        if path.is_dir():
            continue
        if killed and path.stat().st_size == 0:
            continue  # claimed, and the process was gone
        assert path.stat().st_size, f"{path.name} was begun and left"
        if path.suffix == ".jsonl":
            list(LogReader(path))
            continue
        log = folder / "a.jsonl"
        check = verify(path, log if log.exists() and log.stat().st_size else None)
        assert check.good, (path.name, check.problems)
        assert check.closed or killed


@pytest.mark.parametrize(
    ("phase", "number"), PHASES, ids=[f"{p[1]}-{p[2]}-{signal.Signals(n).name}" for p, n in PHASES]
)
def test_a_signal_at_any_phase_of_a_run(
    phase: tuple[str, str, int], number: int, tmp_path: Path
) -> None:
    files = ("--record", "a.mp4", "--raw", "r.mkv", "--log", "a.jsonl", "--json")
    short = ("--frames", 30, "--stacks", 1)  # past the last of the phases, and no further
    words = [SIGNALLED, *phase, int(number), "run", "demo", *short, *files]
    status, out, err = ended(words, tmp_path)
    assert "Traceback" not in err
    if number == signal.SIGKILL:
        assert status == -signal.SIGKILL
    else:
        assert status in (0, 130, -number), err
        if status == 0:
            assert json.loads(out)["conserved"]
    check_files(tmp_path, killed=number == signal.SIGKILL)


WINDOW = """
import os, sys
from pose_app.ui import main_window
from pose_app.ui.bridge import Bridge
phase, number, *other = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
shown, done = main_window.MainWindow._show_stats, []

def act(self, stats):
    shown(self, stats)
    if phase == "loading" and not done:
        done.append(1)
        os.kill(os.getpid(), number)
    if stats.processed > 5 and len(done) == 0:
        done.append(1)
        self.commands["record"].trigger()
    if stats.recording is not None and stats.recording.seconds > 0.5 and len(done) == 1:
        done.append(1)
        if phase == "switching":
            self.sources.open(*other)
        elif phase == "stopping":
            self.commands["record"].trigger()
        elif phase == "closing":
            self.close()
        os.kill(os.getpid(), number)

main_window.MainWindow._show_stats = act
from pose_app.cli import entry
sys.argv[1:] = ["window", "demo"]
entry()
"""


@pytest.mark.parametrize(
    ("phase", "number"),
    [
        ("loading", signal.SIGINT),
        ("recording", signal.SIGHUP),
        ("switching", signal.SIGTERM),
        ("stopping", signal.SIGINT),
        ("closing", signal.SIGTERM),
        ("recording", signal.SIGKILL),
        ("closing", signal.SIGKILL),
    ],
)
def test_a_signal_at_any_phase_of_the_window(phase: str, number: int, tmp_path: Path) -> None:
    from pose_app.paths import bundled

    words = [WINDOW, phase, int(number), bundled("assets", "demo.mp4")]
    status, _, err = ended(words, tmp_path)
    killed = number == signal.SIGKILL
    assert status == (-signal.SIGKILL if killed else 0), err
    assert "Traceback" not in err
    videos = [path for path in (tmp_path / "home").rglob("*.m??") if path.suffix != ".lock"]
    assert phase == "loading" or videos
    for video in videos:
        if killed and video.stat().st_size == 0:
            continue
        check = verify(video)
        assert check.good, check.problems
        assert check.frames > 0
        assert check.closed or killed


def test_two_copies_start_at_once_without_a_cache(tmp_path: Path) -> None:
    """Both convert the same model into the same folder."""
    env = {**environment(tmp_path), CACHE_VARIABLE: str(tmp_path / "cache")}
    copies = [
        subprocess.Popen(
            command("run", "demo", "--frames", 3, "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        )
        for _ in range(2)
    ]
    for copy in copies:
        out, err = copy.communicate(timeout=200)
        assert copy.returncode == 0, err
        assert json.loads(out)["frames"] == 3
    assert not list((tmp_path / "cache").rglob("*.part"))


SAVING = """
import sys
from pathlib import Path
from pose_app.settings import Settings
path, value = Path(sys.argv[1]), float(sys.argv[2])
for _ in range(150):
    settings = Settings.load(path)
    assert settings.messages == [], settings.messages
    assert settings.get("view.opacity") in (0.25, 0.75, 0.6), settings.get("view.opacity")
    settings.set("view.opacity", value)
    settings.save()
"""


def test_two_copies_share_their_settings(tmp_path: Path) -> None:
    """The last one to save wins; nobody ever reads half a file."""
    path = tmp_path / "settings.json"
    copies = [
        subprocess.Popen([sys.executable, "-c", SAVING, str(path), value], stderr=subprocess.PIPE)
        for value in ("0.25", "0.75")
    ]
    for copy in copies:
        _, err = copy.communicate(timeout=100)
        assert copy.returncode == 0, err.decode()
    assert Settings.load(path).get("view.opacity") in (0.25, 0.75)
    assert [file.name for file in tmp_path.iterdir()] == ["settings.json"]


def test_settings_of_a_newer_version_open_a_window_and_survive(tmp_path: Path) -> None:
    path = tmp_path / "home" / "config" / "settings.json"
    path.parent.mkdir(parents=True)
    newer = {
        **{setting.key: {"now": "an object"} for setting in SETTINGS if setting.group},
        "schema": 99,
        "of.the.future": [1, {"a": 2}],
        "view.opacity": 0.25,
    }
    path.write_text(json.dumps(newer))
    status, _, err = ended([WINDOW, "loading", int(signal.SIGTERM)], tmp_path)
    assert status == 0, err
    kept = json.loads(path.read_text())
    assert kept["of.the.future"] == [1, {"a": 2}]
    assert kept["view.opacity"] == 0.25
