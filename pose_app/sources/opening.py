"""From what a person types or chooses to an open source."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import SourceError
from .kinds import Target, Wishes, camera_meant, kind_of

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

    What exists as a file wins over a camera of that name.

    Args:
        target: What a person typed or chose; see `kinds.KINDS`.
        size: (width, height) in pixels that a camera is asked for.
        fps: Frames per second that a camera is asked for; of images, how many are shown.
        loop: Start files over at their end (the demo always does).

    Raises:
        SourceError: It cannot be opened, or nothing is called so.
    """
    if isinstance(target, str):
        target = target.strip()
        if not target:
            raise SourceError("No source is named: give a file, a URL, a camera or demo.")
    return kind_of(target).open(target, Wishes(size, fps, loop))


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
    wishes = Wishes(
        size=(int(width), int(height)) if asked else None,
        fps=float(asked_fps) if asked_fps else None,
        pixel_format=info.identity.get("asked_format"),
    )
    return kind_of(camera).open(camera, wishes)
