"""Lists cameras, and finds the one that was used before."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import cv2

from .names import redact


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera as the system lists it.

    `index` and `backend` are what OpenCV opens it with. `vid` and `pid` are the USB vendor and
    product ids, four hexadecimal digits, or None. `listed` is False where the system does not list
    it, so that its name is made up.
    """

    name: str
    index: int
    backend: int
    vid: str | None = None
    pid: str | None = None
    path: str | None = None
    listed: bool = True

    @property
    def identity(self) -> dict[str, str]:
        """What to store to recognise this camera later: see `find`."""
        known = {
            "name": self.name,
            "index": str(self.index),
            "backend": str(self.backend),
            "vid": self.vid,
            "pid": self.pid,
            "path": self.path,
            "listed": None if self.listed else "no",
        }
        return {key: value for key, value in known.items() if value is not None}


def backend() -> int:
    """OpenCV's capture interface on this system; indices are valid for one interface only."""
    if sys.platform == "win32":
        return int(cv2.CAP_DSHOW)  # opens in a tenth of Media Foundation's time
    if sys.platform == "darwin":
        return int(cv2.CAP_AVFOUNDATION)
    return int(cv2.CAP_V4L2)


def cameras() -> list[CameraInfo]:
    """The connected cameras, by index."""
    import cv2_enumerate_cameras

    chosen = backend()
    if chosen not in cv2_enumerate_cameras.supported_backends:
        return []
    found = [
        CameraInfo(
            name=redact(entry.name or "").strip() or f"Camera {entry.index}",
            index=entry.index,
            backend=chosen,
            vid=None if entry.vid is None else f"{entry.vid:04x}",
            pid=None if entry.pid is None else f"{entry.pid:04x}",
            path=entry.path,
        )
        for entry in cv2_enumerate_cameras.enumerate_cameras(chosen)
    ]
    return sorted(found, key=lambda camera: camera.index)


def find(identity: Mapping[str, str]) -> CameraInfo | None:
    """The camera with this identity, at any index; None while it is not connected.

    Name, vendor and product must be the same. Of several such cameras, the one at the old path or
    index is returned.
    """
    same_model = [
        camera
        for camera in cameras()
        if camera.name == identity.get("name")
        and camera.vid == identity.get("vid")
        and camera.pid == identity.get("pid")
    ]
    for key in ("path", "index"):
        same = [camera for camera in same_model if camera.identity.get(key) == identity.get(key)]
        if same:
            return same[0]
    return same_model[0] if same_model else None


def find_by_name(text: str) -> CameraInfo | None:
    """The camera with this name, else the first with it as a part of its name; ignores case."""
    wanted = text.strip().casefold()
    if not wanted:
        return None
    present = cameras()
    for camera in present:
        if camera.name.casefold() == wanted:
            return camera
    return next((camera for camera in present if wanted in camera.name.casefold()), None)
