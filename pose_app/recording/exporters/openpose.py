"""BODY_25 as OpenPose writes it (Cao et al., TPAMI 2019)."""

from __future__ import annotations

import json
from typing import Any

from ..keypoint_log import LogPerson
from .log import Log, mapped


def openpose(log: Log) -> dict[str, str]:
    """The texts of one file per frame, by the names that OpenPose uses.

    A person has 25 joints (x and y in pixels, score), (0, 0, 0) where a joint is absent.
    """
    texts = {}
    for number, frame in enumerate(log.frames):
        people = [_person(log, person) for person in frame.people if person.present]
        name = f"{log.stem}_{number:012d}_keypoints.json"
        texts[name] = json.dumps({"version": 1.3, "people": people})
    return texts


def _person(log: Log, person: LogPerson) -> dict[str, Any]:
    points: list[float] = []
    for point in mapped(person, log.skeleton.body_25):
        points += point or (0.0, 0.0, 0.0)
    return {"person_id": [person.id], "pose_keypoints_2d": points}
