"""Where frames come from: cameras, video files, streams, images and the demo clip."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import Source, SourceInfo
    from .discover import CameraInfo, cameras, find
    from .names import redact, safe_name
    from .opening import camera_meant, open_source, reopen

__all__ = [
    "CameraInfo",
    "Source",
    "SourceInfo",
    "camera_meant",
    "cameras",
    "find",
    "open_source",
    "redact",
    "reopen",
    "safe_name",
]

_HOMES = {
    "CameraInfo": ".discover",
    "Source": ".base",
    "SourceInfo": ".base",
    "camera_meant": ".opening",
    "cameras": ".discover",
    "find": ".discover",
    "open_source": ".opening",
    "redact": ".names",
    "reopen": ".opening",
    "safe_name": ".names",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
