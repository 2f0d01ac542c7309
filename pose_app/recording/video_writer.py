"""Writes H.264 video with exact timestamps that stays readable after a crash.

mp4 is written in fragments of one frame each and turned into a plain mp4 when it is closed
(`hybrid_fragmented`, FFmpeg >= 7.1); Matroska has a cluster per frame. In both, every encoded frame
is in the file at once, so that a kill or a power cut loses one frame. The index of an mp4 stays in
memory until it is closed: about 110 bytes a frame, 12 MB in an hour at 30 fps; Matroska needs none.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from ..errors import RecordingError
from ..types import FrameResult, Image
from . import files, h264
from .writer import FileWriter

Draw = Callable[[Image, "FrameResult | None"], Image]
_Item = tuple[Image, float, "FrameResult | None"]

QUEUE_BYTES = 96 * 2**20  # images and heatmaps that may wait for the encoder
_MAP_BYTES = 4 * 64 * 64  # of one joint's heatmap in one stack
QUEUE_FRAMES = 4, 32  # fewest and most frames in the queue

TICKS = h264.TICKS
_CRASH_SAFE = {
    "mp4": {"movflags": "hybrid_fragmented+frag_every_frame", "flush_packets": "1"},
    "matroska": {"cluster_time_limit": "1", "flush_packets": "1"},
}
_OLD_MP4 = "frag_every_frame+empty_moov+default_base_moof"
_GOP_SECONDS = 2.0  # between two key frames


class Recorder(FileWriter[_Item]):
    """Writes one video file.

    `draw(image, result)`, if given, is called on the writer's thread. Images of odd size get one
    more row or column, a copy of the last one. Raises RecordingError for a name that is not of a
    video; other arguments are those of `FileWriter`.
    """

    def __init__(
        self,
        path: Path,
        kind: str = "raw",
        *,
        fps: float | None = None,
        draw: Draw | None = None,
        lossless: bool = False,
        on_failure: Callable[[FileWriter[_Item]], None] | None = None,
        claim: Callable[[], Path] | None = None,
    ) -> None:
        path = Path(path)
        files.check_video_name(path)
        self._format = files.CONTAINERS[path.suffix.lower()]
        self.fps = fps
        self._draw = draw
        self._container: Any = None
        self._stream: Any = None
        self._last = -1
        self._frame_bytes = 0
        super().__init__(
            path,
            kind,
            queue_size=QUEUE_FRAMES[1],
            lossless=lossless,
            on_failure=on_failure,
            claim=claim,
        )

    def offer(self, image: Image, seconds: float, result: FrameResult | None = None) -> bool:
        """Queue an image (H, W, 3) BGR for `seconds` after the start. False where it is dropped.

        `result` is passed to `draw`. `image` must not be modified afterwards.
        """
        people = () if result is None or self._draw is None else result.poses
        heat = sum(_MAP_BYTES * pose.stack_scores.size for pose in people if pose.maps is not None)
        self._frame_bytes = image.nbytes + heat
        return self.offer_item((image, seconds, result))

    def _room(self) -> int:
        fitting = QUEUE_BYTES // max(1, self._frame_bytes)
        return max(QUEUE_FRAMES[0], min(QUEUE_FRAMES[1], fitting))

    def _write(self, item: _Item) -> int:
        image, seconds, result = item
        if self._draw is not None:
            image = self._draw(image, result)
        if self._container is None:
            self._open(image.shape[1], image.shape[0])
        ticks = TICKS[self._format]
        # Two frames never share a tick: players would drop one.
        self._last = max(round(seconds * ticks), self._last + 1)
        frame = h264.video_frame(image, self._last, ticks)
        self._seconds = self._last / ticks
        return self._mux(frame)

    def _mux(self, frame: av.VideoFrame | None) -> int:
        packets = self._stream.encode(frame)
        for packet in packets:
            self._container.mux(packet)
        return len(packets)

    def _finish(self) -> int:
        if self._container is None:
            return 0
        try:
            # After a failure, flushing the encoder would only repeat the error.
            return self._mux(None) if self._error is None else 0
        finally:
            self._container.close()
            # Frees the encoder now; reference cycles would keep it until garbage collection.
            self._container = self._stream = None

    def _open(self, width: int, height: int) -> None:
        options = dict(_CRASH_SAFE[self._format])
        if self._format == "mp4" and av.library_versions["libavformat"] < (61, 7, 0):
            options["movflags"] = _OLD_MP4
        self._container = av.open(str(self.path), "w", format=self._format, options=options)
        rate = Fraction(self.fps or 30).limit_denominator(1001)
        try:
            stream: Any = self._container.add_stream("libx264", rate=rate)
        except ValueError:
            raise RecordingError(h264.NO_ENCODER) from None
        ticks = TICKS[self._format]
        stream.time_base = Fraction(1, ticks)
        h264.configure(stream.codec_context, (width, height), rate, ticks, _GOP_SECONDS)
        self._stream = stream
