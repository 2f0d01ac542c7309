"""Reads MPII's and COCO's annotation files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..skeletons import COCO_17, MPII_16, MPII_21
from ..sources.images import decode_image
from ..types import Floats, Image
from .data import PoseData
from .scenes import SceneData


def load_annotations(path: Path, pictures: Path) -> PoseData:
    """Load MPII's .mat file or common .json list, or COCO's keypoint .json. Raises DataError."""
    if not pictures.is_dir():
        raise DataError(f"There is no folder of pictures {pictures}.")
    if path.suffix.lower() == ".mat":
        return _persons("mpii", path, pictures, _read_mat(path))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"The annotation file {path} is not readable JSON: {error}.") from None
    try:
        if isinstance(content, list):
            return _persons("mpii", path, pictures, [_mpii_entry(entry) for entry in content])
        if isinstance(content, dict) and "annotations" in content and "images" in content:
            return _coco(path, pictures, content)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"{type(error).__name__}: {error}"[:200]
        raise DataError(f"The annotations in {path} are not as expected ({what}).") from None
    raise DataError(f"{path} is neither a list of MPII persons nor COCO's keypoint annotations.")


def _mpii_entry(entry: dict[str, Any]) -> tuple[str, np.ndarray]:
    """One person of the common JSON list of MPII (`image`, `joints`, `joints_vis`).

    Coordinates count from 1; an unlabelled joint is at (-1, -1) or (0, 0).
    """
    joints = np.asarray(entry["joints"], dtype=np.float32).reshape(16, 2)
    seen = np.asarray(entry.get("joints_vis", np.ones(16)), dtype=np.float32)
    labelled = (joints > 0).all(axis=1) & ((seen > 0) | (joints > 1).all(axis=1))
    keypoints = np.zeros((16, 3), dtype=np.float32)
    keypoints[labelled, :2] = joints[labelled] - 1
    keypoints[labelled, 2] = np.where(seen[labelled] > 0, 2, 1)
    return str(entry["image"]), keypoints


def _read_mat(path: Path) -> list[tuple[str, np.ndarray]]:
    """The training persons of MPII's `mpii_human_pose_v1_u12_1.mat`; test labels are secret."""
    try:
        from scipy.io import loadmat
    except ImportError:
        raise DataError(
            "MPII's .mat file needs the package scipy: `pip install scipy`, or give the "
            "annotations as JSON."
        ) from None
    try:
        release = loadmat(path, squeeze_me=True, struct_as_record=False)["RELEASE"]
    except (OSError, KeyError, ValueError, NotImplementedError) as error:
        raise DataError(f"{path} is not MPII's annotation file: {error}.") from None
    persons = []
    for entry, train in zip(release.annolist, np.atleast_1d(release.img_train), strict=True):
        if not train:
            continue
        for person in np.atleast_1d(entry.annorect):
            points = getattr(getattr(person, "annopoints", None), "point", None)
            if points is None:
                continue
            keypoints = np.zeros((16, 3), dtype=np.float32)
            for point in np.atleast_1d(points):
                hidden = str(getattr(point, "is_visible", 1)) in ("0", "[]")
                keypoints[int(point.id)] = point.x - 1, point.y - 1, 1 if hidden else 2
            persons.append((str(entry.image.name), keypoints))
    return persons


def _coco(path: Path, pictures: Path, content: dict[str, Any]) -> PoseData:
    images, named = content["images"], _joint_names(content)
    names = tuple(str(image["file_name"]) for image in images)
    rows = {image["id"]: row for row, image in enumerate(images)}
    persons, whose = [], []
    for annotation in _of_people(content):
        joints = named.get(annotation.get("category_id"), COCO_17.joints)
        keypoints = _in_coco(annotation, joints)
        if annotation.get("iscrowd") or keypoints is None:
            continue
        if not set(joints) & set(COCO_17.joints):
            raise DataError(
                f"None of the joints in {path} has the name of one of COCO's: {', '.join(joints)}."
            )
        if (keypoints[:, 2] > 0).sum() >= 2:
            # COCO's boxes are in coordinates of pixel corners, its keypoints of pixel centres.
            whose.append(rows[annotation["image_id"]])
            persons.append((names[whose[-1]], keypoints))
    data = _persons("coco", path, pictures, persons)
    return replace(data, held_out=_held_out(names)[whose])


