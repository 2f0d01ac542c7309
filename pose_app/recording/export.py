"""`pose-app export`: a keypoint log in the formats of other programs."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RecordingError
from . import files

if TYPE_CHECKING:
    from .keypoint_log import LogFrame

FORMATS = ("csv", "coco", "openpose")
_SUFFIX = {"csv": ".csv", "coco": ".coco.json", "openpose": "_openpose"}

# BODY_25 of OpenPose (Cao et al., TPAMI 2019). What a skeleton does not have is (0, 0, 0) there.
# Alternatives in order; `+` is the middle of two joints. OpenPose's neck lies between the
# shoulders: that is MPII's thorax.
_BODY_25: tuple[tuple[str, ...], ...] = (
    ("nose",),
    ("thorax", "left_shoulder+right_shoulder"),
    ("right_shoulder",),
    ("right_elbow",),
    ("right_wrist",),
    ("left_shoulder",),
    ("left_elbow",),
    ("left_wrist",),
    ("pelvis", "left_hip+right_hip"),
    ("right_hip",),
    ("right_knee",),
    ("right_ankle",),
    ("left_hip",),
    ("left_knee",),
    ("left_ankle",),
    ("right_eye",),
    ("left_eye",),
    ("right_ear",),
    ("left_ear",),
    *((),) * 6,
)

_Point = tuple[float, float, float]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("log", type=Path, help="a keypoint log (.jsonl)")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="csv",
        help="csv: a table; coco: keypoints JSON; openpose: a folder of BODY_25 JSON files",
    )
    parser.add_argument("--output", type=Path, metavar="F", help="default: named after the log")


def main(arguments: argparse.Namespace) -> int:
    print(export(arguments.log, arguments.format, arguments.output))
    return 0


def export(log: Path, format: str = "csv", output: Path | None = None) -> Path:
    """Write a log in another format; returns the new file, or folder for `openpose`.

    Raises RecordingError where the log is not readable or the name is taken.
    """
    if format not in FORMATS:
        raise RecordingError(f"There is no format {format!r}: use {', '.join(FORMATS)}.")
    from .keypoint_log import LogReader

    log = Path(log)
    reader = LogReader(log)
    frames = list(reader)
    output = Path(output or log.with_name(log.stem + _SUFFIX[format]))
    if format == "openpose":
        return _write_folder(output, log.stem, (openpose(frame, reader.joints) for frame in frames))
    content = coco(frames, reader.header) if format == "coco" else None
    path = files.claim(output)
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            if content is None:
                csv.writer(file).writerows(table(frames, reader.joints))
            else:
                json.dump(content, file)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise RecordingError(f"{path} cannot be written ({files.reason(error)}).") from None
    return path


def table(frames: Iterable[LogFrame], joints: Sequence[str]) -> Iterator[list[Any]]:
    """Rows: a head, then one per frame; x and y in pixels, empty where there is no position."""
    yield [
        *("index", "seconds", "region_x", "region_y", "region_side", "stacks"),
        *(f"{joint}_{part}" for joint in joints for part in ("x", "y", "score", "present")),
    ]
    for frame in frames:
        row: list[Any] = [frame.index, frame.seconds, *(frame.region or ("", "", "")), frame.stacks]
        for x, y, score, present in frame.joints:
            row += ["" if x is None else x, "" if y is None else y, score, int(present)]
        yield row


def coco(frames: Iterable[LogFrame], header: dict[str, Any]) -> dict[str, Any]:
    """COCO keypoints (https://cocodataset.org/#format-data); ids count from 1.

    Visibility is 2 for present joints; absent ones are 0, 0, 0. Frames without anybody have an
    image and no annotation.
    """
    width, height = _size(header)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, frame in enumerate(frames, 1):
        images.append(
            {
                "id": number,
                "file_name": f"frame_{frame.index:06d}",
                "width": width,
                "height": height,
                "frame_index": frame.index,
                "seconds": frame.seconds,
            }
        )
        found = _present(frame)
        if not found:
            continue
        xs, ys = [x for x, _, _ in found.values()], [y for _, y, _ in found.values()]
        box = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
        keypoints: list[float] = []
        for joint in range(len(frame.joints)):
            keypoints += [*found[joint][:2], 2] if joint in found else [0, 0, 0]
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": number,
                "category_id": 1,
                "keypoints": keypoints,
                "num_keypoints": len(found),
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
                "score": sum(score for _, _, score in found.values()) / len(found),
            }
        )
    return {
        "info": {"description": f"pose-app {header.get('app')}, model {header.get('model')}"},
        "images": images,
        "annotations": annotations,
        "categories": [
            {
                "id": 1,
                "name": "person",
                "keypoints": header["joints"],
                "skeleton": _limbs(header),
            }
        ],
    }


def openpose(frame: LogFrame, joints: Sequence[str]) -> dict[str, Any]:
    """One frame as OpenPose writes it: 25 joints (BODY_25) of x, y in pixels and score."""
    found = {joints[joint]: point for joint, point in _present(frame).items()}
    points: list[float] = []
    for names in _BODY_25:
        points += next((p for p in (_named(name, found) for name in names) if p), (0.0, 0.0, 0.0))
    people = [{"person_id": [-1], "pose_keypoints_2d": points}] if found else []
    return {"version": 1.3, "people": people}


def _named(name: str, found: dict[str, _Point]) -> _Point | None:
    parts = [found.get(part) for part in name.split("+")]
    points = [point for point in parts if point is not None]
    if len(points) < len(parts):
        return None
    x, y = (sum(p[axis] for p in points) / len(points) for axis in (0, 1))
    return x, y, min(score for _, _, score in points)


def _present(frame: LogFrame) -> dict[int, _Point]:
    return {
        joint: (x, y, score)
        for joint, (x, y, score, present) in enumerate(frame.joints)
        if present and x is not None and y is not None
    }


def _size(header: dict[str, Any]) -> tuple[int, int]:
    try:
        width, height = (int(value) for value in header["size"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise RecordingError("The header of the log has no picture size.") from None
    return width, height


def _limbs(header: dict[str, Any]) -> list[list[int]]:
    """Pairs of joints, counted from 1 as COCO does."""
    try:
        return [[int(a) + 1, int(b) + 1] for a, b in header.get("limbs", [])]
    except (TypeError, ValueError, OverflowError):
        raise RecordingError("The header of the log has limbs that are no pairs.") from None


def _write_folder(folder: Path, stem: str, frames: Iterable[dict[str, Any]]) -> Path:
    """One file per frame, named as OpenPose names them."""
    try:
        folder.mkdir(parents=True)
        for number, frame in enumerate(frames):
            path = folder / f"{stem}_{number:012d}_keypoints.json"
            path.write_text(json.dumps(frame), encoding="utf-8")
    except FileExistsError:
        raise RecordingError(f"{folder} exists already and is not overwritten.") from None
    except OSError as error:
        raise RecordingError(f"{folder} cannot be written ({files.reason(error)}).") from None
    return folder
