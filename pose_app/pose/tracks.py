"""Who is who from frame to frame: people who are followed, and those who are lost for a moment.

A frame goes through `begin`, `follow` (the poses of those who are tracked), where the finder looked
`match` and `admit` (its boxes, and the poses in those of newcomers), and `settle`. Time is the
source's own, so that the same frames give the same tracks however fast they come.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..spec import ModelSpec
from ..types import Box, Region
from .crop_predictor import CropPrediction
from .regions import RegionRule
from .similarity import PoseSimilarity, assign, intersection, iou
from .track import FEWEST, SAME_SIZE, YOUNG, Course, Track

WEAK_SECONDS = 0.2  # without a sure pose and without a box, then a person is lost,
WEAK_FRAMES = 3  # but not with fewer frames than this
LOST_SECONDS = 2.0  # that a lost person is remembered: longer than most pass behind somebody
SAME_POSE = 0.5  # mean similarity of joints from which two poses are of one person
TOUCH = 0.15  # mean similarity from which two people may be taken for each other
SAME_BOX = 0.3  # overlap (IoU) from which a box may be that of a tracked person
DOUBLE_BOX = 0.6  # overlap of two boxes of one finder's run from which they are of one person
INSIDE = 0.7  # share of a box without joints within another's from which it is nobody's own
STAY = 0.6  # share of the finder's threshold from which a box is that of somebody known
AT_ONCE = 0.5  # of the way from the finder's threshold to 1; less sure newcomers need a second look
LARGER = 1.25  # multiple of the smallest tracked person's size from which a newcomer takes over


@dataclass(frozen=True)
class Candidate:
    """A box that is nobody's who is tracked; `track` is who it may be. To be seen in `region`."""

    box: Box
    region: Region
    track: Track | None


