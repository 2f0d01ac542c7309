"""Draws a result as an image for recordings, snapshots and files, with the look of the canvas.

Everything is drawn at the resolution of the output, onto the background of `privacy.backdrop`.
Heatmaps are copied from the device only where they are shown.
"""

from __future__ import annotations

import numpy as np

from ..types import Floats, FrameResult, Image, Pose
from . import colours, heat, privacy, skeletons, strokes
from .options import DrawOptions
from .stacks_picture import StacksLayout, paint_stacks

_SCREEN = 720  # shorter side of an image on which lines are as wide as on a screen
_MARGIN = 0.012  # between text and the image's edge, as a share of the shorter side


def draw(result: FrameResult, options: DrawOptions) -> Image:
    """Draw one result: a new image (H, W, 3) uint8 BGR.

    It has the size of the frame; with stacks, that of `StacksLayout.natural`.
    """
    return Drawing().draw(result, options)


class Drawing:
    """Draws the frames of one file, all in the same size.

    The first one decides: the frame's size, or that of the layout with stacks. When the frames or
    the options change later, the image is scaled to fit and centred on black. `stacks` is how many
    the model has; None = the most that ran so far, at least four.
    """

    def __init__(self, stacks: int | None = None) -> None:
        self.stacks = stacks
        self.size: tuple[int, int] | None = None  # (width, height) of every image
        self._followed: int | None = None  # track whose stacks are shown while none is selected

    def draw(self, result: FrameResult, options: DrawOptions) -> Image:
        """(H, W, 3) uint8 BGR of the next frame."""
        image = result.frame.image
        if options.what == "stacks":
            return self._with_stacks(result, options)
        if self.size is None:
            self.size = result.frame.size
        size = _fitting(result.frame.size, self.size)
        picture = _picture(image, result, options, size)
        return picture if size == self.size else _in_the_middle(picture, self.size)

    def _with_stacks(self, result: FrameResult, options: DrawOptions) -> Image:
        self.stacks = max(self.stacks or 4, max((pose.stacks for pose in result.poses), default=0))
        person = self._person(result, options.selected)
        layout = StacksLayout.natural(result.frame.size, self.stacks)
        if self.size is None:
            self.size = layout.size
        layout = layout.scaled(_fitting(layout.size, self.size))
        out = np.zeros((layout.size[1], layout.size[0], 3), np.uint8)
        x, y, width, height = layout.picture
        out[y : y + height, x : x + width] = _picture(
            result.frame.image, result, options, (width, height)
        )
        if person is not None and options.joint is not None:
            _name(out[y : y + height, x : x + width], person, options.joint)
        paint_stacks(out, layout, result.frame.image, person, options)
        return out if layout.size == self.size else _in_the_middle(out, self.size)

    def _person(self, result: FrameResult, selected: int | None) -> Pose | None:
        """The selected person, else the one that was shown before, else the first."""
        chosen = result.person(self._followed if selected is None else selected)
        self._followed = None if chosen is None else chosen.track_id
        return chosen


def _picture(
    image: Image, result: FrameResult, options: DrawOptions, size: tuple[int, int]
) -> Image:
    """The frame at a size (width, height), with everything drawn into it."""
    out = privacy.backdrop(image, options.background, size)
    if options.what == "raw":
        return out
    scale = size[0] / image.shape[1]
    unit = max(min(size) / _SCREEN, 0.5)
    as_shown = options.what == "as_shown"
    chosen = None if options.selected is None else result.person(options.selected)
    if as_shown and options.heatmap:
        table = colours.overlay_lookup(options.colour_map, round(options.opacity, 2))
        for pose in result.poses if chosen is None else (chosen,):
            stack = skeletons.stack_of(pose, options.stack)
            maps = heat.copied_out(pose, stack)
            if maps is not None:
                levels = heat.chosen(maps, pose.stack_scores[stack], options)
                heat.paint_heat(out, levels, pose.region, scale, table)
    # The selected person last, so that they are on top.
    for pose in sorted(result.poses, key=lambda pose: pose is chosen):
        if options.region and options.what != "skeleton":
            _region(out, pose, scale, unit)
        if options.skeleton or not as_shown:
            thin = chosen is not None and pose is not chosen
            _person(out, pose, options, scale, unit, thin)
    if options.ids and len(result.poses) > 1 and (options.skeleton or not as_shown):
        for pose in result.poses:
            _number(out, pose, options, scale, unit)
    if options.text:
        _text(out, result)
    return out


