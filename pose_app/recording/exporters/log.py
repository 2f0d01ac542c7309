"""The input of an exporter: a keypoint log read into memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...errors import RecordingError
from ...skeletons import Skeleton, Ways, by_joints
from ..keypoint_log import LogFrame, LogPerson, LogReader

Point = tuple[float, float, float]  # x and y in pixels, score


@dataclass(frozen=True)
class Log:
    """A whole keypoint log; `stem` is its file name without the suffix."""

    stem: str
    header: Mapping[str, Any]
    joints: tuple[str, ...]
    frames: tuple[LogFrame, ...]

    @classmethod
    def read(cls, path: Path) -> Log:
        """Read a log; an incomplete last line is left out.

        Raises:
            RecordingError: The file cannot be read or is no log.
        """
        reader = LogReader(path)
        return cls(Path(path).stem, reader.header, reader.joints, tuple(reader))

    @cached_property
    def limbs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of joint indices. Raises RecordingError where the header has none."""
        try:
            return tuple((int(a), int(b)) for a, b in self.header.get("limbs", []))
        except (TypeError, ValueError, OverflowError):
            raise RecordingError("The header of the log has limbs that are no pairs.") from None

    @cached_property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frames. Raises RecordingError where the header has none."""
        try:
            width, height = (int(value) for value in self.header["size"])
        except (KeyError, TypeError, ValueError, OverflowError):
            raise RecordingError("The header of the log has no frame size.") from None
        return width, height

    @cached_property
    def skeleton(self) -> Skeleton:
        """The skeleton with these joints."""
        return by_joints(self.joints)


Contents = Callable[[Log], str | Mapping[str, str]]


def mapped(person: LogPerson, ways: tuple[Ways, ...]) -> list[Point | None]:
    """One point per joint of another format.

    Each joint has alternatives, each a group of our joints; the first group that is present is used
    (its mean position and lowest score). None where no group is present.
    """
    present = person.present
    points: list[Point | None] = []
    for alternatives in ways:
        seen = (way for way in alternatives if all(joint in present for joint in way))
        way = next(seen, None)
        points.append(None if way is None else _middle([present[joint] for joint in way]))
    return points


def _middle(points: list[Point]) -> Point:
    x, y = (sum(point[axis] for point in points) / len(points) for axis in (0, 1))
    return x, y, min(score for _, _, score in points)
