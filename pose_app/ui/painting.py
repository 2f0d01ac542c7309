"""How a pose looks: skeleton, region and heatmap as vectors and pictures for a QPainter."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter, QPen

from ..skeletons import Skeleton
from ..types import Image, Region
from . import colours
from .heat import over_picture
from .view_transform import ViewTransform

# Limb width per person: about the proportion of a stick figure to its height.
_WIDTH_OF_REGION = 0.013
_THINNEST, _THICKEST = 2.0, 11.0
_SHADE = QColor(0, 0, 0, 110)
# A joint this far above the threshold is drawn in full colour.
_CERTAIN = 0.35
_FAINTEST = 0.3
_BLUR_SCALE = 16


def line_width(region: Region, transform: ViewTransform) -> float:
    """Widget pixels that a limb is wide: in proportion to the person, never a hair or a plank."""
    wanted = region.side * transform.scale * _WIDTH_OF_REGION
    return float(np.clip(wanted, _THINNEST, _THICKEST))


def strength(score: float, threshold: float) -> float:
    """0.3..1: how opaque a joint is drawn, from barely over the threshold to certain."""
    certain = min(threshold + _CERTAIN, 1.0)
    if score >= certain:
        return 1.0
    part = (score - threshold) / max(certain - threshold, 1e-6)
    return _FAINTEST + (1 - _FAINTEST) * float(np.clip(part, 0.0, 1.0))


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
    limbs = [(a, b) for a, b in skeleton.limbs if strengths[a] > 0 and strengths[b] > 0]
    style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
    cap = Qt.PenCapStyle.FlatCap if dashed else Qt.PenCapStyle.RoundCap
    for shade in (True, False):
        if dashed and shade:
            continue
        for a, b in limbs:
            colour = _SHADE if shade else palette[_side_of_limb(skeleton, a, b)]
            colour = _faded(colour, min(strengths[a], strengths[b]))
            pen = QPen(colour, width + (2.5 if shade else 0.0), style, cap)
            if dashed:
                pen.setDashPattern([2.2, 1.6])
            painter.setPen(pen)
            painter.drawLine(QLineF(QPointF(*points[a]), QPointF(*points[b])))
    radius = width * (0.7 if dashed else 0.95)
    for joint in range(len(skeleton)):
        if strengths[joint] <= 0:
            continue
        painter.setPen(QPen(_faded(_SHADE, strengths[joint]), 1.2))
        painter.setBrush(QBrush(_faded(palette[skeleton.side(joint)], strengths[joint])))
        painter.drawEllipse(QPointF(*points[joint]), radius, radius)


def paint_ring(painter: QPainter, point: QPointF, radius: float) -> None:
    """A ring around the joint that is pointed at or soloed."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in ((_SHADE, 4.0), (QColor("white"), 2.0)):
        painter.setPen(QPen(colour, width))
        painter.drawEllipse(point, radius, radius)


def paint_region(painter: QPainter, square: QRectF, tracking: str) -> None:
    """The square that the network sees: dashed while it searches, full corners when set by hand."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    colour = QColor(colours.REGION if tracking == "manual" else QColor("white"))
    colour.setAlphaF(0.9 if tracking == "manual" else 0.35)
    style = Qt.PenStyle.DashLine if tracking == "search" else Qt.PenStyle.SolidLine
    painter.setPen(QPen(colour, 1.0, style))
    painter.drawRoundedRect(square, 6, 6)
    if tracking == "search":
        return
    colour.setAlphaF(0.95)
    painter.setPen(QPen(colour, 2.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    arm = min(square.width(), square.height()) * 0.06
    for corner, x, y in (
        (square.topLeft(), 1, 1),
        (square.topRight(), -1, 1),
        (square.bottomLeft(), 1, -1),
        (square.bottomRight(), -1, -1),
    ):
        painter.drawLine(corner + QPointF(x * 6, 0), corner + QPointF(x * arm, 0))
        painter.drawLine(corner + QPointF(0, y * 6), corner + QPointF(0, y * arm))


def heatmap_image(levels: NDArray[np.uint8], colour_map: str, mirror: bool) -> QImage:
    """(h, w) 0..255 -> ARGB32 of the same size, transparent where there is nothing."""
    pixels = over_picture(levels, colours.overlay_lookup(colour_map), mirror)
    image = QImage(
        pixels.data,
        pixels.shape[1],
        pixels.shape[0],
        pixels.strides[0],
        QImage.Format.Format_ARGB32_Premultiplied,
    )
    return image.copy()  # 64 x 64: the copy that owns its pixels costs microseconds


class Picture:
    """The frame as QImage, converted once per frame into a buffer that is kept.

    Qt scales 32 bit pixels more than twice as fast as 24 bit ones (0.7 against 1.5 ms from 640x480
    to 900x675), which pays for the conversion.
    """

    def __init__(self) -> None:
        self._buffer: NDArray[np.uint8] = np.empty((0, 0, 4), np.uint8)
        self._made: tuple[int, bool, bool] | None = None
        self.image = QImage()

    def show(self, frame: Image, mirror: bool, blurred: bool) -> QImage:
        """(H, W, 3) uint8 BGR -> QImage, valid until the next call."""
        import cv2

        wanted = (id(frame), mirror, blurred)
        if wanted == self._made:
            return self.image
        source: NDArray[np.uint8] = frame
        if blurred:
            height, width = frame.shape[:2]
            small = (max(width // _BLUR_SCALE, 1), max(height // _BLUR_SCALE, 1))
            source = np.asarray(cv2.resize(frame, small, interpolation=cv2.INTER_AREA), np.uint8)
            source = np.asarray(cv2.GaussianBlur(source, (0, 0), 1.5), np.uint8)
            source = np.asarray(
                cv2.resize(source, (width // 2, height // 2), interpolation=cv2.INTER_CUBIC),
                np.uint8,
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
        self._made = wanted
        return self.image


def paint_chip(painter: QPainter, anchor: QPointF, text: str, bounds: QRectF) -> None:
    """A small label beside `anchor`, kept inside `bounds`."""
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


def _side_of_limb(skeleton: Skeleton, a: int, b: int) -> str:
    sides = {skeleton.side(a), skeleton.side(b)} - {"centre"}
    return sides.pop() if len(sides) == 1 else "centre"


def _faded(colour: QColor, opacity: float) -> QColor:
    faded = QColor(colour)
    faded.setAlphaF(colour.alphaF() * opacity)
    return faded
