"""Decides in which frames the finder runs."""

from __future__ import annotations

SHARE = 0.1  # what the finder may cost while everybody is tracked, of the time of all else
LATEST = 0.25  # seconds between two runs at most; a newcomer is to be seen within 0.3
STEADY = 0.2  # seconds between two runs where results must not depend on speed

_WEIGHT = 0.2  # of the newest measurement in the moving average
_TOLERANCE = 1e-6  # seconds


class FinderSchedule:
    """Decides frame by frame."""

    def __init__(self) -> None:
        self.steady = False  # every STEADY seconds of the source, whatever it costs
        self.reset()
        self._cost = 0.0  # milliseconds that the finder takes
        self._other = 0.0  # milliseconds spent on all else since it ran

    def reset(self) -> None:
        """Another video: run on the next frame."""
        self._searched = float("-inf")

    def due(self, seconds: float, urgent: bool) -> bool:
        """Whether to run on the frame at `seconds` of the source's timeline.

        `urgent`: nobody is tracked, or somebody is lost or uncertain.
        """
        waited = seconds - self._searched
        if urgent or waited < 0:
            return True
        if self.steady:
            return waited >= STEADY - _TOLERANCE
        return waited > 0 and (waited >= LATEST - _TOLERANCE or self._cost <= SHARE * self._other)

    def searched(self, seconds: float, cost: float) -> None:
        """The finder ran on the frame at `seconds`, which took `cost` milliseconds."""
        self._searched = seconds
        self._cost = cost if self._cost == 0 else self._cost + _WEIGHT * (cost - self._cost)
        self._other = 0.0

    def spent(self, milliseconds: float) -> None:
        """So much was spent on a frame besides the finder."""
        self._other += milliseconds
