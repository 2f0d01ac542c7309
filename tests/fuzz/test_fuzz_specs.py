"""Descriptions of models, and the headers of the files that carry them."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from pose_app.errors import ModelError
from pose_app.paths import bundled
from pose_app.spec import ModelSpec, read_spec
from tests.fuzz.fuzzing import EXAMPLES, damaged, fuzz, nonsense, one_sentence
from tests.unit.network.small import small_spec

DEFAULT = read_spec(bundled("weights", "default.safetensors"))
GOOD: list[Any] = [json.loads(small_spec(2).to_json()), json.loads(DEFAULT.to_json())]
SPECS = [
    "",
    "null",
    "[]",
    "[" * 50_000,
    '{"schema": 1}',
    *(json.dumps({**GOOD[0], "name": name}) for name in ("\ud800", "", "a\nb", "\x1b[2J")),
    json.dumps({**GOOD[0], "joints": ["\ud800", *GOOD[0]["joints"][1:]]}),
    json.dumps({**GOOD[0], "limbs": [[0.5, 1]]}),
    json.dumps({**GOOD[0], "limbs": [["0", True]]}),
    json.dumps({**GOOD[0], "limbs": 10**400}),
    json.dumps({**GOOD[0], "limbs": [[float("inf"), 1]]}),
    json.dumps({**GOOD[0], "flip": [*map(float, GOOD[0]["flip"])]}),
    json.dumps({**GOOD[0], "threshold": 10**400}),
    json.dumps({**GOOD[0], "mean": [10**400, 0, 0]}),
    json.dumps({**GOOD[0], "input_size": 64}),
    json.dumps({**GOOD[0], "decode": {"positive_only": []}}),
    json.dumps({**GOOD[0], "flip_shift": "1"}),
    json.dumps({**GOOD[0], "output": []}),
    json.dumps({**GOOD[0], "extra": {"a": float("nan")}}),
]


def check_spec(text: str) -> None:
    try:
        spec = ModelSpec.from_json(text)
    except ModelError as error:
        one_sentence(error)
        return
    assert ModelSpec.from_json(spec.to_json()).to_json() == spec.to_json()
    assert len(spec.skeleton.joints) == len(spec.skeleton.flip) == spec.network.joints
    assert all(isinstance(joint, int) for joint in spec.flip)
    assert isinstance(spec.flip_shift, int)
    assert isinstance(spec.decode.positive_only, bool)
    assert min(spec.map_size) > 0
    assert spec.skeleton.groups
    # Names go into logs, file names and the window.
    for words in (spec.name, spec.family, spec.licence, *spec.joints):
        assert words.encode().decode() == words


@pytest.mark.parametrize("examples", EXAMPLES)
def test_any_description_is_read_or_refused(examples: int) -> None:
    fuzz(lambda chance: json.dumps(nonsense(GOOD, chance)), check_spec, examples, SPECS)


def file_of(spec: Any, header: dict[str, Any] | None = None) -> bytes:
    tensor = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    text = spec if isinstance(spec, str) else json.dumps(spec)
    whole = json.dumps(header or {"__metadata__": {"spec": text}, "a": tensor}).encode()
    return struct.pack("<Q", len(whole)) + whole + bytes(4)


HEADERS = [
    *(b"", b"\x00", bytes(8), b"\xff" * 8, struct.pack("<Q", 2**40) + b"{}"),
    struct.pack("<Q", 100_000) + b"[" * 100_000,
    *(file_of(GOOD[0], {"__metadata__": value}) for value in ([], "spec", 1, None, {"spec": 1})),
]


@pytest.mark.parametrize("examples", EXAMPLES)
def test_any_header_is_read_or_refused(tmp_path: Path, examples: int) -> None:
    path = tmp_path / "a.safetensors"

    def make(chance: random.Random) -> bytes:
        if chance.random() < 0.5:
            return damaged([file_of(spec) for spec in GOOD], chance)
        header = json.loads(file_of(GOOD[0])[8:-4])
        return file_of(GOOD[0], nonsense([header], chance) or {"a": 1})

    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            spec = read_spec(path)
        except ModelError as error:
            one_sentence(error)
            return
        check_spec(spec.to_json())

    fuzz(make, check, examples, HEADERS)
