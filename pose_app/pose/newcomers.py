"""Who is taken for somebody new: what the finder's box and the joints in it must be worth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..spec import ModelSpec
from ..types import Box, Floats
from .crop_predictor import CropPrediction
from .track import Track

SUREST = 8  # joints that count for a newcomer
# Logarithm of the odds that a skeleton in a finder's box is a person's, from: 1, the logarithms of
# the box's score / the finder's threshold, of the mean of the surest joints' scores, and of the
# region's side / the frame's longer side, the share of joints that are present, and the share of
# them that are in the box. Skeletons of things are small, have middling scores in many joints, and
# none of these beyond the box. (Logistic regression on 17,202 skeletons of the training pictures,
# `pose-app evaluate --task newcomers`.)
ODDS = (12.4, 1.8, 9.3, 2.1, -5.1, -2.8)
NEEDED = 0.0  # of them for a newcomer: as likely a person as a thing
FEWER = 0.3  # so much less for each stack that does not run: scores of first stacks are lower
_TINY = 1e-6
WORTH = 0.5  # box times surest joints, of the threshold, where scores are not calibrated
AT_ONCE = 0.5  # a newcomer is shown at once from this share of the way from the threshold to 1
# A box around a shown person's forearm needs so many times the threshold, unless it has more than
# that share of the person's own area: then it is of somebody whom the arm is around. A hand waved
# close to the camera has boxes of up to 1.41 times the threshold and 0.37 of the area.
FOREARM = 2.0
FOREARM_AREA = 0.5


class Newcomers:
    """The rules for newcomers in a video; `threshold` is the finder's."""

    def __init__(self, spec: ModelSpec, threshold: float) -> None:
        self._threshold = threshold
        self._calibrated = bool(spec.calibration)
        self._present = spec.threshold
        self._stacks = spec.network.stacks
        joints = {name: index for index, name in enumerate(spec.joints)}
        self._arms = [
            (joints[f"{side}_wrist"], joints[f"{side}_elbow"])
            for side in ("left", "right")
            if f"{side}_wrist" in joints and f"{side}_elbow" in joints
        ]

    def is_somebody(self, box: Box, seen: CropPrediction, size: tuple[int, int]) -> bool:
        """Whether finder and pose network together are sure enough that a newcomer is a person.

        `size` is the frame's (width, height). Scores that are not calibrated are no chances: for
        them the score of the box times the mean of the surest joints' counts.
        """
        if self._calibrated and self._threshold > 0:
            odds = float(np.dot(ODDS, self.evidence(box, seen, size)))
            needed = NEEDED - FEWER * (self._stacks - len(seen.scores))
            # Hardly a thing has such a box, but a face behind a hand has few sure joints.
            return odds >= needed or self.is_certain(box)
        return box.score * _surest(seen.scores[-1]) >= WORTH * self._threshold

    def evidence(self, box: Box, seen: CropPrediction, size: tuple[int, int]) -> tuple[float, ...]:
        """What the odds of a newcomer are computed from, see `ODDS`."""
        scores = seen.scores[-1]
        present = scores >= self._present
        inside = _inside(box, seen.joints[-1][present])
        return (
            1.0,
            math.log(max(box.score, _TINY) / self._threshold),
            math.log(max(_surest(scores), _TINY)),
            math.log(seen.region.side / max(size)),
            float(present.mean()),
            float(inside.mean()) if present.any() else 0.0,
        )

    def is_certain(self, box: Box) -> bool:
        """Whether the finder is so sure that a single look is enough."""
        return box.score >= self._threshold + AT_ONCE * (1 - self._threshold)

    def is_likely(self, box: Box, shown: Sequence[Track]) -> bool:
        """Whether a box is worth a look, beside the people who are shown.

        While nobody is, every box is. Otherwise a raised arm must not become a second person.
        """
        if not shown:
            return True
        arm = any(self._holds_forearm(box, track) for track in shown)
        return box.score >= (FOREARM if arm else 1.0) * self._threshold

    def _holds_forearm(self, box: Box, track: Track) -> bool:
        """Whether a small box has a person's wrist in it, and the elbow unless that is not seen."""
        if track.prediction is None or box.width * box.height > FOREARM_AREA * track.size**2:
            return False
        inside, present = _inside(box, track.prediction.joints[-1]), track.present
        return any(
            present[wrist] and inside[wrist] and (inside[elbow] or not present[elbow])
            for wrist, elbow in self._arms
        )


def _surest(scores: Floats) -> float:
    """The mean score of the surest joints."""
    return float(np.sort(scores)[-SUREST:].mean())


def _inside(box: Box, joints: Floats) -> NDArray[np.bool_]:
    """Which joints (n, 2) are in a box: (n,)."""
    low = np.array((box.x, box.y))
    high = low + np.array((box.width, box.height))
    inside: NDArray[np.bool_] = ((joints >= low) & (joints <= high)).all(axis=1)
    return inside
