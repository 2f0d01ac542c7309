"""The app as a process of its own: it starts, and ends cleanly when it is told to."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys

import pytest
from PySide6.QtCore import QTimer

from pose_app.settings import Settings
from pose_app.sources import discover
from pose_app.ui import app as ui_app
from pose_app.ui import sessions
from tests.ui.conftest import WAIT_MS, save_settings, wait_for_pose

STARTED = """
import sys
from pose_app.ui import main_window
shown = main_window.MainWindow._show_stats
def tell(self, stats):
    shown(self, stats)
    if stats.processed > 3:
        print("running", flush=True)
main_window.MainWindow._show_stats = tell
from pose_app.cli import main
sys.exit(main(["demo"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_the_window_cleanly(number):
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    process = subprocess.Popen(
        [sys.executable, "-c", STARTED],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "running\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=WAIT_MS / 1000)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_the_whole_app_runs_and_closes(qapp, qtbot, monkeypatch):
    """`run` in this process: the window is made, shown, started and closed by its own command."""
    windows = []
    make = ui_app.make_window

    def kept(*arguments, **named):
        windows.append(make(*arguments, **named))
        QTimer.singleShot(300, windows[0].commands["quit"].trigger)
        return windows[0]

    monkeypatch.setattr(ui_app, "make_window", kept)
    arguments = argparse.Namespace(
        source="demo", model=None, engine="openvino", device=None, precision="f32"
    )
    before = sys.excepthook, signal.getsignal(signal.SIGINT)
    assert ui_app.run(sessions.begin(arguments)) == 0
    assert (sys.excepthook, signal.getsignal(signal.SIGINT)) == before
    (window,) = windows
    assert window.has_stopped
    assert window.bridge.last_report.stuck == ()
    assert window.settings.get("model.engine") == "openvino"
    assert (
        Settings.load(window.settings.stored.path).get("model.engine") == "auto"
    )  # only for this run
    qtbot.waitUntil(lambda: not window.tasks.busy, timeout=WAIT_MS)
    window.deleteLater()


def test_an_option_that_makes_no_sense_is_refused(qapp):
    from pose_app.errors import SettingsError

    arguments = argparse.Namespace(
        source=None, model=None, engine="abacus", device=None, precision=None
    )
    with pytest.raises(SettingsError, match="abacus"):
        sessions.begin(arguments)


def test_an_engine_of_the_command_line_that_fails_leaves_the_preference(
    open_window, qtbot, settings
):
    settings.set("model.engine", "openvino")
    settings.override("model.device", "mps")  # which OpenVINO has on no machine
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    assert "preferences is used instead" in window.banner.text
    kept = save_settings(window, qtbot)
    assert (kept.get("model.engine"), kept.get("model.device")) == ("openvino", "auto")


def test_without_a_camera_the_first_picture_is_the_demos(monkeypatch, qtbot):
    monkeypatch.setattr(discover, "cameras", list)
    session = sessions.make_session(Settings(), "", or_demo=True)
    session.start()
    try:
        qtbot.waitUntil(lambda: session.metrics().captured > 0, timeout=WAIT_MS)
        source = session.metrics().source
        assert source is not None
        assert source.kind == "demo"
    finally:
        session.stop()


BEGUN = """
import argparse, sys
from pose_app.ui.sessions import begin
beginning = begin(argparse.Namespace(source="demo"))
session = beginning.session
threads = [thread.name for thread in session._estimators.threads]
session.load()
assert [thread.name for thread in session._estimators.threads] == threads == ["load model"]
assert "PySide6" not in sys.modules, "Qt is imported while the model loads already"
assert session.stop().stuck == ()
"""


def test_the_model_loads_before_qt_is_imported():
    subprocess.run([sys.executable, "-c", BEGUN], check=True, timeout=WAIT_MS / 1000)
