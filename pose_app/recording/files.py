"""File names and disk space of recordings. Existing files are never overwritten."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from ..errors import RecordingError

FREE_BYTES = 200 * 10**6  # that a recording leaves free on the disk
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mkv": "matroska"}
VIDEO_SUFFIXES = tuple(CONTAINERS)


class NameTakenError(RecordingError):
    """A file of this name exists, which is not overwritten."""


def claim(path: Path) -> Path:
    """Create the file; returns its absolute path.

    Raises:
        NameTakenError: It exists.
        RecordingError: It cannot be written.
    """
    path = Path(path).absolute()
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise _not_writable(path, error) from None
    return path


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is there as a whole or not at all, whenever the app is killed.

    Raises:
        NameTakenError: It exists.
        RecordingError: It cannot be written.
    """
    part = claim(path.with_name(f".{path.name}.{secrets.token_hex(4)}.part"))
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)
        except FileExistsError:
            raise _taken(path) from None
        except OSError:  # a disk without links, such as a memory card
            if path.exists():
                raise _taken(path) from None
            part.rename(path)
    except OSError as error:
        raise _not_writable(path, error) from None
    finally:
        part.unlink(missing_ok=True)


def begin(path: Path) -> Path:
    """As `claim`, but raises RecordingError as well where the disk is too full for a recording."""
    check_space(Path(path))
    return claim(path)


def make_folder(path: Path) -> None:
    """Make the folder of `path` if it does not exist. Raises RecordingError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordingError(
            f"The folder {path.parent} cannot be made ({reason(error)}): choose another one."
        ) from None


def check_space(path: Path) -> None:
    """Raise RecordingError where the disk of `path` is too full for a recording."""
    free = free_bytes(path)
    if free is not None and free < FREE_BYTES:
        raise RecordingError(
            f"Only {free / 1e6:.0f} MB are free for {path}: free some space or choose another disk."
        )


def free_bytes(path: Path) -> int | None:
    """Free bytes on the disk of `path`; None where its folder does not exist."""
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return None


def numbered(path: Path, number: int) -> Path:
    """`path` for 1, else with ' (number)' before its suffix."""
    return path if number == 1 else path.with_name(f"{path.stem} ({number}){path.suffix}")


def check_video_name(path: Path) -> None:
    """Raise RecordingError for a suffix that is not in CONTAINERS."""
    if path.suffix.lower() not in CONTAINERS:
        raise RecordingError(f"{path} is not the name of a video: use .mp4 or .mkv.")


def check_log_name(path: Path) -> None:
    """Raise RecordingError for a suffix by which no command would know the log again."""
    if path.suffix.lower() != ".jsonl":
        raise RecordingError(f"{path} is not the name of a log: call it *.jsonl.")


def _taken(path: Path) -> NameTakenError:
    return NameTakenError(f"{path} exists already and is not overwritten: choose another name.")


def _not_writable(path: Path, error: OSError) -> RecordingError:
    return RecordingError(f"{path} cannot be written ({reason(error)}): choose another folder.")


def reason(error: Exception) -> str:
    """A short reason for people, from any exception of a file or an encoder."""
    # The whole text of the system's and of FFmpeg's errors has a number and the file's name, too.
    text = getattr(error, "strerror", None)
    if text or isinstance(error, OSError):
        return str(text or type(error).__name__).lower()
    return str(error) or type(error).__name__
