"""Files of training pictures: shards, and MPII's and COCO's annotations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..skeletons import MPII_16, MPII_21
from ..sources.images import decode_image
from ..types import Image
from .annotations import load_annotations, load_boxes
from .data import PoseData, split_rows
from .scenes import SceneData, scenes_of_crops

# Shards in which a joint without a label is known to be outside the picture.
COMPLETE_SHARDS = ("synthetic", "no_person")

# Joints of the face predicted by a teacher network: used from this score, with this factor of the
# score as their weight.
_SURE_FACE, _TEACHER_WEIGHT = 0.4, 0.6


def load(path: str | Path, pictures: str | Path | None = None) -> PoseData:
    """Load a shard (.npz), or MPII's or COCO's annotations (.mat, .json) with a picture folder.

    Raises DataError.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"There is no file {path}: give a shard (.npz) or an annotation file.")
    if path.suffix.lower() == ".npz":
        return load_shard(path)
    if pictures is None:
        raise DataError(f"{path.name} needs its pictures: give their folder with --pictures.")
    return load_annotations(path, Path(pictures))


def load_scenes(path: str | Path, pictures: str | Path | None = None) -> SceneData:
    """Load data for a finder. Raises DataError.

    It may be a scene shard, a shard of crops (as scenes with one person), or COCO's annotations
    (.json, boxes with or without joints) with the folder of pictures.
    """
    path = Path(path)
    if path.suffix.lower() == ".json" and path.is_file():
        if pictures is None:
            raise DataError(f"{path.name} needs its pictures: give their folder with --pictures.")
        return load_boxes(path, Path(pictures))
    if path.suffix.lower() == ".npz" and path.is_file():
        arrays, _ = read_pictures(path)
        if "persons" in arrays:
            return load_scene_shard(path)
    data = load(path, pictures)
    held_out = np.ones(len(data), dtype=bool)
    held_out[split_rows(data)] = False
    return scenes_of_crops(data, held_out)


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


def load_scene_shard(path: Path) -> SceneData:
    """Load a scene shard. Raises DataError."""
    arrays, read = read_pictures(path)
    count = len(arrays["name"])
    try:
        persons = arrays["persons"].astype(np.int64)
        boxes, box_weight = (arrays[name].astype(np.float32) for name in ("boxes", "box_weight"))
        keypoints, weight = (arrays[name].astype(np.float32) for name in ("keypoints", "weight"))
        complete = arrays["complete"].astype(bool)
        held_out = arrays["split"].astype(str) == "held_out"
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"The scene shard {path} is not as expected ({error}).") from None
    people, joints = len(boxes), len(MPII_21)
    wanted = {
        "persons": (persons, (count + 1,)),
        "boxes": (boxes, (people, 4)),
        "box_weight": (box_weight, (people,)),
        "keypoints": (keypoints, (people, joints, 3)),
        "weight": (weight, (people, joints)),
        "complete": (complete, (count,)),
        "split": (held_out, (count,)),
    }
    for name, (array, shape) in wanted.items():
        if array.shape != shape:
            raise DataError(f"The array {name!r} of {path} has the shape {array.shape}.")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(f"The array {name!r} of {path} has values that are not finite.")
    if persons[0] != 0 or persons[-1] != people or (np.diff(persons) < 0).any():
        raise DataError(f"The people of {path} do not fit its pictures.")
    return SceneData(
        name=path.stem,
        skeleton=MPII_21,
        persons=persons,
        boxes=boxes,
        box_weight=box_weight,
        size_weight=np.ones(people, dtype=np.float32),
        keypoints=keypoints,
        weight=weight,
        complete=complete,
        held_out=held_out,
        pictures=tuple(str(name) for name in arrays["name"]),
        read=read,
    )


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
