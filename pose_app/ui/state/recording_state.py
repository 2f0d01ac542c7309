"""The recording of the session, as the window shows it."""

from __future__ import annotations

from ..units import clock, size_of
from .observable import Observable


class RecordingState(Observable):
    """`running` while anything is recorded, by whatever command; the rest is of that recording.

    `seconds` long, `bytes` large, so many frames `dropped`.
    """

    running: bool = False
    seconds: float = 0.0
    bytes: int = 0
    dropped: int = 0

    @property
    def words(self) -> str:
        """What the pill says, e.g. `■ 0:27 · 3.4 MB`."""
        words = f"■ {clock(self.seconds)} · {size_of(self.bytes)}"
        return f"{words} · {self.dropped} dropped" if self.dropped else words
