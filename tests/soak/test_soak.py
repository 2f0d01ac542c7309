"""`python -m tests.soak`: everything at once, for a short time; that it notices what is wrong."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import cv2
import pytest

from pose_app.pipeline.metrics import MetricsCollector
from tests.soak import harness as soak_module
from tests.soak import watched as watched_module
from tests.soak.actions import actions
from tests.soak.command import main
from tests.soak.report import memory_since_minute_2
from tests.soak.samples import Sample
from tests.soak.watched import Watched

ROOT = Path(__file__).resolve().parents[2]


def soak(
    folder: Path, capsys: pytest.CaptureFixture[str], minutes: float, seed: int
) -> tuple[int, dict[str, Any]]:
    words = ["--minutes", str(minutes), "--seed", str(seed), "--report", str(folder), "--json"]
    status = main(words)
    account = json.loads(capsys.readouterr().out)
    assert json.loads((folder / "soak.json").read_text())["problems"] == account["problems"]
    return status, account


def check(status: int, account: dict[str, Any], folder: Path) -> None:
    assert account["problems"] == []
    assert status == 0
    assert account["verdict"] == "good"
    frames, recorded = account["frames"], account["recorded"]
    assert frames["processed"] > 20
    assert frames["captured"] == frames["processed"] + sum(frames["dropped"].values())
    assert recorded["frames_offered"] == (
        recorded["frames_written"] + sum(recorded["dropped"].values())
    )
    assert account["held"]["memory"]["highest"] > 50
    assert set(account["actions"]) <= {*actions(), "start"}
    assert cv2.imread(str(folder / "soak.png")) is not None
    # Good recordings are removed, but for the one that was played.
    assert len([path for path in folder.iterdir() if path.suffix in (".mp4", ".mkv")]) <= 1


def test_a_short_soak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(*soak(tmp_path / "report", capsys, 0.2, 5), tmp_path / "report")


def test_a_calm_soak_records_and_does_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--minutes", "0.2", "--report", str(tmp_path / "report"), "--json", "--calm"]
    assert main(words) == 0
    account = json.loads(capsys.readouterr().out)
    assert account["sessions"] == 1
    assert set(account["actions"]) == {"start", "record or stop", "nothing"}
    assert account["recorded"]["recordings"] == 1
    assert account["recorded"]["frames_written"] > 20
    assert account["memory_since_minute_2_percent"] is None, "too short"


@pytest.mark.parametrize(("held", "percent"), [(400.0, 0.0), (404.0, 1.0)])
def test_growth_since_minute_two(held: float, percent: float) -> None:
    def sample(second: int) -> Sample:
        memory = 100.0 + second if second < 120 else 400.0 if second < 180 else held
        return Sample(float(second), memory, None, 1, 1, 1, 30.0)

    assert memory_since_minute_2([sample(second) for second in range(600)]) == percent
    assert memory_since_minute_2([sample(second) for second in range(200)]) is None


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_soak_with_every_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    """Long enough for everything to be done once: at least a minute."""
    status, account = soak(tmp_path / "report", capsys, 4, seed)
    check(status, account, tmp_path / "report")
    assert set(actions()) <= set(account["actions"])
    assert account["recorded"]["verified"] > 5


@pytest.fixture
def not_warmed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what memory does needs all engines at once beforehand."""
    monkeypatch.setattr(Watched, "warm_up", lambda _: None)


@pytest.mark.usefixtures("not_warmed_up")
def test_a_bad_source_first_of_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the model is there, and however long the demo takes to open."""
    bad = actions()["no such source"]
    monkeypatch.setattr(soak_module, "actions", lambda: {"no such source": bad})
    monkeypatch.setattr(random.Random, "random", lambda _: 0.9)
    opened = watched_module.open_source

    def slowly(target: str) -> Any:
        time.sleep(1)
        return opened(target)

    monkeypatch.setattr(watched_module, "open_source", slowly)
    status, account = soak(tmp_path / "report", capsys, 0.1, 5)
    assert account["problems"] == []
    assert account["actions"] == {"no such source": ANY}
    assert status == 0


@pytest.mark.usefixtures("not_warmed_up")
def test_frames_that_vanish_are_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MetricsCollector, "frame_dropped", lambda *_: None)
    status, account = soak(tmp_path / "report", capsys, 0.1, 5)
    assert status == 1
    assert account["verdict"] == "bad"
    assert any("does not add up" in problem for problem in account["problems"])
    assert not account["frames"]["conserved"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are of Unix")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_soak_gives_its_account(tmp_path: Path, number: int) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.soak",
            "--minutes",
            "60",
            "--json",
            "--report",
            str(tmp_path / "report"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "seed" in process.stderr.readline()
    time.sleep(8)
    process.send_signal(number)
    out, err = process.communicate(timeout=100)
    account = json.loads(out)
    assert account["interrupted"], err
    assert account["problems"] == [] or account["frames"]["processed"] == 0
    assert "Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
@pytest.mark.usefixtures("not_warmed_up")
@pytest.mark.parametrize("place", [0, 1, 2])
def test_interrupted_right_after_a_file_was_deleted(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    place: int,
) -> None:
    """Whichever of a recording's files it was, the others are checked without it."""
    delete = actions()["recording: deleted"]
    monkeypatch.setattr(soak_module, "actions", lambda: {"recording: deleted": delete})
    expect = Watched.expect

    def interrupted(watched: Watched, *kinds: str) -> None:
        if kinds == ("warning",):
            raise KeyboardInterrupt
        expect(watched, *kinds)

    monkeypatch.setattr(Watched, "expect", interrupted)
    monkeypatch.setattr(random.Random, "choice", lambda _, of: of[place % len(of)])
    status, account = soak(tmp_path / "report", capsys, 0.5, 5)
    assert account["interrupted"]
    assert account["problems"] == []
    assert account["recorded"]["ended_by_a_fault"] == 1
    assert status == 0
