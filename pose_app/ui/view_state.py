"""What the person chose to look at: one object that canvas, panels and actions share."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal

from ..drawing.skeletons import stack_of
from ..types import Pose

SCALES = ("fit", "fill", "actual")
BACKGROUNDS = ("picture", "black", "blurred")
COMBINATIONS = ("max", "sum")

# name -> value at the first start; every one is an attribute of ViewState.
DEFAULTS: dict[str, Any] = {
    "stack": None,  # int, 0 = first; None = the last that ran
    "compare": None,  # int: a second stack whose skeleton is drawn too; None = no comparison
    "solo": None,  # int: the joint that stands out, all others are faint; None = none does
    "joint": None,  # int: the joint whose heatmap is shown; None = all of them, combined
    "combine": "max",  # how all joints become one heatmap: `max` or `sum`
    "visible": None,  # frozenset[int]: the joints that are drawn; None = all
    "heatmap": False,  # draw the heatmap over the region
    "skeleton": True,
    "region": True,  # draw the square that the network sees
    "colour_map": "inferno",  # a name of colours.COLOUR_MAPS
    "opacity": 0.6,  # of the heatmap, 0..1
    "threshold": None,  # 0..1: joints with a lower score are absent; None = the model's own
    "mirror": False,
    "scale": "fit",  # `fit`, `fill` or `actual` (one picture pixel = one screen pixel)
    "background": "picture",  # `picture`, `black` or `blurred`
}


class ViewState(QObject):
    """Attributes as in DEFAULTS; assigning another value emits `changed(name)` once."""

    changed = Signal(str)

    stack: int | None
    compare: int | None
    solo: int | None
    joint: int | None
    combine: str
    visible: frozenset[int] | None
    heatmap: bool
    skeleton: bool
    region: bool
    colour_map: str
    opacity: float
    threshold: float | None
    mirror: bool
    scale: str
    background: str

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.__dict__.update(DEFAULTS)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in DEFAULTS:
            raise AttributeError(f"ViewState has no {name!r}")
        if self.__dict__[name] != value:
            self.__dict__[name] = value
            self.changed.emit(name)

    def is_visible(self, joint: int) -> bool:
        """Whether this joint and its limbs are drawn."""
        return self.visible is None or joint in self.visible

    def stack_of(self, pose: Pose, stack: int | None = None) -> int:
        """The stack to show of this pose: `stack` or the chosen one, as far as it ran."""
        return stack_of(pose, self.stack if stack is None else stack)

    @property
    def backdrop(self) -> str:
        """The background as `drawing.privacy` calls it."""
        return "blur" if self.background == "blurred" else self.background
