"""Training data: labelled persons with their pictures (`loading` reads them from files).

A joint of a picture has one of three states. MASKED: not labelled, ignored. PRESENT: has a
position. ABSENT: known not to be in the picture, its heatmap must be empty. Confusing MASKED and
ABSENT would teach a network to invent legs, or to miss them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..skeletons import Skeleton
from ..types import Floats, Image

MASKED, PRESENT, ABSENT = 0, 1, 2

# Shards with crowd-sourced labels, which have gross errors.
NOISY_SHARDS = ("lspet",)

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class PoseData:
    """n persons (or pictures without people), each with its picture.

    Attributes:
        name: Of the data set.
        skeleton: Of the joints.
        keypoints: (n, K, 3) float32: x, y in pixels (coordinates of pixel centres), and v: -1
            outside the picture, 0 no label, 1 hidden, 2 visible.
        pictures: Names; persons of the same picture have the same one, so that a split never
            separates them.
        read: `read(i)` is picture i, (H, W, 3) uint8 BGR.
        complete: Whether a joint without a label is absent, not unknown.
        weight: (n, K) of the labels, 0..1; None = all 1.
        boxes: (n, 4) x, y, width, height of each person's visible part, if known.
        held_out: (n,) which are held out, if the data set says so.
    """

    name: str
    skeleton: Skeleton
    keypoints: Floats
    pictures: tuple[str, ...]
    read: Callable[[int], Image]
    complete: bool = False
    weight: Floats | None = None
    boxes: Floats | None = None
    held_out: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def states(self) -> NDArray[np.int8]:
        """(n, K): MASKED, PRESENT or ABSENT."""
        without = ABSENT if self.complete else MASKED
        v = self.keypoints[..., 2]
        return np.select([v > 0, v < 0], [PRESENT, ABSENT], without).astype(np.int8)

    @property
    def weights(self) -> Floats:
        """(n, K): the weight of each label, 0..1."""
        if self.weight is not None:
            return self.weight
        return np.ones(self.keypoints.shape[:2], dtype=np.float32)

    @property
    def somebody(self) -> NDArray[np.bool_]:
        """(n,): whether there is a labelled person."""
        labelled: NDArray[np.bool_] = self.keypoints[..., 2] > 0
        return np.asarray(labelled.any(axis=1))

    def select(self, rows: Rows | Sequence[int]) -> PoseData:
        """Only these rows, in this order."""
        chosen = np.asarray(rows, dtype=np.intp)
        return replace(
            self,
            keypoints=self.keypoints[chosen],
            pictures=tuple(self.pictures[i] for i in chosen),
            read=lambda i: self.read(int(chosen[i])),
            weight=None if self.weight is None else self.weight[chosen],
            boxes=None if self.boxes is None else self.boxes[chosen],
            held_out=None if self.held_out is None else self.held_out[chosen],
        )

    def with_skeleton(self, skeleton: Skeleton) -> PoseData:
        """The same persons with the joints of another skeleton, matched by name.

        Joints that this data does not have are not labelled. Raises DataError where none match.
        """
        if skeleton == self.skeleton:
            return self
        keypoints = np.zeros((len(self), len(skeleton), 3), dtype=np.float32)
        common = [joint for joint in skeleton.joints if joint in self.skeleton.joints]
        if not common:
            raise DataError(f"{self.name} has no joint in common with the skeleton wanted.")
        weight = None if self.weight is None else np.ones(keypoints.shape[:2], dtype=np.float32)
        # A joint that the data does not have may be in the picture, so the labels are incomplete.
        unknown = self.complete and self.somebody.any() and len(common) < len(skeleton)
        for joint in common:
            new, old = skeleton.index(joint), self.skeleton.index(joint)
            keypoints[:, new] = self.keypoints[:, old]
            if unknown:
                keypoints[self.states[:, old] == ABSENT, new] = -1
            if weight is not None and self.weight is not None:
                weight[:, new] = self.weight[:, old]
        return replace(
            self,
            skeleton=skeleton,
            keypoints=keypoints,
            weight=weight,
            complete=self.complete and not unknown,
        )


def split(data: PoseData) -> tuple[PoseData, PoseData]:
    """(training data, held-out data), split by picture as in `split_rows`."""
    train = split_rows(data)
    return data.select(train), data.select(np.setdiff1d(np.arange(len(data)), train))


def split_rows(data: PoseData) -> Rows:
    """The rows to train on, the same in every run.

    Held out is what the data set says. Otherwise, of LSP extended the last 400, of MPII every tenth
    picture number, of others every 40th (synthetic), 6th (without people) or 10th picture.
    """
    count = len(data)
    if data.held_out is not None:
        held = data.held_out
    elif data.name.startswith("lspet"):
        held = np.arange(count) >= count - min(400, count // 5)
    elif data.name.startswith("mpii") and all(p.isdigit() for p in data.pictures):
        held = np.array([int(picture) % 10 == 0 for picture in data.pictures])
    else:
        every = {"synthetic": 40, "no_person": 6}.get(data.name, 10)
        order = {picture: i for i, picture in enumerate(dict.fromkeys(data.pictures))}
        held = np.array([order[picture] % every == 0 for picture in data.pictures], dtype=bool)
    return np.flatnonzero(~held)
