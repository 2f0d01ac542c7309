"""User names and passwords of addresses are in nothing that the app writes, shows or prints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pose_app.paths import HOME_VARIABLE
from pose_app.sources import redact
from tests.e2e.test_run import command
from tests.rtsp import RtspServer
from tests.servers import MjpegServer

USER, PASSWORD = "sentinel-user", "sentinel-p4ss"
WRITTEN = (USER, PASSWORD)


def _environment(home: Path) -> dict[str, str]:
    """All folders of the app under `home`, but for the cache of compiled models."""
    folders = {HOME_VARIABLE: str(home), "HOME": str(home)}
    return {**os.environ, **folders, "QT_QPA_PLATFORM": "offscreen"}


def _run(home: Path, url: str, *words: str) -> tuple[str, str, int]:
    """`pose-app run URL` in folders of its own, everything recorded: (stdout, stderr, status)."""
    out = home / "out"
    out.mkdir(parents=True)
    done = subprocess.run(
        command("run", url, "--record", out / "a.mp4", "--raw", out / "r.mkv", "--log",
                out / "a.jsonl", *words),
        env=_environment(home),
        capture_output=True,
        text=True,
        timeout=100,
        cwd=out,
    )  # fmt: skip
    return done.stdout, done.stderr, done.returncode


def _nowhere(home: Path, *texts: str) -> None:
    """Neither in these texts nor in any file or file name under `home`."""
    for text in texts:
        assert not [word for word in WRITTEN if word in text], text
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert not [word for word in WRITTEN if word in str(path.relative_to(home))]
        content = path.read_bytes()
        assert not [word for word in WRITTEN if word.encode() in content], path


@pytest.fixture(params=["http basic", "http digest", "rtsp"])
def camera(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """(address with the right password, address with a wrong one)."""
    if request.param == "rtsp":
        with RtspServer(credentials=(USER, PASSWORD)) as rtsp:
            plain = rtsp.url.replace("rtsp://", "")
            yield f"rtsp://{USER}:{PASSWORD}@{plain}", f"rtsp://{USER}:{PASSWORD}x@{plain}"
    else:
        auth = request.param.split()[1]
        with MjpegServer(credentials=(USER, PASSWORD), auth=auth) as http:
            path = f"/stream?user={USER}&pwd={PASSWORD}"
            right = http.address(path, f"{USER}:{PASSWORD}")
            yield right, http.address(path, f"{USER}:{PASSWORD}x")


def test_a_run_writes_no_credentials(camera: tuple[str, str], tmp_path: Path) -> None:
    out, err, status = _run(tmp_path, camera[0], "--frames", "10", "--json")
    assert status == 0, err
    report = json.loads(out)
    assert report["source"] == redact(camera[0])
    assert len(report["files"]) == 3
    _nowhere(tmp_path, out, err)


def test_a_refused_password_is_not_repeated(camera: tuple[str, str], tmp_path: Path) -> None:
    out, err, status = _run(tmp_path, camera[1], "--frames", "10")
    assert status == 2
    assert "password" in err
    _nowhere(tmp_path, out, err)


def test_no_address_that_goes_wrong_tells_its_credentials(tmp_path: Path) -> None:
    with MjpegServer() as server:
        for path in ("/nothing", "/page.html", "/moved"):
            url = server.address(path, f"{USER}:{PASSWORD}")
            out, err, _ = _run(tmp_path / path[1:4], url, "--frames", "2", "--json")
            _nowhere(tmp_path, out, err)


WINDOW = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget
from pose_app.ui import main_window
shown = main_window.MainWindow._show_stats
done = []

def everything(self):
    words = []
    for widget in QApplication.allWidgets():
        for name in ("text", "toolTip", "windowTitle", "title", "statusTip", "accessibleName",
                     "toPlainText", "placeholderText"):
            value = getattr(widget, name, None)
            if callable(value):
                try:
                    words.append(str(value()))
                except TypeError:
                    pass
        words += [action.text() + action.toolTip() for action in widget.actions()]
    return "\\n".join(words)

def tell(self, stats):
    shown(self, stats)
    if stats.processed > 5 and not done:
        done.append(1)
        self.commands["record"].trigger()
    if stats.processed > 15 and len(done) == 1:
        done.append(1)
        from pose_app.ui.dialogs.diagnostics import report
        self.about.copy_report()
        print("SHOWN", everything(self), report(stats, (), 0.0), "END", flush=True)
        QTimer.singleShot(30000, self.close)
    if self.toast.text and len(done) == 2 and "clipboard" in self.toast.text:
        done.append(1)
        print("CLIPBOARD", QApplication.clipboard().text(), "END", flush=True)
        self.close()

main_window.MainWindow._show_stats = tell
from pose_app.cli import entry
sys.argv[1:] = ["window", sys.argv[1]]
entry()
"""


def test_the_window_shows_and_keeps_no_credentials(tmp_path: Path) -> None:
    """Title, labels, tool tips, menus, report, clipboard, settings, log and recordings."""
    with MjpegServer(credentials=(USER, PASSWORD)) as server:
        process = subprocess.Popen(
            [sys.executable, "-c", WINDOW, server.address("/stream", f"{USER}:{PASSWORD}")],
            env=_environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        try:
            out, err = process.communicate(timeout=100)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
    assert process.returncode == 0, err
    assert "SHOWN" in out
    assert "CLIPBOARD" in out
    assert redact(server.url) in out
    _nowhere(tmp_path, out, err)
