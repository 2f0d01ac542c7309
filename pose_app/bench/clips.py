"""The demo clip, and a copy of it enlarged to 1280 x 720."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2

from ..recording.video_writer import Recorder
from ..sources.base import Source
from ..sources.demo import open_demo
from ..sources.video import VideoSource
from ..types import Image

_FRAMES = 120


def enlarged(folder: Path) -> Path:
    """Write a file with the demo's first seconds at 1280 x 720, with its borders replicated."""
    path = folder / "720p.mp4"
    source = open_demo()
    recorder = Recorder(path, fps=source.info.fps, lossless=True)
    try:
        for _ in range(_FRAMES):
            frame = source.read()
            assert frame is not None  # the demo loops
            recorder.offer(_widened(frame.image), frame.seconds)
    finally:
        source.close()
        recorder.close()
    return path


def opener(path: Path | None) -> Callable[[], Source]:
    """A function that opens the demo (None) or a file, in a loop."""
    return open_demo if path is None else lambda: VideoSource(path, loop=True)


def _widened(image: Image) -> Image:
    picture = cv2.resize(image, (960, 720), interpolation=cv2.INTER_CUBIC)
    return cv2.copyMakeBorder(picture, 0, 0, 160, 160, cv2.BORDER_REPLICATE)  # type: ignore[return-value]
