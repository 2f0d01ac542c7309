"""From what a person types or chooses to an open source."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SourceError
from .base import Source, SourceInfo
from .names import redact

if TYPE_CHECKING:
    from .discover import CameraInfo

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def open_source(
    text: str | int | Path | CameraInfo,
    *,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    loop: bool = False,
) -> Source:
    """Open a path, folder, pattern, URL, camera (name, index or CameraInfo), or `demo`.

    `size` (width, height) and `fps` are what a camera is asked for; for images `fps` is how many a
    second are shown. `loop` starts files over at their end (the demo always loops). What exists as
    a file wins over a camera of that name. Raises SourceError.
    """
    from .discover import CameraInfo

    if isinstance(text, CameraInfo | int):
        return _open_camera(text, size, fps)
    if isinstance(text, str):
        text = text.strip()
        if not text:
            raise SourceError("No source is named: give a file, a URL, a camera or demo.")
        if text == "demo":
            from .demo import open_demo

            return open_demo()
        camera = camera_meant(text)
        if camera is not None:
            return _open_camera(camera, size, fps)
        if text.isdecimal() and not Path(text).exists():  # no system lists it: tried all the same
            return _open_camera(int(text), size, fps)
        if _URL.match(text):
            if not text.lower().startswith("file://"):
                from .stream import open_stream

                return open_stream(text, fps=fps, loop=loop)
            text = _file_of(text)
    return _open_path(text, fps, loop)


def camera_meant(text: str) -> CameraInfo | None:
    """The camera that a person means by a number or a name, as the system lists it; None where the
    text means anything else."""
    from .discover import cameras, find_by_name

    text = text.strip()
    if not text or text == "demo" or _URL.match(text) or glob.has_magic(text):
        return None
    if _exists(_as_path(text)):
        return None
    if text.isdecimal():
        return next((camera for camera in cameras() if camera.index == int(text)), None)
    return find_by_name(text)


def reopen(info: SourceInfo, open_again: Callable[[], Source]) -> Source:
    """The source that `info` was of, once more: a camera by its identity, wherever it is now.

    Anything else, and a camera that the system does not list, through `open_again`. Raises
    SourceError while it is not back.
    """
    if info.kind != "camera" or "name" not in info.identity:
        return open_again()
    from .discover import find

    camera = find(info.identity)
    if camera is None:
        raise SourceError(f"{info.name} is not plugged in: connect it again.")
    asked = info.identity.get("asked_size")
    width, _, height = (asked or "").partition("x")
    asked_fps = info.identity.get("asked_fps")
    return _open_camera(
        camera,
        (int(width), int(height)) if asked else None,
        float(asked_fps) if asked_fps else None,
        info.identity.get("asked_format"),
    )


def _open_camera(
    camera: CameraInfo | int,
    size: tuple[int, int] | None,
    fps: float | None,
    pixel_format: str | None = None,
) -> Source:
    from .camera import CameraSource

    return CameraSource(camera, size=size, fps=fps, pixel_format=pixel_format)


def _open_path(text: str | Path, fps: float | None, loop: bool) -> Source:
    path = _as_path(text)
    exists = _exists(path)
    if not exists and isinstance(text, str) and not glob.has_magic(text):
        raise SourceError(f"There is no file and no camera called {redact(text)}: check the name.")
    from .images import ImagesSource, is_image_name

    if not exists or path.is_dir() or is_image_name(path):
        return ImagesSource(path, fps=fps, loop=loop)
    from .video import VideoSource

    return VideoSource(path, loop=loop)


def _as_path(text: str | Path) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~name of nobody here: a file may be called so
        return Path(text)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _file_of(url: str) -> str:
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    return url2pathname(urlsplit(url).path)
