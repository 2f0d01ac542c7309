"""One recording: an annotated video, a raw video, a keypoint log, or any of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..drawing.options import DrawOptions


@dataclass(frozen=True)
class RecordingRequest:
    """The files to write; None = not this one.

    `drawing` is what the annotated video shows; it may change while it is recorded. The raw one is
    as sharp as the camera, whatever is drawn. `rename`: a name that is taken gets ' (2)' instead of
    being an error. `make_folder`: a folder that is not there is made.
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
    """A recording that runs, as its files' own threads last saw it.

    Attributes:
        seconds: How long it is so far, all of its files together.
        bytes: On the disk, of all of its files.
        dropped: Frames that did not get into a file.
        paths: The files that are being written.
        files: All of its files so far: after a change of source, size or model it goes on in new
            ones.
        free_bytes: Room on the disk; None while it has not answered.
    """

    seconds: float
    bytes: int
    dropped: int
    paths: tuple[Path, ...]
    files: tuple[Path, ...] = ()
    free_bytes: int | None = None


@dataclass(frozen=True)
class FileReport:
    """The account of one file: `offered` = `written` + all that was dropped, with reasons."""

    kind: str  # "annotated", "raw" or "log"
    path: Path
    offered: int
    written: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    bytes: int = 0
    error: str | None = None  # why it ended before it was asked to

    @property
    def conserved(self) -> bool:
        """Whether everything that was offered is accounted for."""
        return self.offered == self.written + sum(self.dropped.values())


@dataclass(frozen=True)
class RecordingReport:
    """What a finished recording left behind; files without a single frame are removed."""

    files: tuple[FileReport, ...]
    stuck: tuple[str, ...] = ()  # threads that did not end in time

    @property
    def conserved(self) -> bool:
        """Whether everything that was offered is accounted for."""
        return all(file.conserved for file in self.files)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that are there: one that was deleted meanwhile has no bytes."""
        return tuple(file.path for file in self.files if file.written and file.bytes)

    @property
    def error(self) -> str | None:
        """The first reason why a file ended early, or None."""
        return next((file.error for file in self.files if file.error), None)
