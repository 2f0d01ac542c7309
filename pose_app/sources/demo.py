"""The bundled clip: a person to look at where there is no camera."""

from __future__ import annotations

from ..paths import bundled
from .video import VideoSource


def open_demo(loop: bool = True) -> VideoSource:
    """The demo clip; it is made to be looped, its last frame leads into the first."""
    return VideoSource(bundled("assets", "demo.mp4"), loop=loop, kind="demo", name="demo")
