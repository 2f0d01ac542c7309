"""Requests, states and reports of recordings and of the replay buffer.

A recording has an annotated video, a raw video and a keypoint log, or some of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..drawing.options import DrawOptions


@dataclass(frozen=True)
class RecordingRequest:
    """The files to write.

    Attributes:
        annotated: The video with the skeletons; None = not written.
        raw: The video as captured; None = not written.
        log: The keypoint log; None = not written.
        drawing: What the annotated video shows; may change during the recording.
        rename: Append ' (2)' and so on to names that are taken, instead of raising.
        make_folder: Make missing folders.
    """

    annotated: Path | None = None
    raw: Path | None = None
    log: Path | None = None
    drawing: DrawOptions = field(default_factory=DrawOptions)
    rename: bool = True
    make_folder: bool = False

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that are asked for."""
        return tuple(path for path in (self.annotated, self.raw, self.log) if path is not None)


@dataclass(frozen=True)
class RecordingState:
    """A running recording, as its writers' threads last reported.

    Attributes:
        seconds: Its length so far, all files together.
        bytes: Size of all its files on the disk.
        dropped: Frames that are missing in a file.
        paths: The files that are being written.
        files: All its files so far: it continues in new ones after a change of source, size or
            model.
        free_bytes: Room on the disk; None while that is unknown.
    """

    seconds: float
    bytes: int
    dropped: int
    paths: tuple[Path, ...]
    files: tuple[Path, ...] = ()
    free_bytes: int | None = None


@dataclass(frozen=True)
class FileReport:
    """What became of one file's items: `offered` = `written` + all `dropped`, by reason."""

    kind: str  # "annotated", "raw" or "log"
    path: Path
    offered: int
    written: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    bytes: int = 0
    error: str | None = None  # why it ended early

    @property
    def conserved(self) -> bool:
        """Whether everything that was offered is accounted for."""
        return self.offered == self.written + sum(self.dropped.values())


@dataclass(frozen=True)
class RecordingReport:
    """The files of a finished recording. Files without any frame are removed."""

    files: tuple[FileReport, ...]
    stuck: tuple[str, ...] = ()  # threads that did not end in time

    @property
    def conserved(self) -> bool:
        """Whether everything that was offered is accounted for."""
        return all(file.conserved for file in self.files)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that exist; one that was deleted meanwhile has no bytes."""
        return tuple(file.path for file in self.files if file.written and file.bytes)

    @property
    def error(self) -> str | None:
        """The first reason why a file ended early, or None."""
        return next((file.error for file in self.files if file.error), None)


@dataclass(frozen=True)
class ReplayRequest:
    """What is kept in memory: the last `seconds` of an annotated and/or a raw video."""

    seconds: float = 15.0
    annotated: bool = True
    raw: bool = False
    drawing: DrawOptions = field(default_factory=DrawOptions)


@dataclass(frozen=True)
class ReplayState:
    """The state of a replay buffer.

    Attributes:
        seconds: That could be saved now.
        bytes: Of memory that they take.
        dropped: Frames that the encoder was too slow for.
        error: Why nothing more is kept, or None.
    """

    seconds: float
    bytes: int
    dropped: int
    error: str | None = None
