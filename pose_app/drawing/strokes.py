"""Antialiased lines, discs and text of any width and opacity, drawn into images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..skeletons import Skeleton
from ..types import Image
from . import skeletons
from .colours import SHADE, WHITE, Colour, bgr

_SHIFT = 4  # fractional bits of OpenCV's drawing coordinates
_FARTHEST = 30_000  # largest coordinate in pixels that they can represent
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LABEL = 0.75  # opacity of what is behind letters

Points = NDArray[np.floating[Any]]


def paint_skeleton(
    out: Image,
    skeleton: Skeleton,
    points: Points,
    strengths: NDArray[np.float64],
    width: float,
    palette: Mapping[str, Colour],
    *,
    face: bool = True,
    dashed: bool = False,
) -> None:
    """Draw limbs, then joints.

    Args:
        out: (H, W, 3) BGR.
        skeleton: Has the limbs.
        points: (K, 2) pixels of `out`.
        strengths: (K,) opacity of the joints, 0..1, 0 = not drawn.
        width: Of a limb, in pixels.
        palette: Colours by side.
        face: Whether to draw lines between the joints of the face.
        dashed: Whether limbs are dashed.
    """
    points = np.clip(np.nan_to_num(points), -_FARTHEST, _FARTHEST)
    edge = max(1.2, width * 0.2)
    limbs = skeletons.limbs(skeleton, strengths, width, face)
    for limb in limbs:
        # An outline would shine through a faint limb.
        if limb.opacity >= 1 and not dashed:
            _line(out, points[limb.a], points[limb.b], limb.width + 2 * edge, SHADE)
    for limb in limbs:
        a, b, colour = points[limb.a], points[limb.b], palette[limb.side]
        with _faded(out, (a, b), limb.width + 2, limb.opacity):
            for start, end in _dashes(a, b, limb.width) if dashed else ((a, b),):
                _line(out, start, end, limb.width, colour)
    for disc in skeletons.discs(skeleton, strengths, width, dashed):
        point = points[disc.joint]
        with _faded(out, (point,), disc.radius + edge + 2, disc.opacity):
            _disc(out, point, disc.radius + edge, SHADE)
            _disc(out, point, disc.radius, palette[disc.side])


def paint_ring(out: Image, point: Points, radius: float, width: float) -> None:
    """Draw a ring around a point."""
    centre = np.clip(np.nan_to_num(point), -_FARTHEST, _FARTHEST)
    for colour, wide in ((SHADE, 2 * width), (WHITE, width)):
        thickness = max(1, round(wide))
        cv2.circle(out, *_circle(centre, radius), bgr(colour), thickness, cv2.LINE_AA, _SHIFT)


def paint_cross(out: Image, point: Points, arm: float, width: float) -> None:
    """Draw a cross at a point."""
    centre = np.clip(np.nan_to_num(point), -_FARTHEST, _FARTHEST)
    for colour, wide in ((SHADE, 2.2 * width), (WHITE, width)):
        for x, y in ((arm, 0.0), (0.0, arm)):
            _line(out, centre - np.array((x, y)), centre + np.array((x, y)), wide, colour)


def paint_rectangle(
    out: Image,
    corner: tuple[float, float],
    size: tuple[float, float],
    colour: Colour,
    width: float,
    opacity: float,
) -> None:
    """Draw the sides of a rectangle of `size` (width, height)."""
    corners = [np.add(corner, np.multiply(at, size)) for at in ((0, 0), (1, 0), (1, 1), (0, 1))]
    for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
        with _faded(out, (a, b), width, opacity):
            _line(out, a, b, width, colour)


def paint_corners(
    out: Image,
    corner: tuple[float, float],
    size: tuple[float, float],
    colour: Colour,
    width: float,
    arm: float,
) -> None:
    """Draw the corners of a rectangle of `size` (width, height), with arms of this length."""
    for x in (0, 1):
        for y in (0, 1):
            start = np.add(corner, np.multiply((x, y), size))
            for direction in ((1 - 2 * x, 0), (0, 1 - 2 * y)):
                _line(out, start, start + np.multiply(direction, arm), width, colour)


def paint_label(
    out: Image,
    text: str,
    corner: tuple[float, float],
    height: float,
    *,
    colour: Colour = WHITE,
    behind: Colour = SHADE,
    opacity: float = _LABEL,
) -> None:
    """Draw one line of text on a box, moved to lie inside the image.

    `corner` (x, y) is the upper left one of the box, `height` that of a capital letter, in pixels.
    """
    across, down = label_size(text, height)
    x = round(min(max(corner[0], 0), out.shape[1] - across))
    y = round(min(max(corner[1], 0), out.shape[0] - down))
    part = out[max(y, 0) : y + down, max(x, 0) : x + across]
    if not part.size:
        return
    cv2.addWeighted(part, 1 - opacity, np.full_like(part, bgr(behind)), opacity, 0, dst=part)
    scale, thickness = _font(height)
    room = _room(height)
    start = x + room, y + down - room
    cv2.putText(out, text, start, _FONT, scale, bgr(colour), thickness, cv2.LINE_AA)


@lru_cache(maxsize=256)  # measuring text takes longer than drawing it
def label_size(text: str, height: float) -> tuple[int, int]:
    """(width, height) in pixels of the box that `paint_label` draws."""
    scale, thickness = _font(height)
    (width, _), _ = cv2.getTextSize(text, _FONT, scale, thickness)
    return width + 2 * _room(height), round(height) + 2 * _room(height)


@lru_cache(maxsize=64)
def _font(height: float) -> tuple[float, int]:
    """Scale and thickness for capital letters of that many pixels."""
    (_, high), _ = cv2.getTextSize("H", _FONT, 10.0, 10)
    return 10.0 * height / high, max(1, round(height / 8))


def _room(height: float) -> int:
    return max(2, round(height * 0.5))


def _line(out: Image, a: Points, b: Points, width: float, colour: Colour) -> None:
    """A line with flat ends. OpenCV's own lines have only integer widths."""
    # As Python's own numbers: with so few, calling NumPy takes twice as long as drawing.
    (ax, ay), (bx, by) = np.asarray(a).tolist(), np.asarray(b).tolist()
    length = math.hypot(bx - ax, by - ay)
    if length < 0.1:
        return
    # Smooth edges add a pixel.
    half = max(width - 1, 0.0) / 2 / length
    x, y = (ay - by) * half, (bx - ax) * half
    corners = (ax + x, ay + y), (bx + x, by + y), (bx - x, by - y), (ax - x, ay - y)
    fixed = np.array([(round(u * 2**_SHIFT), round(v * 2**_SHIFT)) for u, v in corners], np.int32)
    cv2.fillConvexPoly(out, fixed, bgr(colour), cv2.LINE_AA, _SHIFT)


