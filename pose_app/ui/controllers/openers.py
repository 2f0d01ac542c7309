"""Factories of sources, with the settings of the moment; the session's threads call them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...errors import SourceError
from .known_cameras import KEY, KnownCameras

if TYPE_CHECKING:
    from ...settings import Settings
    from ...sources.base import Source
    from ...sources.discover import CameraInfo
    from ...sources.modes import CameraMode

FIRST = ""  # the first camera that works
SLIDE_SECONDS = 3.0  # that each picture of a folder is shown while it plays


class RememberedCamera(str):
    """A camera's identity as JSON; the camera is searched for when it is opened."""


def opener(target: str | CameraInfo, settings: Settings) -> Callable[[], Source]:
    """The factory that opens a source on the session's thread, with the settings of now."""
    size, fps = _usual(settings)
    known = KnownCameras(settings.get(KEY))

    def open_camera(camera: CameraInfo) -> Source:
        return camera_opener(camera, known.chosen(camera), settings)()

    def open_target() -> Source:
        from ...sources import camera_meant, discover, open_source
        from ...sources.kinds import is_pictures

        if isinstance(target, RememberedCamera):
            camera = discover.find(json.loads(target))
            if camera is None:
                raise SourceError("The camera used last is not plugged in.")
            return open_camera(camera)
        if isinstance(target, discover.CameraInfo):
            return open_camera(target)
        if target != FIRST:
            named = camera_meant(target)
            if named is not None:
                return open_camera(named)
            rate = 1 / SLIDE_SECONDS if is_pictures(target) else fps
            return open_source(target, size=size, fps=rate)
        problem = SourceError("No camera found.")
        for camera in discover.cameras():
            try:
                return open_camera(camera)
            except SourceError as error:
                problem = error  # another program has it, perhaps: the next one may be free
        raise problem

    return open_target


def camera_opener(
    camera: CameraInfo, mode: CameraMode | None, settings: Settings
) -> Callable[[], Source]:
    """The factory that opens a camera in this mode; None = the size and rate of the settings."""
    size, fps = _usual(settings)

    def open_camera() -> Source:
        from ...sources.camera import CameraSource

        if mode is None:
            return CameraSource(camera, size=size, fps=fps)
        return CameraSource(
            camera,
            size=(mode.width, mode.height),
            fps=mode.fps or fps,
            pixel_format=mode.pixel_format,
        )

    return open_camera


def _usual(settings: Settings) -> tuple[tuple[int, int] | None, int | None]:
    """Size and rate of the settings, for cameras without a mode of their own."""
    width, _, height = settings.get("source.size").partition("x")
    return (int(width), int(height)) if height else None, settings.get("source.fps") or None


def last_target(settings: Settings) -> str | CameraInfo:
    """The source that was open when the app ended; FIRST where that is switched off or unknown."""
    if not settings.get("source.reopen"):
        return FIRST
    if settings.get("source.camera"):
        return RememberedCamera(settings.get("source.camera"))
    return settings.get("source.last") or FIRST
