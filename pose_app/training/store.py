"""Pictures prepared for augmentation: all of one size, on the device if there is room."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..pose.crop import crop, to_input
from ..types import Floats, Image, Region
from .data import PoseData

Doubles = NDArray[np.float64]

CANVAS = 352  # pixels; larger pictures are cropped to the person and reduced to this size
_AROUND = 2.4  # side of that crop / extent of the person: room for scale, shift and rotation


@dataclass(frozen=True)
class Canvases:
    """B pictures with their labels.

    Attributes:
        images: (B, 352, 352, 3) uint8 RGB, each in the top left corner.
        sizes: (B, 2) width and height in pixels.
        points: (B, K, 2) in canvas pixels.
        states: (B, K) MASKED, PRESENT or ABSENT.
        weights: (B, K) of the labels, 0..1.
        boxes: (B, 4) left, top, right, bottom of the person's visible part in canvas pixels; NaN
            where it is not known.
    """

    images: Tensor
    sizes: Floats
    points: Floats
    states: NDArray[np.int8]
    weights: Floats
    boxes: Floats


def to_device(values: NDArray[np.generic], device: torch.device) -> Tensor:
    """Copy an array to the device, on CUDA without waiting for the work in progress there.

    (An NVIDIA H200 trained 3,100 instead of 2,500 pictures of 192 pixels a second.)
    """
    # CUDA has read pageable memory when this returns; other devices do not guarantee that.
    no_wait = device.type == "cuda"
    return torch.from_numpy(np.ascontiguousarray(values)).to(device, non_blocking=no_wait)


def has_room(pictures: int, device: torch.device) -> bool:
    """Whether so many pictures fit into half of what is free, on the device and in main memory.

    They are decoded in main memory and copied from there. False on any device but CUDA.
    """
    if device.type != "cuda":
        return False
    on_device, _ = torch.cuda.mem_get_info(device)
    free: int = min(on_device, psutil.virtual_memory().available)
    return pictures * CANVAS**2 * 3 < free / 2


class Store:
    """The pictures of several data sets, with consecutive row numbers.

    With `resident` everything is decoded once and kept on the device (370 kB a picture); otherwise
    pictures are decoded by several threads when they are fetched.
    """

    def __init__(
        self, parts: Sequence[PoseData], device: torch.device, resident: bool = False
    ) -> None:
        self._parts = parts
        self._device = device
        self._starts = np.cumsum([0, *(len(part) for part in parts)])
        self.source = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        self.states = np.concatenate([part.states for part in parts])
        self.weights = np.concatenate([part.weights for part in parts])
        self._resident: Canvases | None = None
        if resident:
            self._resident = self._decode(np.arange(len(self.source)))

    def __len__(self) -> int:
        return len(self.source)

    def row(self, part: NDArray[np.intp], position: Doubles) -> NDArray[np.intp]:
        """Rows (B,) of the pictures at positions 0..1 (B,) of data sets (B,)."""
        first, end = self._starts[part], self._starts[part + 1]
        steps: NDArray[np.intp] = (position * (end - first)).astype(np.intp)
        rows: NDArray[np.intp] = np.minimum(first + steps, end - 1)
        return rows

    def fetch(self, rows: NDArray[np.intp]) -> Canvases:
        """The pictures of these rows, images on the device."""
        kept = self._resident
        if kept is None:
            return self._decode(rows)
        chosen = to_device(rows, self._device)
        return Canvases(
            kept.images[chosen],
            kept.sizes[rows],
            kept.points[rows],
            kept.states[rows],
            kept.weights[rows],
            kept.boxes[rows],
        )

    def _decode(self, rows: NDArray[np.intp]) -> Canvases:
        images = np.zeros((len(rows), CANVAS, CANVAS, 3), dtype=np.uint8)
        sizes = np.empty((len(rows), 2), dtype=np.float32)
        points = np.empty((len(rows), self.states.shape[1], 2), dtype=np.float32)

        boxes = np.full((len(rows), 4), np.nan, dtype=np.float32)

        def decode(item: int) -> None:
            number = int(self.source[rows[item]])
            part, index = self._parts[number], int(rows[item] - self._starts[number])
            box = None if part.boxes is None else part.boxes[index]
            picture, points[item], boxes[item] = fitted(
                part.read(index), part.keypoints[index], box
            )
            height, width = picture.shape[:2]
            images[item, :height, :width] = picture[..., ::-1]
            sizes[item] = width, height

        with ThreadPoolExecutor(min(16, torch.get_num_threads())) as pool:
            list(pool.map(decode, range(len(rows))))
        return Canvases(
            torch.from_numpy(images).to(self._device),
            sizes,
            points,
            self.states[rows],
            self.weights[rows],
            boxes,
        )


def fitted(
    picture: Image, keypoints: Floats, box: Floats | None = None
) -> tuple[Image, Floats, Floats]:
    """Crop a larger picture to the surroundings of the person, or to its middle without labels.

    Args:
        picture: (H, W, 3).
        keypoints: (K, 3).
        box: (4,) x, y, width, height, if it is known.

    Returns:
        (picture of at most 352 x 352 pixels, points (K, 2) in it, box (4,) left, top, right, bottom
        in it, NaN without one).
    """
    height, width = picture.shape[:2]
    points = keypoints[:, :2].astype(np.float32)
    corners = np.full((2, 2), np.nan, dtype=np.float32)
    if box is not None:
        corners = np.stack((box[:2], box[:2] + box[2:])).astype(np.float32) - 0.5
    if max(height, width) <= CANVAS:
        return picture, points, corners.reshape(4)
    labelled = points[keypoints[:, 2] > 0] if box is None else corners
    if len(labelled):
        low, high = labelled.min(axis=0), labelled.max(axis=0)
        centre, side = (low + high) / 2, _AROUND * max(float((high - low).max()), 32.0)
    else:
        centre, side = np.array([width / 2, height / 2]), float(max(height, width))
    region = Region(float(centre[0] - side / 2), float(centre[1] - side / 2), side)
    size = CANVAS, CANVAS
    return (
        crop(picture, region, size),
        to_input(points, region, size),
        to_input(corners, region, size).reshape(4),
    )
