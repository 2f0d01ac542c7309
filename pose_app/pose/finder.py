"""Where people are: one pass of a person finder over the whole frame.

The finder's maps are read as in *Objects as points* (Zhou, Wang and Kraehenbuehl, 2019): a local
maximum of the centre map is a person, the other maps at that pixel are their box. Boxes count pixel
corners: x = 0 is the left edge of the first pixel.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from ..engines.base import Engine
from ..errors import EngineError, ModelError
from ..spec import BOX_UNIT, ModelSpec
from ..types import Box, Floats, Image, Region
from .crop import crop

_LARGEST = 4.0  # box side / input side that is still believed; larger is a number gone wild


def decode_boxes(maps: Floats, spec: ModelSpec, most: int) -> Floats:
    """Boxes of one frame: (n, 5) float32, n <= `most`, the surest first.

    Columns: x, y, width, height in pixels of the network's input, score 0..1. `maps` (5, h, w) are
    in the order of `spec.BOX_MAPS`; a peak is the highest of its 3 x 3 pixels with a score from
    `spec.threshold` on. What is not finite is passed over.
    """
    logit = np.nan_to_num(maps[0].astype(np.float32), nan=-1e9, posinf=-1e9, neginf=-1e9)
    # Of equal neighbours the first in reading order is the peak.
    before = cv2.dilate(logit, _BEFORE, borderType=cv2.BORDER_CONSTANT, borderValue=-1e9)
    after = cv2.dilate(logit, _AFTER, borderType=cv2.BORDER_CONSTANT, borderValue=-1e9)
    score = 1 / (1 + np.exp(-logit.clip(-60, 60)))
    y, x = np.nonzero((logit > before) & (logit >= after) & (score >= spec.threshold))
    score = score[y, x]
    values = maps[1:, y, x].T  # (n, 4)
    good = np.isfinite(values).all(axis=1)
    x, y, score, values = x[good], y[good], score[good], values[good]
    sides = BOX_UNIT * np.exp(values[:, :2].clip(-20, 20))
    good = (sides <= _LARGEST * max(spec.input_size)).all(axis=1)
    order = np.flatnonzero(good)[np.argsort(-score[good], kind="stable")][:most]
    cell = np.stack((x, y), axis=1).astype(np.float32) + 0.5
    middle = (cell + values[:, 2:]) * spec.stride
    boxes = np.concatenate((middle - sides / 2, sides, score[:, None]), axis=1)
    return boxes[order].astype(np.float32)


_BEFORE = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 0]], dtype=np.uint8)
_AFTER = _BEFORE[::-1, ::-1].copy()


def whole_frame(width: int, height: int) -> Region:
    """The square around a whole frame: what is letterboxed into the finder's input."""
    side = float(max(width, height))
    return Region((width - side) / 2, (height - side) / 2, side)


class Finder:
    """A finder's engine with what is before and after it. Raises ModelError for a pose network."""

    def __init__(self, engine: Engine) -> None:
        if engine.spec.output != "boxes":
            raise ModelError(f"{engine.spec.name} is no person finder: it answers with joints.")
        self._engine = engine

    @property
    def engine(self) -> Engine:
        return self._engine

    def find(self, image: Image, most: int = 8, threshold: float | None = None) -> list[Box]:
        """The people in a picture (H, W, 3) uint8 BGR, at most `most`, the surest first.

        Boxes are in pixels of the picture and end at its borders; their scores are `threshold` or
        more, by default the model's own. Raises PoseAppError for an image that is none and
        EngineError where the device fails.
        """
        spec = self._engine.spec
        height, width = image.shape[:2]
        region = whole_frame(width, height)
        crops = crop(image, region, spec.input_size)[None]
        maps = self._engine.infer(crops, spec.network.stacks).stack(spec.network.stacks - 1)
        if not np.isfinite(maps[0]).all():
            raise EngineError(
                f"The model {spec.name} answers with values that are not finite on "
                f"{self._engine.info.device}: choose another engine, device or precision."
            )
        if threshold is not None:
            spec = replace(spec, threshold=threshold)
        return to_frame(decode_boxes(maps, spec, most), region, spec, (width, height))


def to_frame(boxes: Floats, region: Region, spec: ModelSpec, size: tuple[int, int]) -> list[Box]:
    """Boxes (n, 5) in input pixels -> boxes in pixels of a frame of `size` (width, height).

    `region` is the square that the (square) input shows. Nothing is left of a box beyond the frame.
    """
    step = region.side / spec.input_size[0]
    low = boxes[:, :2] * step + (region.x, region.y)
    high = (low + boxes[:, 2:4] * step).clip(0, size)
    low = low.clip(0, size)
    return [
        Box(float(x), float(y), float(right - x), float(bottom - y), float(score))
        for (x, y), (right, bottom), score in zip(low, high, boxes[:, 4], strict=True)
        if right - x >= 1 and bottom - y >= 1
    ]
