"""The keypoint log: JSON Lines, one header, then one line per frame.

    {"type": "header", "schema": 2, "joints": [...], "limbs": [...], "mirrored": false, ...}
    {"type": "frame", "index": 0, "t": 0.0, "stacks": 2, "stack": 1, "people": [
     {"id": 1, "score": 0.93, "region": [x, y, side], "joints": [[x, y, score, present], ...]}]}

Joints are in pixels of the frame, which is never mirrored; `t` is seconds since the recording began
and equals the frame's time in the video. `id` is the same for a person in all frames. A line has
`"estimated": false` where the frame was not processed by a network, `"video": false` where the
annotated video dropped it, `"raw": false` where the raw one did. Lines are written without
buffering.

Schema 1, which is still read, has one person in a line: `region` and `joints` beside `"found"`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import RecordingError
from .files import reason
from .writer import FileWriter

if TYPE_CHECKING:  # reading a log needs no NumPy
    from ..types import Pose

SCHEMA = 2
READABLE = (1, 2)
_QUEUE = 1000  # lines that may wait for the disk
_LARGEST = 1e12  # pixels or seconds; larger values are damage
_MAX_LINE = 2**20  # bytes; real lines have some thousands


class KeypointLog(FileWriter[dict[str, Any]]):
    """Writes one log."""

    def __init__(
        self,
        path: Path,
        *,
        lossless: bool = False,
        on_failure: Callable[[FileWriter[dict[str, Any]]], None] | None = None,
        claim: Callable[[], Path] | None = None,
        names: Callable[[], dict[str, str]] | None = None,
    ) -> None:
        """Start the thread; arguments as of `FileWriter`.

        `names` returns the header's `files`, the names of the recording's videos by kind; it is
        called after the files have been created.
        """
        self._file: IO[bytes] | None = None
        self._header: dict[str, Any] = {}
        self._names = names
        super().__init__(
            path,
            "log",
            queue_size=_QUEUE,
            lossless=lossless,
            on_failure=on_failure,
            claim=claim,
        )

    def set_header(self, fields: dict[str, Any]) -> None:
        """Set the fields of the first line; call it before offering a frame."""
        self._header = {"type": "header", "schema": SCHEMA, **fields}

    @property
    def has_header(self) -> bool:
        """Whether `set_header` was called."""
        return bool(self._header)

    def offer(
        self,
        index: int,
        seconds: float,
        poses: Sequence[Pose] = (),
        *,
        estimated: bool = True,
        in_video: bool = True,
        in_raw: bool = True,
    ) -> bool:
        """Queue the line of one frame.

        Args:
            index: Of the frame in its source.
            seconds: Since the recording began.
            poses: Everybody in the frame.
            estimated: Whether the frame was processed by a network.
            in_video: Whether the annotated video has it.
            in_raw: Whether the raw video has it.

        Returns:
            False where the line was dropped.
        """
        line = frame_line(index, seconds, poses, estimated=estimated)
        if not in_video:
            line["video"] = False
        if not in_raw:
            line["raw"] = False
        return self.offer_item(line)

    def _write(self, item: dict[str, Any]) -> int:
        if self._file is None:
            self._file = self.path.open("r+b", buffering=0)
            files = {} if self._names is None else {"files": self._names()}
            self._line(self._file, {**self._header, **files})
        self._line(self._file, item)
        self._seconds = item["t"]
        return 1

    def _line(self, file: IO[bytes], item: dict[str, Any]) -> None:
        # In ASCII, because a video's name may have bytes that are no text.
        text = json.dumps(item, separators=(",", ":"), allow_nan=False)
        data = memoryview(text.encode() + b"\n")
        while data:  # an unbuffered file may write only a part
            data = data[file.write(data) :]

    def _finish(self) -> int:
        if self._file is not None:
            self._file.close()
        return 0


def frame_line(
    index: int, seconds: float, poses: Sequence[Pose], *, estimated: bool = True
) -> dict[str, Any]:
    """The line of one frame; arguments as `KeypointLog.offer`."""
    line = {
        "type": "frame",
        "index": index,
        "t": round(seconds, 6),
        "stacks": poses[0].stacks if poses else 0,
        "stack": poses[0].stack if poses else None,
        "people": [_person_line(pose) for pose in poses],
    }
    return line if estimated else {**line, "estimated": False}


def _person_line(pose: Pose) -> dict[str, Any]:
    return {
        "id": pose.track_id,
        "score": _number(pose.score, 4),
        "region": [_number(v, 2) for v in (pose.region.x, pose.region.y, pose.region.side)],
        "joints": [
            [_number(x, 2), _number(y, 2), _number(score, 4), bool(present)]
            for (x, y), score, present in zip(
                pose.joints.tolist(), pose.scores.tolist(), pose.present.tolist(), strict=True
            )
        ],
    }


def _number(value: float, digits: int) -> float | None:
    """Rounded; None where it is not finite, which JSON cannot represent."""
    return round(float(value), digits) if math.isfinite(value) else None


Joint = tuple[float | None, float | None, float, bool]  # x, y, score, present


@dataclass(frozen=True)
class LogPerson:
    """One person in a line of a log.

    Attributes:
        id: The track.
        score: 0..1, that somebody is there. In logs of schema 1, which do not have it, the mean
            score of the present joints.
        region: (x, y, side) in pixels; None in logs that were not made by a network.
        joints: (x, y, score, present) each; x and y may be None.
    """

    id: int
    score: float
    region: tuple[float, float, float] | None
    joints: tuple[Joint, ...]

    @property
    def present(self) -> dict[int, tuple[float, float, float]]:
        """The present joints: index -> (x, y, score)."""
        return {
            joint: (x, y, score)
            for joint, (x, y, score, present) in enumerate(self.joints)
            if present and x is not None and y is not None
        }


@dataclass(frozen=True)
class LogFrame:
    """One line of a log.

    `seconds` is since the recording's start; `stacks` is how many ran, 0 where nobody is there;
    `estimated` is whether the frame was processed by a network.
    """

    index: int
    seconds: float
    people: tuple[LogPerson, ...]
    stacks: int
    estimated: bool
    in_video: bool
    in_raw: bool


class LogReader:
    """Reads a log line by line; an incomplete last line (of a killed writer) is left out.

    `header` is the first line; `torn` is, after all frames were read, whether the last line was
    incomplete. Raises RecordingError, naming the line, where the file is no log.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.torn = False
        self._lines = self._read()
        first = next(self._lines, None)
        if first is None or first[1].get("type") != "header":
            raise RecordingError(f"{path} is no keypoint log: its first line is not a header.")
        self.header = first[1]
        if self.header.get("schema") not in READABLE:
            raise RecordingError(
                f"{path} has schema {self.header.get('schema')!r:.40}, but this version reads only "
                f"{' and '.join(map(str, READABLE))}: update pose-app."
            )
        self.joints = _names(self.header.get("joints"), self.path)

    def __iter__(self) -> Iterator[LogFrame]:
        for number, line in self._lines:
            if line.get("type") != "frame":
                continue  # of a later version
            yield _frame(line, len(self.joints), self.path, number)

    def _read(self) -> Iterator[tuple[int, dict[str, Any]]]:
        try:
            with self.path.open("rb") as file:
                number = 0
                while raw := file.readline(_MAX_LINE):
                    number += 1
                    try:
                        line = json.loads(raw)
                        if not isinstance(line, dict):
                            raise ValueError("not an object")
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
        except UnicodeEncodeError:  # half a surrogate pair, which UTF-8 cannot encode
            value = None
    raise RecordingError(f"The header of {path} has no list of joint names.")


