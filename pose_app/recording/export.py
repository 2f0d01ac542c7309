"""`pose-app export`: converts a keypoint log to the formats of other programs."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping
from pathlib import Path

from ..errors import RecordingError
from . import files
from .exporters import EXPORTERS, Log, by_name, for_output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("log", type=Path, help="a keypoint log (.jsonl)")
    parser.add_argument(
        "output", type=Path, nargs="?", help="the new file (default: named after the log)"
    )
    parser.add_argument(
        "--format",
        choices=[exporter.name for exporter in EXPORTERS],
        help="; ".join(f"{exporter.name}: {exporter.help}" for exporter in EXPORTERS)
        + " (default: from the ending of the new file's name, else csv)",
    )
    # Older spelling of the second positional argument.
    parser.add_argument("--output", dest="named", type=Path, help=argparse.SUPPRESS)


def main(arguments: argparse.Namespace) -> int:
    """Write the file and print its name; returns the exit status."""
    output = arguments.output if arguments.named is None else arguments.named
    print(export(arguments.log, arguments.format, output))
    return 0


def export(log: Path, format: str | None = None, output: Path | None = None) -> Path:
    """Write a keypoint log in another format.

    Args:
        log: A keypoint log of any readable schema.
        format: A name of EXPORTERS; default by the suffix of `output`, else the first.
        output: The new file or folder; default the log's name with the format's suffix.

    Returns:
        The new file, or the folder for a format that is one.

    Raises:
        RecordingError: The log is not readable, the format is not known, or the name is taken.
    """
    exporter = for_output(output) if format is None else by_name(format)
    log = Path(log)
    contents = exporter.write(Log.read(log))
    output = Path(output or log.with_name(log.stem + exporter.suffix))
    if isinstance(contents, Mapping):
        return _write_folder(output, contents)
    path = files.claim(output)
    try:
        path.write_text(contents, encoding="utf-8", newline="")
    except OSError as error:
        path.unlink(missing_ok=True)
        raise RecordingError(
            f"{path} cannot be written ({files.reason(error)}): choose another folder."
        ) from None
    return path


def _write_folder(folder: Path, texts: Mapping[str, str]) -> Path:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise RecordingError(
            f"{folder} exists already and is not overwritten: choose another name."
        ) from None
    except OSError as error:
        raise RecordingError(
            f"{folder} cannot be made ({files.reason(error)}): choose another folder."
        ) from None
    try:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise RecordingError(
            f"{folder} cannot be written ({files.reason(error)}): choose another folder."
        ) from None
    return folder
