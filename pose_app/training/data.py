"""Labelled pictures: the app's own shards, and annotation files with a folder of pictures.

A joint of a picture is in one of three states. MASKED: never labelled, says nothing. PRESENT: has
a place. ABSENT: known not to be in the picture, its heatmap must be empty. Confusing the first and
the last teaches a network to invent legs, or to miss them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..skeletons import MPII_16, Skeleton
from ..sources.images import decode_image
from ..types import Floats, Image

MASKED, PRESENT, ABSENT = 0, 1, 2

# Shards in which a joint without a label is known to be outside the picture.
COMPLETE_SHARDS = ("synthetic", "no_person")

# Shards whose labels were made by many hands and have gross errors.
NOISY_SHARDS = ("lspet",)

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class PoseData:
    """n persons (or pictures of nobody), each with its picture.

    `keypoints` (n, K, 3) float32: x, y in pixels of the picture that `read` gives, where (0, 0) is
    the centre of the first pixel, and v: 0 no label, 1 hidden, 2 seen. `complete`: a joint without
    a label is absent, not unknown. `pictures[i]` names picture i: persons of the same picture
    share it, so that a split never has one on both sides. `read(i)` gives (H, W, 3) uint8 BGR.
    """

    name: str
    skeleton: Skeleton
    keypoints: Floats
    pictures: tuple[str, ...]
    read: Callable[[int], Image]
    complete: bool = False

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def states(self) -> NDArray[np.int8]:
        """(n, K): MASKED, PRESENT or ABSENT."""
        without = ABSENT if self.complete else MASKED
        return np.where(self.keypoints[..., 2] > 0, PRESENT, without).astype(np.int8)

    @property
    def somebody(self) -> NDArray[np.bool_]:
        """(n,): whether anybody is labelled in the picture."""
        labelled: NDArray[np.bool_] = self.keypoints[..., 2] > 0
        return np.asarray(labelled.any(axis=1))

    def select(self, rows: Rows | Sequence[int]) -> PoseData:
        """The same with these rows alone, in this order."""
        chosen = np.asarray(rows, dtype=np.intp)
        return replace(
            self,
            keypoints=self.keypoints[chosen],
            pictures=tuple(self.pictures[i] for i in chosen),
            read=lambda i: self.read(int(chosen[i])),
        )

    def with_skeleton(self, skeleton: Skeleton) -> PoseData:
        """The same persons with another skeleton's joints, matched by name.

        A joint that this data does not know has no label. Raises DataError where none fits.
        """
        if skeleton == self.skeleton:
            return self
        keypoints = np.zeros((len(self), len(skeleton), 3), dtype=np.float32)
        common = [joint for joint in skeleton.joints if joint in self.skeleton.joints]
        if not common:
            raise DataError(f"{self.name} has no joint in common with the skeleton wanted.")
        for joint in common:
            keypoints[:, skeleton.index(joint)] = self.keypoints[:, self.skeleton.index(joint)]
        nobody = not self.somebody.any()
        return replace(
            self,
            skeleton=skeleton,
            keypoints=keypoints,
            # A joint that the data does not know may well be in the picture of a person.
            complete=self.complete and (nobody or len(common) == len(skeleton)),
        )


def load(path: str | Path, pictures: str | Path | None = None) -> PoseData:
    """A shard (.npz), or MPII's or COCO's annotations (.mat, .json) with the folder of pictures.

    Raises DataError with a sentence saying what is wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"There is no file {path}: give a shard (.npz) or an annotation file.")
    if path.suffix.lower() == ".npz":
        return load_shard(path)
    from .annotations import load_annotations

    if pictures is None:
        raise DataError(f"{path.name} needs its pictures: give their folder with --pictures.")
    return load_annotations(path, Path(pictures))


def load_shard(path: Path) -> PoseData:
    """A shard: arrays `jpeg` (files end to end), `offsets` (n + 1), `keypoints` (n, 16, 3), `name`.

    The joints are MPII's. The shards named in COMPLETE_SHARDS label everything that can be seen.
    Persons of one MPII picture share its number, after the second underscore of their name.
    """
    try:
        with np.load(path) as file:
            jpeg, offsets = file["jpeg"], file["offsets"]
            keypoints, names = file["keypoints"], file["name"]
    except Exception as error:  # numpy's reader raises anything on damaged files
        what = f"{type(error).__name__}: {error}"[:200]
        raise DataError(f"{path} is not a shard of training pictures ({what}).") from error
    kinds = {"jpeg": (jpeg, "u"), "offsets": (offsets, "iu"), "keypoints": (keypoints, "f")}
    for name, (array, kind) in {**kinds, "name": (names, "U")}.items():
        if not isinstance(array, np.ndarray):  # numpy hands out what has no header as bytes
            raise DataError(f"The array {name!r} of {path} is damaged.")
        if array.dtype.kind not in kind or array.ndim != (3 if name == "keypoints" else 1):
            raise DataError(f"The array {name!r} of {path} is no such list as a shard has.")
    offsets, keypoints = offsets.astype(np.int64), keypoints.astype(np.float32)
    count = len(keypoints)
    if count == 0 or keypoints.shape[1:] != (len(MPII_16), 3) or len(names) != count:
        raise DataError(f"The keypoints of {path} have the shape {keypoints.shape}.")
    bad = jpeg.dtype != np.uint8 or len(offsets) != count + 1
    if bad or (np.diff(offsets) <= 0).any() or offsets[0] < 0 or offsets[-1] > len(jpeg):
        raise DataError(f"The offsets of {path} do not fit its pictures.")
    if not np.isfinite(keypoints).all():
        raise DataError(f"The keypoints of {path} have values that are not finite.")

    def read(index: int) -> Image:
        picture = decode_image(jpeg[offsets[index] : offsets[index + 1]])
        if picture is None:
            raise DataError(f"Picture {index} of {path} is damaged.")
        return picture

    return PoseData(
        name=path.stem,
        skeleton=MPII_16,
        keypoints=keypoints,
        pictures=tuple(_picture_of(str(name)) for name in names),
        read=read,
        complete=path.stem.startswith(COMPLETE_SHARDS),
    )


def _picture_of(name: str) -> str:
    parts = name.split("_")
    return parts[2] if parts[0] == "mpii" and len(parts) > 2 else name


def split(data: PoseData) -> tuple[PoseData, PoseData]:
    """(to train on, held out), by picture, the same in every run.

    LSP extended: its last 400. MPII: every tenth picture number. Others: one picture in 40 of
    synthetic ones, in six of those of nobody, in ten of anything else.
    """
    count = len(data)
    if data.name.startswith("lspet"):
        held = np.arange(count) >= count - min(400, count // 5)
    elif data.name.startswith("mpii") and all(p.isdigit() for p in data.pictures):
        held = np.array([int(picture) % 10 == 0 for picture in data.pictures])
    else:
        every = {"synthetic": 40, "no_person": 6}.get(data.name, 10)
        order = {picture: i for i, picture in enumerate(dict.fromkeys(data.pictures))}
        held = np.array([order[picture] % every == 0 for picture in data.pictures], dtype=bool)
    return data.select(np.flatnonzero(~held)), data.select(np.flatnonzero(held))
