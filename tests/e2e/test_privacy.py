"""No request leaves the machine unless somebody asked for a stream or a download."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pose_app.paths import HOME_VARIABLE
from tests.servers import MjpegServer

# Python tells its audit hooks every name that is looked up and every connection, whoever makes it.
WATCHED = """
import json, os, sys
told = []

def hook(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto"):
        told.append([event, repr(arguments[-1] if event in ("socket.connect", "socket.sendto")
                                 else arguments[0])])
    if event == "subprocess.Popen":
        told.append([event, repr(arguments[1])])

sys.addaudithook(hook)
from pose_app import cli
status = 0
try:
    status = cli.main(sys.argv[1:])
except SystemExit as end:
    status = end.code
print("TOLD", json.dumps([status, told]))
"""

WINDOW = WATCHED.replace(
    "from pose_app import cli",
    """
from pose_app.ui import main_window
shown = main_window.MainWindow._show_stats

def show_and_close(self, stats):
    shown(self, stats)
    if stats.processed > 3:
        self.close()

main_window.MainWindow._show_stats = show_and_close
from pose_app import cli""",
)


def requests(code: str, words: list[str], home: Path) -> list[list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env={**os.environ, HOME_VARIABLE: str(home), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    last = done.stdout.splitlines()[-1] if done.stdout else ""
    assert last.startswith("TOLD "), done.stderr
    status, told = json.loads(last[5:])
    assert status == 0, done.stderr
    found: list[list[str]] = told
    return found


@pytest.mark.parametrize(
    "words",
    [
        ["run", "demo", "--frames", "5", "--json"],
        ["doctor"],
        ["cameras"],
        ["models", "list"],
    ],
    ids=lambda words: words[0],
)
def test_no_command_asks_the_network_for_anything(words: list[str], tmp_path: Path) -> None:
    told = requests(WATCHED, words, tmp_path)
    assert [entry for entry in told if entry[0] != "subprocess.Popen"] == []


def test_the_window_asks_the_network_for_nothing(tmp_path: Path) -> None:
    told = requests(WINDOW, ["window", "demo"], tmp_path)
    assert [entry for entry in told if entry[0] != "subprocess.Popen"] == []


def test_a_stream_is_asked_for_alone(tmp_path: Path) -> None:
    """That the hook sees what it must, and that nothing else goes out beside the stream."""
    with MjpegServer() as server:
        told = requests(WATCHED, ["run", server.url, "--frames", "3", "--json"], tmp_path)
    connected = {where for event, where in told if event == "socket.connect"}
    assert connected == {repr(("127.0.0.1", server.port))}
