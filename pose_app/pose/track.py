"""The track of one person: position, velocity and the region for the next frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..types import Box, Floats, Region
from .crop_predictor import CropPrediction
from .regions import RegionRule, follow, halfway, middle, square
from .similarity import iou
from .smoothing import OneEuro

SURE = 0.25  # share of present joints from which a pose alone confirms a person
_LONGEST_STEP = 0.5  # seconds, cap of the time between two frames
_VELOCITY = 0.2  # seconds, time constant of the velocity's low-pass filter
_AHEAD = 1.0  # seconds that a person out of sight is expected to move on at the same velocity
_REACH, _REACH_GROWTH = 0.6, 0.6  # how far a lost person may be away: region sides, and per second
_RESIZED = math.log(3.0)  # largest change of log(side) of a person who reappears, perhaps in part
_WIDEN = math.log(1.06)  # growth of log(side) of the region in each weak frame
FEWEST = 3  # joints that are needed to locate a person
SAME_SIZE = 0.9  # smallest side of a half hidden person's region, as a share of the earlier side
YOUNG = 0.3  # seconds; a younger track that is lost or a duplicate is forgotten at once
_PAD = 0.12  # how far a person extends beyond their joints, as a share of the longer side


@dataclass(frozen=True)
class Course:
    """The state of a person when they were last seen well and apart from others.

    Attributes:
        seconds: When that was.
        region: In pixels.
        joints: (K, 2) in pixels.
        velocity: (2,) in pixels per second.
    """

    seconds: float
    region: Region
    joints: NDArray[np.float64]
    velocity: NDArray[np.float64]

    def ahead(self, seconds: float) -> NDArray[np.float64]:
        """The expected movement (2,) in pixels until `seconds`."""
        return self.velocity * min(max(seconds - self.seconds, 0.0), _AHEAD)

    def middle(self, seconds: float) -> NDArray[np.float64]:
        """The expected middle (2,) of the region at `seconds`, in pixels."""
        return np.array(middle(self.region)) + self.ahead(seconds)


class Track:
    """One person.

    `region` is for the next frame; `box` is the finder's last box, moved with the joints.
    """

    def __init__(
        self,
        seconds: float,
        region: Region,
        rule: RegionRule,
        frame: tuple[int, int],
    ) -> None:
        """A new person at `seconds`, in frames of size `frame` (width, height)."""
        self.id = 0  # until they are shown
        self._rule = rule
        self._frame = frame
        self.region = region
        self.prediction: CropPrediction | None = None
        self.box: Box | None = None
        self.score = 0.0  # of the finder
        self.shown = True  # False until a newcomer is confirmed and has joints to be drawn
        self.manual = False
        self.released = False  # in this frame, from a region chosen by hand or of long ago
        self.smoothing = OneEuro(rule.joints)
        self.smoothed_stack: int | None = None
        self.born = seconds
        self.last_seconds = seconds  # of the last prediction
        self.good_seconds = seconds  # when the person was last confirmed
        self.weak_frames = 0
        self.step = 0.0  # seconds since the frame before
        self.boxed = False  # whether the finder gave a box in this frame
        self.touched = False  # whether another track's pose is similar: they may be confused
        self.foreign = np.zeros(rule.joints, dtype=np.bool_)  # joints of another person
        self.in_front: list[Track] = []  # who hides a part of this person
        self.velocity = np.zeros(2)
        self.course = Course(seconds, region, np.zeros((rule.joints, 2)), self.velocity)

    @property
    def weak(self) -> bool:
        """Whether neither pose nor finder confirmed the person in the last frame."""
        return self.weak_frames > 0

    @property
    def is_new(self) -> bool:
        """Whether this is a young newcomer that is not confirmed yet."""
        return not self.shown and self.last_seconds - self.born < YOUNG

    @property
    def scores(self) -> Floats:
        """The last stack's scores (K,), 0 for the joints of another person."""
        assert self.prediction is not None
        own: Floats = np.where(self.foreign, np.float32(0), self.prediction.scores[-1])
        return own

    @property
    def size(self) -> float:
        """The square root of the visible area, in pixels."""
        if self.box is None:
            return self.region.side / 2
        return math.sqrt(self.box.width * self.box.height)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which joints (K,) are present and the person's own."""
        return np.asarray(self.scores >= self._rule.threshold)

    @property
    def mistaken(self) -> bool:
        """Whether more of the joints seen in the region are another person's than their own."""
        assert self.prediction is not None
        seen = self.prediction.scores[-1] >= self._rule.threshold
        return int((seen & self.foreign).sum()) > int(self.present.sum())

    def stand_alone(self) -> None:
        """Forget that somebody else may have these joints, or be in front."""
        self.touched, self.in_front = False, []
        self.foreign = np.zeros_like(self.foreign)

    def update(self, new: CropPrediction, seconds: float) -> None:
        """Take the prediction of the next frame, and move box and velocity with it."""
        self.step = min(max(seconds - self.last_seconds, 0.0), _LONGEST_STEP)
        before, own = self.prediction, ~self.foreign
        self.prediction, self.last_seconds = new, seconds
        if before is not None:
            both = own & (np.minimum(new.scores[-1], before.scores[-1]) >= self._rule.threshold)
            moved = np.zeros(2)
            if both.any():
                moved = np.median((new.joints[-1] - before.joints[-1])[both], axis=0).astype(float)
            if self.box is not None:
                self.box = _moved(self.box, moved, self._frame)
            if self.step > 0:
                share = 1 - math.exp(-self.step / _VELOCITY)
                self.velocity += share * (moved / self.step - self.velocity)

    def smoothed(self, stack: int, present: NDArray[np.bool_], seconds: float) -> Floats:
        """The joints (K, 2) of one stack, smoothed; another one than before starts anew."""
        assert self.prediction is not None
        if stack != self.smoothed_stack:
            self.smoothing.reset()
            self.smoothed_stack = stack
        joints, side = self.prediction.joints[stack], self.prediction.region.side
        return self.smoothing(joints, present, seconds, side)

    def confirm_by_pose(self, seconds: float) -> None:
        """Confirm the person if enough joints are present, else count a weak frame."""
        if self.present.mean() >= SURE:
            self.confirm(seconds)
        elif self.step > 0:
            self.weak_frames += 1

    def confirm(self, seconds: float) -> None:
        """The person is there."""
        self.weak_frames, self.good_seconds = 0, seconds

    def confirm_by_box(self, box: Box, seconds: float) -> None:
        """The finder gave this box of the person in this frame."""
        self.box, self.score, self.boxed = box, box.score, True
        self.confirm(seconds)
        if seconds > self.born and self.present.sum() >= FEWEST and not self.mistaken:
            self.shown = True

    def move(self) -> None:
        """Set `region` for the next frame."""
        if self.prediction is None:
            return
        mixed, few = self.foreign.any(), self.present.sum() < FEWEST
        if self.boxed and self.box is not None and (mixed or few):
            least = SAME_SIZE * self.course.region.side if mixed else 0.0
            wanted = self._rule.region_from_box(self.box, self._frame, least)
        elif mixed and few:
            x, y = self.course.middle(self.last_seconds)
            wanted = square(x, y, self.course.region.side)
        elif not few:
            joints = self.prediction.joints[-1]
            wanted = self._rule.region_from_keypoints(joints, self.scores, self._frame)
        elif self.step > 0:
            wider = square(*middle(self.region), self.region.side * math.exp(_WIDEN))
            self.region = self._rule.inside(wider, self._frame)
            return
        else:
            return
        self.region = follow(self.region, wanted, self.step)

    @property
    def nearer(self) -> Region:
        """The region for a second look at the same picture: halfway to that of the joints seen."""
        assert self.prediction is not None
        joints, first = self.prediction.joints[-1], self.prediction.region
        return halfway(first, self._rule.region_from_keypoints(joints, self.scores, self._frame))

    def add(self, second: CropPrediction) -> None:
        """Take each joint of a second look at the same picture that is surer than the first."""
        assert self.prediction is not None
        first = self.prediction
        surer = second.scores > first.scores
        self.prediction = replace(
            second,
            joints=np.where(surer[..., None], second.joints, first.joints),
            scores=np.maximum(first.scores, second.scores),
        )

    def overlap(self, box: Box) -> float:
        """The IoU 0..1 of a box with the person's box or the extent of their joints, the larger."""
        overlaps = [0.0]
        if self.box is not None:
            overlaps.append(iou(self.box, box))
        extent = self.extent()
        if extent is not None:
            overlaps.append(iou(extent, box))
        return max(overlaps)

    def extent(self) -> Box | None:
        """The box around the present joints, clipped to the frame; None with too few of them."""
        if self.prediction is None or self.present.sum() < FEWEST:
            return None
        present = self.present
        points = self.prediction.joints[-1][present]
        low, high = points.min(axis=0), points.max(axis=0)
        pad = _PAD * float((high - low).max())
        low = np.clip(low - pad, 0, self._frame)
        high = np.clip(high + pad, 0, self._frame)
        width, height = high - low
        if width < 1 or height < 1:
            return None
        return Box(float(low[0]), float(low[1]), float(width), float(height), 0.0)

    def nearness(self, box: Box, seconds: float) -> float:
        """How well a box fits this lost person: 1 at the expected middle, <= 0 out of reach."""
        course, region = self.course, self._rule.region_from_box(box, self._frame)
        if abs(math.log(region.side / course.region.side)) > _RESIZED:
            return 0.0
        distance = math.dist(middle(region), course.middle(seconds))
        reach = _REACH + _REACH_GROWTH * max(seconds - course.seconds, 0.0)
        return 1 - distance / (reach * course.region.side)


def _moved(box: Box, by: NDArray[np.float64], frame: tuple[int, int]) -> Box:
    """The box moved by (2,) pixels and clipped to the frame; unmoved if it would leave it."""
    width, height = frame
    left, top = max(box.x + by[0], 0.0), max(box.y + by[1], 0.0)
    right = min(box.x + by[0] + box.width, float(width))
    bottom = min(box.y + by[1] + box.height, float(height))
    if right - left < 1 or bottom - top < 1:
        return box
    return replace(
        box, x=float(left), y=float(top), width=float(right - left), height=float(bottom - top)
    )
