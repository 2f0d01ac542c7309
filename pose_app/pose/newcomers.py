"""Who is taken for somebody new: what the finder's box and the joints in it must be worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..spec import ModelSpec
from ..types import Box
from .crop_predictor import CropPrediction
from .track import Track

WORTH = 0.5  # what a newcomer needs of the finder's threshold: see `Newcomers.is_somebody`
SUREST = 8  # joints that count in it
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
        joints = {name: index for index, name in enumerate(spec.joints)}
        self._arms = [
            (joints[f"{side}_wrist"], joints[f"{side}_elbow"])
            for side in ("left", "right")
            if f"{side}_wrist" in joints and f"{side}_elbow" in joints
        ]

    def is_somebody(self, box: Box, seen: CropPrediction) -> bool:
        """Whether finder and pose network together are sure enough that a newcomer is a person.

        The score of the box times the mean of the surest joints' scores tells people from things
        better than either (measured on held-out pictures; see the model card).
        """
        joints = np.sort(seen.scores[-1])[-SUREST:]
        return box.score * float(joints.mean()) >= WORTH * self._threshold

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
        joints, present = track.prediction.joints[-1], track.present
        low = np.array((box.x, box.y))
        inside = ((joints >= low) & (joints <= low + np.array((box.width, box.height)))).all(axis=1)
        return any(
            present[wrist] and inside[wrist] and (inside[elbow] or not present[elbow])
            for wrist, elbow in self._arms
        )
