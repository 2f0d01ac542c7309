"""The command line of the soak."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pose_app.errors import PoseAppError
from tests.soak.harness import Soak
from tests.soak.report import finish, new_folder, text

DESCRIPTION = (
    "The real pipeline for a long time: random actions and injected faults, and an account "
    "of every frame, file, thread and megabyte."
)
EXIT_BAD, EXIT_ERROR = 1, 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=DESCRIPTION)
    parser.add_argument(
        "--minutes",
        type=_minutes,
        default=1.0,
        metavar="N",
        help="how long (default: 1); Ctrl-C ends it early with the account so far",
    )
    parser.add_argument("--model", default="default", metavar="M", help="a name or a file")
    parser.add_argument(
        "--seed", type=int, metavar="N", help="repeat the random order of an earlier run"
    )
    parser.add_argument(
        "--calm",
        action="store_true",
        help="one session that records, undisturbed: what memory does while nothing happens",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FOLDER",
        help="a new folder for account, plot and damaged recordings (default: in the cache)",
    )
    parser.add_argument("--json", action="store_true", help="print the account as one JSON object")
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run the soak; 0 where everything was as it must be, 1 where something was not, 2 no start."""
    arguments = _parser().parse_args(words)
    try:
        folder = new_folder(arguments.report)
    except PoseAppError as error:
        print(f"soak: {error}", file=sys.stderr)
        return EXIT_ERROR
    soak = Soak(
        folder, arguments.minutes * 60, arguments.seed, arguments.model, calm=arguments.calm
    )
    print(f"soak: seed {soak.seed}, report in {folder}", file=sys.stderr, flush=True)
    account = finish(soak.run(), folder)
    print(json.dumps(account, ensure_ascii=False) if arguments.json else text(account))
    return 0 if account["verdict"] == "good" else EXIT_BAD


def _minutes(words: str) -> float:
    try:
        value = float(words)
    except ValueError:
        value = 0.0
    if not 0 < value <= 7 * 24 * 60:
        raise argparse.ArgumentTypeError(f"{words!r} is no number of minutes up to a week")
    return value
