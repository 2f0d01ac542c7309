"""Decides which frame a tile shows: the newest, or an older one for which more stacks ran."""

from __future__ import annotations

from dataclasses import replace

from ...types import FrameResult, Pose
from ..state.view_state import ViewState
from .distances import OLD, Distances
from .readings import Reading, Shown, copied_out, read_stacks


class KeptStacks:
    """Keeps a frame for which more stacks ran than for the newest one, for OLD seconds."""

    def __init__(self, view: ViewState, distances: Distances) -> None:
        self._view = view
        self._distances = distances
        self._now: Shown | None = None  # the newest frame
        self._full: Shown | None = None  # the newest one for which the most stacks ran
        self._seconds = self._full_seconds = 0.0  # when these two were captured
        self._readings: list[Reading] | None = None  # made when somebody reads them

    def take(self, result: FrameResult) -> Pose | None:
        """Add the newest frame; returns the chosen person in it."""
        pose, frame, before = result.person(self._view.person), result.frame, self._full
        self._seconds = frame.captured_ns / 1e9
        self._readings = None
        if pose is None:
            self._now = self._full = None
            return None
        self._distances.take(pose)
        self._now = Shown(pose, frame.image, copied_out(pose))
        known = before is not None and before.pose.track_id == pose.track_id
        old = self._seconds - self._full_seconds >= OLD
        if before is None or not known or old or pose.stacks >= before.pose.stacks:
            self._full, self._full_seconds = self._now, self._seconds
        return pose

    def forget_readings(self) -> None:
        """Compute the readings anew, after the choice of joints changed."""
        self._readings = None

    @property
    def last(self) -> int:
        """The last stack (0 = first) that ran lately."""
        return 0 if self._full is None else self._full.pose.stacks - 1

    @property
    def aspect(self) -> float:
        """The width of a heatmap relative to its height."""
        if self._now is None or not self._now.maps:
            return 1.0
        height, width = self._now.maps[0].shape[1:]
        return float(width / height)

    def shown(self, stack: int) -> Shown | None:
        """What the tile of a stack shows; None where it has not run for a while."""
        now, full = self._now, self._full
        if now is not None and stack < now.pose.stacks:
            return now
        if full is None or stack >= full.pose.stacks:
            return None
        return replace(full, age=self._seconds - self._full_seconds)

    def reading(self, stack: int) -> Reading | None:
        """The reading of what the tile of a stack shows, None where it did not run."""
        if self._full is None or self.shown(stack) is None:
            return None
        if self._readings is None:
            to_last = self._distances.to_last
            self._readings = read_stacks(self._full.pose, self._view, to_last)
        return self._readings[stack]
