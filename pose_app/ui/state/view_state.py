"""What the user chose to see: one object that canvas, panels and actions share."""

from __future__ import annotations

from ...drawing.options import DrawOptions
from ...drawing.skeletons import stack_of
from ...skeletons import Skeleton
from ...types import Pose
from .observable import Observable

MOST_STACKS = 8  # that have a key
SCALES = ("fit", "fill", "actual")
BACKGROUNDS = ("picture", "black", "blurred")
COMBINATIONS = ("max", "sum")


class ViewState(Observable):
    """What is shown and how; `changed(name)` tells which attribute changed."""

    person: int | None = None  # the track of the person who is selected; None = nobody is
    stack: int | None = None  # 0 = first; None = the last that ran
    compare: int | None = None  # a second stack whose skeleton is drawn too; None = no comparison
    solo: int | None = None  # the joint that stands out, all others are faint; None = none does
    joint: int | None = None  # the joint whose heatmap is shown; None = all of them, combined
    combine: str = "max"  # how all joints become one heatmap: one of COMBINATIONS
    visible: frozenset[int] | None = None  # the joints that are drawn; None = all
    heatmap: bool = False  # draw the heatmap over the region
    skeleton: bool = True
    region: bool = True  # draw the square that the network sees
    colour_map: str = "inferno"  # a name of colours.COLOUR_MAPS
    opacity: float = 0.6  # of the heatmap, 0..1
    threshold: float | None = None  # 0..1: joints below are absent; None = the model's own
    mirror: bool = False
    scale: str = "fit"  # one of SCALES; `actual`: one picture pixel is one screen pixel
    background: str = "picture"  # one of BACKGROUNDS

    def is_visible(self, joint: int) -> bool:
        """Whether this joint and its limbs are to be drawn."""
        return self.visible is None or joint in self.visible

    def stack_of(self, pose: Pose, stack: int | None = None) -> int:
        """The stack of this pose to show: `stack`, else the chosen one, else the pose's own."""
        return stack_of(pose, self.stack if stack is None else stack)

    def carry_over(self, old: Skeleton, new: Skeleton) -> None:
        """Keep the choices of joints by their names in another skeleton."""
        place = {
            index: new.joints.index(n) for index, n in enumerate(old.joints) if n in new.joints
        }
        hidden = {name for index, name in enumerate(old.joints) if not self.is_visible(index)}
        joint, solo = (None if j is None else place.get(j) for j in (self.joint, self.solo))
        if self.visible is not None:
            self.visible = frozenset(i for i, name in enumerate(new.joints) if name not in hidden)
        self.joint, self.solo = joint, solo

    @property
    def backdrop(self) -> str:
        """The background as `drawing.privacy` calls it."""
        return "blur" if self.background == "blurred" else self.background

    def drawing(self, what: str = "as_shown") -> DrawOptions:
        """What a recording shows that is drawn like the canvas."""
        return DrawOptions(
            what,
            self.backdrop,
            stack=self.stack,
            compare=self.compare,
            solo=self.solo,
            joint=self.joint,
            combine=self.combine,
            visible=self.visible,
            heatmap=self.heatmap,
            skeleton=self.skeleton,
            region=self.region,
            colour_map=self.colour_map,
            opacity=self.opacity,
            selected=self.person,
        )
