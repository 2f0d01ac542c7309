"""COCO keypoints (https://cocodataset.org/#format-data)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from ...skeletons import COCO_17
from ..keypoint_log import LogPerson
from .log import Log, Point, mapped

_Points = Callable[[LogPerson], "list[Point | None]"]


def coco(log: Log) -> str:
    """COCO JSON with the joints of the model, described in `categories`."""

    def own(person: LogPerson) -> list[Point | None]:
        present = person.present
        return [present.get(joint) for joint in range(len(person.joints))]

    return _content(log, log.joints, log.limbs, own)


def coco_17(log: Log) -> str:
    """COCO JSON with COCO's 17 joints, mapped by the skeleton's `coco_17`."""
    ways = log.skeleton.coco_17
    return _content(log, COCO_17.joints, COCO_17.limbs, lambda person: mapped(person, ways))


def _content(
    log: Log, joints: Sequence[str], limbs: Sequence[tuple[int, int]], points: _Points
) -> str:
    """The JSON text. Ids count from 1; a frame without people has an image and no annotation.

    Present joints have visibility 2, absent ones are 0, 0, 0; `score` is the person's.
    """
    width, height = log.size
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, frame in enumerate(log.frames, 1):
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
        for person in frame.people:
            annotation = _annotation(points(person))
            if annotation:
                annotation |= {"id": len(annotations) + 1, "image_id": number}
                annotation |= {"track_id": person.id, "score": person.score}
                annotations.append(annotation)
    content = {
        "info": {
            "description": f"pose-app {log.header.get('app')}, model {log.header.get('model')}"
        },
        "images": images,
        "annotations": annotations,
        "categories": [
            {
                "id": 1,
                "name": "person",
                "keypoints": list(joints),
                "skeleton": [[a + 1, b + 1] for a, b in limbs],  # counted from 1 as COCO does
            }
        ],
    }
    return json.dumps(content)


def _annotation(points: list[Point | None]) -> dict[str, Any]:
    """Keypoints and the box around them; empty where no joint is present."""
    seen = [point for point in points if point is not None]
    if not seen:
        return {}
    xs, ys = [x for x, _, _ in seen], [y for _, y, _ in seen]
    # Joints are at the centres of pixels, COCO's boxes at their corners.
    box = [min(xs) - 0.5, min(ys) - 0.5, max(xs) - min(xs) + 1, max(ys) - min(ys) + 1]
    keypoints: list[float] = []
    for point in points:
        keypoints += [0, 0, 0] if point is None else [point[0], point[1], 2]
    return {
        "category_id": 1,
        "keypoints": keypoints,
        "num_keypoints": len(seen),
        "bbox": box,
        "area": box[2] * box[3],
        "iscrowd": 0,
    }