def _disc(out: Image, centre: Points, radius: float, colour: Colour) -> None:
    cv2.circle(out, *_circle(centre, radius), bgr(colour), -1, cv2.LINE_AA, _SHIFT)


def _circle(centre: Points, radius: float) -> tuple[tuple[int, int], int]:
    x, y = np.asarray(centre).tolist()
    return (round(x * 2**_SHIFT), round(y * 2**_SHIFT)), max(1, round(radius * 2**_SHIFT))


def _dashes(a: Points, b: Points, width: float) -> Iterator[tuple[Points, Points]]:
    length = float(np.hypot(*(b - a)))
    drawn, step = skeletons.DASH[0] * width, sum(skeletons.DASH) * width
    if length < 1e-6:
        return
    for start in np.arange(0.0, min(length, 4096.0), step):
        yield a + (b - a) * start / length, a + (b - a) * min(start + drawn, length) / length


def _box(points: Sequence[Points], room: float) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the pixels that strokes of half width `room` can touch."""
    low, high = np.min(points, axis=0) - room, np.max(points, axis=0) + room + 1
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


@contextmanager
def _faded(out: Image, points: Sequence[Points], room: float, opacity: float) -> Iterator[None]:
    """Blend what is drawn in the context, with half width `room`, with what was there."""
    if opacity >= 1:
        yield
        return
    x0, y0, x1, y1 = _box(points, room)
    part = out[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    before = part.copy() if part.size else None
    yield
    if before is not None:
        cv2.addWeighted(part, opacity, before, 1 - opacity, 0, dst=part)
