"""Paints skeleton, region, heatmap and labels with a QPainter."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from ...drawing import heat, privacy, skeletons
from ...drawing.colours import REGION_ARM, REGION_BY_HAND, REGION_OPACITY
from ...skeletons import Skeleton
from ...types import Image, Region
from . import colours
from .view_transform import ViewTransform

# Opaque: Qt blends translucent antialiased lines ten times slower than it paints opaque ones.
_SHADE = colours.SHADE
_CORNER = 6  # of a region: radius in widget pixels


def line_width(region: Region, transform: ViewTransform) -> float:
    """The width of that person's limbs in widget pixels."""
    return skeletons.line_width(region.side * transform.scale)


def paint_skeleton(
    painter: QPainter,
    skeleton: Skeleton,
    points: NDArray[np.float64],
    strengths: NDArray[np.float64],
    width: float,
    palette: Mapping[str, QColor] = colours.SIDES,
    dashed: bool = False,
) -> None:
    """Draw limbs, then joints.

    `points` (K, 2) are widget coordinates, `strengths` (K,) 0..1 with 0 = not drawn; `palette` is
    by side. A limb has the side of its joints and is as strong as the weaker of them.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    at = [QPointF(x, y) for x, y in points.tolist()]
    limbs = skeletons.limbs(skeleton, strengths, width)
    # Flat ends: the joints cover them, and they cost half of round ones.
    pen = QPen(QColor(), width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
    if dashed:
        pen.setDashPattern(skeletons.DASH)
    for shade in (False,) if dashed else (True, False):
        # An outline would shine through a faint limb.
        drawn = [limb for limb in limbs if limb.opacity >= 1] if shade else limbs
        # Neighbours that look alike are drawn by one call.
        for (wide, argb), alike in groupby(drawn, partial(_look, palette, shade)):
            pen.setWidthF(wide)
            pen.setColor(QColor.fromRgba(argb))
            painter.setPen(pen)
            painter.drawLines([QLineF(at[limb.a], at[limb.b]) for limb in alike])
    painter.setPen(Qt.PenStyle.NoPen)
    for disc in skeletons.discs(skeleton, strengths, width, dashed):
        for colour, size in ((_SHADE, disc.radius + 1.2), (palette[disc.side], disc.radius)):
            painter.setBrush(_faded(colour, disc.opacity))
            painter.drawEllipse(at[disc.joint], size, size)


def _look(palette: Mapping[str, QColor], shade: bool, limb: skeletons.Limb) -> tuple[float, int]:
    """The width and the ARGB colour of a limb, or of its outline."""
    if shade:
        return limb.width + 2.4, _SHADE.rgba()
    return limb.width, _faded(palette[limb.side], limb.opacity).rgba()


def paint_ring(painter: QPainter, point: QPointF, radius: float) -> None:
    """Paint a ring around the hovered or emphasized joint."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in ((_SHADE, 4.0), (QColor("white"), 2.0)):
        painter.setPen(QPen(colour, width))
        painter.drawEllipse(point, radius, radius)


