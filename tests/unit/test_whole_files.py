"""Files that are replaced as a whole."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from pose_app.whole_files import replace_folder, replacing


def test_a_block_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_text("old")

    def write() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write()
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {"model.bin": "old"}


def test_two_writers_of_one_file_do_not_mix(tmp_path: Path) -> None:
    """Each is in the middle of its file while the other one is, too."""
    path, both = tmp_path / "model.bin", threading.Barrier(2)

    def write(letter: str) -> None:
        with replacing(path) as temporary, temporary.open("w") as file:
            file.write(letter * 1000)
            file.flush()
            both.wait(20)
            file.write(letter * 1000)
            file.flush()
            both.wait(20)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in ("a" * 2000, "b" * 2000)
    assert [one.name for one in tmp_path.iterdir()] == ["model.bin"]


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such modes there")
def test_a_private_file_is_private(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        for mode in (0o666, 0o600):
            with replacing(tmp_path / str(mode), mode):
                pass
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / str(mode)).stat().st_mode) for mode in (0o666, 0o600)]
    assert modes == [0o644, 0o600]


def test_a_folder_is_replaced(tmp_path: Path) -> None:
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").touch()
    replace_folder(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old" / "new.txt").is_file()
    assert (tmp_path / "new-before" / "old.txt").is_file()


def test_a_folder_that_cannot_be_replaced_stays(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "graphs.txt").touch()
    with pytest.raises(FileNotFoundError):
        replace_folder(tmp_path / "new", tmp_path / "old")
    assert [one.name for one in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old" / "graphs.txt").is_file()
