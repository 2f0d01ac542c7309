"""Keypoint logs, and the structure of recordings, with anything in them."""

from __future__ import annotations

import itertools
import json
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from pose_app.errors import RecordingError
from pose_app.recording.export import export
from pose_app.recording.exporters import EXPORTERS
from pose_app.recording.keypoint_log import LogReader
from pose_app.recording.verify import _boxes, readable, verify
from tests.fuzz.fuzzing import EXAMPLES, damaged, fuzz, nonsense, one_sentence

HEADER: dict[str, Any] = {
    "type": "header",
    "schema": 1,
    "joints": ["nose", "left_wrist"],
    "limbs": [[0, 1]],
    "size": [640, 360],
    "files": {"annotated": "a.mp4"},
}
FRAME: dict[str, Any] = {
    "type": "frame",
    "index": 0,
    "t": 0.0,
    "region": [1.0, 2.0, 30.0],
    "joints": [[1.5, 2.5, 0.9, True], [None, None, 0.0, False]],
    "stacks": 2,
    "found": True,
}
PERSON: dict[str, Any] = {
    "id": 1,
    "score": 0.9,
    "region": FRAME["region"],
    "joints": FRAME["joints"],
}
SEVERAL: dict[str, Any] = {
    "type": "frame",
    "index": 0,
    "t": 0.0,
    "stacks": 2,
    "people": [PERSON, {**PERSON, "id": 2, "region": None}],
}
NOW: dict[str, Any] = {**HEADER, "schema": 2}
GOOD: list[Any] = [
    [NOW, SEVERAL, {**SEVERAL, "index": 1, "t": 0.04, "people": []}],
    [HEADER, FRAME, {**FRAME, "index": 1, "t": 0.04}],
    [HEADER, FRAME],
    [HEADER],
]
CORPUS: list[Any] = [
    *([], [None], [[]], [FRAME], [HEADER, HEADER], [HEADER, {}], [{"type": "header"}]),
    [{**HEADER, "joints": []}, {**FRAME, "joints": []}],
    [{**HEADER, "joints": [{}]}, FRAME],
    [{**HEADER, "joints": ["\ud800", "b"]}, FRAME],
    [{**HEADER, "files": {"annotated": 1}}, FRAME],
    [{**HEADER, "limbs": [[0, 99], "x", 3]}, FRAME],
    [{**HEADER, "size": "big"}, FRAME],
    [HEADER, {**FRAME, "t": float("nan")}],
    [HEADER, {**FRAME, "t": 10**400}],
    [HEADER, {**FRAME, "t": -1e308}, {**FRAME, "t": 1e308}],
    [HEADER, {**FRAME, "region": [float("inf")] * 3}],
    [HEADER, {**FRAME, "joints": [[float("nan"), 1, float("inf"), 1]] * 2}],
    [HEADER, {**FRAME, "joints": [[1e308, -1e308, 1, True]] * 2}],
    [HEADER, {**FRAME, "index": -5}, {**FRAME, "index": -5}],
    [HEADER, {**FRAME, "stacks": -(2**63)}],
    [NOW, {**SEVERAL, "people": 1}],
    [NOW, {**SEVERAL, "people": ["x", None]}],
    [NOW, {**SEVERAL, "people": [{**PERSON, "id": float("nan")}]}],
    [NOW, {**SEVERAL, "people": [{**PERSON, "score": 1e300}]}],
]


def as_lines(lines: Any) -> bytes:
    values = lines if isinstance(lines, list) else [lines]
    return "".join(json.dumps(line) + "\n" for line in values).encode()


@pytest.mark.parametrize("examples", EXAMPLES)
def test_any_log_is_read_or_refused(tmp_path: Path, examples: int) -> None:
    path = tmp_path / "a.jsonl"

    def make(chance: random.Random) -> bytes:
        if chance.random() < 0.3:
            return damaged([as_lines(lines) for lines in GOOD], chance)
        return as_lines(nonsense(GOOD, chance))

    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            reader = LogReader(path)
            frames = list(reader)
        except RecordingError as error:
            one_sentence(error)
            return
        people = [person for frame in frames for person in frame.people]
        assert all(len(person.joints) == len(reader.joints) for person in people)
        found = verify(path)
        assert found.frames == len(frames)
        for number, format in enumerate(exporter.name for exporter in EXPORTERS):
            output = tmp_path / f"out{number}"
            try:
                assert export(path, format, output) == output
            except RecordingError as error:
                one_sentence(error)
                assert not output.exists()
            if format.startswith("coco") and output.exists():
                json.loads(output.read_text(), parse_constant=_refuse)
            _remove(output)
        assert {file.name for file in tmp_path.iterdir()} == {"a.jsonl"}

    fuzz(
        make, check, examples, [as_lines(lines) for lines in CORPUS] + [b"", b"\xff\n", b"[" * 9999]
    )


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def _remove(output: Path) -> None:
    if output.is_dir():
        for file in output.iterdir():
            file.unlink()
        output.rmdir()
    else:
        output.unlink(missing_ok=True)


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


BOXES = [
    box(b"ftyp", b"isom") + box(b"moov", bytes(20)) + box(b"moof", bytes(9)) + box(b"mdat", b"x"),
    box(b"ftyp") + struct.pack(">I4sQ", 1, b"mdat", 30) + bytes(14) + box(b"moof"),
]


@pytest.mark.parametrize("examples", EXAMPLES)
def test_any_structure_of_an_mp4_is_walked_through(tmp_path: Path, examples: int) -> None:
    path = tmp_path / "a.mp4"

    def check(data: bytes) -> None:
        path.write_bytes(data)
        boxes = _boxes(path)
        assert len(boxes) <= len(data) // 8
        assert all(a[1] < b[1] for a, b in itertools.pairwise(boxes))
        assert readable(path)

    corpus = [
        *(b"", b"ftyp", box(b"ftyp")[:7], box(b"ftyp") + struct.pack(">I4s", 1, b"mdat")),
        box(b"ftyp") + struct.pack(">I4sQ", 1, b"moof", 2**64 - 1),
        box(b"ftyp") + struct.pack(">I4s", 0, b"mdat") + bytes(40),
        box(b"ftyp") + struct.pack(">I4sQ", 1, b"mdat", 0) + bytes(40),
    ]
    fuzz(lambda chance: damaged(BOXES, chance), check, examples, corpus)
