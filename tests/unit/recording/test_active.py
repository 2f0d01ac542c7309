"""One recording of several files: names, common time, header, what is left of a failed start."""

from __future__ import annotations

import json
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest

from pose_app.errors import RecordingError
from pose_app.recording.active import ActiveRecording
from pose_app.recording.keypoint_log import LogReader
from pose_app.recording.recording import RecordingRequest
from pose_app.recording.verify import verify
from pose_app.recording.video_writer import Recorder
from pose_app.types import Frame
from tests.media import numbered_picture, picture_number
from tests.poses import make_result
from tests.unit.recording.test_verify import MODEL
from tests.unit.recording.test_video_writer import read_back


def frame(number: int) -> Frame:
    return Frame(number, 0, number / 10, numbered_picture(number))


def test_time_begins_with_the_first_frame_after_the_start(tmp_path: Path) -> None:
    active = ActiveRecording(
        RecordingRequest(tmp_path / "a.mp4", tmp_path / "r.mp4", tmp_path / "a.jsonl")
    )
    active.begin("test", 10.0, True)
    active.describe(MODEL)
    # A pose of a frame that was captured before the raw recording saw its first one.
    active.offer_raw(frame(40), 4.0)
    assert active.precedes(3.9)
    assert not active.precedes(4.0)
    for number in range(40, 45):
        if number > 40:
            active.offer_raw(frame(number), number / 10)
        active.offer_result(make_result(frame(number)), number / 10)
    active.close()
    for name in ("a.mp4", "r.mp4"):
        times = [seconds for seconds, _ in read_back(tmp_path / name)]
        assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=1e-4)
    header, *lines = map(json.loads, (tmp_path / "a.jsonl").read_text().splitlines())
    assert [line["index"] for line in lines] == [40, 41, 42, 43, 44]
    assert [line["t"] for line in lines] == pytest.approx(times, abs=1e-4)
    assert header["source"] == "test"
    assert header["mirrored"] is False
    assert header["size"] == [192, 96]
    assert header["files"] == {"annotated": "a.mp4", "raw": "r.mp4"}
    assert header["model"] == "m"


@pytest.mark.parametrize("slow", ["raw", "annotated"])
def test_frames_that_a_slow_encoder_dropped_are_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    gate, mux = threading.Event(), Recorder._mux

    def slow_mux(recorder: Recorder, frame: object) -> int:
        if recorder.kind == slow:
            assert gate.wait(30)
        return mux(recorder, frame)  # type: ignore[arg-type]

    monkeypatch.setattr(Recorder, "_mux", slow_mux)
    active = ActiveRecording(
        RecordingRequest(tmp_path / "a.mp4", tmp_path / "r.mp4", tmp_path / "a.jsonl")
    )
    active.begin("test", 10.0, lossless=False)
    active.describe(MODEL)
    for number in range(60):
        if number == 50:
            gate.set()
        deadline = time.monotonic() + 20
        for recorder in (active._annotated, active._raw):  # the other one, or both, keep up
            while (number > 50 or recorder.kind != slow) and recorder._queue:
                assert time.monotonic() < deadline
                time.sleep(0.001)
        active.offer_raw(frame(number), number / 10)
        active.offer_result(make_result(frame(number)), number / 10)
    report = active.close()
    assert report.conserved
    dropped = {file.kind: sum(file.dropped.values()) for file in report.files}
    assert dropped[slow] > 10
    for kind, name in (("raw", "r.mp4"), ("annotated", "a.mp4")):
        check = verify(tmp_path / name, tmp_path / "a.jsonl")
        assert check.problems == ()
        assert check.frames == 60 - dropped[kind]
        assert any("in the log only" in note for note in check.notes) == (kind == slow)


