"""How many stacks to spend on a frame and its people: as many as keep up with the source."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

# Shares of the frame period that the inference thread may be busy for: above the first it gives
# stacks up, another stack must fit below the second. The gap between them is the hysteresis.
_TOO_BUSY = 0.97
_ROOM_FOR_MORE = 0.85
# Frames whose median decides. One late frame (a page fault, another program) changes nothing.
_WINDOW = 7
_FEWEST = 3
_FINDER_WINDOW = 12  # frames, more than usually lie between two looks of the finder
# Seconds of room before a stack is added, and the most it becomes after additions that failed.
_PATIENCE = 0.5
_MOST_PATIENCE = 16.0
_TRIAL = 1.0
# What everything before the first stack costs, in stacks: the published shapes' stems have 0.6 to 1
# times the multiplications of one hourglass; measured on a processor it is the same.
_STEM = 0.75


class StackController:
    """Anytime control. Feed it what every frame cost; read `stacks` before the next frame.

    `stacks` is the network's number of stacks, `target` the frames per second to keep up with
    (None: all stacks, always; it may be changed at any time); `fewest` run in any case, however
    slow they are (because somebody looks at them). Used from one thread; no clock, no randomness:
    the same measurements give the same answers.
    """

    def __init__(self, stacks: int, target: float | None) -> None:
        if stacks < 1:
            raise ValueError(f"a network has one stack or more, not {stacks}")
        self.target = target
        self.fewest = 1
        self._all = stacks
        self._now = stacks
        self._people = 1  # in the last frame
        # Seconds for one person with the present number of stacks, and for all of them together.
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
        """Take in a frame; returns the number of stacks for the next one.

        Frames in which nobody is there are no measure of this; leave them out.

        Args:
            stacks: How many ran, for everybody alike.
            network: Seconds that the network took for all people together.
            other: Seconds of all else that the inference thread did (crop, decode, tracking).
            people: How many there are, 1 or more. With one more the network is expected to take
                so much longer at once.
            find: Seconds of the person finder, 0 in the frames in which it did not look.
        """
        self._other.append(other)
        self._find.append(find)
        self._people = people
        if not self.target:
            self._change(self._all)
            return self._now
        if self._now < self.stacks:
            self._change(self.stacks)
        if stacks != self._now:  # the new sub-model is still being compiled
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
        """Go down to what fits, at once. A stack added in vain is tried again, but later."""
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
        """Seconds that a frame with that many stacks keeps the inference thread busy."""
        share = (stacks + _STEM) / (self._now + _STEM)
        # The finder looks now and then, and is paid for by the frames between.
        find = sum(self._find) / _FINDER_WINDOW
        return find + _median(self._other) + _median(self._network) * self._people * share


def _median(values: Collection[float]) -> float:
    """The middle one (`statistics` takes longer to import than all of this module to run)."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
