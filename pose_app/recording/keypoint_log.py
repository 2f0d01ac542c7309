"""The keypoint log: JSON Lines, one header, then one line per frame.

    {"type": "header", "schema": 1, "joints": [...], "limbs": [...], "mirrored": false, ...}
    {"type": "frame", "index": 0, "t": 0.0, "region": [x, y, side],
     "joints": [[x, y, score, present], ...], "stacks": 2, "found": true}

Joints are in pixels of the true (never mirrored) picture; `t` is seconds since the recording began
and equals the frame's time in the video. A line has `"video": false` where the annotated video
dropped that frame, `"raw": false` where the raw one did. Every line is in the file as soon as it is
written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import RecordingError
from ..types import Pose
from .files import reason
from .writer import FileWriter

SCHEMA = 1
_QUEUE = 1000  # lines that may wait for the disk
_LARGEST = 1e12  # pixels or seconds; more is damage
_MAX_LINE = 2**20  # bytes; a line of ours has some thousands


class KeypointLog(FileWriter[dict[str, Any]]):
    """Writes one log. Raises RecordingError where the file is taken or not writable."""

    def __init__(
        self,
        path: Path,
        *,
        lossless: bool = False,
        on_failure: Callable[[FileWriter[dict[str, Any]]], None] | None = None,
    ) -> None:
        self._file: IO[bytes] | None = None
        self._header: dict[str, Any] = {}
        super().__init__(path, "log", queue_size=_QUEUE, lossless=lossless, on_failure=on_failure)

    def set_header(self, fields: dict[str, Any]) -> None:
        """What the first line says; to be called before any frame is offered."""
        self._header = {"type": "header", "schema": SCHEMA, **fields}

    @property
    def has_header(self) -> bool:
        return bool(self._header)

    def offer(
        self,
        index: int,
        seconds: float,
        pose: Pose | None,
        *,
        in_video: bool = True,
        in_raw: bool = True,
    ) -> bool:
        """Queue the line of one frame. False where it was dropped.

        `pose` None is a frame that no network has seen: all its joints are absent.
        """
        if pose is None:
            line = _empty_line(index, seconds, len(self._header["joints"]))
        else:
            line = frame_line(index, seconds, pose)
        if not in_video:
            line["video"] = False
        if not in_raw:
            line["raw"] = False
        return self.offer_item(line)

    def _write(self, item: dict[str, Any]) -> int:
        if self._file is None:
            self._file = open(self.path, "r+b", buffering=0)  # noqa: SIM115 - closed in _finish
            self._line(self._file, self._header)
        self._line(self._file, item)
        self._seconds = item["t"]
        return 1

    def _line(self, file: IO[bytes], item: dict[str, Any]) -> None:
        text = json.dumps(item, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
        data = memoryview(text.encode() + b"\n")
        while data:  # an unbuffered file may take a part only
            data = data[file.write(data) :]

    def _finish(self) -> int:
        if self._file is not None:
            self._file.close()
        return 0


def frame_line(index: int, seconds: float, pose: Pose) -> dict[str, Any]:
    """The line of one frame."""
    return {
        "type": "frame",
        "index": index,
        "t": round(seconds, 6),
        "region": [_number(v, 2) for v in (pose.region.x, pose.region.y, pose.region.side)],
        "joints": [
            [_number(x, 2), _number(y, 2), _number(score, 4), bool(present)]
            for (x, y), score, present in zip(
                pose.joints.tolist(), pose.scores.tolist(), pose.present.tolist(), strict=True
            )
        ],
        "stacks": pose.stacks,
        "stack": pose.stack,
        "found": bool(pose.found),
        "tracking": pose.tracking,
    }


def _empty_line(index: int, seconds: float, count: int) -> dict[str, Any]:
    """The line of a frame that no network has seen."""
    return {
        "type": "frame",
        "index": index,
        "t": round(seconds, 6),
        "region": None,
        "joints": [[None, None, 0.0, False]] * count,
        "stacks": 0,
        "stack": None,
        "found": False,
        "tracking": "none",
    }


def _number(value: float, digits: int) -> float | None:
    """Rounded; None for NaN, which JSON does not have."""
    return round(float(value), digits) if math.isfinite(value) else None


@dataclass(frozen=True)
class LogFrame:
    """One line of a log: joints are (x, y, score, present) in pixels; x and y may be None."""

    index: int
    seconds: float
    region: tuple[float, float, float] | None
    joints: tuple[tuple[float | None, float | None, float, bool], ...]
    stacks: int
    in_video: bool
    in_raw: bool


class LogReader:
    """Reads a log line by line; a torn last line (the writer was killed) is left out.

    `header` is the first line; `torn` tells, after the frames were read, whether the last was cut.
    Raises RecordingError, naming the line, where the file is no log.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.torn = False
        self._lines = self._read()
        first = next(self._lines, None)
        if first is None or first[1].get("type") != "header":
            raise RecordingError(f"{path} is no keypoint log: its first line is not a header.")
        self.header = first[1]
        if self.header.get("schema") != SCHEMA:
            raise RecordingError(
                f"{path} has schema {self.header.get('schema')!r:.40}, this version reads "
                f"{SCHEMA}: update pose-app."
            )
        self.joints = _names(self.header.get("joints"), self.path)

    def __iter__(self) -> Iterator[LogFrame]:
        for number, line in self._lines:
            if line.get("type") != "frame":
                continue  # of a later version
            yield _frame(line, len(self.joints), self.path, number)

    def _read(self) -> Iterator[tuple[int, dict[str, Any]]]:
        try:
            with open(self.path, "rb") as file:
                number = 0
                while raw := file.readline(_MAX_LINE):
                    number += 1
                    try:
                        line = json.loads(raw)
                        if not isinstance(line, dict):
                            raise ValueError("no object")
                    except (ValueError, RecursionError):
                        if not raw.endswith(b"\n") and not file.read(1):
                            self.torn = True
                            return
                        raise RecordingError(
                            f"Line {number} of {self.path} is not readable: "
                            "it is no keypoint log, or it was damaged."
                        ) from None
                    yield number, line
        except OSError as error:
            raise RecordingError(f"{self.path} cannot be read ({reason(error)}).") from None


def _names(value: Any, path: Path) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        try:
            return tuple(name.encode().decode() for name in value)
        except UnicodeEncodeError:  # half a surrogate pair, which no file can hold
            value = None
    raise RecordingError(f"The header of {path} has no list of joint names.")


def _frame(line: dict[str, Any], count: int, path: Path, number: int) -> LogFrame:
    try:
        joints = tuple(
            (_place(x), _place(y), _finite(score), bool(present))
            for x, y, score, present in line["joints"]
        )
        region = None
        if line["region"] is not None:
            x, y, side = (_finite(value) for value in line["region"])
            region = x, y, side
        frame = LogFrame(
            int(line["index"]),
            _finite(line["t"]),
            region,
            joints,
            int(line.get("stacks", 0)),
            line.get("video", True) is not False,
            line.get("raw", True) is not False,
        )
        if len(joints) != count:
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError):
        raise RecordingError(f"Line {number} of {path} is no frame of a keypoint log.") from None
    return frame


def _place(value: Any) -> float | None:
    return None if value is None else _finite(value)


def _finite(value: Any) -> float:
    """Raises ValueError for what is no number of pixels, seconds or score."""
    number = float(value)
    if not abs(number) < _LARGEST:
        raise ValueError
    return number
