"""Training samples of a person finder: random frames of whole pictures.

Boxes are left, top, right, bottom in coordinates of pixel corners (0 is the left edge of the first
pixel).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..errors import DataError
from ..spec import ModelSpec
from ..types import Floats, Image
from .augment import disturb, face_joints
from .finder_targets import finder_loss, finder_targets
from .scenes import SceneData
from .store import Doubles, to_device
from .tasks import DataSets, check_mix, data_sets

# Width / height of a frame: widescreen, webcam, square, telephone, and the picture's own (0).
_ASPECTS = (0.0, 16 / 9, 4 / 3, 1.0, 9 / 16)
_ASPECT_SHARES = (0.35, 0.3, 0.2, 0.05, 0.1)
_ZOOMED, _CLOSE = 0.35, 0.2  # shares of frames of a part of the picture, and of a face
_ELSEWHERE = 0.1  # share of frames beside the people, of backgrounds
_BESIDE = 0.1  # share of such a frame that people may cover
_SMALLEST_FRAME = 72.0  # picture pixels
_HEAD_HEIGHT = 1.9  # height of a head / largest extent of its nose, eyes and ears
_SLIVER = 0.15  # a box counts if at least this share of it is in the frame
_TINY = 7.0  # input pixels; people whose longer side is shorter do not count
_MOSAIC = 0.1  # share of inputs that are made of four others at half size
_DISTURBED = 0.55  # share of inputs that are augmented by `disturb`
_MOST = 48  # people in an input


@dataclass(frozen=True)
class Sample:
    """One input with its labels.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        boxes: (p, 4) in input pixels.
        weight: (p,) of each box, 0..1; 0 = somebody may be there, which is ignored.
        size_weight: (p,) of each box's width and height, 0..1.
        complete: Whether everybody in the picture has a box.
    """

    image: Image
    boxes: Floats
    weight: Floats
    size_weight: Floats
    complete: bool


def draw_frame(
    random: np.random.Generator, size: tuple[int, int], boxes: Doubles, faces: Sequence[Doubles]
) -> Doubles:
    """A random frame (4,) within a picture of `size` (width, height), in pixel corners.

    Mostly of the whole picture, else of a part with a person, of a background, or so close that a
    head is a fifth to half of the frame's height. `boxes` (p, 4) are the people, `faces` their
    joints of the face, (n, 2) each.
    """
    width, height = float(size[0]), float(size[1])
    aspect = float(random.choice(_ASPECTS, p=_ASPECT_SHARES)) or width / height
    largest = np.array([min(width, height * aspect), min(height, width / aspect)])
    kind = random.random()
    who = int(random.integers(len(boxes))) if len(boxes) else -1
    middle = np.array([width, height]) * random.random(2)
    sides = largest * random.uniform(0.85, 1.0)
    if who >= 0 and kind < _CLOSE:
        box, face = boxes[who], faces[who]
        if len(face) >= 2:
            head, middle = _HEAD_HEIGHT * float(np.ptp(face, axis=0).max()), face.mean(axis=0)
        else:
            head = 0.3 * float(box[3] - box[1])
            middle = np.array([(box[0] + box[2]) / 2, box[1] + head])
        tall = head * random.uniform(2.0, 5.0)
        sides = np.array([tall * aspect, tall])
        middle = middle + random.uniform((-0.3, -0.05), (0.3, 0.3)) * sides
    elif who >= 0 and kind > 1 - _ELSEWHERE:
        sides, middle = _beside(random, largest, np.array([width, height]), boxes)
    elif who >= 0 and kind < _CLOSE + _ZOOMED:
        sides = largest * random.uniform(0.4, 0.85)
        middle = (boxes[who, :2] + boxes[who, 2:]) / 2 + random.uniform(-0.5, 0.5, 2) * sides
    sides = sides * max(1.0, _SMALLEST_FRAME / float(sides.max()))
    sides = sides * min(1.0, float((largest / sides).min()))
    low = (middle - sides / 2).clip(0, np.array([width, height]) - sides)
    return np.concatenate((low, low + sides))


def _beside(
    random: np.random.Generator, largest: Doubles, size: Doubles, boxes: Doubles
) -> tuple[Doubles, Doubles]:
    """(sides, middle) of a frame with almost no people; the whole picture if none is found."""
    for _ in range(10):
        sides = largest * random.uniform(0.25, 0.6)
        low = (size - sides) * random.random(2)
        shared = np.minimum(boxes[:, 2:], low + sides) - np.maximum(boxes[:, :2], low)
        if shared.clip(0).prod(axis=1).sum() <= _BESIDE * sides.prod():
            return sides, low + sides / 2
    return largest, size / 2


def letterboxed(image: Image, frame: Doubles, flip: bool, size: int) -> tuple[Image, Doubles]:
    """A frame of a picture letterboxed as in the app.

    Returns:
        ((size, size, 3) uint8, black beyond the frame; matrix (2, 3) from picture to input, both
        in coordinates of pixel corners).
    """
    left, top, right, bottom = frame
    scale = size / max(right - left, bottom - top)
    first = np.floor(frame[:2]).astype(int).clip(0)
    last = np.ceil(frame[2:]).astype(int)
    part = image[first[1] : last[1], first[0] : last[0]]
    turn = np.diag([-scale if flip else scale, scale])
    shift = size / 2 - turn @ np.array([(left + right) / 2, (top + bottom) / 2])
    ratio = np.ones(2)
    if scale <= 0.5:
        halved = (part.shape[1] + 1) // 2, (part.shape[0] + 1) // 2
        ratio = np.array([part.shape[1] / halved[0], part.shape[0] / halved[1]])
        part = cv2.resize(part, halved, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    # OpenCV's coordinates are those of pixel centres.
    centres = np.column_stack((turn * ratio, shift + turn @ (first + ratio / 2) - 0.5))
    made = cv2.warpAffine(part, centres, (size, size), flags=cv2.INTER_LINEAR)
    return made, np.column_stack((turn, shift))  # type: ignore[return-value]


def draw_sample(random: np.random.Generator, scenes: SceneData, index: int, size: int) -> Sample:
    """A random sample of picture `index`."""
    image = scenes.read(index)
    people = scenes.people(index)
    face = face_joints(scenes.skeleton)
    boxes = scenes.boxes[people].astype(np.float64)
    boxes[:, 2:] += boxes[:, :2]
    joints = scenes.keypoints[people]
    faces = [one[face & (one[:, 2] > 0), :2] + 0.5 for one in joints]
    frame = draw_frame(random, (image.shape[1], image.shape[0]), boxes, faces)
    made, matrix = letterboxed(image, frame, bool(random.random() < 0.5), size)
    cut = np.concatenate(
        (np.maximum(boxes[:, :2], frame[:2]), np.minimum(boxes[:, 2:], frame[2:])), 1
    )
    sides = (cut[:, 2:] - cut[:, :2]).clip(0)
    left = sides.prod(axis=1) / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1).clip(1e-6)
    corners = np.stack((cut[:, :2], cut[:, 2:]), axis=1) @ matrix[:, :2].T + matrix[:, 2]
    low, high = corners.min(axis=1), corners.max(axis=1)
    inside = (sides > 0).all(axis=1)
    counts = (left >= _SLIVER) & ((high - low).max(axis=1) >= _TINY)
    weight = np.where(counts, scenes.box_weight[people], 0.0)
    return Sample(
        image=np.ascontiguousarray(made[..., ::-1]),
        boxes=np.concatenate((low, high), axis=1)[inside].astype(np.float32),
        weight=weight[inside].astype(np.float32),
        size_weight=scenes.size_weight[people][inside].astype(np.float32),
        complete=bool(scenes.complete[index]),
    )


class FinderTask:
    """Training a person finder on whole pictures."""

    def __init__(
        self,
        parts: Sequence[SceneData],
        spec: ModelSpec,
        mix: Sequence[float],
        device: torch.device,
    ) -> None:
        self._share = check_mix(mix, parts)
        self._parts = [part.useful() for part in parts]
        if not any(len(part.boxes) for part in self._parts):
            raise DataError("None of the data sets has a box around somebody.")
        if not all(len(part) for part in self._parts):
            raise DataError("One of the data sets has no picture that a finder can learn from.")
        self._spec = spec
        self._device = device

    @property
    def data(self) -> DataSets:
        return data_sets(self._parts, self._share)

    def batch(
        self, random: np.random.Generator, count: int, size: int
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """See `Task.batch`.

        Labels: boxes (B, P, 4) in input pixels, their weights (B, P), weights of their sizes
        (B, P), and which pictures are complete (B,).
        """
        chosen = random.choice(len(self._parts), count, p=self._share)
        seeds = random.integers(2**62, size=count)

        def drawn(part: int, seed: int) -> Sample:
            own = np.random.default_rng(seed)
            scenes = self._parts[part]
            return draw_sample(own, scenes, int(own.integers(len(scenes))), size)

        with ThreadPoolExecutor(min(16, torch.get_num_threads())) as pool:
            samples = list(pool.map(drawn, chosen, seeds))
        images = torch.from_numpy(np.stack([sample.image for sample in samples])).to(self._device)
        images = images.permute(0, 3, 1, 2).float() / 255
        boxes = np.zeros((count, _MOST, 4), dtype=np.float32)
        weight, size_weight = np.zeros((2, count, _MOST), dtype=np.float32)
        for row, sample in enumerate(samples):
            people = min(len(sample.boxes), _MOST)
            boxes[row, :people] = sample.boxes[:people]
            weight[row, :people] = sample.weight[:people]
            size_weight[row, :people] = sample.size_weight[:people]
        complete = np.array([sample.complete for sample in samples])
        images, labels = _mosaics(random, images, (boxes, weight, size_weight, complete))
        rows = np.flatnonzero(random.random(count) < _DISTURBED)
        noise = torch.Generator(device=self._device)
        noise.manual_seed(int(random.integers(2**62)))
        if len(rows):
            chosen_rows = torch.from_numpy(rows).to(self._device)
            nobody = to_device(labels[1][rows].sum(axis=1) == 0, self._device)
            # Nothing is pasted: it might be a piece of a person, without a box.
            changed = disturb(images[chosen_rows], nobody, noise, pasted=False)
            images[chosen_rows] = changed
        return images, tuple(to_device(label, self._device) for label in labels)

    def loss(
        self, maps: list[Tensor], labels: tuple[Tensor, ...], progress: float, compiled: bool
    ) -> Tensor:
        boxes, weight, size_weight, complete = labels
        size = int(maps[-1].shape[-2]), int(maps[-1].shape[-1])
        target = finder_targets(boxes, weight, size_weight, complete, size, self._spec.stride)
        return torch.stack([finder_loss(one, target) for one in maps]).mean()


Labels = tuple[Floats, Floats, Floats, NDArray[np.bool_]]


def _mosaics(random: np.random.Generator, images: Tensor, labels: Labels) -> tuple[Tensor, Labels]:
    """Replace some inputs by a mosaic of four of the batch at half size: many small people."""
    boxes, weight, size_weight, complete = (label.copy() for label in labels)
    count, _, size, _ = images.shape
    made = images.clone()
    for row in np.flatnonzero(random.random(count) < _MOSAIC):
        four = random.choice(count, 4, replace=count < 4)
        small = functional.avg_pool2d(images[four.tolist()], 2)
        half = size // 2
        gathered = []
        for quarter, source in enumerate(four):
            x, y = half * (quarter % 2), half * (quarter // 2)
            made[row, :, y : y + half, x : x + half] = small[quarter]
            there = labels[0][source] / 2 + np.array([x, y, x, y], dtype=np.float32)
            taken = (there[:, 2] > there[:, 0]) & (labels[0][source][:, 2] > 0)
            w = labels[1][source] * ((there[:, 2:] - there[:, :2]).max(axis=1) >= _TINY)
            gathered.append((there[taken], w[taken], labels[2][source][taken]))
        boxes[row], weight[row], size_weight[row] = 0, 0, 0
        all_boxes, all_weight, all_sizes = (
            np.concatenate(parts) for parts in zip(*gathered, strict=True)
        )
        people = min(len(all_boxes), _MOST)
        boxes[row, :people] = all_boxes[:people]
        weight[row, :people] = all_weight[:people]
        size_weight[row, :people] = all_sizes[:people]
        complete[row] = labels[3][four].all()
    return made, (boxes, weight, size_weight, complete)
