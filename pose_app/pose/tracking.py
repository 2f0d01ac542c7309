"""Where the person is: the square of the picture that the network sees next.

A hourglass wants one person, centred. *Search* looks at the whole frame and at overlapping squares
at two scales; *track* follows the person with a square around the confident joints; several weak
frames in a row lead back to search. A tracker that is not sure glances elsewhere now and then, so
that it does not stay with a coat while a person is in view.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from ..spec import ModelSpec
from ..types import Floats, Region
from .decode import person_score

MARGIN = 1.45  # side of the region / extent of the confident joints
CONFIDENT = 0.5  # share of the joint threshold from which a joint counts for the region
PROMISING = 0.6  # share of the person threshold from which a candidate is worth a closer look
SQUARE_TRUST = 0.7  # weight of what is seen in a search square, against the whole frame
STAY = 0.7  # share of the person threshold under which a tracked frame is weak
WEAK_FRAMES = 6  # in a row, then the person is lost
SURE = 0.5  # of the way from the person threshold to 1, where a tracked person is beyond doubt
GLANCE_EVERY = 10  # frames between glances elsewhere while in doubt
BETTER = 1.3  # multiple of the tracked presence from which somebody elsewhere is followed instead

_ALIKE = 0.08  # of the region's side: two looks at one joint are no further apart
_FEWEST = 3  # confident joints that make a region
_SMALLEST = 24.0  # pixels, smallest side of a tracked region
_SMALL_SQUARE = 0.6  # side of the small search squares / shorter side of the frame
_GROW, _SHRINK, _MOVE = 0.12, 0.5, 0.06  # seconds, time constants of the region's motion
_LONGEST_STEP = 0.5  # seconds; a longer gap says no more than that
_WIDEST_CHANGE = math.log(1.5)  # of the side within one frame, so that one stray joint is harmless
_WIDEN = math.log(1.06)  # by which a weak frame widens the region, to find who moved fast

# A region is never smaller than these multiples of a body part: what the network is not sure of in
# one frame must stay in view, or a region drawn to the sure joints would shrink to the head alone.
# A tenth to a quarter of webcam framings are closer than this (measured on rendered ones).
_PARTS = (
    ("head_top", "upper_neck", 5.5),
    ("left_shoulder", "right_shoulder", 2.8),
    ("upper_neck", "pelvis", 1.8),
    ("left_ear", "right_ear", 8.0),
    ("left_eye", "right_eye", 16.0),
)


class Tracker:
    """The state machine. It is fed what the network saw and says where to look next.

    `region` is the square to look at in the next frame, or None while searching. Not for use from
    several threads.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self.aspect = spec.input_size[1] / spec.input_size[0]
        self._parts = tuple(
            (spec.joints.index(a), spec.joints.index(b), factor)
            for a, b, factor in _PARTS
            if a in spec.joints and b in spec.joints
        )
        self._size = (0, 0)
        self.reset()

    def reset(self) -> None:
        """Forget the person: search from the beginning."""
        self.region: Region | None = None
        self._weak = 0  # weak frames in a row
        self._doubt = 0  # frames in a row without being sure
        self._turn = 0  # how many squares were looked at
        self._seconds = -math.inf

    def propose_regions(self, size: tuple[int, int]) -> list[Region]:
        """One or two regions to look at in the next frame of `size` (width, height).

        While searching the whole frame, so that somebody who comes in is seen at once, and beside
        it one square after the other. While tracking the tracked region, and beside it, in doubt,
        one of the others.
        """
        if size != self._size:
            self.reset()
            self._size = size
        whole = whole_frame(size, self.aspect)
        if self.region is None:
            return [whole, self._next_square()]
        if self._weak:
            return [self.region, whole]
        if self._doubt and self._doubt % GLANCE_EVERY == 0:
            glances = self._doubt // GLANCE_EVERY
            return [self.region, whole if glances % 2 else self._next_square()]
        return [self.region]

    def _next_square(self) -> Region:
        squares = search_squares(self._size)
        self._turn += 1
        return squares[(self._turn - 1) % len(squares)]

    def region_from_keypoints(
        self, joints: Floats, scores: Floats, size: tuple[int, int]
    ) -> Region:
        """The region around the confident ones of joints (K, 2), or the better half if too few.

        Its middle is in the frame of `size` (width, height), wherever the joints are.
        """
        confident = scores >= CONFIDENT * self._spec.threshold
        if confident.sum() < _FEWEST:
            confident[np.argsort(scores)[len(scores) // 2 :]] = True
        places = joints[confident].astype(np.float64)
        low, high = places.min(axis=0), places.max(axis=0)
        width, height = high - low
        side = max(_SMALLEST, MARGIN * height, MARGIN * width / self.aspect)
        for a, b, factor in self._parts:
            if confident[a] and confident[b]:
                side = max(side, factor * float(np.hypot(*(joints[a] - joints[b]))))
        middle_x, middle_y = (low + high) / 2
        return self._inside(_square(middle_x, middle_y, side), size)

    def update(
        self,
        region: Region,
        joints: Floats,
        scores: Floats,
        presence: float,
        seconds: float,
        size: tuple[int, int],
    ) -> bool:
        """Learn what the network saw in `region`: joints (K, 2) in picture pixels, scores (K,).

        Returns whether a person was found, which `presence` (0..1) decides: less is enough for
        somebody who is being tracked than for somebody new. `seconds` is the frame's place on its
        source's timeline (the same frame again moves nothing), `size` its (width, height).
        """
        threshold = self._spec.person_threshold
        tracked = self.region is not None
        step = min(max(seconds - self._seconds, 0.0), _LONGEST_STEP)
        self._seconds = seconds
        found = presence >= (STAY * threshold if tracked else threshold)
        self._doubt = self._doubt + 1 if presence < threshold + SURE * (1 - threshold) else 0
        if found:
            self._weak = 0
            wanted = self.region_from_keypoints(joints, scores, size)
            self.region = _follow(region, wanted, step) if tracked else wanted
        elif tracked and step > 0:
            self._weak += 1
            if self._weak >= WEAK_FRAMES:
                self.reset()
            else:
                wider = region.side * math.exp(_WIDEN)
                self.region = self._inside(_square(*_middle(region), wider), size)
        return found

    def _inside(self, region: Region, size: tuple[int, int]) -> Region:
        """The region with its middle in the frame and not much larger than shows all of it."""
        width, height = size
        side = min(region.side, MARGIN * whole_frame(size, self.aspect).side)
        x, y = _middle(region)
        return _square(min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0), side)


def agreement(
    joints: Floats, scores: Floats, closer: Floats, closer_scores: Floats, side: float
) -> float:
    """How sure it is that two looks, the closer one at a region of `side`, show one person: 0..1.

    The person score of what both see in the same place; joints (K, 2) in picture pixels.
    """
    alike = np.hypot(*(joints - closer).T) <= _ALIKE * side
    return float(person_score(np.where(alike, np.minimum(scores, closer_scores), 0)))


def whole_frame(size: tuple[int, int], aspect: float = 1.0) -> Region:
    """The smallest region that shows all of a frame of `size` (width, height).

    `aspect` is width / height of the network's input.
    """
    width, height = size
    return _square((width - 1) / 2, (height - 1) / 2, float(max(height, width / aspect, 1)))


def search_squares(size: tuple[int, int]) -> list[Region]:
    """Overlapping squares of two scales inside a frame of `size` (width, height).

    Large ones first, from the middle outwards. Neighbours overlap by half. Never empty, and never
    more than a few dozen, however long and thin the frame.
    """
    regions = []
    short, long = min(size), max(size)
    for share in (1.0, _SMALL_SQUARE):
        side = max(short * share, long / 8, 1.0)
        columns, rows = (_places(length, side) for length in size)
        scale = [_square(x, y, side) for x, y in product(columns, rows)]
        middle = (size[0] - 1) / 2, (size[1] - 1) / 2
        regions += sorted(scale, key=lambda region: math.dist(_middle(region), middle))
    return regions


def _places(length: int, side: float) -> list[float]:
    """Centres of squares along a line of `length` pixels, at most half a side apart."""
    if side >= length:
        return [(length - 1) / 2]
    gaps = math.ceil((length - side) / (side / 2))
    return [(side - 1) / 2 + (length - side) * i / gaps for i in range(gaps + 1)]


def _square(x: float, y: float, side: float) -> Region:
    """The region whose middle is the pixel coordinate (x, y)."""
    return Region(float(x - side / 2 + 0.5), float(y - side / 2 + 0.5), float(side))


def _middle(region: Region) -> tuple[float, float]:
    """The pixel coordinate of a region's middle."""
    return region.x + region.side / 2 - 0.5, region.y + region.side / 2 - 0.5


def _follow(old: Region, wanted: Region, step: float) -> Region:
    """The old region moved towards the wanted one, as far as `step` seconds allow."""
    change = math.log(wanted.side / old.side)
    change = min(max(change, -_WIDEST_CHANGE), _WIDEST_CHANGE)
    change *= 1 - math.exp(-step / (_GROW if change > 0 else _SHRINK))
    share = 1 - math.exp(-step / _MOVE)
    (x, y), (to_x, to_y) = _middle(old), _middle(wanted)
    return _square(x + share * (to_x - x), y + share * (to_y - y), old.side * math.exp(change))
