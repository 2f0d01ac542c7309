"""What a stack says in figures: how certain it is, how far it is from the last one's answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import Pose
from .view_state import ViewState


@dataclass(frozen=True)
class Reading:
    """One stack in figures: mean score 0..1 and mean distance to the last stack's answer in pixels
    of the picture, over the joints that are looked at; None where there is none in view."""

    score: float | None
    distance: float | None


def read_stacks(pose: Pose, view: ViewState) -> list[Reading]:
    """A reading for every stack that ran: of the chosen joint, else of all visible ones in view."""
    if view.joint is not None and view.joint < len(pose.skeleton):
        joints = np.array([view.joint])
    else:
        seen = pose.stack_scores[-1] >= pose.threshold
        joints = np.array([j for j in np.flatnonzero(seen) if view.is_visible(int(j))], int)
    if len(joints) == 0 or not pose.found:
        return [Reading(None, None)] * pose.stacks
    scores = pose.stack_scores[:, joints].mean(axis=1)
    moved = pose.stack_joints[:, joints] - pose.stack_joints[-1, joints]
    distances = np.hypot(moved[..., 0], moved[..., 1]).mean(axis=1)
    return [Reading(float(s), float(d)) for s, d in zip(scores, distances, strict=True)]
