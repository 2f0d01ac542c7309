"""Training data: the app's own shards, and annotation files with a folder of pictures.

A joint of a picture has one of three states. MASKED: not labelled, ignored. PRESENT: has a
position. ABSENT: known not to be in the picture, its heatmap must be empty. Confusing MASKED and
ABSENT would teach a network to invent legs, or to miss them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..skeletons import MPII_16, MPII_21, Skeleton
from ..sources.images import decode_image
from ..types import Floats, Image

MASKED, PRESENT, ABSENT = 0, 1, 2

# Shards in which a joint without a label is known to be outside the picture.
COMPLETE_SHARDS = ("synthetic", "no_person")

# Shards with crowd-sourced labels, which have gross errors.
NOISY_SHARDS = ("lspet",)

# Joints of the face predicted by a teacher network: used from this score, with this factor of the
# score as their weight.
_SURE_FACE, _TEACHER_WEIGHT = 0.4, 0.6

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


def load(path: str | Path, pictures: str | Path | None = None) -> PoseData:
    """Load a shard (.npz), or MPII's or COCO's annotations (.mat, .json) with a picture folder.

    Raises DataError.
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
    """Load a shard: one person per row.

    It has the arrays `jpeg` (concatenated files), `offsets` (n + 1), `keypoints` (n, 16, 3) in
    MPII's order and `name`; or it is a scene shard (see `scenes`). Shards named in COMPLETE_SHARDS
    label all visible joints. Persons of one MPII picture share its number, after the second
    underscore of their name. A file `<name>_faces.npz` beside the shard adds a teacher's joints of
    the face: `faces` (n, 5, 3) x, y and score.
    """
    arrays, read = read_pictures(path)
    if "persons" in arrays:
        from .scenes import load_scene_shard

        return load_scene_shard(path).crops()
    keypoints, count = arrays["keypoints"].astype(np.float32), len(arrays["name"])
    if keypoints.shape != (count, len(MPII_16), 3):
        raise DataError(f"The keypoints of {path} have the shape {keypoints.shape}.")
    if not np.isfinite(keypoints).all():
        raise DataError(f"The keypoints of {path} have values that are not finite.")
    data = PoseData(
        name=path.stem,
        skeleton=MPII_16,
        keypoints=keypoints,
        pictures=tuple(_picture_of(str(name)) for name in arrays["name"]),
        read=read,
        complete=path.stem.startswith(COMPLETE_SHARDS),
    )
    faces = path.with_name(f"{path.stem}_faces.npz")
    return _with_faces(data, faces) if faces.is_file() else data


def read_pictures(path: Path) -> tuple[dict[str, NDArray[Any]], Callable[[int], Image]]:
    """(arrays of a shard except its pictures, function that reads picture i).

    Types and sizes of the arrays that all shards have are checked. Raises DataError.
    """
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        jpeg, offsets = arrays.pop("jpeg"), arrays.pop("offsets")
        keypoints, names = arrays["keypoints"], arrays["name"]
    except Exception as error:  # numpy's reader raises anything on damaged files
        what = f"{type(error).__name__}: {error}"[:200]
        raise DataError(f"{path} is not a shard of training pictures ({what}).") from error
    kinds = {"jpeg": (jpeg, "u"), "offsets": (offsets, "iu"), "keypoints": (keypoints, "f")}
    for name, (array, kind) in {**kinds, "name": (names, "U")}.items():
        if not isinstance(array, np.ndarray):  # numpy returns data without a header as bytes
            raise DataError(f"The array {name!r} of {path} is damaged.")
        if array.dtype.kind not in kind or array.ndim != (3 if name == "keypoints" else 1):
            raise DataError(f"The array {name!r} of {path} has the wrong type for a shard.")
    offsets = offsets.astype(np.int64)
    if len(names) == 0 or jpeg.dtype != np.uint8 or len(offsets) != len(names) + 1:
        raise DataError(f"The offsets of {path} do not fit its pictures.")
    if (np.diff(offsets) <= 0).any() or offsets[0] < 0 or offsets[-1] > len(jpeg):
        raise DataError(f"The offsets of {path} do not fit its pictures.")

    def read(index: int) -> Image:
        picture = decode_image(jpeg[offsets[index] : offsets[index + 1]])
        if picture is None:
            raise DataError(f"Picture {index} of {path} is damaged.")
        return picture

    return arrays, read


def _with_faces(data: PoseData, path: Path) -> PoseData:
    """The data with five joints of the face by a teacher network. Raises DataError."""
    try:
        with np.load(path) as file:
            faces = file["faces"].astype(np.float32)
    except Exception as error:
        raise DataError(f"{path} has no faces for {data.name} ({error}).") from error
    if faces.shape != (len(data), len(MPII_21) - len(MPII_16), 3) or not np.isfinite(faces).all():
        raise DataError(f"The faces of {path} do not fit the persons of {data.name}.")
    weight = np.where(faces[..., 2] >= _SURE_FACE, _TEACHER_WEIGHT * faces[..., 2].clip(0, 1), 0)
    faces[..., 2] = np.where(weight > 0, 2, 0)
    return replace(
        data,
        skeleton=MPII_21,
        keypoints=np.concatenate((data.keypoints, faces), axis=1),
        weight=np.concatenate((data.weights, weight.astype(np.float32)), axis=1),
    )


def _picture_of(name: str) -> str:
    parts = name.split("_")
    return parts[2] if parts[0] == "mpii" and len(parts) > 2 else name


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
