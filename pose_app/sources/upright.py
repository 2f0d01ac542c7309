"""Images of decoded video frames as they are to be seen: upright and with square pixels."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from ..types import Image

_NEARLY_SQUARE = 0.01  # less than this share off is rounding (404:405), and not worth a scaling
_MOST_OBLONG = 5.0  # width over height of a pixel, or the inverse; more is a damaged header


class UprightImages:
    """Converts decoded frames to upright BGR images of square pixels. For one thread and stream.

    It reuses FFmpeg's converter and runs it in the caller's thread; `VideoFrame.to_ndarray` creates
    one with threads for each frame, which takes twice as long.
    """

    def __init__(self, stream: VideoStream) -> None:
        """`stream` is where the frames come from; it must be open whenever `image` is called."""
        self._stream = stream
        self._reformatter = VideoReformatter()
        # The container's word counts first. Where it has none of its own, the decoder's may change
        # from frame to frame, as in broadcasts.
        self._container_decides = stream.sample_aspect_ratio != self._decoders_aspect()

    def image(self, picture: VideoFrame) -> Image:
        """(H, W, 3) uint8 BGR, as wide as it is to be shown, rotated by the quarter turns."""
        bgr = self._reformatter.reformat(
            picture, width=self._width(picture), format="bgr24", threads=1
        )
        image: Image = np.asarray(bgr.to_ndarray(), dtype=np.uint8)
        # FFmpeg's angle is the counter-clockwise rotation to apply.
        quarters = round(picture.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image

    def _width(self, picture: VideoFrame) -> int | None:
        """The width for square pixels, before the rotation; None where they are square already."""
        container = self._container_decides
        told = self._stream.sample_aspect_ratio if container else self._decoders_aspect()
        aspect = float(told or 1)
        if abs(aspect - 1) < _NEARLY_SQUARE or not 1 / _MOST_OBLONG <= aspect <= _MOST_OBLONG:
            return None
        return max(1, round(picture.width * aspect))

    def _decoders_aspect(self) -> Fraction | None:
        decoder: VideoCodecContext | None = self._stream.codec_context  # None without a decoder
        return None if decoder is None else decoder.sample_aspect_ratio
