"""The command line's own part: the table, the laziness, the errors."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_app import __version__, cli, run_command
from pose_app.errors import SourceError

HEAVY = ("torch", "PySide6", "cv2", "numpy", "av", "openvino")


def in_a_process(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60
    )


SPY = f"""
import sys
sys.argv = ["pose-app", *sys.argv[1:]]
from pose_app.cli import main
status = 0
try:
    status = main()
except SystemExit as end:
    status = end.code
loaded = [name for name in {HEAVY!r} if name in sys.modules]
print("LOADED", status, *loaded)
"""


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--help"], ["nonsense"]])
def test_nothing_heavy_is_loaded_for_words_alone(words: list[str]) -> None:
    done = in_a_process(SPY, *words)
    last = done.stdout.splitlines()[-1]
    assert last in ("LOADED 0", "LOADED 2"), done.stdout + done.stderr


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_describes_its_options_without_anything_heavy(name: str) -> None:
    if find_spec(f"pose_app.{cli.COMMANDS[name][0]}") is None:
        pytest.fail(f"the command {name} has no module")
    done = in_a_process(SPY, name, "--help")
    assert done.stdout.splitlines()[-1] == "LOADED 0", done.stdout + done.stderr
    assert f"usage: pose-app {name}" in done.stdout


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"    {name} " in shown for name in cli.COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"pose-app {__version__}\n"


def _command(monkeypatch: pytest.MonkeyPatch, main: object) -> None:
    module: object = SimpleNamespace(add_arguments=lambda parser: None, main=main)
    monkeypatch.setattr(cli, "_load", lambda command: module)


def test_errors_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: argparse.Namespace) -> int:
        raise SourceError("The camera is unplugged.")

    _command(monkeypatch, fail)
    assert cli.main(["run"]) == 2
    assert capsys.readouterr().err == "pose-app: The camera is unplugged.\n"


@pytest.mark.parametrize("word", ["nonsense.mp4", "pics/*.jpg", "Integrated Webcam"])
def test_a_word_that_is_neither_command_nor_file_is_told(
    capsys: pytest.CaptureFixture[str], word: str
) -> None:
    assert cli.main([word]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"pose-app: There is no command and no file {word!r}: see `pose-app")
    assert f"`pose-app window {word}`" in told


def test_a_model_comes_before_the_shards(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["quantize", "--help"])
    assert "quantize model --data SHARD" in capsys.readouterr().out


def test_interrupts_have_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(arguments: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    _command(monkeypatch, stop)
    assert cli.main(["run"]) == 130
    assert capsys.readouterr().err == "pose-app: interrupted.\n"


def test_the_commands_status_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    _command(monkeypatch, lambda arguments: 1)
    assert cli.main(["verify"]) == 1


def test_no_word_is_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def load(command: str) -> ModuleType:
        seen.append(command)
        module: object = SimpleNamespace(add_arguments=lambda parser: None, main=lambda a: 0)
        return module  # type: ignore[return-value]

    monkeypatch.setattr(cli, "_load", load)
    assert cli.main([]) == 0
    assert seen == ["window"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others always have a display")
def test_without_a_display_the_window_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert cli.main([]) == 2
    assert "pose-app run SOURCE" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    done = subprocess.run(
        f"{sys.executable} -m pose_app --help | head -c 1; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr


UNPRINTABLE = ["日本.jsonl", "Zoë 🎥.jsonl"]
if sys.platform == "linux":  # elsewhere every name is text
    UNPRINTABLE.append(os.fsdecode(b"clip-\xff.jsonl"))


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize("name", UNPRINTABLE, ids=ascii)
def test_names_that_the_terminal_cannot_show_are_printed_all_the_same(
    tmp_path: Path, name: str, encoding: str
) -> None:
    header = {"type": "header", "schema": 2, "joints": ["a"], "size": [8, 8]}
    (tmp_path / name).write_text(json.dumps(header) + "\n", encoding="utf-8")

    def printed(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pose_app", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONIOENCODING": encoding},
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.decode(encoding)

    shown = name.encode(encoding, "backslashreplace").decode(encoding)
    assert printed("export", name).endswith(shown.replace(".jsonl", ".csv") + "\n")
    assert printed("verify", name).startswith(f"{shown}: 0 frames")
    assert json.loads(printed("verify", name, "--json"))["path"] == name


def _parse(words: list[str]) -> argparse.Namespace | None:
    """As `pose-app run`; None where it is refused in the usual way."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    run_command.add_arguments(parser)
    try:
        return parser.parse_args(words)
    except (argparse.ArgumentError, SystemExit):
        return None


