"""Shows a camera before it is chosen: a thread opens it and keeps its newest frame."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ..errors import PoseAppError, SourceError
from ..types import Frame
from .base import Source, SourceInfo

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.05  # between two checks whether a driver has released its camera


class Preview:
    """A camera that is open in its own thread; no method waits for it.

    Attributes:
        frame: The newest frame.
        info: Of the source of `frame`.
        error: Why there is no frame.
        released: Set once the camera can be opened elsewhere.
    """

    def __init__(self, opener: Callable[[], Source], after: Preview | None = None) -> None:
        """Open a source, after the preview `after` has released its camera."""
        self.frame: Frame | None = None
        self.info: SourceInfo | None = None
        self.error: PoseAppError | None = None
        self.released = threading.Event()
        self._opener = opener
        self._stopped = threading.Event()
        threading.Thread(target=self._run, args=(after,), name="preview", daemon=True).start()

    def stop(self) -> None:
        """Release the camera; returns at once, see `released`."""
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
        except Exception as error:
            log.error("a preview failed", exc_info=error)
            reason = f"{type(error).__name__}: {error}"
            self.error = SourceError(f"The camera failed ({reason}): choose it again.")
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
            # While its driver blocks, the camera cannot be opened elsewhere.
            while getattr(source, "held", None) is not None:
                time.sleep(_POLL_SECONDS)
