"""What a camera sees before it is chosen: a thread opens it, keeps its newest frame, closes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ..errors import PoseAppError
from ..types import Frame
from .base import Source, SourceInfo

_LOOK_SECONDS = 0.05  # between two looks whether a driver has let go


class Preview:
    """Nothing here waits for the camera but its own thread.

    `frame` is the newest, `info` what delivers it; `error` is why there is none. `released` is set
    once the camera can be opened by somebody else.
    """

    def __init__(self, opener: Callable[[], Source], after: Preview | None = None) -> None:
        """Open what `opener` opens, once the preview before it has let go of its camera."""
        self.frame: Frame | None = None
        self.info: SourceInfo | None = None
        self.error: PoseAppError | None = None
        self.released = threading.Event()
        self._opener = opener
        self._stopped = threading.Event()
        threading.Thread(target=self._run, args=(after,), name="preview", daemon=True).start()

    def stop(self) -> None:
        """Let go of the camera; returns at once, see `released`."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def _run(self, after: Preview | None) -> None:
        try:
            if after is not None:
                after.released.wait()
            if not self._stopped.is_set():
                self._show(self._opener())
        except PoseAppError as error:
            self.error = error
        finally:
            self.released.set()

    def _show(self, source: Source) -> None:
        try:
            while not self._stopped.is_set():
                frame = source.read()
                if frame is None:
                    break
                self.frame, self.info = frame, source.info
        finally:
            source.close()
            # A driver that does not return keeps its camera: nobody else could open it.
            while getattr(source, "held", None) is not None:
                time.sleep(_LOOK_SECONDS)