class Tracks:
    """The people of one video. Not for use from several threads.

    `limit` is how many are followed at most; it may be changed at any time.
    """

    def __init__(self, spec: ModelSpec, limit: int = 4, threshold: float = 0.0) -> None:
        """`threshold` is the finder's score from which a box is somebody new."""
        self.limit = limit
        self.active: list[Track] = []
        self.lost: list[Track] = []
        self.rule = RegionRule(spec)
        self._spec = spec
        self._threshold = threshold
        self._first = True  # frame of a video
        self._similarity = PoseSimilarity(spec)
        self._size = (0, 0)
        self._next = 1
        self._lost_at: dict[int, float] = {}

    @property
    def visible(self) -> list[Track]:
        """Those who are there, in the order in which they came."""
        return [track for track in self.active if track.shown]

    @property
    def regions(self) -> list[Region]:
        """Where to look at those who are tracked."""
        return [track.region for track in self.active]

    @property
    def unsettled(self) -> bool:
        """Whether the finder is needed now: nobody is tracked, or somebody is lost or uncertain."""
        return (
            not self.visible
            or bool(self.lost)
            or any(track.touched or track.is_new for track in self.active)
            or any(track.weak for track in self.visible)
        )

    def reset(self) -> None:
        """Forget everybody. Numbers are not given a second time."""
        self.active = []
        self.lost = []
        self._first = True

    def begin(self, size: tuple[int, int], seconds: float) -> None:
        """A frame of `size` (width, height) comes; another size is another picture."""
        if size != self._size:
            self.reset()
            self._size = size
        self.lost = [
            track for track in self.lost if 0 <= seconds - self._lost_at[track.id] <= LOST_SECONDS
        ]
        self._keep_the_largest()
        for track in self.active:
            track.boxed = False

    def follow(self, seen: Sequence[CropPrediction], seconds: float) -> None:
        """Take in what the network saw of everybody who is tracked, in the order of `regions`."""
        for track, one in zip(self.active, seen, strict=True):
            track.manual = False
            track.see(one, seconds)
        self._tell_apart(seconds)
        for track in self.active:
            track.judge(seconds)

    def only(self, seen: CropPrediction, seconds: float) -> Track | None:
        """Take in what was seen in a region chosen by hand: of this person alone, or of nobody.

        Somebody is there if a few joints are; whoever is tracked and has this pose is meant.
        """
        self.lost = []
        if self._joints(seen) < FEWEST:
            self.active = []
            return None
        alike = (
            other
            for other in self.active
            if other.manual or self._similarity.agreement(other.prediction, seen) >= SAME_POSE
        )
        track = next(alike, None) or self._new(seen.region, seconds)
        self.active = [track]
        track.see(seen, seconds)
        track.manual = track.shown = True
        track.region, track.box, track.score = seen.region, None, float(track.scores.mean())
        track.good(seconds)
        self.settle(seconds, False)
        return track

    def match(self, boxes: Sequence[Box], seconds: float) -> list[Candidate]:
        """Give the finder's boxes to those who are tracked; the answer is whom to look at, too.

        Less is enough for somebody known than for somebody new: see STAY.
        """
        affinity = np.array([[track.overlap(box) for box in boxes] for track in self.active])
        pairs = assign(affinity.reshape(len(self.active), len(boxes)), SAME_BOX)
        for row, column in pairs:
            self.active[row].confirm(boxes[column], seconds)
        taken = {column for _, column in pairs}
        free: list[Box] = []
        for index, box in sorted(enumerate(boxes), key=lambda pair: -_area(pair[1])):
            known = [track.box for track in self.active if track.boxed] + free
            if index not in taken and all(
                iou(box, other) < DOUBLE_BOX for other in known if other is not None
            ):
                free.append(box)
        return self._candidates(free, seconds)

    def admit(
        self, candidates: Sequence[Candidate], seen: Sequence[CropPrediction], seconds: float
    ) -> None:
        """Take in the poses of candidates, in their order."""
        for candidate, one in zip(candidates, seen, strict=True):
            double = self._double(candidate, one)
            if double is not None:
                if not double.boxed:
                    double.confirm(candidate.box, seconds)
                continue
            track = candidate.track
            if track is None:
                track = self._new(candidate.region, seconds)
                at_once = self._threshold + AT_ONCE * (1 - self._threshold)
                sure = self._first or candidate.box.score >= at_once
                track.shown = sure and self._joints(one) >= FEWEST
            if track not in self.active:
                self.active.append(track)
            self.lost = [other for other in self.lost if other is not track]
            track.prediction, track.last_seconds = None, seconds
            track.region, track.velocity = candidate.region, track.course.velocity.copy()
            track.smoothing.reset()
            track.see(one, seconds)
            track.confirm(candidate.box, seconds)
        self._tell_apart(seconds)

    def settle(self, seconds: float, searched: bool) -> None:
        """End a frame: doubles are one, the weak are lost, the largest stay; all regions move.

        `searched`: the finder looked at this frame.
        """
        for track in list(self.active):
            waited = seconds - track.good_seconds
            if track.shown:
                if track.weak_frames >= WEAK_FRAMES and waited >= WEAK_SECONDS - 1e-6:
                    self._lose(track, seconds)
            elif searched and not track.boxed:
                self.active.remove(track)
        self._keep_the_largest()
        self._first = False
        for track in self.active:
            track.move()
            if not track.weak and not track.touched and track.prediction is not None:
                joints = track.prediction.joints[-1].astype(np.float64)
                track.course = Course(seconds, track.region, joints, track.velocity.copy())

    def _joints(self, seen: CropPrediction) -> int:
        """How many joints the network sees."""
        return int((seen.scores[-1] >= self._spec.threshold).sum())

    def _new(self, region: Region, seconds: float) -> Track:
        track = Track(self._next, seconds, region, self.rule, self._size)
        self._next += 1
        return track

    def _lose(self, track: Track, seconds: float) -> None:
        self.active.remove(track)
        if seconds - track.born >= YOUNG - 1e-6:
            track.smoothing.reset()
            self.lost.append(track)
            self._lost_at[track.id] = seconds

    def _tell_apart(self, seconds: float) -> None:
        """Of two people who touch, a joint that both have is that of whom it was expected of.

        Who has the pose of somebody else and no box elsewhere has no joint of their own.
        """
        for track in self.active:
            track.touched = False
            track.foreign = np.zeros_like(track.foreign)
        for a, b in combinations(list(self.active), 2):
            agreement = self._similarity.agreement(a.prediction, b.prediction)
            if agreement < TOUCH or a not in self.active or b not in self.active:
                continue
            assert a.prediction is not None
            assert b.prediction is not None
            a.touched = b.touched = True
            less = self._less_likely(a, b, seconds)
            if agreement < SAME_POSE or self._apart(a.box, b.box, a.boxed and b.boxed):
                shared = self._similarity.alike(a.prediction, b.prediction) >= SAME_POSE
                less.foreign = less.foreign | shared
            elif seconds - less.born < YOUNG:
                self.active.remove(less)  # a second look at one person, never anybody
            else:
                less.foreign[:] = True

    def _candidates(self, boxes: list[Box], seconds: float) -> list[Candidate]:
        """Who the boxes may be, the largest first: somebody lost, or somebody new."""
        absent = self.lost + [track for track in self.active if track.weak]
        near = [[track.nearness(box, seconds) for box in boxes] for track in absent]
        pairs = assign(np.array(near).reshape(len(absent), len(boxes)), 1e-6)
        known = {column: absent[row] for row, column in pairs}
        candidates = []
        free = self.limit - len(self.active)
        smallest = min((track.size for track in self.active), default=0.0)
        for index, box in enumerate(boxes):
            track = known.get(index)
            if track is None or track not in self.active:
                if track is None and box.score < self._threshold:
                    continue
                if free <= 0 and math.sqrt(_area(box)) < LARGER * smallest:
                    continue
                free -= 1
            least = 0.0 if track is None else SAME_SIZE * track.course.region.side
            region = self.rule.region_from_box(box, self._size, least)
            candidates.append(Candidate(box, region, track))
        return candidates

    def _double(self, candidate: Candidate, seen: CropPrediction) -> Track | None:
        """The tracked person whom a candidate's pose or box is of; None: somebody else's.

        Somebody lost comes back where the finder sees them, even if the network still takes them
        for who is in front.
        """
        if candidate.track is not None:
            return None
        nothing = self._joints(seen) == 0
        for track in self.active:
            same = nothing or self._similarity.agreement(track.prediction, seen) >= SAME_POSE
            if same and not self._apart(track.box, candidate.box, track.boxed):
                return track
        return None

    def _apart(self, a: Box | None, b: Box | None, fresh: bool) -> bool:
        """Whether two boxes are of different people, whatever the network says of them.

        `fresh`: both are of this frame.
        """
        if a is None or b is None or not fresh:
            return False
        return intersection(a, b) < INSIDE * min(_area(a), _area(b))

    def _less_likely(self, a: Track, b: Track, seconds: float) -> Track:
        """Whose joints, where both have them, are further from where they were expected."""
        if a.shown != b.shown:
            return b if a.shown else a
        assert a.prediction is not None
        assert b.prediction is not None
        shared = self._similarity.alike(a.prediction, b.prediction) >= SAME_POSE
        if not shared.any():
            return max(a, b, key=lambda track: track.id)
        away = []
        for track in (a, b):
            assert track.prediction is not None
            expected = track.course.joints + track.course.ahead(seconds)
            away.append(np.hypot(*(track.prediction.joints[-1] - expected)[shared].T).mean())
        return a if away[0] > away[1] else b

    def _keep_the_largest(self) -> None:
        while len(self.active) > max(self.limit, 1):
            self.active.remove(min(self.active, key=lambda track: track.size))


def _area(box: Box) -> float:
    return box.width * box.height
