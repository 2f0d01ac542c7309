"""What people type, and what it opens; and the command that lists cameras."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pose_app import cli
from pose_app.errors import SourceError
from pose_app.paths import bundled
from pose_app.sources import cameras, kinds, open_source
from pose_app.sources.cameras_command import add_arguments, main
from tests.fakes import FakeCamera, FakeCameras
from tests.media import regular, write_video


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return main(parser.parse_args(words))


def test_paths_and_file_urls(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a b.mp4", regular(3))
    for text in (str(path), path, path.as_uri(), f"  {path} "):
        source = open_source(text)
        assert source.info.kind == "video"
        source.close()


def test_blanks_around_a_name_may_belong_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.mp4", regular(3)).rename(" 0")
    write_video(tmp_path / "a.mp4", regular(3)).rename("b.mp4 ")
    with FakeCameras().install(monkeypatch) as hub:
        hub.plug(FakeCamera("Desk camera"), index=0)
        for text, kind in ((" 0", "video"), ("b.mp4 ", "video"), ("0 ", "camera")):
            source = open_source(text)
            assert source.info.kind == kind
            source.close()


def test_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "a.mp4", regular(3))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    open_source("~/a.mp4").close()


def test_a_file_wins_over_a_camera_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(tmp_path / "a.mp4", regular(3)).rename(tmp_path / "0")
    monkeypatch.chdir(tmp_path)
    with FakeCameras().install(monkeypatch) as hub:
        hub.plug(FakeCamera("Desk camera"), index=0)
        for text, kind in (("0", "video"), (0, "camera"), (cameras()[0], "camera")):
            source = open_source(text)
            assert source.info.kind == kind
            source.close()


@pytest.mark.parametrize(
    "text", ["", "  ", "no such thing", "\x00", "x" * 5000, "a/b/c.mp4", "~nobody here/c.mp4"]
)
def test_nothing_of_that_name(text: str) -> None:
    with pytest.raises(SourceError):
        open_source(text)


def test_the_cameras_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeCameras().install(monkeypatch) as hub:
        hub.drivers_tell = False
        assert run() == 0
        assert "No camera found" in capsys.readouterr().out
        hub.plug(FakeCamera("Desk camera"), index=2)
        hub.plug(FakeCamera("Busy camera", vid=None, pid=None, busy=True), index=0)
        assert run() == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines == ["  0  Busy camera", "  2  Desk camera (046d:0825)"]
        assert run("--json", "--probe") == 0
        busy, desk = json.loads(capsys.readouterr().out)
        assert "close other programs" in busy["error"]
        assert (desk["index"], desk["size"], desk["fps"]) == (2, [1280, 720], 30.0)
        assert run("--probe") == 0
        assert "1280x720 30 fps MJPG" in capsys.readouterr().out


def test_this_machine_can_be_asked_for_its_cameras() -> None:
    for camera in cameras():
        assert camera.name


def test_noise_of_the_libraries_stays_out_of_the_terminal(tmp_path: Path) -> None:
    """A broken video, a broken picture and a camera that is not there: sentences, nothing else."""
    data = bytearray(bundled("assets", "demo.mp4").read_bytes())
    data[len(data) // 3 : len(data) // 3 + 20_000] = bytes(20_000)
    (tmp_path / "broken.mp4").write_bytes(data)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\x00" * 99)
    code = """
from pose_app.errors import SourceError
from pose_app.sources import open_source
source = open_source("broken.mp4")
while source.read() is not None:
    pass
for text in ("broken.png", 63):
    try:
        open_source(text)
    except SourceError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 2


def test_names_and_the_command_need_no_heavy_library() -> None:
    code = """
import sys
import pose_app.sources, pose_app.sources.cameras_command
from pose_app.sources import redact, safe_name
print([name for name in ("cv2", "av", "numpy", "torch", "PySide6") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_new_kind_of_source_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    made = object()
    row = kinds.SourceKind("a screen (screen:1)", lambda t: t == "screen:1", lambda *_: made)
    monkeypatch.setattr(kinds, "KINDS", (row, *kinds.KINDS))
    assert open_source(" screen:1 ") is made
    assert kinds.help_text().startswith("a screen (screen:1), demo, demo people, a camera")


@pytest.mark.parametrize("command", ["run", "window"])
def test_every_kind_is_in_the_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert all(kind.written in shown for kind in kinds.KINDS)
