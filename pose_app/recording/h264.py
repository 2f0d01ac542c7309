"""The H.264 settings of recordings and of the replay buffer."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np

from ..types import Image

# Timestamps per second. 90 kHz is MPEG's own clock, exact for all common rates; Matroska has
# milliseconds.
TICKS = {"mp4": 90_000, "matroska": 1_000}
# Slower presets take too much time from the network (superfast 5 ms a frame at 720p, ultrafast
# 2.6); zerolatency holds no frame back.
_X264 = {"preset": "ultrafast", "tune": "zerolatency", "crf": "21"}
_BT601, _LIMITED = 6, 1  # AVCOL_SPC_SMPTE170M and AVCOL_RANGE_MPEG, as OpenCV's I420
NO_ENCODER = (
    "This installation of PyAV has no H.264 encoder (libx264): "
    "install the wheel from PyPI with `pip install --force-reinstall av`."
)


def even(size: tuple[int, int]) -> tuple[int, int]:
    """The size (width, height) of a video of such images: odd sides get one more row or column."""
    return size[0] + size[0] % 2, size[1] + size[1] % 2


def configure(
    context: Any, size: tuple[int, int], rate: Fraction, ticks: int, gop_seconds: float
) -> None:
    """Set up a libx264 codec context.

    Args:
        context: To set up.
        size: (width, height) of the images.
        rate: Nominal frames per second.
        ticks: Units of timestamps per second.
        gop_seconds: Longest time between two key frames.
    """
    context.width, context.height = even(size)
    context.pix_fmt = "yuv420p"
    context.time_base = Fraction(1, ticks)
    context.framerate = rate
    context.options = dict(_X264)
    # One thread encodes 720p at 200 fps; the network needs the other cores.
    context.thread_count = 1
    context.gop_size = max(1, round(gop_seconds * rate))
    context.colorspace, context.color_range = _BT601, _LIMITED


def video_frame(image: Image, tick: int, ticks: int) -> av.VideoFrame:
    """An image (H, W, 3) BGR for the encoder; the last row or column is repeated for odd sides."""
    frame = av.VideoFrame.from_ndarray(_to_yuv(image), format="yuv420p")
    frame.pts, frame.time_base = tick, Fraction(1, ticks)
    return frame


def _to_yuv(image: Image) -> np.ndarray:
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    return cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
