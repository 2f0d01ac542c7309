"""Poses drawn into a picture, for files. The window draws its own, as vectors."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..types import Image, Pose, Region

Colour = tuple[int, int, int]

# BGR. Right is warm and left is cool, as in the figures of most pose papers; orange and blue are
# told apart with any of the usual colour blindnesses.
SIDES: dict[str, Colour] = {
    "left": (248, 189, 56),
    "right": (60, 146, 251),
    "centre": (249, 245, 241),
}
REGION: Colour = (21, 204, 250)
OUTLINE: Colour = (24, 20, 16)

SURE = 0.25  # a joint whose score is this far above the threshold is drawn in full
FADED = 0.45  # opacity of the others
_SHIFT = 4  # fractional bits of OpenCV's drawing coordinates


def draw(
    image: Image,
    poses: Sequence[Pose],
    *,
    show_region: bool = False,
    text: Sequence[str] = (),
    colours: dict[str, Colour] | None = None,
) -> Image:
    """A copy of `image` (H, W, 3) BGR with everybody's present joints and the limbs between them.

    Line widths follow the picture's shorter side. Absent joints are not drawn, joints that are just
    above the threshold are faded. `text` goes to the top left corner, one line each.
    """
    out = image.copy()
    unit = min(image.shape[:2]) / 360
    for pose in poses:
        if show_region:
            _region(out, pose.region, unit)
        if pose.present.any():
            _skeleton(out, pose, unit, colours or SIDES)
    _text(out, text, unit)
    return out


def _skeleton(out: Image, pose: Pose, unit: float, colours: dict[str, Colour]) -> None:
    sure = pose.present & (pose.scores >= min(pose.threshold + SURE, 0.9))
    if not sure[pose.present].all():
        # Faded parts: drawn in full, then mixed with what was there, inside their own box only.
        box = _box(out, pose, unit)
        before = out[box].copy()
        _lines(out, pose, pose.present, unit, colours)
        cv2.addWeighted(out[box], FADED, before, 1 - FADED, 0, dst=out[box])
    _lines(out, pose, sure, unit, colours)


def _lines(
    out: Image, pose: Pose, chosen: np.ndarray, unit: float, colours: dict[str, Colour]
) -> None:
    skeleton, points = pose.skeleton, _fixed(pose.joints)
    line = max(1, round(2.2 * unit))
    for outline in (True, False):
        for a, b in skeleton.limbs:
            if chosen[a] and chosen[b]:
                sides = {skeleton.side(a), skeleton.side(b)} - {"centre"}
                colour = colours[sides.pop() if len(sides) == 1 else "centre"]
                width = line + max(2, round(1.4 * unit)) if outline else line
                shade = OUTLINE if outline else colour
                cv2.line(out, points[a], points[b], shade, width, cv2.LINE_AA, _SHIFT)
    radius = round(max(2.0, 3.0 * unit) * 2**_SHIFT)
    for joint in np.flatnonzero(chosen):
        colour = colours[skeleton.side(int(joint))]
        cv2.circle(out, points[joint], radius, colour, -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(out, points[joint], radius, OUTLINE, max(1, round(unit)), cv2.LINE_AA, _SHIFT)


def _fixed(points: np.ndarray) -> list[list[int]]:
    """(N, 2) points in fixed point coordinates, kept inside what OpenCV's integers can hold."""
    inside = np.clip(np.nan_to_num(points), -30000, 30000)
    fixed: list[list[int]] = np.rint(inside * 2**_SHIFT).astype(int).tolist()
    return fixed


def _box(out: Image, pose: Pose, unit: float) -> tuple[slice, slice]:
    """The part of the picture that the present joints cover, with room for line widths."""
    room = 4 + round(8 * unit)
    points = pose.joints[pose.present]
    x0, y0 = np.floor(points.min(axis=0)).astype(int) - room
    x1, y1 = np.ceil(points.max(axis=0)).astype(int) + room
    height, width = out.shape[:2]
    return (
        slice(int(np.clip(y0, 0, height - 1)), int(np.clip(y1, 1, height))),
        slice(int(np.clip(x0, 0, width - 1)), int(np.clip(x1, 1, width))),
    )


def _region(out: Image, region: Region, unit: float) -> None:
    corner = np.array([region.x, region.y])
    first, last = _fixed(np.stack([corner, corner + region.side - 1]))
    cv2.rectangle(out, first, last, REGION, max(1, round(unit)), cv2.LINE_AA, _SHIFT)


def _text(out: Image, lines: Sequence[str], unit: float) -> None:
    """Light on a darkened box: an outline would not fit, thicker letters are wider."""
    scale, room = 0.45 * unit, round(6 * unit)
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(unit))
    top = room
    for line in lines:
        (width, height), below = cv2.getTextSize(line, font, scale, thickness)
        box = out[top : top + height + below + room, room : room + width + 2 * room]
        np.multiply(box, 0.35, out=box, casting="unsafe")
        place = 2 * room, top + height + room // 2
        cv2.putText(out, line, place, font, scale, SIDES["centre"], thickness, cv2.LINE_AA)
        top += height + below + room
