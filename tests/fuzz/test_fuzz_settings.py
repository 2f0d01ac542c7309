"""Settings files with anything in them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from pose_app.settings import Settings
from pose_app.settings_table import SETTINGS
from tests.fuzz.fuzzing import EXAMPLES, damaged, fuzz, nonsense

DEFAULTS: dict[str, Any] = {setting.key: setting.default for setting in SETTINGS}
GOOD: list[Any] = [
    {**DEFAULTS, "schema": 1},
    {"schema": 99, "of.a.newer.version": {"a": [1, 2]}, "pose.threshold": 0.5},
    {"schema": 1},
]
CORPUS = [
    b"",
    b"null",
    b"[]",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b"{" * 50_000,
    b'{"pose.threshold": NaN, "model.stacks": 1e400, "window.geometry": null}',
    b'{"model.stacks": ' + b"9" * 5000 + b"}",
    b'{"view.opacity": -Infinity, "\\ud800": "\\ud800", "recording.folder": "\\ud800"}',
    b'{"schema": "one"}',
    b'{"pose.threshold": ' + b"9" * 400 + b"}",
]


def make(chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return damaged([json.dumps(value).encode() for value in GOOD], chance)
    return json.dumps(nonsense(GOOD, chance)).encode()


@pytest.mark.parametrize("examples", EXAMPLES)
def test_any_settings_file_gives_settings(tmp_path: Path, examples: int) -> None:
    path = tmp_path / "settings.json"

    def check(data: bytes) -> None:
        for old in tmp_path.iterdir():
            old.unlink()
        path.write_bytes(data)
        read = Settings.load(path)
        assert all(0 < len(message) < 500 for message in read.messages)
        values = {setting.key: read.get(setting.key) for setting in SETTINGS}
        for setting in SETTINGS:
            assert setting.check(values[setting.key]) == values[setting.key]
        # A file that could not be read is still there, under another name.
        if not path.exists():
            assert [file.read_bytes() for file in tmp_path.iterdir()] == [data]
        read.save()
        again = Settings.load(path)
        assert {setting.key: again.get(setting.key) for setting in SETTINGS} == values
        assert again.messages == []

    fuzz(make, check, examples, CORPUS)
