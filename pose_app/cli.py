"""The command line: the table of commands, whose modules are imported when they are used."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from . import __version__
from .errors import PoseAppError
from .process import prepare

# command -> (module with add_arguments(parser) and main(arguments) -> int, help)
COMMANDS = {
    "window": ("window_command", "open the window, as without any command"),
    "run": ("run_command", "estimate the poses of a source without a window"),
    "cameras": ("sources.cameras_command", "list the cameras"),
    "models": ("network.models_command", "list, download, convert and remove models"),
    "export": ("recording.export", "convert a keypoint log to CSV, COCO or OpenPose JSON"),
    "verify": ("recording.verify", "check a recording for damage and against its log"),
    "repair": ("recording.repair", "make a playable copy of an incomplete recording"),
    "train": ("training.train", "train a network"),
    "average": ("training.average", "average several fine-tuned models into one"),
    "quantize": ("training.quantize", "make the 8-bit graphs of a model"),
    "evaluate": ("training.evaluate", "measure the accuracy of a model"),
    "bench": ("bench", "measure the speed of this machine"),
    "doctor": ("doctor", "print versions, devices and folders for a bug report"),
}

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130


def entry() -> NoReturn:
    """Run `main` and end the process, even if threads are left behind.

    Such threads are blocked by a driver, an engine or a disk, and were reported. Python's own exit
    would kill them inside native code, which can abort the process with another status.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # File names may have characters that the terminal's encoding does not.
            stream.reconfigure(errors="backslashreplace")
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    if any(thread.daemon for thread in threading.enumerate()):
        os._exit(status)
    sys.exit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    prepare()
    words = _with_clips(sys.argv[1:] if argv is None else list(argv))
    if not words or _is_for_window(words[0]):
        words = ["window", *words]
    try:
        # Only the command that is used is imported, to keep --help fast.
        command = next((word for word in words if not word.startswith("-")), None)
        module = _load(command) if command in COMMANDS else None
        if command is not None and module is None:
            raise PoseAppError(
                f"There is no command and no file {command!r}: see `pose-app --help`. A camera by "
                f"its name, or a pattern, opens with `pose-app window {command}`."
            )
        arguments = _parser(command, module).parse_args(words)
        assert module is not None, "argparse accepts known commands only"
        status: int = module.main(arguments)
        return status
    except PoseAppError as error:
        print(f"pose-app: {error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        print("pose-app: interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone. Without this, Python would report it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR


def _is_for_window(word: str) -> bool:
    """Whether the first word is a source or an option of the window instead of a command."""
    if word.startswith("-"):
        return word not in ("-h", "--help", "--version")
    known = word in ("demo", "demo people") or word.isdecimal() or "://" in word
    return word not in COMMANDS and (known or Path(word).exists())


def _with_clips(words: list[str]) -> list[str]:
    """Join the words `demo people`, which name one source."""
    for index, pair in enumerate(pairwise(words)):
        if pair == ("demo", "people"):
            return [*words[:index], "demo people", *words[index + 2 :]]
    return words


def _load(command: str) -> ModuleType:
    return import_module(f"{__package__}.{COMMANDS[command][0]}")


class _Parser(argparse.ArgumentParser):
    """Prints errors on one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_ERROR, f"pose-app: {message.rstrip('.')}: see `{self.prog} --help`.\n")


def _parser(command: str | None, module: ModuleType | None) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pose-app",
        description="Watch a stacked hourglass network estimate a pose, stack by stack. "
        "Without a command the window opens, on a source if one is named: pose-app clip.mp4",
    )
    parser.add_argument("--version", action="version", version=f"pose-app {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (_, text) in COMMANDS.items():
        chosen = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if name == command and module is not None:
            module.add_arguments(chosen)
    return parser
