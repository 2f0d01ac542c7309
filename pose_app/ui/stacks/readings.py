"""What a stack says in figures and words: how certain it is, how far from the last one's answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QCoreApplication

from ...errors import EngineError
from ...types import Floats, Pose
from ..state.view_state import ViewState


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
    if len(joints) == 0:
        return [Reading(None, None)] * pose.stacks
    scores = pose.stack_scores[:, joints].mean(axis=1)
    moved = pose.stack_joints[:, joints] - pose.stack_joints[-1, joints]
    distances = np.hypot(moved[..., 0], moved[..., 1]).mean(axis=1)
    return [Reading(float(s), float(d)) for s, d in zip(scores, distances, strict=True)]


def copied_out(pose: Pose | None) -> list[Floats]:
    """(K, h, w) of every stack that ran; costs a copy where they are on a device."""
    if pose is None or pose.maps is None:
        return []
    try:
        return [pose.heatmaps(stack) for stack in range(pose.stacks)]
    except EngineError:  # the device was lost: the session reports it, here is just no heatmap
        return []


def caption(stack: int, pose: Pose | None, reading: Reading | None, short: bool = False) -> str:
    """The second line under a stack's tile, `short` for a small one."""
    if pose is None:
        return ""
    if reading is None:
        return _tr("idle") if short else _tr("did not run")
    if stack == pose.stacks - 1:
        return _tr("last") if short else _tr("the last word")
    if reading.distance is None:
        return "–" if short else _tr("not in view")
    words = _tr("{0} px") if short else _tr("{0} px from the last")
    return words.format(f"{reading.distance:.0f}")


def help_text(stack: int, total: int, reading: Reading | None) -> str:
    """The tooltip of a stack's tile; `reading` is None where it did not run."""
    lines = [_tr("Stack {0} of {1}").format(stack + 1, total)]
    if reading is None:
        lines.append(_tr("Did not run for this frame: fewer stacks keep up better."))
    elif reading.score is not None and reading.distance is not None:
        figures = f"{reading.score:.2f}", f"{reading.distance:.1f}"
        lines.append(_tr("Score {0}; {1} px from the last stack's answer").format(*figures))
    lines.append(_tr("Click: picture and skeleton use this stack (keys 1 to 8)"))
    lines.append(_tr("Ctrl-click or right click: compare with it"))
    return "\n".join(lines)


def _tr(text: str) -> str:
    return QCoreApplication.translate("StackGrid", text)
