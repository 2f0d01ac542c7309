"""One person from frame to frame: where they are, where they go, where to look next."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..types import Box, Floats, Region
from .crop_predictor import CropPrediction
from .regions import RegionRule, follow, middle, square
from .similarity import iou
from .smoothing import OneEuro

SURE = 0.25  # share of joints at the threshold from which a pose alone says that somebody is there
_LONGEST_STEP = 0.5  # seconds; a longer gap says no more than that
_VELOCITY = 0.2  # seconds, time constant of the measured velocity
_AHEAD = 1.0  # seconds that somebody who is out of sight is expected to go on as before
_NEAR, _NEARER = 0.6, 0.6  # sides of the region, and sides a second: how far the lost may be away
_RESIZED = math.log(3.0)  # of the longer side; only a part of who comes back may be visible
_WIDEN = math.log(1.06)  # by which a weak frame widens the region, to find who moved fast
FEWEST = 3  # joints that say where somebody is
SAME_SIZE = 0.9  # of a person's region, that which shows them when they are half hidden
YOUNG = 0.3  # seconds; a shorter track that turns out to be a double leaves nothing behind
_PAD = 0.12  # of the longer side, by which a person reaches beyond their joints


@dataclass(frozen=True)
class Course:
    """Where somebody was when nobody was in the way, and where they were going.

    `joints` (K, 2) and `region` in pixels, `velocity` (2,) in pixels per second.
    """

    seconds: float
    region: Region
    joints: NDArray[np.float64]
    velocity: NDArray[np.float64]

    def ahead(self, seconds: float) -> NDArray[np.float64]:
        """By how much (2,) they will have moved then."""
        return self.velocity * min(max(seconds - self.seconds, 0.0), _AHEAD)

    def middle(self, seconds: float) -> NDArray[np.float64]:
        return np.array(middle(self.region)) + self.ahead(seconds)


class Track:
    """One person. `region` is where to look next; `box` is the last of the finder, moved along."""

    def __init__(
        self,
        number: int,
        seconds: float,
        region: Region,
        rule: RegionRule,
        frame: tuple[int, int],
    ) -> None:
        """Somebody new at `seconds`, in frames of the size `frame` (width, height)."""
        self.id = number
        self._rule = rule
        self._frame = frame
        self.region = region
        self.prediction: CropPrediction | None = None
        self.box: Box | None = None
        self.score = 0.0  # of the finder
        self.shown = True  # False until a newcomer is certain, and has joints that can be drawn
        self.manual = False
        self.smoothing = OneEuro(rule.joints)
        self.smoothed_stack: int | None = None
        self.born = seconds
        self.last_seconds = seconds  # of the frame that was seen last
        self.good_seconds = seconds  # when somebody was certainly there
        self.weak_frames = 0
        self.step = 0.0  # seconds since the frame before
        self.boxed = False  # in this frame
        self.touched = False  # by somebody for whom they may be taken
        self.foreign = np.zeros(rule.joints, dtype=np.bool_)  # joints that are somebody else's
        self.velocity = np.zeros(2)
        self.course = Course(seconds, region, np.zeros((rule.joints, 2)), self.velocity)

    @property
    def weak(self) -> bool:
        """Whether neither the pose nor the finder says that the person is there."""
        return self.weak_frames > 0

    @property
    def is_new(self) -> bool:
        """Whether this is a newcomer of whom it is still open whether they will be shown."""
        return not self.shown and self.last_seconds - self.born < YOUNG

    @property
    def scores(self) -> Floats:
        """The last stack's scores (K,), 0 for the joints of somebody else."""
        assert self.prediction is not None
        own: Floats = np.where(self.foreign, np.float32(0), self.prediction.scores[-1])
        return own

    @property
    def size(self) -> float:
        """Root of the visible area in pixels."""
        if self.box is None:
            return self.region.side / 2
        return math.sqrt(self.box.width * self.box.height)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which joints (K,) are there and the person's own."""
        return np.asarray(self.scores >= self._rule.threshold)

    def see(self, seen: CropPrediction, seconds: float) -> None:
        """Take in one person's pose."""
        self.step = min(max(seconds - self.last_seconds, 0.0), _LONGEST_STEP)
        before, own = self.prediction, ~self.foreign
        self.prediction, self.last_seconds = seen, seconds
        if before is not None:
            both = own & (np.minimum(seen.scores[-1], before.scores[-1]) >= self._rule.threshold)
            moved = np.zeros(2)
            if both.any():
                moved = np.median((seen.joints[-1] - before.joints[-1])[both], axis=0).astype(float)
            if self.box is not None:
                self.box = _moved(self.box, moved, self._frame)
            if self.step > 0:
                share = 1 - math.exp(-self.step / _VELOCITY)
                self.velocity += share * (moved / self.step - self.velocity)

    def judge(self, seconds: float) -> None:
        """Whether the pose alone says that somebody is there."""
        if self.present.mean() >= SURE:
            self.good(seconds)
        elif self.step > 0:
            self.weak_frames += 1

    def good(self, seconds: float) -> None:
        """Somebody is certainly there."""
        self.weak_frames, self.good_seconds = 0, seconds

    def confirm(self, box: Box, seconds: float) -> None:
        """The finder sees the person in this frame."""
        self.box, self.score, self.boxed = box, box.score, True
        self.good(seconds)
        if seconds > self.born and self.present.sum() >= FEWEST:
            self.shown = True

    def move(self) -> None:
        """Where to look for somebody in the next frame."""
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

    def overlap(self, box: Box) -> float:
        """How well a box fits to the person: by their last box and by their joints."""
        overlaps = [0.0]
        if self.box is not None:
            overlaps.append(iou(self.box, box))
        extent = self._extent()
        if extent is not None:
            overlaps.append(iou(extent, box))
        return max(overlaps)

    def _extent(self) -> Box | None:
        """The box around the joints, as far as it is in the frame."""
        if self.prediction is None or self.present.sum() < FEWEST:
            return None
        present = self.present
        places = self.prediction.joints[-1][present]
        low, high = places.min(axis=0), places.max(axis=0)
        pad = _PAD * float((high - low).max())
        low = np.clip(low - pad, 0, self._frame)
        high = np.clip(high + pad, 0, self._frame)
        width, height = high - low
        if width < 1 or height < 1:
            return None
        return Box(float(low[0]), float(low[1]), float(width), float(height), 0.0)

    def nearness(self, box: Box, seconds: float) -> float:
        """How well a box fits to this person, who is lost: 1 exactly, 0 or less not at all."""
        course, seen = self.course, self._rule.region_from_box(box, self._frame)
        if abs(math.log(seen.side / course.region.side)) > _RESIZED:
            return 0.0
        far = math.dist(middle(seen), course.middle(seconds))
        reach = _NEAR + _NEARER * max(seconds - course.seconds, 0.0)
        return 1 - far / (reach * course.region.side)


def _moved(box: Box, by: NDArray[np.float64], frame: tuple[int, int]) -> Box:
    """The box, moved; what leaves the frame is cut off."""
    width, height = frame
    left, top = max(box.x + by[0], 0.0), max(box.y + by[1], 0.0)
    right = min(box.x + by[0] + box.width, float(width))
    bottom = min(box.y + by[1] + box.height, float(height))
    if right - left < 1 or bottom - top < 1:
        return box
    return replace(
        box, x=float(left), y=float(top), width=float(right - left), height=float(bottom - top)
    )
