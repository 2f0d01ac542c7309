"""The figures of a stack: its scores, and the distance of its joints to the last stack's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QCoreApplication

from ...errors import EngineError
from ...types import Floats, Image, Pose
from ..state.view_state import ViewState
from .distances import distances_to_last

_TELLING = 0.3  # seconds from which a picture's age is told


@dataclass(frozen=True)
class Shown:
    """What a tile shows: a pose for which its stack ran.

    With its frame, all its heatmaps, and how many seconds it is older than the newest frame.
    """

    pose: Pose
    frame: Image
    maps: Sequence[Floats]
    age: float = 0.0


@dataclass(frozen=True)
class Reading:
    """The figures of one stack over the chosen joints; None where none is in view.

    The mean score 0..1, and the mean distance to the last stack's joints in picture pixels.
    """

    score: float | None
    distance: float | None


def read_stacks(pose: Pose, view: ViewState, to_last: Floats | None = None) -> list[Reading]:
    """A reading for every stack that ran: of the chosen joint, else of all visible ones in view.

    `to_last` (S, K) are smoothed distances to the last stack's joints; None = those of `pose`.
    """
    if view.joint is not None and view.joint < len(pose.skeleton):
        joints = np.array([view.joint])
    else:
        seen = pose.stack_scores[-1] >= pose.threshold
        joints = np.array([j for j in np.flatnonzero(seen) if view.is_visible(int(j))], int)
    if len(joints) == 0:
        return [Reading(None, None)] * pose.stacks
    scores = pose.stack_scores[:, joints].mean(axis=1)
    if to_last is None or to_last.shape != pose.stack_scores.shape:
        to_last = distances_to_last(pose)
    known = np.isfinite(to_last[:, joints])
    totals = np.where(known, to_last[:, joints], 0).sum(axis=1)
    counts = known.sum(axis=1)
    return [
        Reading(float(score), float(total / count) if count else None)
        for score, total, count in zip(scores, totals, counts, strict=True)
    ]


def copied_out(pose: Pose | None) -> list[Floats]:
    """The heatmaps (K, h, w) of every stack that ran, copied from the device if they are on one."""
    if pose is None or pose.maps is None:
        return []
    try:
        return [pose.heatmaps(stack) for stack in range(pose.stacks)]
    except EngineError:  # the device was lost: the session reports it, here is just no heatmap
        return []


def caption(
    stack: int, last: int, shown: Shown | None, reading: Reading | None, short: bool = False
) -> str:
    """The second line under a stack's tile, `short` for a small one.

    `last` is the last stack that ran lately, `shown` what the tile shows, None where the stack did
    not run for a while.
    """
    if shown is None:
        return _tr("Run") if short else _tr("Click to run")
    old = f" · {shown.age:.1f} s" if shown.age >= _TELLING else ""
    if stack == last:
        return (_tr("last") if short else _tr("the last stack")) + old
    if reading is None or reading.distance is None:
        return "–" if short else _tr("not in view") + old
    words = _tr("{0} px") if short else _tr("{0} px from the last")
    return words.format(f"{reading.distance:.0f}") + old


def help_text(stack: int, total: int, missing: bool, reading: Reading | None) -> str:
    """The tooltip of a stack's tile; `missing`: it did not run although somebody is in view."""
    lines = [_tr("Stack {0} of {1}").format(stack + 1, total)]
    if missing:
        lines.append(_tr("Did not run: fewer stacks keep up better. Click to run it."))
    elif reading is not None and reading.score is not None and reading.distance is not None:
        figures = f"{reading.score:.2f}", f"{reading.distance:.1f}"
        lines.append(_tr("Score {0}; {1} px from the last stack's answer").format(*figures))
    lines.append(_tr("Click: picture and skeleton use this stack"))
    lines.append(_tr("Ctrl-click or right click: compare with it"))
    return "\n".join(lines)


def _tr(text: str) -> str:
    return QCoreApplication.translate("StackGrid", text)
