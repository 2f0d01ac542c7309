"""The bundled clips, for computers without a camera."""

from __future__ import annotations

from ..paths import bundled
from .names import DEMOS
from .video import VideoSource


def open_demo(name: str = "demo", loop: bool = True) -> VideoSource:
    """Open one of DEMOS. Their last frame leads smoothly into the first."""
    return VideoSource(bundled("assets", DEMOS[name]), loop=loop, kind="demo", name=name)
