"""Anytime control: as many stacks per frame as keep up with the source's frame rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

# Shares of the frame period that the inference thread is busy: above the first, stacks are dropped;
# a stack is added only if it stays below the second (hysteresis).
_TOO_BUSY = 0.97
_ROOM_FOR_MORE = 0.85
# Frames whose median is used, so that a single late frame changes nothing.
_WINDOW = 7
_FEWEST = 3
_FINDER_WINDOW = 12  # frames; more than usually lie between two runs of the finder
# Seconds that there must be room before a stack is added, and the longest time after failures.
_PATIENCE = 0.5
_MOST_PATIENCE = 16.0
_TRIAL = 1.0  # seconds after which an added stack counts as a success
# The cost of everything before the first stack, in stacks. Stems of published models have 0.6 to 1
# times the multiplications of one hourglass; measured times on a processor agree.
_STEM = 0.75


class StackController:
    """Call `update` with the cost of every frame; read `stacks` before the next frame.

    For one thread. Without clock or randomness: the same measurements give the same results.

    Attributes:
        target: Frames per second to keep up with; None = always all stacks. May be changed at any
            time.
        fewest: Stacks that run even if they are too slow (because they are shown).
    """

    def __init__(self, stacks: int, target: float | None) -> None:
        if stacks < 1:
            raise ValueError(f"a network has at least one stack, not {stacks}")
        self.target = target
        self.fewest = 1
        self._all = stacks
        self._now = stacks
        self._people = 1  # in the last frame
        # Seconds of the network per person at the present number of stacks, of all else, of finder.
        self._network: deque[float] = deque(maxlen=_WINDOW)
        self._other: deque[float] = deque(maxlen=_WINDOW)
        self._find: deque[float] = deque(maxlen=_FINDER_WINDOW)
        self._frames = 0  # since the last change
        self._room_for = 0.0  # seconds that another stack would have fitted
        self._patience = _PATIENCE
        self._on_trial = False  # the last stack was added a moment ago

    @property
    def stacks(self) -> int:
        """How many stacks the next frame should get, 1 .. all."""
        return max(self._now, min(self.fewest, self._all)) if self.target else self._all

    def update(
        self, stacks: int, network: float, other: float = 0.0, people: int = 1, find: float = 0.0
    ) -> int:
        """Add the measurements of a frame. Leave out frames without people.

        Args:
            stacks: How many ran.
            network: Seconds of the network for all people together.
            other: Seconds of all else on the inference thread (crop, decode, tracking).
            people: How many there are, at least 1. The expected cost is proportional to it.
            find: Seconds of the person finder, 0 where it did not run.

        Returns:
            The number of stacks for the next frame.
        """
        self._other.append(other)
        self._find.append(find)
        self._people = people
        if not self.target:
            self._change(self._all)
            return self._now
        if self._now < self.stacks:
            self._change(self.stacks)
        if stacks != self._now:  # the new number of stacks is still being compiled
            return self._now
        self._network.append(network / people)
        self._frames += 1
        period = 1 / self.target
        if self._frames >= _FEWEST and self._busy(stacks) > _TOO_BUSY * period:
            self._give_up(period)
        elif stacks < self._all and self._busy(stacks + 1) <= _ROOM_FOR_MORE * period:
            self._room_for += period
            if self._room_for >= self._patience:
                self._change(stacks + 1)
                self._on_trial = True
        else:
            self._room_for = 0.0
        if self._on_trial and self._frames * period > _TRIAL:
            self._on_trial = False
            self._patience = max(_PATIENCE, self._patience / 2)
        return self._now

    def _give_up(self, period: float) -> None:
        """Drop to the most stacks that fit. After a failed addition, the next one waits longer."""
        if self._on_trial:
            self._patience = min(2 * self._patience, _MOST_PATIENCE)
        fewest = min(self.fewest, self._now)
        fitting = [k for k in range(fewest, self._now) if self._busy(k) <= _TOO_BUSY * period]
        self._change(max(fitting, default=fewest))

    def _change(self, stacks: int) -> None:
        if stacks != self._now:
            self._now = stacks
            self._network.clear()
        self._frames = 0
        self._room_for = 0.0
        self._on_trial = False

    def _busy(self, stacks: int) -> float:
        """Expected seconds of the inference thread for a frame with that many stacks."""
        share = (stacks + _STEM) / (self._now + _STEM)
        # The finder does not run on every frame; its cost is spread over them.
        find = sum(self._find) / _FINDER_WINDOW
        return find + _median(self._other) + _median(self._network) * self._people * share


def _median(values: Collection[float]) -> float:
    """As `statistics.median`, whose import takes too long."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
