"""The recordings in a folder: listing, renaming and deleting them.

A recording has up to three files, which are handled together: `NAME.mp4` (annotated),
`NAME-raw.mp4` (as captured) and `NAME.jsonl` (keypoint log).
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import RecordingError
from ..settings import Settings
from . import files

COMPLETED = "recording.completed_at_exit"  # setting: recordings that ended with the app
_RAW = "-raw"
_NAME = re.compile(r"(?P<stem>.+?)(?P<raw>-raw)?(?P<number> \(\d+\))?", re.DOTALL)
_FORBIDDEN = set('<>:"/\\|?*') | {chr(code) for code in range(32)}
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST = 200  # characters of a name
_TAIL = 2**20  # bytes at the end of a log in which its last line is searched


@dataclass(frozen=True)
class RecentRecording:
    """One recording; `video`, `raw` and `log` are None where there is no such file.

    `seconds` is None where no file could be read; `bytes` is of all files; `finished` is when the
    last of them was written.
    """

    name: str
    video: Path | None
    raw: Path | None
    log: Path | None
    seconds: float | None
    bytes: int
    finished: datetime

    @property
    def files(self) -> tuple[Path, ...]:
        """The existing files."""
        return tuple(path for path in (self.video, self.raw, self.log) if path is not None)

    @property
    def main(self) -> Path:
        """The file to play: the annotated video, else the raw one, else the log."""
        return self.files[0]


def recordings(folder: Path, running: Collection[Path] = ()) -> tuple[RecentRecording, ...]:
    """All recordings in a folder, the newest first; none where there is no such folder.

    Opens every file, which may take a while: do not call it from the UI thread. `running` are the
    files of a running recording, which are left out. Raises RecordingError where the folder cannot
    be read.
    """
    busy = {Path(path).absolute() for path in running}
    groups: dict[str, dict[str, Path]] = {}
    try:
        for path in sorted(Path(folder).absolute().iterdir()):
            kind = _kind(path)
            if kind is not None and path not in busy and path.is_file():
                groups.setdefault(_name(path), {}).setdefault(kind, path)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise RecordingError(
            f"The folder {folder} cannot be read ({files.reason(error)}): "
            "choose another one in the preferences."
        ) from None
    found = [_recording(name, paths) for name, paths in groups.items()]
    return tuple(
        sorted((r for r in found if r is not None), key=lambda r: r.finished, reverse=True)
    )


def rename(recording: RecentRecording, name: str) -> RecentRecording:
    """Rename all files of a recording, and the videos' names in the log's header.

    Either all files are renamed or none; nothing is overwritten. Raises RecordingError for a name
    that is taken or not valid, or where a file cannot be renamed.
    """
    name = check_name(name)
    if name == recording.name:
        return recording
    folder = recording.main.parent
    new = {path: folder / _file_name(path, name) for path in recording.files}
    claimed: list[Path] = []
    moved: list[tuple[Path, Path]] = []
    try:
        for old, target in new.items():
            if not _same_file(old, target):
                claimed.append(files.claim(target))
        if recording.log is not None:
            copy = files.claim(folder / f".{name}.{secrets.token_hex(4)}.part")
            claimed.append(copy)
            _copy_log(recording.log, copy, {p.name: q.name for p, q in new.items()})
        for old, target in new.items():
            old.replace(target)
            moved.append((old, target))
        if recording.log is not None:
            copy.replace(new[recording.log])
    except (OSError, RecordingError) as error:
        for old, target in reversed(moved):
            target.replace(old)
        for path in claimed:
            path.unlink(missing_ok=True)
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(
            f"{recording.name} cannot be renamed ({files.reason(error)}): close programs that use "
            "its files."
        ) from None
    made = _recording(name, {kind: new[path] for kind, path in _by_kind(recording).items()})
    assert made is not None
    return made


def delete(recording: RecentRecording, to_trash: Callable[[Path], bool]) -> None:
    """Move all files of a recording to the trash.

    Args:
        recording: What to delete.
        to_trash: Moves one file to the trash; returns whether it succeeded.

    Raises:
        RecordingError: Some files could not be moved; the message names them.
    """
    left = [path.name for path in recording.files if path.exists() and not to_trash(path)]
    if left:
        it = "it" if len(left) == 1 else "them"
        raise RecordingError(
            f"{', '.join(left)} could not be moved to the trash: delete {it} in your file manager."
        )


def check_name(name: str) -> str:
    """The name without spaces around it and without a suffix of recordings.

    Raises:
        RecordingError: It is not a valid file name on every system.
    """
    name = name.strip()
    suffix = Path(name).suffix.lower()
    if suffix in (*files.VIDEO_SUFFIXES, ".jsonl"):
        name = name[: -len(suffix)].rstrip()
    if not name:
        raise RecordingError("A recording needs a name: type one.")
    wrong = sorted(_FORBIDDEN & set(name))
    if wrong:
        shown = " ".join(mark if mark.isprintable() else "(control characters)" for mark in wrong)
        raise RecordingError(f"A name cannot have {shown} in it: leave that out.")
    if name.startswith(".") or name.endswith(".") or _RESERVED.fullmatch(name):
        raise RecordingError(f"{name} is not a valid file name on every system: choose another.")
    if len(name.encode()) > _LONGEST:
        raise RecordingError(f"The name is too long: use at most {_LONGEST} characters.")
    if _NAME.fullmatch(name).group("raw"):  # type: ignore[union-attr]
        raise RecordingError(f"Names ending in {_RAW} are those of raw videos: choose another.")
    return name


def remember_completed(settings: Settings, paths: Iterable[Path]) -> None:
    """Remember the recordings that were completed when the app was quit, for the next start.

    The settings have to be saved afterwards.
    """
    kept = [str(path) for path in paths]
    if kept:
        settings.set(COMPLETED, (*settings.get(COMPLETED), *kept))


def take_completed(settings: Settings) -> tuple[Path, ...]:
    """The existing files that `remember_completed` stored; they are forgotten by this call.

    Raises SettingsError where the settings cannot be written.
    """
    kept = settings.get(COMPLETED)
    if not kept:
        return ()
    settings.reset(COMPLETED)
    settings.save()
    return tuple(path for path in map(Path, kept) if path.is_file())


def _kind(path: Path) -> str | None:
    """`video`, `raw` or `log`; None for any other file."""
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        return "log"
    if suffix not in files.VIDEO_SUFFIXES or path.name.startswith("."):
        return None
    match = _NAME.fullmatch(path.stem)
    return "raw" if match is not None and match.group("raw") else "video"


def _name(path: Path) -> str:
    """The name of the recording that a file belongs to."""
    match = _NAME.fullmatch(path.stem)
    if match is None or path.suffix.lower() == ".jsonl":
        return path.stem
    return f"{match.group('stem')}{match.group('number') or ''}"


def _file_name(path: Path, name: str) -> str:
    """The new name of a file when its recording is renamed to `name`."""
    if _kind(path) != "raw":
        return f"{name}{path.suffix}"
    match = _NAME.fullmatch(name)
    assert match is not None
    return f"{match.group('stem')}{_RAW}{match.group('number') or ''}{path.suffix}"


def _by_kind(recording: RecentRecording) -> dict[str, Path]:
    kinds = {"video": recording.video, "raw": recording.raw, "log": recording.log}
    return {kind: path for kind, path in kinds.items() if path is not None}


def _recording(name: str, paths: dict[str, Path]) -> RecentRecording | None:
    """Read a recording's properties; None where its files have been deleted meanwhile."""
    try:
        states = [path.stat() for path in paths.values()]
    except OSError:
        return None
    seconds = [_seconds(path) for path in paths.values()]
    return RecentRecording(
        name,
        paths.get("video"),
        paths.get("raw"),
        paths.get("log"),
        max((length for length in seconds if length is not None), default=None),
        sum(state.st_size for state in states),
        datetime.fromtimestamp(max(state.st_mtime for state in states)).astimezone(),
    )


