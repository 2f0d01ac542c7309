"""What the README tells people to type is typed: every command, the Python example, every link.

A command that the tests cannot run as it stands (an installation, a training) is in `TOLD`, with
what is done instead. A command of the README that is in neither list fails.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from pose_app import cli
from pose_app.paths import bundled
from pose_app.sources import open_source

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a command takes besides, so that it ends soon.
SHORTENED = {"run": ["--frames", "20"], "bench": ["--help"], "train": ["--help"]}
# Named in the text without what they need: their help is asked for.
NAMED_ONLY = (
    "train",
    "average",
    "quantize",
    "evaluate",
    "models export",
    "models add FILE",
    "bench",
)


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(README) if found == language]


def spans() -> list[str]:
    """The inline code of the text, without the blocks."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", BLOCK.sub("", README))]


def block_commands() -> list[str]:
    """One entry a command: comments left out, `pose-app a | b` written as two."""
    commands = []
    for line in "\n".join(blocks("")).splitlines():
        words = line.partition("#")[0].strip()
        first, *others = (part.strip() for part in words.split(" | "))
        commands += [first, *(f"pose-app {other}" for other in others)]
    return [command for command in commands if command]


def _help(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([word for word in words if word != "FILE"] + ["--help"])
    assert ended.value.code == 0


def _parsed(words: list[str]) -> None:
    """It is understood; running it would take minutes."""
    cli._parser(words[0], cli._load(words[0])).parse_args(words)


def _installed_by_ci(extra: str) -> Callable[[], None]:
    def check() -> None:
        assert f'pip" install -q {extra}' in CI

    return check


def _windows() -> None:
    """The same three words as for the others, in that system's spelling."""
    first = next(command for command in block_commands() if command.endswith("pose-app"))
    spelled = first.replace("python3", "py").replace("/", "\\").replace("\\bin\\", "\\Scripts\\")
    assert spelled in spans()


def _coverage_guided() -> None:
    from tests.fuzz import coverage_guided

    assert callable(coverage_guided.main)


# The others: whether what they name is there.
TOLD: dict[str, Callable[[], None]] = {
    "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/pose-app": lambda: None,
    'python3 -m venv .venv && .venv/bin/pip install -e ".[test]" && .venv/bin/python -m pytest': (
        _installed_by_ci('-e ".[test]"')
    ),
    r"py -m venv .venv && .venv\Scripts\pip install . && .venv\Scripts\pose-app": _windows,
    "pip install atheris": lambda: None,
    "python -m tests.fuzz.coverage_guided TARGET -runs=100000": _coverage_guided,
    ".ci/run": lambda: None,
}


def inline_commands() -> list[str]:
    starts = ("pose-app ", "python", "py ", "pip ", ".ci", ".venv")
    return [span for span in spans() if span.startswith(starts)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's folder with the files that the README names."""
    made: Path = tmp_path_factory.mktemp("readme")
    shutil.copy(bundled("assets", "demo.mp4"), made / "clip.mp4")
    source = open_source("demo")
    frame = source.read()
    source.close()
    assert frame is not None
    cv2.imwrite(str(made / "person.jpg"), frame.image)
    return made


def test_every_command_of_the_blocks_works(folder: Path) -> None:
    """In the order of the README, in one folder: each finds what the one before it wrote."""
    ran = 0
    for command in block_commands():
        if command in TOLD:
            TOLD[command]()
            continue
        program, *words = shlex.split(command)
        assert program == "pose-app", command
        words += SHORTENED.get(words[0], [])
        done = subprocess.run(
            [sys.executable, "-m", "pose_app", *words],
            cwd=folder, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stderr)
        assert "Traceback" not in done.stderr
        ran += 1
    assert ran >= 8
    assert {"out.mp4", "out.jsonl", "out.csv"} <= {path.name for path in folder.iterdir()}


def test_every_command_in_the_text_is_one() -> None:
    commands = inline_commands()
    assert len(commands) >= 8
    for command in commands:
        if command in TOLD:
            TOLD[command]()
            continue
        program, *words = shlex.split(command)
        assert program == "pose-app", f"`{command}` is in no list of this test"
        if " ".join(words) in NAMED_ONLY:
            _help(words)
        else:
            _parsed(words)


def test_every_option_in_the_text_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    helps = []
    for name in cli.COMMANDS:
        with pytest.raises(SystemExit):
            cli.main([name, "--help"])
        helps.append(capsys.readouterr().out)
    known = set(re.findall(r"--[a-z][a-z-]+", "\n".join(helps))) | {"--slow"}
    options = {span for span in spans() if re.fullmatch(r"--[a-z-]+", span)}
    assert options
    assert options <= known


def test_the_python_example_works(folder: Path) -> None:
    (code,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith("left_shoulder") for line in lines)
    assert len(lines) % len({line.split()[0] for line in lines}) == 0


def test_every_link_leads_to_a_file() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    missing = [link for link in links if not (ROOT / link.partition("#")[0]).exists()]
    assert missing == []


def test_what_is_told_elsewhere_is_there() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100
    assert importlib.util.find_spec("tests.fuzz.coverage_guided") is not None
    assert set(TOLD) <= {*block_commands(), *inline_commands()}, "a command that is told no more"
    assert shutil.which("bash") or sys.platform == "win32"
