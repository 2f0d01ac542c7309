"""The table of source kinds. A new kind is a file with its class, and a row here.

Rows import what they need only when a source is opened.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..errors import SourceError
from ..paths import expanded
from .names import DEMOS, redact

if TYPE_CHECKING:
    from .base import Source
    from .discover import CameraInfo

# What the user typed or chose: text, a path, or a camera by its index or as it was listed.
Target: TypeAlias = "str | int | Path | CameraInfo"

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@dataclass(frozen=True)
class SourceOptions:
    """How to open a source; a kind ignores options that do not concern it.

    Attributes:
        size: (width, height) in pixels to ask a camera for.
        fps: Frames per second.
        loop: Whether files start again at their end.
        pixel_format: Four letters to ask a camera for.
    """

    size: tuple[int, int] | None = None
    fps: float | None = None
    loop: bool = False
    pixel_format: str | None = None


@dataclass(frozen=True)
class SourceKind:
    """A row of the table.

    Attributes:
        written: How users write such a source, for help texts.
        matches: Whether a target is of this kind.
        open: Opens a target of this kind. Raises SourceError.
    """

    written: str
    matches: Callable[[Target], bool]
    open: Callable[[Target, SourceOptions], Source]


def kind_of(target: Target) -> SourceKind:
    """The first kind that matches the target. Raises SourceError where none does."""
    for kind in KINDS:
        if kind.matches(target):
            return kind
    raise SourceError(
        f"There is no file and no camera called {redact(str(target))}: check the name."
    )


def help_text() -> str:
    """How a source can be written, for the help of commands."""
    *others, last = [kind.written for kind in KINDS]
    return f"{', '.join(others)} or {last}"


def camera_meant(text: str) -> CameraInfo | None:
    """The listed camera that a number or name means; None where the text means anything else."""
    from .discover import cameras, find_by_name

    written, text = text, text.strip()
    if not text or text in DEMOS or _URL.match(text) or glob.has_magic(text):
        return None
    if exists(as_path(written)) or exists(as_path(text)):
        return None
    if text.isdecimal():
        return next((camera for camera in cameras() if camera.index == int(text)), None)
    return find_by_name(text)


def is_pictures(target: Target) -> bool:
    """Whether the target is an image file, a folder or a pattern. Raises SourceError."""
    return kind_of(target).open is _open_pictures


def as_path(text: str | Path) -> Path:
    """The path of a text, with `~` and `file://` resolved."""
    if isinstance(text, str) and text.lower().startswith("file://"):
        from urllib.parse import urlsplit
        from urllib.request import url2pathname

        text = url2pathname(urlsplit(text).path)
    return expanded(text)


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; False as well for impossible names."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _is_camera(target: Target) -> bool:
    if not isinstance(target, str | Path):
        return True  # an index or a CameraInfo
    if isinstance(target, Path):
        return False
    # A number that is not listed is tried all the same.
    return camera_meant(target) is not None or (target.isdecimal() and not exists(Path(target)))


def _open_camera(target: Target, options: SourceOptions) -> Source:
    from .camera import CameraSource

    camera = target
    if isinstance(camera, str | Path):
        camera = camera_meant(str(target)) or int(str(target))
    return CameraSource(
        camera, size=options.size, fps=options.fps, pixel_format=options.pixel_format
    )


def _is_stream(target: Target) -> bool:
    return (
        isinstance(target, str)
        and _URL.match(target) is not None
        and not target.lower().startswith("file://")
    )


def _open_stream(target: Target, options: SourceOptions) -> Source:
    from .stream import open_stream

    return open_stream(str(target), fps=options.fps, loop=options.loop)


def _is_pictures(target: Target) -> bool:
    """Whether it is an image file, a folder, or a pattern that is not itself a file's name."""
    if not isinstance(target, str | Path):
        return False
    path = as_path(target)
    if exists(path):
        from .images import is_image_name

        return path.is_dir() or is_image_name(path)
    return isinstance(target, Path) or glob.has_magic(target)


def _open_pictures(target: Target, options: SourceOptions) -> Source:
    from .images import ImagesSource

    assert isinstance(target, str | Path)
    return ImagesSource(as_path(target), fps=options.fps, loop=options.loop)


def _is_file(target: Target) -> bool:
    return isinstance(target, str | Path) and exists(as_path(target))


def _open_video(target: Target, options: SourceOptions) -> Source:
    from .video import VideoSource

    assert isinstance(target, str | Path)
    return VideoSource(as_path(target), loop=options.loop)


def _open_demo(target: Target, options: SourceOptions) -> Source:
    from .demo import open_demo

    return open_demo(str(target))


# In the order in which they are tried.
KINDS = (
    SourceKind(", ".join(DEMOS), lambda target: target in DEMOS, _open_demo),
    SourceKind("a camera (its name or number)", _is_camera, _open_camera),
    SourceKind("an address (http, rtsp)", _is_stream, _open_stream),
    SourceKind("a picture, folder or pattern of pictures", _is_pictures, _open_pictures),
    SourceKind("a video file", _is_file, _open_video),
)
