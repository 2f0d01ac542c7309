"""Options for what is drawn into recordings, snapshots and files of `pose-app run`."""

from __future__ import annotations

from dataclasses import dataclass

DRAWINGS = ("as_shown", "skeleton", "raw", "stacks")
BACKGROUNDS = ("picture", "blur", "black")
# The common names; all are in OpenCV.
COLOUR_MAPS = ("inferno", "viridis", "magma", "turbo", "hot", "bone")


@dataclass(frozen=True)
class DrawOptions:
    """What an image shows. Raises ValueError for an unknown value.

    `what` is `as_shown` (everything below), `skeleton` (only skeletons), `raw` (nothing) or
    `stacks` (skeletons, and below them the heatmap of every stack). The background applies to all
    of them: with blur or black, no pixel of the frame itself is in the image.
    """

    what: str = "as_shown"
    background: str = "picture"  # `picture`, `blur` or `black`
    stack: int | None = None  # 0 = first; None = the last that ran
    compare: int | None = None  # a second stack whose skeleton is drawn too
    joint: int | None = None  # the joint whose heatmap is shown; None = all visible, combined
    combine: str = "max"  # how several joints become one heatmap: `max` or `sum`
    solo: int | None = None  # the joint that is emphasised, all others are faint
    visible: frozenset[int] | None = None  # the joints that are not hidden; None = all
    heatmap: bool = False
    skeleton: bool = True
    region: bool = False  # the square that the network sees
    face: bool = True  # thin lines between the points of a face
    ids: bool = True  # a number for each person where there are several
    text: bool = False  # how many stacks ran, and how long the frame took
    selected: int | None = None  # track whose skeleton is wider than the others; None = none
    colour_map: str = "inferno"
    opacity: float = 0.6  # of the heatmap, 0..1

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("what", self.what, DRAWINGS),
            ("background", self.background, BACKGROUNDS),
            ("combine", self.combine, ("max", "sum")),
            ("colour_map", self.colour_map, COLOUR_MAPS),
        ):
            if value not in choices:
                raise ValueError(f"{name} cannot be {value!r}: choose one of {', '.join(choices)}")
        if not 0 <= self.opacity <= 1:
            raise ValueError(f"opacity cannot be {self.opacity}: choose a number from 0 to 1")
