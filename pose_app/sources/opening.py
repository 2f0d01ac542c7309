"""Opens the source that the user typed or chose."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import SourceError
from .kinds import SourceOptions, Target, as_path, camera_meant, exists, kind_of

if TYPE_CHECKING:
    from .base import Source, SourceInfo

__all__ = ["camera_meant", "open_source", "reopen"]


def open_source(
    target: Target,
    *,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    loop: bool = False,
) -> Source:
    """Open a path, folder, pattern, URL, camera (name, index or CameraInfo), or `demo`.

    A file takes precedence over a camera of the same name.

    Args:
        target: What the user typed or chose; see `kinds.KINDS`.
        size: (width, height) in pixels that a camera is asked for.
        fps: Frames per second that a camera is asked for; of images, how many are shown.
        loop: Start files again at their end (the demo always does).

    Raises:
        SourceError: There is no such source, or it cannot be opened.
    """
    if isinstance(target, str):
        target = target if exists(as_path(target)) else target.strip()
        if not target:
            raise SourceError("The source is empty: give a file, a URL, a camera or demo.")
    return kind_of(target).open(target, SourceOptions(size, fps, loop))


def reopen(info: SourceInfo, open_again: Callable[[], Source]) -> Source:
    """Open a lost source again.

    Args:
        info: Of the lost source. A camera is found by its identity, at whatever index it is now.
        open_again: Opens any other source, and a camera that the system does not list.

    Raises:
        SourceError: It is still not available.
    """
    if info.kind != "camera" or "name" not in info.identity:
        return open_again()
    from .discover import find

    camera = find(info.identity)
    if camera is None and info.identity.get("listed") == "no":
        return open_again()
    if camera is None:
        raise SourceError(f"{info.name} is not plugged in: connect it again.")
    asked = info.identity.get("asked_size")
    width, _, height = (asked or "").partition("x")
    asked_fps = info.identity.get("asked_fps")
    options = SourceOptions(
        size=(int(width), int(height)) if asked else None,
        fps=float(asked_fps) if asked_fps else None,
        pixel_format=info.identity.get("asked_format"),
    )
    return kind_of(camera).open(camera, options)