def _frame(line: dict[str, Any], count: int, path: Path, number: int) -> LogFrame:
    try:
        people = line.get("people", [line])
        return LogFrame(
            int(line["index"]),
            _finite(line["t"]),
            tuple(
                _person(person, count)
                for person in people
                if person is not line or line.get("found", True)
            ),
            int(line.get("stacks", 0)),
            line.get("estimated", line.get("tracking") != "none") is not False,
            line.get("video", True) is not False,
            line.get("raw", True) is not False,
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise RecordingError(f"Line {number} of {path} is no frame of a keypoint log.") from None


def _person(line: dict[str, Any], count: int) -> LogPerson:
    """Raises KeyError, TypeError, ValueError or OverflowError for an invalid person."""
    joints = tuple(
        (_coordinate(x), _coordinate(y), _finite(score), bool(present))
        for x, y, score, present in line["joints"]
    )
    if len(joints) != count:
        raise ValueError
    region = None
    if line["region"] is not None:
        x, y, side = (_finite(value) for value in line["region"])
        region = x, y, side
    seen = [score for _, _, score, present in joints if present]
    score = _finite(line["score"]) if "score" in line else sum(seen) / max(len(seen), 1)
    return LogPerson(int(line.get("id", 1)), score, region, joints)


def _coordinate(value: Any) -> float | None:
    return None if value is None else _finite(value)


def _finite(value: Any) -> float:
    """The value as a float. Raises ValueError where it is not finite or too large."""
    number = float(value)
    if not abs(number) < _LARGEST:
        raise ValueError
    return number
