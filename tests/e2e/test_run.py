"""`pose-app run` as a person starts it: a process of its own, real files, read back."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pose_app.drawing.colours import SIDES, bgr
from pose_app.paths import bundled
from pose_app.recording.keypoint_log import Joint, LogFrame, LogReader
from pose_app.recording.verify import verify
from tests.media import numbered_picture, regular, write_video
from tests.servers import MjpegServer, demo_jpegs
from tests.unit.recording.test_video_writer import read_back


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "pose_app", *map(str, words)]


def pose_app(*words: object, status: int = 0, **more: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command(*words), capture_output=True, text=True, timeout=100, **more)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def account(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["captured"] == report["frames"] + report["dropped"]
    assert report["dropped"] == sum(report["dropped_reasons"].values())
    for file in report["recorded"]:
        assert file["offered"] == file["written"] + sum(file["dropped"].values())
    assert report["conserved"] is True
    assert report["stuck"] == []
    return report


def joints_of(frame: LogFrame) -> tuple[Joint, ...]:
    """Of the only person in the frame."""
    (person,) = frame.people
    return person.joints


def points(frame: LogFrame) -> np.ndarray:
    return np.array([[np.nan if x is None else x, np.nan if y is None else y]
                     for x, y, _, _ in joints_of(frame)])  # fmt: skip


def test_the_demo_clip_annotated_raw_and_logged(tmp_path: Path) -> None:
    files = {kind: tmp_path / name for kind, name in
             (("record", "out.mp4"), ("raw", "raw.mkv"), ("log", "out.jsonl"))}  # fmt: skip
    words = [word for kind, path in files.items() for word in (f"--{kind}", path)]
    report = account(pose_app("run", "demo", "--frames", 120, "--json", *words))
    assert (report["frames"], report["dropped"]) == (120, 0)
    assert report["files"] == [str(path) for path in files.values()]
    assert report["stacks_used"] == {str(report["stacks"]): 120}
    assert {"read", "crop", "network", "decode", "track"} <= set(report["stages"])
    for figures in (*report["stages"].values(), report["age"]):
        assert 0 <= figures["median"] <= figures["p95"] * 1.02
    for name in ("out.mp4", "raw.mkv"):
        check = verify(tmp_path / name, files["log"])
        assert check.good, check.problems
        assert check.frames == 120

    log, truth = LogReader(files["log"]), LogReader(bundled("assets", "demo.jsonl"))
    labelled = len(truth.joints)  # the network has those of the face, too
    assert log.joints[:labelled] == truth.joints
    assert log.header["mirrored"] is False
    assert log.header["size"] == [640, 480]
    near, seen = 0, 0
    neck, pelvis = truth.joints.index("upper_neck"), truth.joints.index("pelvis")
    for mine, true in zip(log, truth, strict=False):
        assert mine.index == true.index
        assert mine.seconds == pytest.approx(true.seconds, abs=1e-3)
        torso = np.linalg.norm(points(true)[neck] - points(true)[pelvis])
        present = np.array([joint[3] for joint in joints_of(true)])
        apart = np.linalg.norm(points(mine)[:labelled] - points(true), axis=1)[present]
        near += int((apart < 0.2 * torso).sum())
        seen += int(present.sum())
    assert near > 0.9 * seen, f"{near} of {seen} joints are where they should be"

    # The annotated video differs from the raw one where the log has joints, in their colours.
    frames = list(LogReader(files["log"]))
    annotated, raw = read_back(files["record"]), read_back(files["raw"])
    index = next(i for i in range(40, 120) if sum(j[3] for j in joints_of(frames[i])) >= 8)
    drawn, plain = annotated[index][1].astype(int), raw[index][1].astype(int)
    sure = 0
    for joint, (x, y, score, present) in enumerate(joints_of(frames[index])):
        if x is None or y is None or not (0 <= x < 640 and 0 <= y < 480):
            continue
        changed = np.abs(drawn - plain)[round(y), round(x)].sum()
        if present and score > 0.7:
            sure += 1
            colour = bgr(SIDES[_side(log.joints[joint])])
            assert changed > 30
            assert np.abs(drawn[round(y), round(x)] - colour).max() < 90
    assert sure >= 3
    far = np.ones((480, 640), bool)
    known = points(frames[index])
    known = known[np.isfinite(known).all(axis=1)]
    (x0, y0), (x1, y1) = known.min(axis=0) - 20, known.max(axis=0) + 20
    far[max(0, int(y0)) : max(0, int(y1)), max(0, int(x0)) : max(0, int(x1))] = False
    assert np.abs(drawn - plain)[far].mean() < 4


def _side(joint: str) -> str:
    side = joint.partition("_")[0]
    return side if side in SIDES else "centre"


def test_the_whole_demo_ends_by_itself() -> None:
    report = account(pose_app("run", "demo", "--json"))
    assert report["frames"] == sum(1 for _ in LogReader(bundled("assets", "demo.jsonl")))
    assert report["dropped"] == 0
    assert report["files"] == []


def test_a_folder_of_images(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, data in enumerate(demo_jpegs(5)):
        (folder / f"{number}.jpg").write_bytes(data)
    log = tmp_path / "out.jsonl"
    report = account(pose_app("run", folder, "--log", log, "--json"))
    assert report["frames"] == 5
    assert [frame.index for frame in LogReader(log)] == list(range(5))
    assert sum(joint[3] for frame in LogReader(log) for joint in joints_of(frame)) > 20


def test_an_http_camera(tmp_path: Path) -> None:
    with MjpegServer() as server:
        report = account(
            pose_app("run", server.url, "--frames", 25, "--record", tmp_path / "a.mp4",
                     "--log", tmp_path / "a.jsonl", "--raw", tmp_path / "r.mp4", "--json")
        )  # fmt: skip
    assert report["frames"] == 25
    for name in ("a.mp4", "r.mp4"):
        check = verify(tmp_path / name, tmp_path / "a.jsonl")
        assert check.good, check.problems
        assert check.frames >= 25


def test_variable_rate_is_kept(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.05, 0.3, 1.3, 1.31, 61.0, 61.5]
    write_video(tmp_path / "in.mp4", times)
    pose_app("run", tmp_path / "in.mp4", "--raw", tmp_path / "r.mp4", "--log", tmp_path / "r.jsonl")
    assert [seconds for seconds, _ in read_back(tmp_path / "r.mp4")] == pytest.approx(
        times, abs=1e-3
    )
    assert [frame.seconds for frame in LogReader(tmp_path / "r.jsonl")] == pytest.approx(
        times, abs=1e-3
    )


def test_stacks_region_threshold_and_seconds(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    report = account(
        pose_app("run", "demo", "--seconds", 0.5, "--stacks", 1, "--region", "100,0,480",
                 "--threshold", 0.99, "--no-smoothing", "--log", log, "--json")
    )  # fmt: skip
    assert report["stacks"] == 1
    assert report["frames"] == 15  # 0.5 s at 30 fps
    reader = LogReader(log)
    assert reader.header["threshold"] == 0.99
    for frame in reader:
        (person,) = frame.people
        assert person.region == (100, 0, 480)
        assert frame.stacks == 1
        assert all(present == (score >= 0.99) for *_, score, present in person.joints)


def test_text_for_people_and_nothing_on_stdout_of_json_but_json(tmp_path: Path) -> None:
    done = pose_app("run", "demo", "--frames", 3, "--record", tmp_path / "a.mkv")
    assert re.match(r"3 frames at [\d.]+ fps on .+, 0 dropped\n", done.stdout)
    assert f"{tmp_path / 'a.mkv'}: 3 frames" in done.stdout


def test_names_that_the_terminal_cannot_show_end_no_run(tmp_path: Path) -> None:
    words = ("run", "demo", "--frames", 2, "--record")
    western: dict[str, Any] = {
        "encoding": "cp1252",
        "env": {**os.environ, "PYTHONIOENCODING": "cp1252"},
    }
    done = pose_app(*words, tmp_path / "日本.mp4", **western)
    assert "\\u65e5\\u672c.mp4: 2 frames" in done.stdout
    done = pose_app(*words, tmp_path / "Zoë 🎥.mp4", "--json", **western)
    assert account(done)["files"] == [str(tmp_path / "Zoë 🎥.mp4")]


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are of Unix")
def test_progress_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("run", "demo", "--frames", 150), stderr=theirs, stdout=subprocess.PIPE
    )
    os.close(theirs)
    shown = b""
    while chunk := _read(ours):  # a terminal that nobody reads makes who writes to it wait
        shown += chunk
    os.close(ours)
    process.communicate(timeout=100)
    assert process.returncode == 0
    assert re.search(rb"\[[#-]{24}\] +\d+ %  \d+/150 frames", shown)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are of Unix")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_cleanly_with_playable_files(tmp_path: Path, number: int) -> None:
    video, log = tmp_path / "a.mp4", tmp_path / "a.jsonl"
    process = subprocess.Popen(
        command("run", "demo", "--frames", 10**7, "--record", video, "--log", log, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for_lines(log, 30)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    report = json.loads(out)
    assert report["conserved"]
    check = verify(video)
    assert check.good, check.problems
    assert check.closed
    assert check.frames == check.log_frames == report["frames"] >= 29


def _wait_for_lines(log: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while not log.exists() or log.read_bytes().count(b"\n") < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


BAD = [
    (("nowhere.mp4",), "no file and no camera"),
    (("{text}",), "not a readable video"),
    (("{empty}",), "empty"),
    (("{cut}",), "cut.mp4"),
    (("{folder}",), "{folder}"),
    (("{broken}",), "broken.png"),
    (("77",), "camera"),
    (("http://127.0.0.1:9/x",), "refuses"),
    (("demo", "--model", "nonsense"), "no model"),
    (("demo", "--model", "{text}"), "text.mp4"),
    (("demo", "--model", "{cut}"), "cut.mp4"),
    (("demo", "--stacks", "99"), "stacks"),
    (("demo", "--stacks", "-1"), "--stacks"),
    (("demo", "--stacks", "many"), "--stacks"),
    (("demo", "--region", "0,0,0"), "--region"),
    (("demo", "--region", "nan,0,10"), "--region"),
    (("demo", "--region", "5000,0,10"), "outside"),
    (("demo", "--threshold", "2"), "--threshold"),
    (("demo", "--frames", "0"), "--frames"),
    (("demo", "--seconds", "-1"), "--seconds"),
    (("demo", "--engine", "magic"), "magic"),
    (("demo", "--device", "magic"), "magic"),
    (("demo", "--record", "{folder}/a.avi"), "use .mp4 or .mkv"),
    (("demo", "--record", "{folder}/none/a.mp4"), "cannot be written"),
    (("demo", "--record", "{text}"), "exists already"),
    (("demo", "--log", "{text}"), "call it *.jsonl"),
    (("demo", "--record", "{folder}/a.mp4", "--raw", "{folder}/a.mp4"), "same name"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_input_is_one_sentence_and_status_2(
    tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    places = {name: tmp_path / name for name in ("text.mp4", "empty.mp4", "cut.mp4", "broken.png")}
    folder = tmp_path / "folder"
    folder.mkdir()
    places["text.mp4"].write_text("no video, no model\n" * 50)
    places["empty.mp4"].touch()
    whole = write_video(tmp_path / "whole.mp4", regular(20)).read_bytes()
    places["cut.mp4"].write_bytes(whole[: len(whole) // 2])
    places["broken.png"].write_bytes(b"\x89PNG nothing")
    names = {path.stem: str(path) for path in places.values()} | {"folder": str(folder)}
    done = pose_app("run", *(word.format(**names) for word in words), status=2)
    assert done.stdout == ""
    assert sentence.format(**names) in done.stderr
    assert done.stderr.startswith("pose-app: ")
    assert done.stderr.count("\n") == 1
    assert places["text.mp4"].read_text().startswith("no video")
    assert not list(folder.iterdir())


def test_a_truncated_video_gives_what_it_has(tmp_path: Path) -> None:
    """Mkv and fragmented files are readable from their start without their end."""
    write_video(tmp_path / "whole.mkv", regular(60))
    data = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) * 2 // 3])
    done = subprocess.run(
        command("run", tmp_path / "cut.mkv", "--log", tmp_path / "a.jsonl", "--json"),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode in (0, 2)
    assert "Traceback" not in done.stderr
    report = account(done)
    assert 10 < report["frames"] < 60
    assert len(list(LogReader(tmp_path / "a.jsonl"))) == report["frames"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    done = pose_app("run", "demo", "--record", folder / "a.mp4", status=2)
    assert "cannot be written" in done.stderr


def test_one_picture(tmp_path: Path) -> None:
    image = cv2.imdecode(np.frombuffer(demo_jpegs(1)[0], np.uint8), cv2.IMREAD_COLOR)
    assert cv2.imwrite(str(tmp_path / "a.png"), image)
    report = account(pose_app("run", tmp_path / "a.png", "--record", tmp_path / "a.mp4", "--json"))
    assert report["frames"] == 1
    assert len(read_back(tmp_path / "a.mp4")) == 1
    assert cv2.imwrite(str(tmp_path / "tiny.png"), numbered_picture(1)[:1, :1])
    assert account(pose_app("run", tmp_path / "tiny.png", "--json"))["frames"] == 1