def paint_region(painter: QPainter, square: QRectF, picture: QRectF, manual: bool) -> None:
    """Paint the outline of what the network sees of the picture.

    `square` is the region; one that was set `manual`ly has another colour.
    """
    arm, square = square.width() * REGION_ARM, square & picture
    if square.isEmpty():
        return
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    colour = QColor(colours.REGION if manual else QColor("white"))
    colour.setAlphaF(REGION_BY_HAND if manual else REGION_OPACITY)
    round_by = min(_CORNER, square.width() / 2, square.height() / 2)
    # Sides as rectangles: as one smooth path, the outline costs four times as much.
    across = square.adjusted(round_by, -0.5, -round_by, 0.5)
    down = square.adjusted(-0.5, round_by, 0.5, -round_by)
    for line in (
        QRectF(across.left(), across.top(), across.width(), 1),
        QRectF(across.left(), across.bottom() - 1, across.width(), 1),
        QRectF(down.left(), down.top(), 1, down.height()),
        QRectF(down.right() - 1, down.top(), 1, down.height()),
    ):
        painter.fillRect(line, colour)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(colour, 1.0))
    arms: list[QLineF] = []
    for corner, x, y, degrees in (
        (square.topLeft(), 1, 1, 90),
        (square.topRight(), -1, 1, 0),
        (square.bottomLeft(), 1, -1, 180),
        (square.bottomRight(), -1, -1, 270),
    ):
        inner = corner + QPointF(x * round_by, y * round_by)
        circle = QRectF(inner.x() - round_by, inner.y() - round_by, 2 * round_by, 2 * round_by)
        painter.drawArc(circle, 16 * degrees, 16 * 90)
        for step in (QPointF(x, 0), QPointF(0, y)):
            arms += [QLineF(corner + step * round_by, corner + step * arm)]
    colour.setAlphaF(0.95)
    painter.setPen(QPen(colour, 2.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
    painter.drawLines(arms)


def paint_heatmap(
    painter: QPainter,
    levels: NDArray[np.uint8],
    over: QRectF,
    colour_map: str,
    opacity: float,
    mirror: bool,
) -> None:
    """Paint (h, w) 0..255 over a rectangle; the picture shows through where there is nothing.

    Only the part with something in it is scaled: that is most of the cost.
    """
    part = heat.covered(levels)
    if part is None:
        return
    height, width = levels.shape
    (top, bottom), (left, right) = ((edge.start, edge.stop) for edge in part)
    table = colours.overlay_lookup(colour_map, round(opacity, 2))
    pixels = heat.coloured(levels[part], table, mirror)
    image = QImage(
        pixels.data,
        pixels.shape[1],
        pixels.shape[0],
        pixels.strides[0],
        QImage.Format.Format_ARGB32_Premultiplied,
    )
    if mirror:
        left, right = width - right, width - left
    across, down = over.width() / width, over.height() / height
    target = QRectF(
        over.left() + left * across,
        over.top() + top * down,
        (right - left) * across,
        (bottom - top) * down,
    )
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawImage(target, image)


class Picture:
    """The frame as QImage, converted once per frame into a buffer that is kept.

    Qt scales 32 bit pixels more than twice as fast as 24 bit ones (0.7 against 1.5 ms from 640x480
    to 900x675), which pays for the conversion.
    """

    def __init__(self) -> None:
        self._buffer: NDArray[np.uint8] = np.empty((0, 0, 4), np.uint8)
        self._frame: Image | None = None  # kept, or another frame could get its address
        self._look = (False, False)
        self.image = QImage()

    def show(self, frame: Image, mirror: bool, blurred: bool) -> QImage:
        """(H, W, 3) uint8 BGR -> QImage, valid until the next call."""
        import cv2

        if frame is self._frame and self._look == (mirror, blurred):
            return self.image
        source = frame
        if blurred:  # nothing is in it that needs more pixels
            source = privacy.backdrop(
                frame, "blur", (max(frame.shape[1] // 2, 1), max(frame.shape[0] // 2, 1))
            )
        if self._buffer.shape[:2] != source.shape[:2]:
            self._buffer = np.empty((*source.shape[:2], 4), np.uint8)
        cv2.cvtColor(source, cv2.COLOR_BGR2BGRA, dst=self._buffer)
        if mirror:
            cv2.flip(self._buffer, 1, dst=self._buffer)
        height, width = self._buffer.shape[:2]
        self.image = QImage(
            self._buffer.data,
            width,
            height,
            self._buffer.strides[0],
            QImage.Format.Format_RGB32,
        )
        self._frame, self._look = frame, (mirror, blurred)
        return self.image


def paint_number(painter: QPainter, above: QPointF, track: int, selected: bool) -> None:
    """Paint a person's number in the person's colour; the selected one's is filled with it."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    text, colour, dark = str(track), colours.tint(track), QColor(15, 18, 28, 225)
    size = painter.fontMetrics().size(0, text)
    box = QRectF(0, 0, max(size.width() + 10, size.height() + 2), size.height() + 2)
    box.moveCenter(QPointF(above.x(), max(above.y() - box.height() / 2, box.height() / 2)))
    painter.setPen(QPen(colour, 1.5))
    painter.setBrush(colour if selected else dark)
    painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
    painter.setPen(dark if selected else colour)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def paint_chip(painter: QPainter, anchor: QPointF, text: str, bounds: QRectF) -> None:
    """Paint a small label beside `anchor`, kept inside `bounds`."""
    metrics = painter.fontMetrics()
    size = metrics.size(0, text)
    chip = QRectF(0, 0, size.width() + 16, size.height() + 8)
    chip.moveTopLeft(anchor + QPointF(14, -chip.height() - 8))
    chip.moveLeft(min(chip.left(), bounds.right() - chip.width() - 4))
    chip.moveTop(max(chip.top(), bounds.top() + 4))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(15, 18, 28, 225))
    painter.drawRoundedRect(chip, 6, 6)
    painter.setPen(QColor("white"))
    painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, text)


def _faded(colour: QColor, opacity: float) -> QColor:
    if opacity >= 1:
        return colour
    faded = QColor(colour)
    faded.setAlphaF(colour.alphaF() * opacity)
    return faded