def _of_people(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The annotations of the category *person*, or all where no category has that name."""
    categories = content.get("categories") or ()
    people = {entry["id"] for entry in categories if entry.get("name") == "person"}
    annotations: list[dict[str, Any]] = content["annotations"]
    return [one for one in annotations if not people or one.get("category_id") in people]


def _joint_names(content: dict[str, Any]) -> dict[Any, tuple[str, ...]]:
    """The names of the joints of each category that has some."""
    return {
        entry["id"]: tuple(str(joint) for joint in entry["keypoints"])
        for entry in content.get("categories") or ()
        if entry.get("keypoints")
    }


def _in_coco(annotation: dict[str, Any], names: tuple[str, ...]) -> Floats | None:
    """The joints (17, 3) of one person in COCO's order, from those of these names.

    None without joints, or with another number of them.
    """
    joints = np.asarray(annotation.get("keypoints", ()), dtype=np.float32)
    if joints.size != 3 * len(names):
        return None
    made = np.zeros((len(COCO_17), 3), dtype=np.float32)
    for column, name in enumerate(names):
        if name in COCO_17.joints:
            made[COCO_17.index(name)] = joints.reshape(-1, 3)[column]
    return made


def _held_out(names: tuple[str, ...]) -> NDArray[np.bool_]:
    """(n,) of a file's n pictures: every tenth, the same for every task."""
    first = {name: row for row, name in reversed(list(enumerate(names)))}
    return np.array([first[name] % 10 == 0 for name in names], dtype=np.bool_)


def load_boxes(path: Path, pictures: Path) -> SceneData:
    """Load COCO's annotations as whole pictures with the boxes of all people.

    People are the annotations of the category *person*, or all of them where no category has that
    name. Keypoints with COCO's names, or in its order without names, are used if present. A picture
    with a crowd is not complete. Every tenth picture is held out. Raises DataError.
    """
    if not pictures.is_dir():
        raise DataError(f"There is no folder of pictures {pictures}.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        images, named = content["images"], _joint_names(content)
        per_image: dict[Any, list[dict[str, Any]]] = {image["id"]: [] for image in images}
        for annotation in _of_people(content):
            per_image[annotation["image_id"]].append(annotation)
        boxes, keypoints, counts, complete = [], [], [], []
        for image in images:
            of_image = per_image[image["id"]]
            single = [one for one in of_image if not one.get("iscrowd")]
            complete.append(len(single) == len(of_image))
            counts.append(len(single))
            for one in single:
                boxes.append(np.asarray(one["bbox"], dtype=np.float32).reshape(4))
                known = _in_coco(one, named.get(one.get("category_id"), COCO_17.joints))
                keypoints.append(np.zeros((len(COCO_17), 3)) if known is None else known)
        names = tuple(str(image["file_name"]) for image in images)
    except (OSError, RecursionError) as error:
        raise DataError(f"The annotation file {path} is not readable JSON: {error}.") from None
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"{type(error).__name__}: {error}"[:200]
        raise DataError(f"The annotations in {path} are not as expected ({what}).") from None
    if not boxes:
        raise DataError(f"There is no box of a person in {path}.")
    found = np.stack(boxes)
    if not np.isfinite(found).all() or (found[:, 2:] <= 0).any():
        raise DataError(f"The boxes in {path} are not all boxes with a width and a height.")
    coco = np.stack(keypoints).astype(np.float32)
    joints = np.zeros((len(found), len(MPII_21), 3), dtype=np.float32)
    for index, joint in enumerate(COCO_17.joints):
        joints[:, MPII_21.index(joint)] = coco[:, index]
    return SceneData(
        name=path.stem,
        skeleton=MPII_21,
        persons=np.cumsum([0, *counts]),
        boxes=found,
        box_weight=np.ones(len(found), dtype=np.float32),
        size_weight=np.ones(len(found), dtype=np.float32),
        keypoints=joints,
        weight=(joints[..., 2] > 0).astype(np.float32),
        complete=np.array(complete),
        held_out=_held_out(names),
        pictures=names,
        read=_reader(pictures, names),
    )


def _reader(folder: Path, files: tuple[str, ...]) -> Callable[[int], Image]:
    def read(index: int) -> Image:
        try:  # not cv2.imread, which ends the process for a name with half a surrogate pair
            picture = decode_image((folder / files[index]).read_bytes())
        except (OSError, ValueError):  # a missing file, or an impossible name
            picture = None
        if picture is None:
            raise DataError(f"The picture {files[index]!a} is missing from {folder}, or damaged.")
        return picture

    return read


def _persons(
    name: str, path: Path, folder: Path, persons: list[tuple[str, np.ndarray]]
) -> PoseData:
    persons = [(file, keypoints) for file, keypoints in persons if (keypoints[:, 2] > 0).any()]
    if not persons:
        raise DataError(f"There is no labelled person in {path}.")
    files = tuple(file for file, _ in persons)
    keypoints = np.stack([keypoints for _, keypoints in persons])
    if not np.isfinite(keypoints).all():
        raise DataError(f"The annotations in {path} have coordinates that are not finite.")

    return PoseData(
        name=name,
        skeleton=COCO_17 if name == "coco" else MPII_16,
        keypoints=keypoints,
        pictures=files,
        read=_reader(folder, files),
    )
