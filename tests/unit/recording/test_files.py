"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pose_app.errors import RecordingError
from pose_app.recording import files


def test_a_new_file_appears_when_it_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "snapshot.png"
    seen: list[bool] = []
    sync = os.fsync

    def look(handle: int) -> None:
        sync(handle)
        seen.append(path.exists())

    monkeypatch.setattr(os, "fsync", look)
    files.write_new(path, b"a picture")
    assert seen == [False]
    assert path.read_bytes() == b"a picture"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_of_the_users_is_never_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:

        def fail(*names: object) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(os, "link", fail)
    path = tmp_path / "snapshot.png"
    files.write_new(path, b"the first")
    with pytest.raises(files.NameTakenError):
        files.write_new(path, b"the second")
    assert path.read_bytes() == b"the first"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecordingError, match=r"snapshot\.png cannot be written \(no space left"):
        files.write_new(tmp_path / "snapshot.png", b"a picture")
    assert not list(tmp_path.iterdir())
