"""The state of the running recording, as the window shows it."""

from __future__ import annotations

from ..units import clock, size_of
from .observable import Observable

SCARCE = 5_000_000_000  # bytes of room below which the pill says how much is left


class RecordingState(Observable):
    """`running` while anything is recorded, by whatever command; the rest is of that recording.

    `seconds` long, `bytes` large, so many frames `dropped`, `room` bytes left on the disk (None:
    not known yet). `countdown` seconds are left before it begins, 0 = none is counted down.
    """

    running: bool = False
    countdown: int = 0
    seconds: float = 0.0
    bytes: int = 0
    dropped: int = 0
    room: int | None = None

    @property
    def words(self) -> str:
        """The text of the record button, e.g. `■ 0:27 · 3.4 MB`."""
        words = f"■ {clock(self.seconds)} · {size_of(self.bytes)}"
        if self.dropped:
            words += f" · {self.dropped} dropped"
        if self.room is not None and self.room < SCARCE:
            words += f" · {size_of(self.room)} left"
        return words

    @property
    def room_words(self) -> str:
        """How much fits on the disk, e.g. `12.3 GB are left: about 2:10:00`; empty: not known."""
        if self.room is None:
            return ""
        words = f"{size_of(self.room)} are left on the disk"
        if self.seconds >= 5 and self.bytes:
            words += f": room for about {clock(self.room * self.seconds / self.bytes)}"
        return words
