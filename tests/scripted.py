"""A source whose every frame, fault and wait is written down by the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from pose_app.sources.base import SourceInfo
from pose_app.types import Frame
from tests.media import numbered_picture

SIZE = (192, 96)


class ScriptedSource:
    """`count` numbered pictures (None: without end), `fps` apart on their own timeline.

    `live` ones come in real time. `script(index)` is called before each frame and may raise, wait
    on `closed`, return another picture size, or None. `opened`, `closed_times` count.
    """

    def __init__(
        self,
        count: int | None = 30,
        *,
        fps: float = 30.0,
        live: bool = False,
        seekable: bool | None = None,
        kind: str = "video",
        name: str = "scripted",
        script: Callable[[int], object] | None = None,
    ) -> None:
        self.count, self.script = count, script
        self.closed = threading.Event()
        self.read_by: set[str] = set()
        self.info = SourceInfo(
            kind="camera" if live and kind == "video" else kind,
            name=name,
            size=SIZE,
            fps=fps,
            live=live,
            seekable=not live if seekable is None else seekable,
            frame_count=count,
            duration=None if count is None else count / fps,
        )
        self._next = 0
        self._begun = time.perf_counter()

    def read(self) -> Frame | None:
        self.read_by.add(threading.current_thread().name)
        fps = self.info.fps or 30.0
        number = self._next
        if self.closed.is_set() or (self.count is not None and number >= self.count):
            return None
        size = SIZE
        if self.script is not None:
            answer = self.script(number)
            if isinstance(answer, tuple):
                size = answer
        if self.info.live:
            self.closed.wait(max(0.0, self._begun + number / fps - time.perf_counter()))
            if self.closed.is_set():
                return None
        self._next += 1
        if size != self.info.size:
            self.info = replace(self.info, size=size)
        picture = numbered_picture(number % 4096, size)
        return Frame(number, time.perf_counter_ns(), number / fps, picture)

    def seek(self, seconds: float) -> None:
        self._next = round(seconds * (self.info.fps or 30.0))

    def close(self) -> None:
        self.closed.set()
