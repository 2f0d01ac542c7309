"""Values that all packages share: frame, region, heatmaps, box, pose, result."""

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
    """One frame of a source.

    Attributes:
        index: Counts from 0, including frames that the source lost.
        captured_ns: `time.perf_counter_ns()` right after it was grabbed; of files, when it was
            read.
        seconds: Its position on the source's timeline, strictly increasing.
        image: (H, W, 3) uint8 BGR; must not be modified.
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
    """The square of a frame that the pose network sees: top left corner and side, in pixels.

    It may extend beyond the frame. The coordinate (0, 0) is the *centre* of the first pixel, so the
    square covers x - 0.5 .. x + side - 0.5. A network with a rectangular input sees a rectangle of
    height `side` and width side * input width / input height, around the same centre.
    """

    x: float
    y: float
    side: float

    @property
    def centre(self) -> tuple[float, float]:
        """(x + side / 2, y + side / 2)."""
        return self.x + self.side / 2, self.y + self.side / 2


class Heatmaps(Protocol):
    """The heatmaps of one inference, in main memory or on a device.

    Valid while they are referenced, readable from any thread; B items, S stacks, K joints. They are
    probabilities where the spec's output is `logits` (engines apply the softmax), else raw maps.
    """

    @property
    def batch(self) -> int:
        """Number of crops, B."""
        ...

    @property
    def stacks(self) -> int:
        """Number of stacks that ran, S."""
        ...

    def stack(self, stack: int, item: int = 0) -> Floats:
        """(K, h, w) float32 of one stack (0 = first), copied to main memory if necessary."""
        ...

    def peaks(self) -> Floats | None:
        """(B, S, K, 3): x, y in *input pixels* and raw score, decoded on the device.

        None where the maps are in main memory, to be decoded by `pose.decode`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Box:
    """The visible part of a person in a frame.

    `x` and `y` are the top left corner, `width` and `height` are positive, in pixels; `score` 0..1
    is the person finder's.
    """

    x: float
    y: float
    width: float
    height: float
    score: float


@dataclass(frozen=True, slots=True)
class Pose:
    """One person in one frame; coordinates are in pixels of the frame.

    Attributes:
        skeleton: Names the joints.
        joints: (K, 2) float32 x, y of stack `stack`, smoothed if smoothing is on.
        scores: (K,) float32 of stack `stack`, calibrated, 0..1.
        present: (K,) bool: whether the score is at least `threshold`.
        region: What the network was shown.
        stack: 0 = first.
        stack_joints: (S, K, 2) of all stacks that ran, not smoothed.
        stack_scores: (S, K) of all stacks that ran.
        threshold: Score from which a joint is present.
        track_id: From 1; the same for a person in all frames.
        score: 0..1, that somebody is there.
        box: The visible part of the person, if the finder has found it.
        manual: Whether `region` was chosen by hand.
        maps: The heatmaps of the inference; None where they were not kept.
        item: The index of this person in `maps`.
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
        """The heatmaps of one stack over `region`.

        Args:
            stack: 0 = first; default the stack of `joints`.

        Returns:
            (K, h, w) float32, copied to main memory if necessary.

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
    """A frame with the poses of everybody in it.

    Attributes:
        frame: The frame.
        poses: Empty where nobody is there, or where the frame was not `estimated`.
        done_ns: `time.perf_counter_ns()` when the poses were ready.
        timings: Milliseconds per stage (find, crop, network, decode, track).
        estimated: False while there is no model, because it is loading or has failed.
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
