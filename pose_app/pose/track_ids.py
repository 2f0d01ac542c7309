"""The numbers of people, kept over a jump in a video."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .similarity import PoseSimilarity, assign, iou
from .track import Track

LOST_SECONDS = 2.0  # how long a lost person is remembered; most occlusions are shorter
SAME_BOX = 0.3  # IoU from which a box may be that of a tracked person


class TrackIds:
    """Gives ids, from 1; none is used for a second person."""

    def __init__(self, similarity: PoseSimilarity) -> None:
        self._similarity = similarity
        self._next = 1
        self._before: list[Track] = []  # who was shown before a jump and has not been seen since
        self._jumped: float | None = None  # the first frame after it, in seconds

    def jump(self, shown: Sequence[Track], same_video: bool) -> None:
        """All tracks begin anew, `shown` are the people to be seen until now.

        In the same video, whoever is found within LOST_SECONDS where one of them was has their id.
        """
        self._before = (list(shown) or self._before) if same_video else []
        self._jumped = None

    def number(self, shown: Sequence[Track], seconds: float) -> None:
        """Give ids to those of the people to be seen who have none; call it for every frame."""
        new = [track for track in shown if not track.id]
        if self._jumped is None:
            self._jumped = seconds
        if self._before and seconds - self._jumped > LOST_SECONDS:
            self._before = []
        before = self._before
        affinity = [[self._alike(track, other) for other in before] for track in new]
        pairs = assign(np.array(affinity).reshape(len(new), len(before)), SAME_BOX)
        for row, column in pairs:
            new[row].id = before[column].id
        seen = {new[row].id for row, _ in pairs}
        self._before = [track for track in before if track.id not in seen]
        for track in new:
            if not track.id:
                track.id = self._next
                self._next += 1

    def _alike(self, a: Track, b: Track) -> float:
        """How likely tracks before and after a jump are of one person, by place: 0..1."""
        boxes = 0.0 if a.box is None or b.box is None else iou(a.box, b.box)
        return max(boxes, self._similarity.agreement(a.prediction, b.prediction))
