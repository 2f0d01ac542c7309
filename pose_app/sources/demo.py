"""The bundled clips: people to look at where there is no camera."""

from __future__ import annotations

from ..paths import bundled
from .names import DEMOS
from .video import VideoSource


def open_demo(name: str = "demo", loop: bool = True) -> VideoSource:
    """One of DEMOS; the last frame of each leads into the first."""
    return VideoSource(bundled("assets", DEMOS[name]), loop=loop, kind="demo", name=name)
