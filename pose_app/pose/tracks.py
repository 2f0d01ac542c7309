"""Tracking of several people, and of those who are out of sight for a moment.

Call per frame: `begin`; `follow` with the predictions of tracked people; if the finder ran, `match`
with its boxes and `admit` with the predictions of the candidates; `settle`. Times are those of the
source, so that the same frames give the same tracks at any speed.
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
from .in_front import hides, is_in, is_of, put_in_front, seen_of
from .newcomers import Newcomers
from .regions import RegionRule
from .similarity import PoseSimilarity, assign, intersection, iou
from .track import FEWEST, SAME_SIZE, SURE, YOUNG, Course, Track
from .track_ids import LOST_SECONDS, SAME_BOX, TrackIds

WEAK_SECONDS = 0.2  # a person is lost after this time without confirmation by pose or box,
WEAK_FRAMES = 3  # and after this number of frames
STALE_SECONDS = 0.5  # a region that is older is no guide: pictures of a folder, a stalled camera
SAME_POSE = 0.5  # mean OKS from which two poses are of one person
TOUCH = 0.15  # mean OKS from which two people may be confused
DOUBLE_BOX = 0.6  # IoU from which two boxes of one run of the finder are of one person
INSIDE = 0.7  # two boxes are of different people if they share less than this of the smaller one
FAINT = 0.6  # boxes count from this share of the finder's threshold on
LARGER = 1.25  # a newcomer replaces the smallest tracked person if this many times as large


@dataclass(frozen=True)
class Candidate:
    """A box of the finder that no tracked person has.

    `track` is the person that it may be (None for a newcomer), `region` what the pose network is
    to be shown; `in_front` are those who may hide a part of a lost person.
    """

    box: Box
    region: Region
    track: Track | None
    in_front: tuple[Track, ...] = ()


class Tracks:
    """The people of one video. Not thread-safe.

    `limit` is how many are tracked at most; it may be changed at any time.
    """

    def __init__(self, spec: ModelSpec, limit: int = 4, threshold: float = 0.0) -> None:
        """`threshold` is the finder's."""
        self.limit = limit
        self.active: list[Track] = []
        self.lost: list[Track] = []
        self.rule = RegionRule(spec)
        self._spec = spec
        self._threshold = threshold
        self._newcomers = Newcomers(spec, threshold)
        self._first = True  # whether this is the first frame of a video
        self._similarity = PoseSimilarity(spec)
        self._size = (0, 0)
        self._ids = TrackIds(self._similarity)
        self._lost_at: dict[int, float] = {}

    @property
    def visible(self) -> list[Track]:
        """The tracks to show, in the order in which they appeared."""
        return [track for track in self.active if track.shown]

    @property
    def regions(self) -> list[Region]:
        """The regions of the tracked people, for the next frame."""
        return [track.region for track in self.active]

    @property
    def in_front(self) -> list[list[CropPrediction]]:
        """Who is in front of each of the tracked people, as last seen."""
        return [seen_of(track.in_front) for track in self.active]

    @property
    def unsettled(self) -> bool:
        """Whether the finder is needed now: nobody is tracked, or somebody is lost or uncertain."""
        return (
            not self.visible
            or bool(self.lost)
            or any(track.touched or track.is_new or track.released for track in self.active)
            or any(track.weak for track in self.visible)
        )

    def reset(self, same_video: bool = False) -> None:
        """Forget everybody, see `TrackIds.jump`. Track ids are never used again."""
        self._ids.jump(self.visible, same_video)
        self.active = []
        self.lost = []
        self._first = True

    def begin(self, size: tuple[int, int], seconds: float) -> None:
        """Start a frame of `size` (width, height); a new size resets all tracks."""
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
        """Take the predictions of all tracked people, in the order of `regions`."""
        for track, prediction in zip(self.active, seen, strict=True):
            stale = seconds - track.last_seconds >= STALE_SECONDS
            track.manual, track.released = False, track.manual or stale
            track.update(prediction, seconds)
        self._resolve_touching(seconds)
        for track in self.active:
            track.confirm_by_pose(seconds)

    def only(self, seen: CropPrediction, seconds: float) -> Track | None:
        """Take the prediction of a region chosen by hand, instead of `follow` to `settle`.

        With enough joints it is of one person: a tracked one with a similar pose, else a new one.
        All others are forgotten. Returns that person's track, or None.
        """
        self.lost = []
        if self._joints(seen) < FEWEST:
            self.active = []
            return None
        like = [(self._likeness(other, seen), other) for other in self.active]
        best, track = max(like, key=lambda pair: pair[0], default=(0.0, None))
        if track is None or best < SAME_POSE:
            track = self._new(seen.region, seconds)
        self.active = [track]
        track.stand_alone()
        track.update(seen, seconds)
        track.manual = track.shown = True
        track.region, track.box, track.score = seen.region, None, float(track.scores.mean())
        track.confirm(seconds)
        self.settle(seconds, False)
        return track

    def match(self, boxes: Sequence[Box], seconds: float) -> list[Candidate]:
        """Assign the finder's boxes to tracked people.

        Returns:
            The other boxes that may be of a lost person or of a newcomer. While somebody is shown,
            a newcomer's box needs a higher score: a raised arm must not become a second person.
        """
        # Who was looked at in a region of a hand's or of long ago is looked at again, in the box.
        affinity = np.array(
            [
                [0.0 if track.released else track.overlap(box) for box in boxes]
                for track in self.active
            ]
        )
        pairs = assign(affinity.reshape(len(self.active), len(boxes)), SAME_BOX)
        for row, column in pairs:
            track, box = self.active[row], boxes[column]
            assert track.prediction is not None
            if track.shown or self._is_newcomer(box, track.prediction):
                track.confirm_by_box(box, seconds)
        taken = {column for _, column in pairs}
        free: list[Box] = []
        for index, box in sorted(enumerate(boxes), key=lambda pair: -pair[1].score):
            known = [track.box for track in self.active if track.boxed] + free
            if index not in taken and all(
                iou(box, other) < DOUBLE_BOX for other in known if other is not None
            ):
                free.append(box)
        free.sort(key=lambda box: (box.score >= self._threshold, _area(box)), reverse=True)
        return self._candidates(free, seconds)

    def admit(
        self, candidates: Sequence[Candidate], seen: Sequence[CropPrediction], seconds: float
    ) -> None:
        """Take the predictions of candidates, in their order, and start or resume tracks."""
        for candidate, prediction in zip(candidates, seen, strict=True):
            double = self._double(candidate, prediction)
            if double is not None:
                if not double.boxed:
                    double.confirm_by_box(candidate.box, seconds)
                continue
            if not self._is_there(candidate, prediction):
                continue
            track = candidate.track
            if track is None:
                track = self._new(candidate.region, seconds)
                sure = self._first or self._newcomers.is_certain(candidate.box)
                track.shown = sure and self._joints(prediction) >= FEWEST
            if track not in self.active:
                self.active.append(track)
            self.lost = [other for other in self.lost if other is not track]
            track.prediction, track.last_seconds = None, seconds
            track.region, track.velocity = candidate.region, track.course.velocity.copy()
            track.in_front = list(candidate.in_front)
            track.smoothing.reset()
            track.update(prediction, seconds)
            track.confirm_by_box(candidate.box, seconds)
        self._resolve_touching(seconds)
        for track in self.active:
            if track.born == seconds and track.mistaken:
                track.shown = False

    @property
    def doubtful(self) -> list[Track]:
        """Who is looked at again in a single picture, with those painted over who are in front."""
        return [track for track in self.active if track.shown or track.in_front]

    def add(self, looks: Sequence[CropPrediction], seconds: float) -> None:
        """Take second looks at those who are `doubtful`, in their order.

        A first look at somebody hidden was at whoever is in front, so only the second counts.
        """
        doubtful = self.doubtful
        for track, second in zip(doubtful, looks, strict=True):
            if track.in_front:
                track.prediction = second
            else:
                track.add(second)
        self._resolve_touching(seconds)
        for track in doubtful:
            assert track.prediction is not None
            if track.in_front and track.box is not None:
                enough = self._joints(track.prediction) >= FEWEST
                track.shown = enough and self._newcomers.is_somebody(
                    track.box, track.prediction, self._size
                )
            track.shown = track.shown and not track.mistaken
        self._ids.number(self.visible, seconds)

    def settle(self, seconds: float, searched: bool) -> None:
        """End a frame: weak tracks are lost, the largest are kept, and all regions move.

        `searched`: whether the finder ran on this frame.
        """
        for track in list(self.active):
            waited = seconds - track.good_seconds
            if track.shown:
                if track.weak_frames >= WEAK_FRAMES and waited >= WEAK_SECONDS - 1e-6:
                    self._lose(track, seconds)
            elif searched and not track.boxed:
                self.active.remove(track)
            if track.boxed and not track.touched and track.present.mean() < SURE:
                track.in_front = []  # whoever was in front of them may be behind them by now
        self._keep_the_largest()
        self._ids.number(self.visible, seconds)
        self._first = False
        for track in self.active:
            track.move()
            if not track.weak and not track.touched and track.prediction is not None:
                joints = track.prediction.joints[-1].astype(np.float64)
                track.course = Course(seconds, track.region, joints, track.velocity.copy())

    def _joints(self, seen: CropPrediction) -> int:
        """The number of present joints of the last stack."""
        return int((seen.scores[-1] >= self._spec.threshold).sum())

    def _new(self, region: Region, seconds: float) -> Track:
        return Track(seconds, region, self.rule, self._size)

    def _likeness(self, track: Track, seen: CropPrediction) -> float:
        """How surely somebody in a region chosen by hand is this person, from `SAME_POSE` on."""
        if track.manual and track.prediction is not None and track.prediction.region == seen.region:
            return math.inf
        return 0.0 if track.mistaken else self._similarity.agreement(track.prediction, seen)

    def _is_there(self, candidate: Candidate, seen: CropPrediction) -> bool:
        """Whether a newcomer is somebody, or who was out of sight is seen; behind others hardly."""
        if candidate.track is not None and candidate.in_front:
            return True
        enough = candidate.track is None or self._joints(seen) >= FEWEST
        return enough and self._newcomers.is_somebody(candidate.box, seen, self._size)

    def _lose(self, track: Track, seconds: float) -> None:
        self.active.remove(track)
        if seconds - track.born >= YOUNG - 1e-6:
            track.smoothing.reset()
            self.lost.append(track)
            self._lost_at[track.id] = seconds

    def _resolve_touching(self, seconds: float) -> None:
        """Give each joint that two similar poses share to the track that expected it there.

        The less likely track of two whose poses are the same, and whose boxes do not say that they
        are two people, loses all joints; a young one is a duplicate and is removed.
        """
        for track in self.active:
            track.touched = False
            track.foreign = np.zeros_like(track.foreign)
            track.in_front = [
                other
                for other in track.in_front
                if other in self.active and is_in(other, track.region)
            ]
        for a, b in combinations(list(self.active), 2):
            agreement = self._similarity.agreement(a.prediction, b.prediction)
            if agreement < TOUCH or a not in self.active or b not in self.active:
                continue
            assert a.prediction is not None
            assert b.prediction is not None
            a.touched = b.touched = True
            less = self._less_likely(a, b, seconds)
            more = b if less is a else a
            if agreement < SAME_POSE or self._apart(a.box, b.box, a.boxed and b.boxed):
                shared = self._similarity.alike(a.prediction, b.prediction) >= SAME_POSE
                put_in_front(more, less)
                less.foreign = less.foreign | shared
            elif seconds - less.born < YOUNG:
                self.active.remove(less)  # a duplicate of one person
            else:
                put_in_front(more, less)
                less.foreign[:] = True

    def _is_newcomer(self, box: Box, seen: CropPrediction) -> bool:
        if not self._newcomers.is_likely(box, self.visible):
            return False
        return self._newcomers.is_somebody(box, seen, self._size)

    def _candidates(self, boxes: list[Box], seconds: float) -> list[Candidate]:
        """Boxes of lost or weak people, and of likely newcomers."""
        absent = self.lost + [track for track in self.active if track.weak or track.released]
        near = [[track.nearness(box, seconds) for box in boxes] for track in absent]
        pairs = assign(np.array(near).reshape(len(absent), len(boxes)), 1e-6)
        known = {column: absent[row] for row, column in pairs}
        candidates = []
        free = self.limit - len(self.active)
        smallest = min((track.size for track in self.active), default=0.0)
        for index, box in enumerate(boxes):
            track = known.get(index)
            if track is None or track not in self.active:
                if track is None and not self._newcomers.is_likely(box, self.visible):
                    continue
                if free <= 0 and math.sqrt(_area(box)) < LARGER * smallest:
                    continue
                free -= 1
            least = 0.0
            if track is not None and not track.released:
                least = SAME_SIZE * track.course.region.side
            region = self.rule.region_from_box(box, self._size, least)
            hiding: tuple[Track, ...] = ()
            if track is not None and not track.released:
                hiding = tuple(o for o in self.visible if o is not track and hides(o.box, box))
            candidates.append(Candidate(box, region, track, hiding))
        return candidates

    def _double(self, candidate: Candidate, seen: CropPrediction) -> Track | None:
        """The tracked person that a new candidate duplicates, or None.

        A candidate for a lost person is never a duplicate: the finder sees them, even if the pose
        network still gives the pose of the person in front.
        """
        if candidate.track is not None:
            return None
        nothing = self._joints(seen) == 0
        for track in self.active:
            same = self._similarity.agreement(track.prediction, seen) >= SAME_POSE
            same = same or (nothing and track.overlap(candidate.box) > 0)
            if same and not self._apart(track.box, candidate.box, track.boxed):
                return track
        return None

    def _apart(self, a: Box | None, b: Box | None, current: bool) -> bool:
        """Whether two boxes are certainly of different people; `current`: both of this frame."""
        if a is None or b is None or not current:
            return False
        return intersection(a, b) < INSIDE * min(_area(a), _area(b))

    def _less_likely(self, a: Track, b: Track, seconds: float) -> Track:
        """The track with the other's pose: it does not fit its box, or is not where expected."""
        if a.shown != b.shown:
            return b if a.shown else a
        if (of_b := is_of(b, a)) != is_of(a, b):
            return a if of_b else b
        assert a.prediction is not None
        assert b.prediction is not None
        shared = self._similarity.alike(a.prediction, b.prediction) >= SAME_POSE
        if not shared.any():
            return max(a, b, key=lambda track: (track.born, track.id or math.inf))
        distances = []
        for track in (a, b):
            assert track.prediction is not None
            expected = track.course.joints + track.course.ahead(seconds)
            distances.append(np.hypot(*(track.prediction.joints[-1] - expected)[shared].T).mean())
        return a if distances[0] > distances[1] else b

    def _keep_the_largest(self) -> None:
        while len(self.visible) > max(self.limit, 1):  # who is not confirmed replaces nobody
            self.active.remove(min(self.visible, key=lambda track: track.size))


def _area(box: Box) -> float:
    return box.width * box.height
