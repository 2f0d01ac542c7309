"""The list of recordings: real files, renamed and deleted together, nothing overwritten."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from pose_app.errors import RecordingError
from pose_app.recording import files
from pose_app.recording.active import ActiveRecording
from pose_app.recording.keypoint_log import LogReader
from pose_app.recording.recent import (
    RecentRecording,
    check_name,
    delete,
    recordings,
    remember_completed,
    rename,
    take_completed,
)
from pose_app.recording.recording import RecordingRequest
from pose_app.recording.verify import verify
from pose_app.settings import Settings
from pose_app.types import Frame
from tests.media import numbered_picture
from tests.poses import make_result
from tests.unit.recording.test_verify import MODEL

FRAMES = 12


def record(folder: Path, stem: str, kinds: str = "arl", suffix: str = ".mp4") -> None:
    """A recording of real frames, 0.1 s apart; `kinds`: annotated, raw, log."""
    active = ActiveRecording(
        RecordingRequest(
            folder / f"{stem}{suffix}" if "a" in kinds else None,
            folder / f"{stem}-raw{suffix}" if "r" in kinds else None,
            folder / f"{stem}.jsonl" if "l" in kinds else None,
        )
    )
    active.begin("test", 10.0, True)
    active.describe(MODEL)
    for number in range(FRAMES):
        frame = Frame(number, 0, number / 10, numbered_picture(number))
        active.offer_raw(frame, number / 10)
        active.offer_result(make_result(frame), number / 10)
    active.close()


def aged(folder: Path, stem: str, seconds: int) -> None:
    for path in folder.glob(f"{stem}*"):
        os.utime(path, (seconds, seconds))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def only(folder: Path) -> RecentRecording:
    (found,) = recordings(folder)
    return found


def test_files_of_a_recording_are_one_entry_the_newest_first(tmp_path: Path) -> None:
    record(tmp_path, "old")
    record(tmp_path, "new", "al", ".mkv")
    record(tmp_path, "log alone", "l")
    record(tmp_path, "raw alone", "r")
    (tmp_path / "snapshot.png").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder.mp4").mkdir()
    for age, name in enumerate(("raw alone", "log alone", "new", "old")):
        aged(tmp_path, name, 2_000_000_000 - age * 60)
    found = recordings(tmp_path)
    assert [entry.name for entry in found] == ["raw alone", "log alone", "new", "old"]
    raw, log, new, old = found
    assert [path.name for path in old.files] == ["old.mp4", "old-raw.mp4", "old.jsonl"]
    assert old.main == tmp_path / "old.mp4"
    assert old.bytes == sum(path.stat().st_size for path in old.files)
    assert [path.name for path in new.files] == ["new.mkv", "new.jsonl"]
    assert (log.main.name, raw.main.name) == ("log alone.jsonl", "raw alone-raw.mp4")
    for entry in found:
        assert entry.seconds == pytest.approx((FRAMES - 1) / 10, abs=0.15)
        assert entry.finished.tzinfo is not None
    assert old.finished.timestamp() == 2_000_000_000 - 180


def test_numbered_names_stay_together(tmp_path: Path) -> None:
    for _ in range(2):
        record(tmp_path, "pose")  # the second becomes 'pose (2)'
    assert {entry.name: len(entry.files) for entry in recordings(tmp_path)} == {
        "pose": 3,
        "pose (2)": 3,
    }


def test_a_recording_that_runs_is_left_out(tmp_path: Path) -> None:
    record(tmp_path, "a")
    record(tmp_path, "b", "a")
    assert [r.name for r in recordings(tmp_path, [tmp_path / "b.mp4"])] == ["a"]


def test_a_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert recordings(tmp_path / "nowhere") == ()
    (tmp_path / "file").write_text("x")
    with pytest.raises(RecordingError, match="cannot be read"):
        recordings(tmp_path / "file")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_what_cannot_be_read_is_listed_all_the_same(tmp_path: Path, suffix: str) -> None:
    record(tmp_path, "cut", "a", suffix)
    whole = (tmp_path / f"cut{suffix}").read_bytes()
    (tmp_path / f"cut{suffix}").write_bytes(whole[: len(whole) // 2])
    (tmp_path / f"noise{suffix}").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "noise.jsonl").write_text("{\n")
    found = {entry.name: entry for entry in recordings(tmp_path)}
    assert found["noise"].seconds is None
    assert len(found["noise"].files) == 2
    assert "cut" in found


def test_a_damaged_time_in_a_log_does_not_hide_the_folder(tmp_path: Path) -> None:
    header = '{"type":"header","schema":2,"joints":[]}\n'
    frames = '{"type":"frame","t":1.5}\n{"type":"frame","t":1e999}\n'
    (tmp_path / "a.jsonl").write_text(f'{header}{frames}{{"type":"frame","t":{"9" * 400}}}\n')
    (found,) = recordings(tmp_path)
    assert found.seconds == 1.5


def test_all_files_get_the_new_name_and_the_log_knows_them(tmp_path: Path) -> None:
    record(tmp_path, "pose")
    before = only(tmp_path)
    _, *lines = (tmp_path / "pose.jsonl").read_text().splitlines()
    after = rename(before, " jump, first try.mp4 ")
    assert after.name == "jump, first try"
    names = ["jump, first try.mp4", "jump, first try-raw.mp4", "jump, first try.jsonl"]
    assert [path.name for path in after.files] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert only(tmp_path) == after
    assert LogReader(after.files[2]).header["files"] == {"annotated": names[0], "raw": names[1]}
    assert after.files[2].read_text().splitlines()[1:] == lines
    for path in after.files:
        assert verify(path).good
    again = rename(after, "jump (3)")
    assert [p.name for p in again.files] == ["jump (3).mp4", "jump-raw (3).mp4", "jump (3).jsonl"]
    assert rename(again, "jump (3)") == again


def test_a_new_name_is_no_new_date(tmp_path: Path) -> None:
    record(tmp_path, "pose")
    aged(tmp_path, "pose", 1_500_000_000)
    before = only(tmp_path)
    assert rename(before, "new").finished == before.finished
    assert {path.stat().st_mtime for path in tmp_path.iterdir()} == {1_500_000_000}


def test_only_large_letters_change_on_a_disk_that_knows_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tmp_path, "pose")
    before, claim, lstat = only(tmp_path), files.claim, Path.lstat

    def on_disk(path: Path) -> Path:
        names = {other.name.casefold(): other for other in tmp_path.iterdir()}
        return names.get(path.name.casefold(), path)

    monkeypatch.setattr(files, "claim", lambda path: claim(on_disk(path)))
    monkeypatch.setattr(Path, "lstat", lambda path: lstat(on_disk(path)))
    after = rename(before, "Pose")
    names = ["Pose.mp4", "Pose-raw.mp4", "Pose.jsonl"]
    assert [path.name for path in after.files] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert LogReader(after.files[2]).header["files"] == {"annotated": names[0], "raw": names[1]}


@pytest.mark.skipif(sys.platform != "linux", reason="the disk may not have both names")
def test_another_name_of_the_same_file_is_taken(tmp_path: Path) -> None:
    record(tmp_path, "pose", "a")
    recording = only(tmp_path)
    os.link(tmp_path / "pose.mp4", tmp_path / "Pose.mp4")
    before = contents(tmp_path)
    with pytest.raises(RecordingError, match="exists already"):
        rename(recording, "Pose")
    assert contents(tmp_path) == before


def test_names_that_are_no_text_are_kept_in_the_log(tmp_path: Path) -> None:
    record(tmp_path, "pose", "l")
    odd = "clip-\udcff.mp4"
    path = tmp_path / "pose.jsonl"
    header, *lines = path.read_text().splitlines()
    header = json.dumps({**json.loads(header), "source": odd})
    path.write_text("\n".join([header, *lines, ""]))
    assert LogReader(rename(only(tmp_path), "new").main).header["source"] == odd


@pytest.mark.parametrize("taken", ["new.mp4", "new-raw.mp4", "new.jsonl"])
def test_nothing_is_overwritten_and_nothing_half_renamed(tmp_path: Path, taken: str) -> None:
    record(tmp_path, "pose")
    recording = only(tmp_path)
    (tmp_path / taken).write_text("work of weeks")
    before = contents(tmp_path)
    with pytest.raises(RecordingError, match="exists already"):
        rename(recording, "new")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("fails_at", [1, 2, 3, 4])
def test_a_rename_that_fails_half_way_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    record(tmp_path, "pose")
    recording, before = only(tmp_path), contents(tmp_path)
    calls, replace = [], Path.replace

    def failing(source: Path, target: Path) -> Path:
        calls.append(source)
        if len(calls) == fails_at:
            raise OSError(5, "Input/output error")
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(RecordingError, match="cannot be renamed"):
        rename(recording, "new")
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "name",
    ["", "  ", ".mp4", "a/b", "a\\b", "..", ".hidden", "dot.", "what?", "a\nb", "CON", "com1.x",
     "x" * 300, "dance-raw", "dance-raw (2)"],
)  # fmt: skip
def test_names_that_a_file_cannot_have(name: str) -> None:
    with pytest.raises(RecordingError) as failure:
        check_name(name)
    assert str(failure.value).count(".") >= 1
    assert len(str(failure.value)) < 400


@pytest.mark.parametrize("name", ["Tanz im März", "a.b", "raw", "x-raws", "跳跃"])
def test_names_that_it_can_have(name: str) -> None:
    assert check_name(f" {name} ") == name


def test_deleting_moves_every_file_to_the_trash(tmp_path: Path) -> None:
    record(tmp_path, "pose")
    record(tmp_path, "other")
    trash = tmp_path / "trash"
    trash.mkdir()

    def to_trash(path: Path) -> bool:
        path.rename(trash / path.name)
        return True

    gone = next(entry for entry in recordings(tmp_path) if entry.name == "pose")
    delete(gone, to_trash)
    assert {path.name for path in trash.iterdir()} == {path.name for path in gone.files}
    assert only(tmp_path).name == "other"
    delete(gone, to_trash)  # gone already: nothing to do
    with pytest.raises(RecordingError, match=r"other\.mp4, .* could not be moved to the trash"):
        delete(only(tmp_path), lambda path: False)


def test_what_was_completed_at_the_end_is_told_once(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "settings.json")
    record(tmp_path, "pose", "al")
    remember_completed(settings, [])
    assert take_completed(settings) == ()
    remember_completed(settings, [tmp_path / "pose.mp4", tmp_path / "deleted.mp4"])
    remember_completed(settings, [tmp_path / "pose.jsonl"])
    settings.save()
    later = Settings.load(settings.path)
    assert take_completed(later) == (tmp_path / "pose.mp4", tmp_path / "pose.jsonl")
    assert take_completed(later) == ()
    assert take_completed(Settings.load(settings.path)) == ()
    assert "completed" not in json.dumps(json.loads(settings.path.read_text()))
