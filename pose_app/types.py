"""The values that travel between the rooms: frame, region, pose, result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .skeletons import Skeleton

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a source. Nobody writes into `image` once the frame exists.

    `index` counts from 0 and skips what the source itself lost; `captured_ns` is
    `time.perf_counter_ns()` right after the picture was grabbed (for files: when it was handed
    out); `seconds` is its place on the source's own timeline, strictly increasing; `image` is
    (H, W, 3) uint8 BGR.
    """

    index: int
    captured_ns: int
    seconds: float
    image: Image

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True, slots=True)
class Region:
    """The square of the picture that the network sees: top left corner and side, in pixels.

    It may reach over the picture's border. Pixel (0, 0) is the *centre* of the first pixel, so the
    square covers x - 0.5 .. x + side - 0.5 of the continuous picture. A network with a rectangular
    input sees `side` as its height and side * width / height beside it, around the same centre.
    """

    x: float
    y: float
    side: float

    @property
    def centre(self) -> tuple[float, float]:
        """Half a side from the corner (`x`, `y`)."""
        return self.x + self.side / 2, self.y + self.side / 2


class Heatmaps(Protocol):
    """What one inference left behind, wherever it lives (main memory or a device).

    Valid for as long as somebody holds it, readable from any thread; B items, S stacks, K joints.
    Maps are probabilities where the spec's output is `logits` (the softmax is part of the engine's
    graph), else raw heatmaps.
    """

    @property
    def batch(self) -> int:
        """How many crops went through the network together, B."""
        ...

    @property
    def stacks(self) -> int:
        """How many stacks ran, S."""
        ...

    def stack(self, stack: int, item: int = 0) -> Floats:
        """(K, h, w) float32 of one stack (0 = first), copied out to main memory if need be."""
        ...

    def peaks(self) -> Floats | None:
        """(B, S, K, 3): x, y in *input pixels* and raw score, decoded on the device.

        None where the maps are in main memory and `pose.decode` does it, by the same rule.
        """
        ...


@dataclass(frozen=True, slots=True)
class Box:
    """The visible part of a person, in pixels of the picture.

    `x` and `y` are the top left corner in the same pixel coordinates as joints, `width` and
    `height` are positive; `score` 0..1 is how sure the person finder is.
    """

    x: float
    y: float
    width: float
    height: float
    score: float


@dataclass(frozen=True, slots=True)
class Pose:
    """One person who is there, in one frame; positions are in pixels of the picture.

    `joints` (K, 2) float32, `scores` (K,) float32 calibrated 0..1, `present` (K,) bool: score at or
    above `threshold`. All three are of stack `stack` (0 = first), smoothed where smoothing is on.
    `stack_joints` (S, K, 2) and `stack_scores` (S, K) hold every stack that ran, unsmoothed.

    `track_id` (from 1) is the same for the same person from frame to frame; `score` 0..1 is how
    sure it is that somebody is there; `box` is the person's visible part where a finder has seen
    it; `manual`: `region` was chosen by hand. `maps` are the heatmaps of one inference, in which
    this person is item `item`; None where they were not kept.
    """

    skeleton: Skeleton
    joints: Floats
    scores: Floats
    present: NDArray[np.bool_]
    region: Region
    stack: int
    stack_joints: Floats
    stack_scores: Floats
    threshold: float
    track_id: int
    score: float
    box: Box | None = None
    manual: bool = False
    maps: Heatmaps | None = None
    item: int = 0

    @property
    def stacks(self) -> int:
        """How many stacks ran for this frame."""
        value: int = self.stack_joints.shape[0]
        return value

    def heatmaps(self, stack: int | None = None) -> Floats:
        """The maps of one stack over `region`.

        Args:
            stack: 0 = first; default the stack that the joints are of.

        Returns:
            (K, h, w) float32, copied out to main memory if need be.

        Raises:
            ValueError: That stack did not run, or the maps were not kept.
            EngineError: The device that holds the maps was lost.
        """
        if self.maps is None:
            raise ValueError("the heatmaps of this pose were not kept")
        wanted = self.stack if stack is None else stack
        if not 0 <= wanted < self.stacks:
            raise ValueError(f"stack {wanted} did not run, there are {self.stacks}")
        return self.maps.stack(wanted, self.item)


@dataclass(frozen=True, slots=True)
class FrameResult:
    """A frame with everybody who is in it.

    `poses` is empty where nobody is there, and where the frame was not `estimated`: while the model
    is still loading, or has just failed. `done_ns` is `time.perf_counter_ns()` when the poses were
    ready. `timings` are milliseconds per stage (crop, network, decode, track).
    """

    frame: Frame
    poses: tuple[Pose, ...]
    done_ns: int
    timings: Mapping[str, float] = field(default_factory=dict)
    estimated: bool = True

    def person(self, track_id: int | None = None) -> Pose | None:
        """The person with this id, else the first one; None where nobody is there."""
        chosen = (pose for pose in self.poses if pose.track_id == track_id)
        return next(chosen, self.poses[0] if self.poses else None)