def _person(
    out: Image, pose: Pose, options: DrawOptions, scale: float, unit: float, thin: bool
) -> None:
    width = skeletons.line_width(pose.region.side * scale, unit)
    if thin:
        width = max(width * skeletons.OTHERS, 1.5 * unit)
    stack = skeletons.stack_of(pose, options.stack)
    shown = skeletons.strengths(pose, stack, options)
    points = _scaled(skeletons.of_stack(pose, stack)[0], scale)
    strokes.paint_skeleton(
        out, pose.skeleton, points, shown, width, colours.SIDES, face=options.face
    )
    if options.compare is not None and not thin:
        other = skeletons.stack_of(pose, options.compare)
        if other != stack:
            strokes.paint_skeleton(
                out,
                pose.skeleton,
                _scaled(skeletons.of_stack(pose, other)[0], scale),
                skeletons.strengths(pose, other, options),
                max(width * skeletons.OTHERS, 1.5 * unit),
                colours.COMPARE_SIDES,
                face=options.face,
                dashed=True,
            )
    if options.solo is not None and options.solo < len(shown) and shown[options.solo] > 0:
        radius = width * 1.6 + 3 * unit
        strokes.paint_ring(out, points[options.solo], radius, max(2 * unit, 1.0))


def _number(out: Image, pose: Pose, options: DrawOptions, scale: float, unit: float) -> None:
    stack = skeletons.stack_of(pose, options.stack)
    joints, _ = skeletons.of_stack(pose, stack)
    anchor = skeletons.number_anchor(joints, skeletons.strengths(pose, stack, options) > 0)
    if anchor is None:
        return
    height, text = max(15 * unit, 10.0), str(pose.track_id)
    across, down = strokes.label_size(text, height)
    x, y = _scaled(np.array(anchor), scale)
    gap = skeletons.line_width(pose.region.side * scale, unit) * 1.5 + 4 * unit
    strokes.paint_label(
        out,
        text,
        (float(x) - across / 2, float(y) - gap - down),
        height,
        colour=colours.SHADE,
        behind=colours.tint(pose.track_id),
        opacity=1.0,
    )


def _region(out: Image, pose: Pose, scale: float, unit: float) -> None:
    """The outline of what the network sees of the picture, with stronger corners."""
    colour = colours.REGION if pose.manual else colours.WHITE
    left, top = pose.region.x * scale - 0.5, pose.region.y * scale - 0.5
    side, (height, width) = pose.region.side * scale, out.shape[:2]
    right, bottom = min(left + side, width - 1.0), min(top + side, height - 1.0)
    left, top = max(left, 0.0), max(top, 0.0)
    if left >= right or top >= bottom:
        return
    corner, size = (left, top), (right - left, bottom - top)
    opacity = colours.REGION_BY_HAND if pose.manual else colours.REGION_OPACITY
    strokes.paint_rectangle(out, corner, size, colour, max(unit, 1.0), opacity)
    arm = colours.REGION_ARM * side
    strokes.paint_corners(out, corner, size, colour, max(2.5 * unit, 2.0), arm)


def _text(out: Image, result: FrameResult) -> None:
    """How many stacks ran and how long the frame took, in the upper left corner."""
    if not result.poses:
        return
    stacks = max(pose.stacks for pose in result.poses)
    spent = sum(result.timings.values())
    words = f"{stacks} stack{'s' * (stacks > 1)}  {spent:.0f} ms"
    height = max(min(out.shape[:2]) * 0.022, 8.0)
    margin = round(min(out.shape[:2]) * _MARGIN)
    strokes.paint_label(out, words, (margin, margin), height)


def _name(picture: Image, person: Pose, joint: int) -> None:
    """Write the name of the joint whose heatmaps are shown into the lower left corner."""
    if joint < len(person.skeleton):
        height = max(min(picture.shape[:2]) * 0.022, 8.0)
        margin = round(min(picture.shape[:2]) * _MARGIN)
        words = person.skeleton.joints[joint].replace("_", " ")
        _, down = strokes.label_size(words, height)
        strokes.paint_label(picture, words, (margin, picture.shape[0] - margin - down), height)


def _scaled(points: Floats, scale: float) -> strokes.Points:
    """Pixel coordinates (of centres) of the frame as those of the scaled image."""
    return (points.astype(np.float64) + 0.5) * scale - 0.5


def _fitting(size: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    """The largest size with the same aspect ratio that fits into `room`."""
    scale = min(room[0] / size[0], room[1] / size[1])
    if scale == 1:
        return size
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def _in_the_middle(picture: Image, size: tuple[int, int]) -> Image:
    out = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - picture.shape[1]) // 2, (size[1] - picture.shape[0]) // 2
    out[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return out
