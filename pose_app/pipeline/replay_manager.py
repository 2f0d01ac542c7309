"""The replay buffer of a session; off by default."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ..drawing.draw import Drawing
from ..drawing.options import DrawOptions
from ..errors import RecordingError
from ..recording.recording import RecordingReport, ReplayRequest, ReplayState
from ..types import FrameResult, Image
from .sinks import CapturedFrame, ProcessedFrame, Sink

if TYPE_CHECKING:
    from ..recording.replay import ReplayTrack


class ReplayManager(Sink):
    """Keeps the last seconds in memory; see `recording.replay`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._request: ReplayRequest | None = None
        self._annotated: ReplayTrack | None = None
        self._raw: ReplayTrack | None = None
        self._ended: list[ReplayTrack] = []  # whose threads may still have an image to encode
        self._drawing = DrawOptions()
        self._picture = _Picture()

    def keep(self, request: ReplayRequest | None) -> None:
        """Start the buffer, or start it again; None ends it and frees its memory.

        Waits for nothing.
        """
        with self._lock:
            ending = [track for track in (self._annotated, self._raw) if track is not None]
            self._ended = [track for track in self._ended if track.thread.is_alive()] + ending
            self._request, self._annotated, self._raw = request, None, None
            if request is not None:
                from ..recording.replay import ReplayTrack  # late: it loads FFmpeg

                self._drawing, self._picture = request.drawing, _Picture()
                if request.annotated:
                    self._annotated = ReplayTrack("annotated", request.seconds)
                if request.raw:
                    self._raw = ReplayTrack("raw", request.seconds)
        for track in ending:
            track.end()

    def set_drawing(self, options: DrawOptions) -> None:
        """Set what the annotated video shows from now on."""
        self._drawing = options

    def state(self) -> ReplayState | None:
        """The state of the buffer; None while it is off."""
        tracks = [track for track in (self._annotated, self._raw) if track is not None]
        if not tracks:
            return None
        return ReplayState(
            min(track.kept_seconds for track in tracks),
            sum(track.bytes for track in tracks),
            sum(track.dropped for track in tracks),
            next((track.error for track in tracks if track.error), None),
        )

    def save(self, annotated: Path | None = None, raw: Path | None = None) -> RecordingReport:
        """Write the buffer into new files, while it goes on.

        It takes a moment: do not call it from the UI thread.

        Raises:
            RecordingError: That kind of video is not kept, the buffer is empty, or a file exists or
                cannot be written.
        """
        wanted = [(self._annotated, annotated), (self._raw, raw)]
        if not any(path for _, path in wanted):
            raise RecordingError("There is nothing to save: name a video.")
        if any(track is None for track, path in wanted if path is not None):
            raise RecordingError("The replay buffer is off: switch it on, then wait a few seconds.")
        return RecordingReport(
            tuple(track.save(path) for track, path in wanted if track is not None and path)
        )

    def close(self) -> None:
        """End the buffer and its threads."""
        self.keep(None)
        for track in self._ended:
            track.close()

    def on_frame(self, captured: CapturedFrame) -> None:
        """Keep the frame in the raw video, if there is one."""
        track, frame = self._raw, captured.frame
        if track is not None:
            track.offer(lambda: frame.image, captured.stamp)

    def on_result(self, processed: ProcessedFrame) -> None:
        """Keep the result in the annotated video, if there is one."""
        track, result, picture = self._annotated, processed.result, self._picture
        if track is not None and not processed.repeated:
            track.offer(lambda: picture.draw(result, self._drawing), processed.captured.stamp)


class _Picture:
    """Draws the images of one track; a new frame size starts a new video."""

    def __init__(self) -> None:
        self._drawing = Drawing()
        self._size: tuple[int, int] | None = None

    def draw(self, result: FrameResult, options: DrawOptions) -> Image:
        """(H, W, 3) uint8 BGR; called only on the track's own thread."""
        if self._size not in (None, result.frame.size):
            self._drawing = Drawing()
        self._size = result.frame.size
        return self._drawing.draw(result, options)
