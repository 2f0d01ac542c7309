"""A table of joints."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from ..keypoint_log import LogPerson
from .log import Log


def csv_table(log: Log) -> str:
    """CSV with a header, then one row per person and frame.

    x and y are in pixels, empty where a joint has no position. A frame without people has one row
    with empty fields.
    """
    text = io.StringIO()
    csv.writer(text).writerows(_rows(log))
    return text.getvalue()


def _rows(log: Log) -> Iterator[list[Any]]:
    yield [
        *("index", "seconds", "person", "person_score"),
        *("region_x", "region_y", "region_side", "stacks"),
        *(f"{joint}_{part}" for joint in log.joints for part in ("x", "y", "score", "present")),
    ]
    for frame in log.frames:
        for person in frame.people:
            region = person.region or ("", "", "")
            yield [
                *(frame.index, frame.seconds, person.id, person.score),
                *(*region, frame.stacks, *_joints(person)),
            ]
        if not frame.people:
            absent = ["", "", "", 0] * len(log.joints)
            yield [frame.index, frame.seconds, "", "", "", "", "", frame.stacks, *absent]


def _joints(person: LogPerson) -> Iterator[Any]:
    for x, y, score, present in person.joints:
        yield from ("" if x is None else x, "" if y is None else y, score, int(present))