def _seconds(path: Path) -> float | None:
    """The length of a file in seconds, if possible without reading all of it; None if unknown."""
    return _seconds_of_log(path) if path.suffix.lower() == ".jsonl" else _seconds_of_video(path)


def _seconds_of_video(path: Path) -> float | None:
    import av

    from .verify import opened

    try:
        with opened(path) as (container, stream):
            if container.duration is not None:
                return container.duration / av.time_base
            # Cut off by a crash: the time of the last packet.
            last = 0.0
            for packet in container.demux(stream):
                if packet.pts is not None and packet.time_base is not None:
                    last = max(last, float(packet.pts * packet.time_base))
            return last
    except (av.FFmpegError, OSError, ValueError, RecordingError):
        return None


def _seconds_of_log(path: Path) -> float | None:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            lines = file.read().splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        try:
            seconds = float(json.loads(line)["t"])
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            continue  # the header, or an incomplete line
        if math.isfinite(seconds):
            return seconds
    return None


def _same_file(old: Path, new: Path) -> bool:
    """Whether both names are those of one file, on a disk that takes `A` and `a` for the same."""
    if old.name.casefold() != new.name.casefold():
        return False
    try:
        state = new.lstat()
        return os.path.samestat(old.lstat(), state) and state.st_nlink == 1
    except OSError:
        return False


def _copy_log(log: Path, copy: Path, names: dict[str, str]) -> None:
    """Write the log with the new names of its videos in the header; its date stays."""
    with log.open("rb") as source, copy.open("r+b") as target:
        first = source.readline(_TAIL)
        target.write(_renamed(first, names))
        while chunk := source.read(_TAIL):
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
        state = os.fstat(source.fileno())
    with contextlib.suppress(OSError):  # some network shares keep the date to themselves
        os.utime(copy, ns=(state.st_atime_ns, state.st_mtime_ns))


def _renamed(line: bytes, names: dict[str, str]) -> bytes:
    try:
        header: Any = json.loads(line)
        old = header["files"]
        header["files"] = {kind: names.get(name, name) for kind, name in old.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return line  # not our header: copied unchanged
    return json.dumps(header, separators=(",", ":")).encode() + b"\n"
