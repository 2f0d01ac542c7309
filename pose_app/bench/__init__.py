"""`pose-app bench`: measures the speed of this machine."""

from __future__ import annotations

import argparse
import json
import sys

from .. import argument_values as values


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("--model", default="default", metavar="M", help="a name or a file")
    parser.add_argument(
        "--seconds",
        type=values.positive,
        default=3.0,
        metavar="S",
        help="how long each measurement takes (default: 3)",
    )
    parser.add_argument("--ui", action="store_true", help="also measure the window")
    parser.add_argument("--json", action="store_true", help="print everything as one JSON object")


def main(arguments: argparse.Namespace) -> int:
    """Measure and print, with progress on the standard error stream. Raises PoseAppError."""
    from .report import measure
    from .text import tables

    def say(step: str) -> None:
        print(f"measuring {step} ...", file=sys.stderr, flush=True)

    found = measure(arguments.model, arguments.seconds, arguments.ui, say)
    print(json.dumps(found, indent=1) if arguments.json else tables(found))
    return 0
