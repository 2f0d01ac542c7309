"""The command line: one table of commands, each in its own room, imported when it is used."""

from __future__ import annotations

import argparse
import contextlib
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
    "window": ("window_command", "the window; the same as no command at all"),
    "run": ("run_command", "poses of a source without a window, into files"),
    "cameras": ("sources.cameras_command", "list the cameras"),
    "models": ("network.models_command", "list, download, convert and remove models"),
    "export": ("recording.export", "a keypoint log as CSV, COCO or OpenPose JSON"),
    "verify": ("recording.verify", "check a recording against its log"),
    "repair": ("recording.repair", "make a playable copy of a recording that was cut off"),
    "train": ("training.train", "train a network"),
    "average": ("training.average", "one model out of several fine-tuned ones"),
    "quantize": ("training.quantize", "make a model's 8-bit graphs"),
    "evaluate": ("training.evaluate", "measure the accuracy of a model"),
    "bench": ("bench", "measure the speed of this machine"),
    "doctor": ("doctor", "a report of versions, devices and folders for a bug report"),
}

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130


def entry() -> NoReturn:
    """The program: `main`, then the end of the process, whatever was left behind in it.

    A thread that a driver, an engine or a disk holds was named by then. Python would take it down
    in the middle of native code, which aborts the process with another status.
    """
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    if any(thread.daemon for thread in threading.enumerate()):
        os._exit(status)
    sys.exit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the process's exit status."""
    prepare()
    words = _with_clips(sys.argv[1:] if argv is None else list(argv))
    if not words or _is_for_window(words[0]):
        words = ["window", *words]
    try:
        # Only the command that is used is imported, so that --help answers at once.
        command = next((word for word in words if not word.startswith("-")), None)
        module = _load(command) if command in COMMANDS else None
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
        # The reader of our output has gone; Python would complain once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR


def _is_for_window(word: str) -> bool:
    """Whether the first word is no command but a source or an option of the window."""
    if word.startswith("-"):
        return word not in ("-h", "--help", "--version")
    known = word in ("demo", "demo people") or word.isdecimal() or "://" in word
    return word not in COMMANDS and (known or Path(word).exists())


def _with_clips(words: list[str]) -> list[str]:
    """`demo people` names one source, though it is two words."""
    for index, pair in enumerate(pairwise(words)):
        if pair == ("demo", "people"):
            return [*words[:index], "demo people", *words[index + 2 :]]
    return words


def _load(command: str) -> ModuleType:
    return import_module(f"{__package__}.{COMMANDS[command][0]}")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, not with all of the usage before it."""

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