def test_taken_names_get_one_number_for_all(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a (2).jsonl").touch()
    request = RecordingRequest(annotated=tmp_path / "a.mp4", log=tmp_path / "a.jsonl")
    active = ActiveRecording(request)
    opened = active.opened.result(20)
    assert [path.name for path in opened.paths] == ["a (3).mp4", "a (3).jsonl"]
    assert active.request == opened
    active.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a (2).jsonl", "a.mp4"]


def test_recordings_that_start_at_the_same_time_get_files_of_their_own(tmp_path: Path) -> None:
    """As those of two windows within one second: nothing but the system decides who is first."""
    request = RecordingRequest(tmp_path / "a.mp4", log=tmp_path / "a.jsonl")
    started = [ActiveRecording(request) for _ in range(8)]
    names = [path.name for one in started for path in one.opened.result(20).paths]
    assert len(set(names)) == 16
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    for one in started:
        one.close()


def test_the_folder_is_made_where_that_is_wanted(tmp_path: Path) -> None:
    wanted = RecordingRequest(tmp_path / "of today" / "a.mp4", make_folder=True)
    active = ActiveRecording(wanted)
    assert active.opened.result(20).annotated == tmp_path / "of today" / "a.mp4"
    active.close()
    (tmp_path / "file").touch()
    active = ActiveRecording(RecordingRequest(tmp_path / "file" / "a.mp4", make_folder=True))
    with pytest.raises(RecordingError, match="cannot be made"):
        active.opened.result(20)
    active.close()


def test_a_start_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("mine")
    request = RecordingRequest(annotated=tmp_path / "a.mp4", log=tmp_path / "a.jsonl", rename=False)
    active = ActiveRecording(request)
    with pytest.raises(RecordingError, match="exists already"):
        active.opened.result(20)
    report = active.close()
    assert report.paths == ()
    assert "exists already" in str(report.error)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
    assert (tmp_path / "a.jsonl").read_text() == "mine"


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (RecordingRequest(), "There is nothing to record"),
        (RecordingRequest(Path("a.mp4"), Path("a.mp4")), "same name"),
        (RecordingRequest(Path("a.avi")), "use .mp4 or .mkv"),
        (RecordingRequest(log=Path("x.json")), r"x\.json is not the name of a log: call it"),
        (RecordingRequest(Path("a.mp4"), log=Path("o.mp4")), r"call it \*\.jsonl\."),
    ],
)
def test_requests_that_make_no_sense(request_: RecordingRequest, sentence: str) -> None:
    with pytest.raises(RecordingError, match=sentence):
        ActiveRecording(request_)


def test_frames_that_no_network_saw_are_kept(tmp_path: Path) -> None:
    active = ActiveRecording(
        RecordingRequest(annotated=tmp_path / "a.mp4", log=tmp_path / "a.jsonl")
    )
    active.begin("test", None, True)
    active.offer_result(make_result(frame(0), estimated=False), 0.0)  # no model is loaded yet
    active.offer_result(make_result(frame(1), estimated=False), 0.1)
    active.describe(MODEL)
    active.offer_result(make_result(frame(2)), 0.2)
    active.offer_result(make_result(frame(3), estimated=False), 0.3)  # the engine failed
    active.offer_result(make_result(frame(4), []), 0.4)  # nobody is there
    assert [file.written for file in active.close().files] == [5, 5]
    lines = list(LogReader(tmp_path / "a.jsonl"))
    assert [line.stacks for line in lines] == [0, 0, 2, 0, 0]
    assert [line.estimated for line in lines] == [False, False, True, False, True]
    assert verify(tmp_path / "a.mp4").good


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_every_file_begins_with_the_same_frame(tmp_path: Path, suffix: str) -> None:
    """A live network skips frames: the raw video waits for the first that is processed."""
    active = ActiveRecording(
        RecordingRequest(tmp_path / f"a{suffix}", tmp_path / f"r{suffix}", tmp_path / "a.jsonl")
    )
    active.begin("test", 10.0, True)
    for number in range(5):
        active.offer_raw(frame(number), number / 10)
    active.describe(MODEL)
    active.offer_result(make_result(frame(3)), 0.3)
    for number in range(5, 9):
        active.offer_raw(frame(number), number / 10)
    active.offer_result(make_result(frame(6)), 0.6)
    assert active.close().conserved
    raw = read_back(tmp_path / f"r{suffix}")
    assert [picture_number(image) for _, image in raw] == [3, 4, 5, 6, 7, 8]
    assert [t for t, _ in raw] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5], abs=1e-3)
    assert [frame.seconds for frame in LogReader(tmp_path / "a.jsonl")] == pytest.approx([0, 0.3])
    for name in "ar":
        assert verify(tmp_path / f"{name}{suffix}", tmp_path / "a.jsonl").good


def test_only_frames_of_the_same_kind_fit(tmp_path: Path) -> None:
    active = ActiveRecording(RecordingRequest(annotated=tmp_path / "a.mp4"))
    active.begin("test", None, True)
    active.describe(MODEL)
    active.offer_result(make_result(frame(1)), 0.1)
    assert active.fits(frame(2), "test", "m")
    assert not active.fits(frame(2), "other", "m")
    assert not active.fits(frame(2), "test", "other")
    assert not active.fits(Frame(2, 0, 0.2, numbered_picture(2, (96, 96))), "test", "m")
    active.close()


def test_the_start_is_the_time_of_the_first_frame(tmp_path: Path) -> None:
    active = ActiveRecording(RecordingRequest(log=tmp_path / "a.jsonl"))
    active.begin("test", None, True)
    captured = time.perf_counter_ns() - 90 * 10**9  # a slow network: captured long ago
    for number in range(2):
        picture = numbered_picture(number)
        active.describe(MODEL)
        shown = Frame(number, captured, 0.0, picture)
        active.offer_result(make_result(shown), number / 10)
    active.close()
    header = json.loads((tmp_path / "a.jsonl").read_text().splitlines()[0])
    start = datetime.fromisoformat(header["start"])
    assert start.tzinfo is not None
    assert time.time() - start.timestamp() == pytest.approx(90, abs=5)
