"""The distances between the joints of the stacks, for every panel that shows them."""

from __future__ import annotations

import math
import time

import numpy as np

from ...types import Floats, Pose

_SETTLE = 0.25  # seconds after which about two thirds of a change show
OLD = 2.0  # seconds after which poses with fewer stacks take over

_NONE = np.zeros((0, 0), np.float32)


class Distances:
    """The distances smoothed over time; they start anew with another person or skeleton.

    `to_last` (S, K) are the distances in picture pixels from each stack's joints to those of the
    last stack that ran, `steps` (S - 1, K) those from one stack to the next. NaN for joints that
    are not in view, whose peaks are arbitrary. A frame for which fewer stacks ran than a moment
    ago changes nothing.
    """

    def __init__(self) -> None:
        self.to_last: Floats = _NONE
        self.steps: Floats = _NONE
        self._pose: Pose | None = None
        self._taken = 0.0

    def take(self, pose: Pose, now: float | None = None) -> None:
        """Add a pose; `now` is in seconds of any running clock."""
        now = time.monotonic() if now is None else now
        passed = now - self._taken
        if pose.stacks < len(self.to_last) and passed < OLD and self._is_of(pose):
            return
        to_last, steps = distances_to_last(pose), movements(pose)
        if self.to_last.shape == to_last.shape and self._is_of(pose):
            share = np.float32(1 - math.exp(-passed / _SETTLE))
            to_last = _between(self.to_last, to_last, share)
            steps = _between(self.steps, steps, share)
        self.to_last, self.steps = to_last, steps
        self._pose, self._taken = pose, now

    def _is_of(self, pose: Pose) -> bool:
        known = self._pose
        return known is not None and (known.track_id, known.skeleton) == (
            pose.track_id,
            pose.skeleton,
        )


def distances_to_last(pose: Pose) -> Floats:
    """Distances (S, K) in picture pixels from each stack's joints to the last one's.

    NaN: not in view.
    """
    return _lengths(pose, pose.stack_joints - pose.stack_joints[-1])


def movements(pose: Pose) -> Floats:
    """Distances (S - 1, K) in picture pixels from one stack's joints to the next one's.

    NaN: not in view.
    """
    return _lengths(pose, np.diff(pose.stack_joints, axis=0))


def _lengths(pose: Pose, ways: Floats) -> Floats:
    lengths = np.hypot(ways[..., 0], ways[..., 1]).astype(np.float32)
    seen = pose.stack_scores[-1] >= pose.threshold
    return np.where(seen, lengths, np.float32(np.nan))


def _between(old: Floats, new: Floats, share: np.float32) -> Floats:
    return np.where(np.isfinite(old), old + (new - old) * share, new)
