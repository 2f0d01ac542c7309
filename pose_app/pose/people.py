"""When the finder looks for people."""

from __future__ import annotations

SHARE = 0.1  # of the time of all else, what the finder may cost while everybody is tracked
LATEST = 0.25  # seconds; a newcomer is to be seen within 0.3
STEADY = 0.2  # seconds between two looks where the outcome must not depend on who was quicker

_WEIGHT = 0.2  # of the newest measurement
_HASTE = 1e-6


class FinderSchedule:
    """Decides frame by frame; the same frame is never searched twice in vain."""

    def __init__(self) -> None:
        self.steady = False  # every STEADY seconds of the source, whatever it costs
        self.reset()
        self._cost = 0.0  # milliseconds that the finder takes
        self._other = 0.0  # milliseconds spent on all else since it looked

    def reset(self) -> None:
        """Another video: the next frame is searched."""
        self._looked = float("-inf")

    def due(self, seconds: float, urgent: bool) -> bool:
        """Whether to look at the frame at `seconds` of the source's timeline.

        `urgent`: nobody is tracked, or somebody is lost or uncertain.
        """
        waited = seconds - self._looked
        if urgent or waited < 0:
            return True
        if self.steady:
            return waited >= STEADY - _HASTE
        return waited > 0 and (waited >= LATEST - _HASTE or self._cost <= SHARE * self._other)

    def looked(self, seconds: float, cost: float) -> None:
        """The finder has looked at a frame, which took `cost` milliseconds."""
        self._looked = seconds
        self._cost = cost if self._cost == 0 else self._cost + _WEIGHT * (cost - self._cost)
        self._other = 0.0

    def spent(self, milliseconds: float) -> None:
        """So much was spent on a frame beside the finder."""
        self._other += milliseconds
