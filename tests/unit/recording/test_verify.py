"""verify finds every kind of damage and nothing else; repair saves what is whole."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest

from pose_app.errors import RecordingError
from pose_app.recording.active import ActiveRecording
from pose_app.recording.recording import RecordingRequest
from pose_app.recording.repair import main as repair_main
from pose_app.recording.repair import repair
from pose_app.recording.verify import main, verify
from pose_app.recording.video_writer import Recorder
from pose_app.skeletons import MPII_16
from pose_app.types import Frame
from tests.media import numbered_picture, picture_number, write_video
from tests.poses import make_result
from tests.unit.recording.test_video_writer import irregular, read_back

MODEL = {
    "model": "m",
    "joints": list(MPII_16.joints),
    "limbs": [list(limb) for limb in MPII_16.limbs],
}


def record(folder: Path, times: list[float], *, suffix: str = ".mp4", every: int = 1) -> None:
    """Out (annotated), raw and out.jsonl; only every `every`-th frame gets a pose."""
    active = ActiveRecording(
        RecordingRequest(folder / f"out{suffix}", folder / f"raw{suffix}", folder / "out.jsonl")
    )
    active.begin("test", 30.0, True)
    for number, seconds in enumerate(times):
        frame = Frame(number, 0, seconds, numbered_picture(number))
        active.offer_raw(frame, 7.5 + seconds)
        if number == 0:
            active.describe(MODEL)
        if number % every == 0:
            active.offer_result(make_result(frame), 7.5 + seconds)
    report = active.close()
    assert report.conserved
    assert report.error is None


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_good_recordings_are_good(tmp_path: Path, suffix: str) -> None:
    times = irregular(80)
    record(tmp_path, times, suffix=suffix)
    for name in ("out", "raw"):
        check = verify(tmp_path / f"{name}{suffix}", tmp_path / "out.jsonl")
        assert check.good, check.problems
        assert check.closed
        assert (check.frames, check.log_frames) == (80, 80)
        assert check.seconds == pytest.approx(times[-1], abs=0.001)
        ((start, length),) = check.gaps
        assert length > 60
        assert start == pytest.approx(times[40], abs=0.001)
    assert verify(tmp_path / "out.jsonl").good


def test_raw_may_have_frames_that_no_network_saw(tmp_path: Path) -> None:
    record(tmp_path, [n / 30 for n in range(30)], every=3)
    assert verify(tmp_path / "raw.mp4", tmp_path / "out.jsonl").good
    assert verify(tmp_path / "out.mp4").log_frames == 10


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_lines_and_frames_that_are_missing(tmp_path: Path) -> None:
    record(tmp_path, [n / 30 for n in range(30)])
    lines = _lines(tmp_path / "out.jsonl")
    _write(tmp_path / "out.jsonl", lines[:10] + lines[12:])
    check = verify(tmp_path / "out.mp4")
    assert [p for p in check.problems if p.startswith("2 frames of the video are not in the log")]
    extra = {**lines[10], "t": lines[10]["t"] + 0.01}
    _write(tmp_path / "out.jsonl", [*lines[:11], extra, *lines[11:]])
    check = verify(tmp_path / "out.mp4")
    assert [p for p in check.problems if p.startswith("1 frames of the log are not in the video")]
    _write(tmp_path / "out.jsonl", [*lines[:11], {**extra, "video": False}, *lines[11:]])
    check = verify(tmp_path / "out.mp4")
    assert check.good
    assert any("in the log only" in note for note in check.notes)
    lines[5]["t"], lines[6]["t"] = lines[6]["t"], lines[5]["t"]
    _write(tmp_path / "out.jsonl", lines)
    assert "do not always increase" in verify(tmp_path / "out.mp4").problems[0]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_damaged_data_is_found_and_repair_goes_on_at_the_next_key_frame(
    tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path, [n / 30 for n in range(200)], suffix=suffix)  # key frames every 60
    data = bytearray((tmp_path / f"raw{suffix}").read_bytes())
    middle = len(data) * 3 // 5
    data[middle : middle + 30] = bytes(30)
    broken = tmp_path / f"broken{suffix}"
    broken.write_bytes(data)
    check = verify(broken)
    assert not check.good
    assert any("cannot be decoded" in problem for problem in check.problems)
    path, frames, total = repair(broken)
    assert path.name == f"broken (repaired){suffix}"
    assert verify(path).good
    kept = [picture_number(image) for _, image in read_back(path)]
    assert len(kept) == frames
    (first,) = (n for n in range(200) if n not in kept and (n == 0 or n - 1 in kept))
    assert 100 < first < 130
    assert kept == [*range(first), *range(first - first % 60 + 60, 200)]
    assert [t for t, _ in read_back(path)] == pytest.approx([n / 30 for n in kept], abs=0.0011)
    path.unlink()
    arguments: Any = SimpleNamespace(file=broken, output=None)
    assert repair_main(arguments) == 0
    left_out = "was" if total - frames == 1 else "were"
    assert capsys.readouterr().out == (
        f"{path}: {frames} of {total} frames; {total - frames} {left_out} damaged and left out\n"
    )


def test_repair_keeps_the_frames_of_a_video_that_refers_to_later_ones(tmp_path: Path) -> None:
    times = [n / 25 for n in range(60)]
    data = bytearray(write_video(tmp_path / "whole.mp4", times).read_bytes())
    assert repair(tmp_path / "whole.mp4")[1:] == (60, 60)
    with av.open(str(tmp_path / "whole.mp4")) as container:
        packets = [(packet.pos, packet.is_keyframe) for packet in container.demux(video=0)]
    start = next(pos for number, (pos, key) in enumerate(packets) if number > 32 and not key)
    data[start : start + 12] = bytes(12)
    (tmp_path / "broken.mp4").write_bytes(data)
    path, frames, total = repair(tmp_path / "broken.mp4")
    assert verify(path).good
    assert total == 60
    assert 50 <= frames < 60
    kept = [picture_number(image) for _, image in read_back(path)]
    assert {*range(30), *range(40, 60)} <= set(kept)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_closed_file_that_was_cut_is_not_good(tmp_path: Path, suffix: str) -> None:
    front = {"movflags": "faststart"} if suffix == ".mp4" else {}  # its index comes first
    times = [n / 30 for n in range(90)]
    whole = write_video(tmp_path / f"whole{suffix}", times, fps=30, options=front)
    assert verify(whole).good
    data = whole.read_bytes()
    cut = tmp_path / f"cut{suffix}"
    for share in (0.3, 0.7, 0.98):
        cut.write_bytes(data[: round(share * len(data))])
        check = verify(cut)
        told = f"The file ends at {check.seconds:.2f} s of 3.00 s: it was cut off."
        assert told in check.problems
        assert verify(repair(cut, tmp_path / f"{share}{suffix}")[0]).good


@pytest.mark.parametrize(
    "times",
    [
        [0.0],
        [0.0, 30.0],
        [n * 10.0 for n in range(5)],
        [0.0, 0.01, 0.02, 9.0, 9.01],
        [0.0, 0.5, 0.52, 60.0],
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_whole_file_is_good_however_long_its_frames_last(
    tmp_path: Path, suffix: str, times: list[float]
) -> None:
    record(tmp_path, times, suffix=suffix)
    path = write_video(tmp_path / f"other{suffix}", times, sound=True)
    for file in (tmp_path / f"out{suffix}", tmp_path / f"raw{suffix}", path):
        assert verify(file).problems == ()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_log_may_end_after_a_repaired_video_but_not_after_a_whole_one(
    tmp_path: Path, suffix: str
) -> None:
    record(tmp_path, [n / 30 for n in range(30)], suffix=suffix)
    whole, log = tmp_path / f"out{suffix}", tmp_path / "out.jsonl"
    lines = _lines(log)
    _write(log, [*lines, {**lines[-1], "index": 30, "t": 1.0}])
    assert not verify(whole, log).good
    path = repair(whole)[0]
    check = verify(path, log)
    assert check.good, check.problems
    assert "The log has 1 more frames at its end." in check.notes
    _write(log, [*lines, {**lines[-1], "index": 30, "t": 3.0}])
    assert not verify(path, log).good


def test_what_cannot_be_read_is_said_without_numbers_and_inner_names(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"text" * 100)
    sentence = "is not a readable recording (invalid data found when processing input): choose"
    for work in (verify, repair):
        with pytest.raises(RecordingError, match=re.escape(f"{path} {sentence}")):
            work(path)


class Killed(Recorder):
    """Never closes its file: what a killed process leaves."""

    def _finish(self) -> int:
        self.left = self.path.read_bytes()
        return super()._finish()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_killed_recordings_are_playable_and_repairable(tmp_path: Path, suffix: str) -> None:
    times = irregular(60)
    recorder = Killed(tmp_path / f"whole{suffix}", lossless=True)
    for number, seconds in enumerate(times):
        recorder.offer(numbered_picture(number), seconds)
    recorder.close()
    # Wherever the crash cut the file: what is there plays, repair makes a closed file of it.
    last = 0
    for share in (0.5, 0.6, 0.8, 0.97, 1.0):
        cut = tmp_path / f"cut{share}{suffix}"
        cut.write_bytes(recorder.left[: round(share * len(recorder.left))])
        check = verify(cut)
        assert not check.closed
        assert any("not closed properly" in note for note in check.notes)
        assert check.frames >= last
        last = check.frames
        path, frames, _ = repair(cut)
        repaired = verify(path)
        assert repaired.good, repaired.problems
        assert repaired.closed
        assert abs(frames - check.frames) <= 1
        back = read_back(path)
        assert [picture_number(image) for _, image in back] == list(range(frames))
        assert [t for t, _ in back] == pytest.approx(times[:frames], abs=0.0011)
    assert last >= 59


def test_wherever_an_mp4_is_cut_it_is_repaired(tmp_path: Path) -> None:
    recorder = Killed(tmp_path / "whole.mp4", lossless=True)
    for number in range(12):
        recorder.offer(numbered_picture(number), number / 30)
    recorder.close()
    end, frames = len(recorder.left), []
    for cut in range(end - 700, end, 3):
        path = tmp_path / f"{cut}.mp4"
        path.write_bytes(recorder.left[:cut])
        frames.append(repair(path)[1])
    assert frames == sorted(frames)
    assert frames[0] >= 4
    assert frames[-1] >= 10


def test_what_is_no_recording(tmp_path: Path) -> None:
    for name, data in (("a.mp4", b""), ("b.mp4", b"text" * 100), ("c.mkv", bytes(1000))):
        (tmp_path / name).write_bytes(data)
        for work in (verify, repair):
            with pytest.raises(RecordingError):
                work(tmp_path / name)
    with pytest.raises(RecordingError, match="not a readable recording"):
        verify(tmp_path / "nowhere.mp4")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        container.mux(stream.encode(None))
    with pytest.raises(RecordingError):
        verify(tmp_path / "sound.mp4")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_single_frame_is_closed(tmp_path: Path, suffix: str) -> None:
    record(tmp_path, [0.0], suffix=suffix)
    assert verify(tmp_path / f"out{suffix}").closed
    assert verify(repair(tmp_path / f"out{suffix}")[0]).closed


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_killed_after_a_single_frame(tmp_path: Path, suffix: str) -> None:
    record(tmp_path, [0.0], suffix=suffix)
    log = tmp_path / "out.jsonl"
    header, first = _lines(log)[:2]
    _write(log, [header, first, {**first, "index": 1, "t": 0.033}])
    check = verify(tmp_path / f"out{suffix}", log)
    assert check.good, check.problems
    assert "The log has 1 more frames at its end." in check.notes
    _write(log, [header, first, {**first, "index": 1, "t": 5.0}])
    assert not verify(tmp_path / f"out{suffix}", log).good


def test_a_codec_that_the_copy_cannot_hold(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream("ffvhuff", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        frame = av.VideoFrame.from_ndarray(numbered_picture(1, (32, 16)), format="bgr24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(RecordingError, match="cannot be repaired"):
        repair(tmp_path / "a.avi", tmp_path / "b.mp4")
    assert not (tmp_path / "b.mp4").exists()


def test_repair_overwrites_nothing(tmp_path: Path) -> None:
    record(tmp_path, [0.0, 0.1])
    repair(tmp_path / "out.mp4")
    with pytest.raises(RecordingError, match="exists already"):
        repair(tmp_path / "out.mp4")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_a_name_that_looks_like_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path, [0.0, 0.1])
    monkeypatch.chdir(tmp_path)
    Path("out.mp4").rename("12:30.mp4")
    assert verify(Path("12:30.mp4")).frames == 2
    assert repair(Path("12:30.mp4"))[1] == 2


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path, [n / 30 for n in range(10)])
    arguments: Any = SimpleNamespace(file=tmp_path / "out.mp4", log=None, json=False)
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "good"
    arguments.json = True
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 10
    (tmp_path / "out.jsonl").write_text((tmp_path / "out.jsonl").read_text()[:-900])
    assert main(arguments) == 1
    assert json.loads(capsys.readouterr().out)["good"] is False
