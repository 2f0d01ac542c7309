"""Scenes: whole pictures with all their people, for the finder and for crops of each person.

Besides `jpeg`, `offsets` and `name`, which every shard has, a scene shard (.npz) has

    persons     (n + 1,)    the people of picture i are rows persons[i]:persons[i + 1] of
    boxes       (m, 4)      x, y, width, height of the *visible* part,
    box_weight  (m,),
    keypoints   (m, 21, 3)  and
    weight      (m, 21);
    complete    (n,)        whether everybody in the picture has a box;
    split       (n,)        `train` or `held_out`.

Boxes are in coordinates of pixel *corners* (x = 0 is the left edge of the first pixel), as in
COCO's files; joints are in coordinates of pixel centres.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..skeletons import MPII_21, Skeleton
from ..types import Floats, Image
from .data import ABSENT, PoseData, Rows

_LOWER = ("knee", "ankle")
_FEWEST = 2  # labelled joints that a crop needs
_SMALLEST = 24.0  # pixels, longer side of a box that a crop needs
# A box made from joints: margin (hands, feet and hair extend beyond joints), and its weights.
_BEYOND, _BEYOND_WEIGHT, _BEYOND_SIZE = 0.12, 0.7, 0.3


@dataclass(frozen=True)
class SceneData:
    """n pictures with m people; the arrays are those of a shard (see the module).

    `size_weight` (m,) 0..1 is the weight of a box's width and height (boxes made from joints are
    inexact). `held_out` is (n,) bool.
    """

    name: str
    skeleton: Skeleton
    persons: NDArray[np.int64]
    boxes: Floats
    box_weight: Floats
    size_weight: Floats
    keypoints: Floats
    weight: Floats
    complete: NDArray[np.bool_]
    held_out: NDArray[np.bool_]
    pictures: tuple[str, ...]
    read: Callable[[int], Image]

    def __len__(self) -> int:
        return len(self.pictures)

    def people(self, picture: int) -> slice:
        """The rows of the people of a picture."""
        return slice(int(self.persons[picture]), int(self.persons[picture + 1]))

    def select(self, rows: Rows | Sequence[int]) -> SceneData:
        """Only these pictures, in this order."""
        chosen = np.asarray(rows, dtype=np.intp)
        counts = np.diff(self.persons)[chosen]
        people = [np.arange(self.persons[i], self.persons[i + 1]) for i in chosen]
        who = np.concatenate(people) if people else np.zeros(0, dtype=np.intp)
        return replace(
            self,
            persons=np.cumsum([0, *counts]),
            boxes=self.boxes[who],
            box_weight=self.box_weight[who],
            size_weight=self.size_weight[who],
            keypoints=self.keypoints[who],
            weight=self.weight[who],
            complete=self.complete[chosen],
            held_out=self.held_out[chosen],
            pictures=tuple(self.pictures[i] for i in chosen),
            read=lambda i: self.read(int(chosen[i])),
        )

    def useful(self) -> SceneData:
        """The pictures that a finder can learn from: those with a box, and complete ones."""
        return self.select(np.flatnonzero((np.diff(self.persons) > 0) | self.complete))

    def crops(self) -> PoseData:
        """The people with enough labelled joints, one per row, each with the whole picture."""
        picture = np.repeat(np.arange(len(self)), np.diff(self.persons))
        good = (self.keypoints[..., 2] > 0).sum(axis=1) >= _FEWEST
        good &= self.boxes[:, 2:].max(axis=1) >= _SMALLEST
        who = np.flatnonzero(good)
        where = picture[who]
        return PoseData(
            name=self.name,
            skeleton=self.skeleton,
            keypoints=self.keypoints[who],
            pictures=tuple(self.pictures[i] for i in where),
            read=lambda i: self.read(int(where[i])),
            weight=self.weight[who],
            boxes=self.boxes[who],
            held_out=self.held_out[where],
        )


def split_scenes(scenes: SceneData) -> tuple[SceneData, SceneData]:
    """(training data, held-out data)."""
    rows = np.flatnonzero(scenes.held_out)
    return scenes.select(np.flatnonzero(~scenes.held_out)), scenes.select(rows)


def scenes_of_crops(data: PoseData, held_out: NDArray[np.bool_]) -> SceneData:
    """Pictures of one labelled person each as scenes; the boxes are made from the joints.

    Unless the labels are complete, other people may be in the picture. A box ends at the lower
    border of the picture if knees and ankles are known to be outside.
    """
    complete = np.full(len(data), data.complete)
    data = data.with_skeleton(MPII_21)
    somebody = data.somebody
    boxes = np.zeros((len(data), 4), dtype=np.float32)
    names = [i for i, joint in enumerate(data.skeleton.joints) if joint.endswith(_LOWER)]
    for row in np.flatnonzero(somebody):
        labelled = data.keypoints[row][data.keypoints[row][:, 2] > 0, :2] + 0.5
        low, high = labelled.min(axis=0), labelled.max(axis=0)
        margin = _BEYOND / 2 * float((high - low).max())
        low, high = low - margin, high + margin
        height, width = data.read(int(row)).shape[:2]
        if (data.states[row][names] == ABSENT).all():
            high[1] = height
        low, high = low.clip(0, (width - 4, height - 4)), high.clip(4, (width, height))
        boxes[row] = *low, *(high - low)
    rows = np.flatnonzero(somebody)
    count = len(rows)
    return SceneData(
        name=data.name,
        skeleton=data.skeleton,
        persons=np.cumsum([0, *somebody.astype(int)]),
        boxes=boxes[rows],
        box_weight=np.full(count, _BEYOND_WEIGHT, dtype=np.float32),
        size_weight=np.full(count, _BEYOND_SIZE, dtype=np.float32),
        keypoints=data.keypoints[rows],
        weight=data.weights[rows],
        complete=complete,
        held_out=held_out,
        pictures=data.pictures,
        read=data.read,
    )