@pytest.mark.parametrize("words", [["--region", "-50,-50.5,2e3"], ["--region=-50,-50.5,2e3"]])
def test_a_region_may_begin_left_of_the_picture(
    monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    asked: list[argparse.Namespace] = []
    monkeypatch.setattr(run_command, "main", lambda arguments: asked.append(arguments) or 0)
    assert cli.main(["run", *words, "clip.mp4"]) == 0
    assert cli.main(["run", "clip.mp4", *words]) == 0
    assert [each.region for each in asked] == [(-50.0, -50.5, 2000.0)] * 2
    assert [each.source for each in asked] == ["clip.mp4"] * 2


OPTIONS = ("--stacks", "--frames", "--seconds", "--region", "--threshold", "--size", "--fps")
VALUES = st.one_of(
    st.text(max_size=12),
    st.floats().map(str),
    st.integers().map(str),
    st.lists(st.floats(), min_size=1, max_size=4).map(lambda v: ",".join(map(str, v))),
    st.lists(st.integers(), min_size=1, max_size=3).map(lambda v: "x".join(map(str, v))),
)


def _check_options(option: str, value: str) -> None:
    parsed = _parse(["demo", f"{option}={value}"])
    if parsed is None:
        return
    if parsed.region is not None:
        assert len(parsed.region) == 3
        assert parsed.region[2] > 0
    for name in ("frames", "seconds", "fps"):
        assert getattr(parsed, name) is None or 0 < getattr(parsed, name) < float("inf")
    assert parsed.stacks in (None, "auto") or parsed.stacks > 0
    assert parsed.threshold is None or 0 <= parsed.threshold <= 1
    assert parsed.size is None or min(parsed.size) > 0


@given(st.sampled_from(OPTIONS), VALUES)
@settings(deadline=None)
def test_any_value_is_understood_or_refused(option: str, value: str) -> None:
    _check_options(option, value)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(st.sampled_from(OPTIONS), VALUES)
@settings(deadline=None, max_examples=100_000)
def test_very_many_values_are_understood_or_refused(option: str, value: str) -> None:
    _check_options(option, value)


@pytest.mark.parametrize(
    ("words", "source"),
    [
        (["demo", "people"], "demo people"),
        (["window", "demo", "people", "--device", "cpu"], "demo people"),
        (["demo"], "demo"),
    ],
)
def test_a_demo_of_two_words_is_one_source(
    monkeypatch: pytest.MonkeyPatch, words: list[str], source: str
) -> None:
    from pose_app import window_command

    asked: list[argparse.Namespace] = []
    monkeypatch.setattr(window_command, "main", lambda arguments: asked.append(arguments) or 0)
    assert cli.main(words) == 0
    assert asked[0].source == source


@pytest.mark.parametrize(("hangs", "told"), [(True, "done\n"), (False, "done\ntaken down\n")])
def test_python_takes_nothing_down_where_a_thread_was_left_behind(hangs: bool, told: str) -> None:
    """In native code it would take the process with it, and the status would be another one."""
    code = f"""
import atexit, threading
from pose_app import cli
def main():
    atexit.register(print, "taken down")
    if {hangs}:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    print("done")
    return 1
cli.main = main
cli.entry()
"""
    done = in_a_process(code)
    assert (done.returncode, done.stdout) == (1, told)
