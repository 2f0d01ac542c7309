"""`pose-app window`, or `pose-app` without a command: opens the window."""

from __future__ import annotations

import argparse
import os
import sys

from . import engine_words
from .errors import PoseAppError
from .sources.kinds import help_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "source",
        nargs="?",
        help=f"{help_text()} (default: the last one)",
    )
    parser.add_argument("--model", metavar="M", help="a name or a file (default: the last one)")
    engine_words.add_arguments(parser, default=None)


def main(arguments: argparse.Namespace) -> int:
    """Show the window until it is closed. Raises PoseAppError where there is no display."""
    from . import diagnostics

    displays = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in displays):
        raise PoseAppError(
            "There is no display for the window: use `pose-app run SOURCE --record out.mp4` (see "
            "`pose-app run --help`)."
        )
    from .ui.sessions import begin

    diagnostics.start()
    try:
        beginning = begin(arguments)
        try:
            from .ui.app import run  # Qt, while the model loads
        except ImportError as error:
            beginning.session.stop()
            raise PoseAppError(
                f"The window cannot start ({error}): install the missing library, "
                "or use `pose-app run SOURCE`."
            ) from error
        return run(beginning)
    finally:
        diagnostics.stop()
