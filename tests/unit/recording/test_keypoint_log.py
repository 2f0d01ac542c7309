"""The keypoint log: what is written, what is read back, what a crash leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pose_app.errors import RecordingError
from pose_app.recording.keypoint_log import KeypointLog, LogReader
from pose_app.skeletons import COCO_17, MPII_16
from tests.poses import make_pose

HEADER: dict[str, Any] = {
    "app": "1",
    "model": "m",
    "joints": list(MPII_16.joints),
    "limbs": [list(limb) for limb in MPII_16.limbs],
    "size": [640, 480],
    "mirrored": False,
}


def write(path: Path, count: int = 3) -> Path:
    log = KeypointLog(path)
    log.set_header(HEADER)
    for number in range(count):
        assert log.offer(number, number / 30, [make_pose((100 + number, 80))])
    report = log.close()
    assert report.conserved
    assert report.written == count
    return path


def test_lines_are_as_documented(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in write(tmp_path / "a.jsonl").read_text().splitlines()]
    assert lines[0] == {"type": "header", "schema": 2, **HEADER}
    assert len(lines) == 4
    pose = make_pose((101, 80))
    frame = lines[2]
    assert frame["type"] == "frame"
    assert frame["index"] == 1
    assert frame["t"] == pytest.approx(1 / 30, abs=1e-6)
    assert frame["stacks"] == 2
    (person,) = frame["people"]
    assert person["id"] == 1
    assert person["score"] == 0.75
    assert person["region"] == [41.0, 20.0, 120.0]
    assert np.allclose([joint[:2] for joint in person["joints"]], pose.joints, atol=0.01)
    assert all(joint[2:] == [0.9, True] for joint in person["joints"])


def test_absent_joints_and_unseen_frames(tmp_path: Path) -> None:
    scores = np.full(16, 0.9)
    scores[3] = 0.1
    log = KeypointLog(tmp_path / "a.jsonl")
    log.set_header(HEADER)
    log.offer(0, 0.0, [make_pose(scores=scores)], in_video=False)
    log.offer(1, 0.1, estimated=False)
    log.offer(2, 0.2)
    log.close()
    first, second, third = LogReader(tmp_path / "a.jsonl")
    assert [present for *_, present in first.people[0].joints] == [j != 3 for j in range(16)]
    assert sorted(first.people[0].present) == [j for j in range(16) if j != 3]
    assert not first.in_video
    assert second.in_video
    assert second.people == third.people == ()
    assert second.stacks == 0
    assert [line.estimated for line in (first, second, third)] == [True, False, True]


def test_videos_may_have_names_that_are_no_text(tmp_path: Path) -> None:
    names = {"annotated": "日本.mp4", "raw": "clip-\udcff.mp4"}
    log = KeypointLog(tmp_path / "a.jsonl", names=lambda: names)
    log.set_header({**HEADER, "source": names["raw"]})
    log.offer(0, 0.0)
    report = log.close()
    assert (report.written, report.error) == (1, None)
    header = LogReader(tmp_path / "a.jsonl").header
    assert (header["files"], header["source"]) == (names, names["raw"])


def test_several_people_keep_their_ids(tmp_path: Path) -> None:
    log = KeypointLog(tmp_path / "a.jsonl")
    log.set_header(HEADER)
    log.offer(0, 0.0, [make_pose((50, 80), track_id=7), make_pose((150, 80), track_id=3)])
    log.close()
    (frame,) = LogReader(tmp_path / "a.jsonl")
    assert [person.id for person in frame.people] == [7, 3]
    assert [person.region for person in frame.people] == [(-10, 20, 120), (90, 20, 120)]
    left, right = (np.array([j[:2] for j in person.joints]) for person in frame.people)
    assert np.allclose(right - left, [100, 0], atol=0.02)


def test_logs_of_schema_1_are_read(tmp_path: Path) -> None:
    joints = [[10.0, 20.0, 0.5, True], [11.0, 21.0, 0.7, True], [None, None, 0.1, False]]
    lines: list[dict[str, Any]] = [
        {"type": "header", "schema": 1, "joints": ["a", "b", "c"]},
        {"type": "frame", "index": 4, "t": 0.1, "region": [1, 2, 3], "joints": joints}
        | {"stacks": 2, "stack": 1, "found": True, "tracking": "track"},
        {"type": "frame", "index": 5, "t": 0.2, "region": [1, 2, 3], "joints": joints}
        | {"stacks": 2, "stack": 1, "found": False, "tracking": "search", "raw": False},
        {
            "type": "frame",
            "index": 6,
            "t": 0.3,
            "region": None,
            "joints": [[None, None, 0, False]] * 3,
        }
        | {"stacks": 0, "stack": None, "found": False, "tracking": "none"},
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    reader = LogReader(path)
    first, second, third = reader
    assert reader.joints == ("a", "b", "c")
    (person,) = first.people
    assert (person.id, person.region) == (1, (1, 2, 3))
    assert person.score == pytest.approx(0.6)
    assert person.present == {0: (10, 20, 0.5), 1: (11, 21, 0.7)}
    assert (first.index, first.seconds, first.stacks) == (4, 0.1, 2)
    assert second.people == third.people == ()
    assert (second.estimated, second.in_raw) == (True, False)
    assert not third.estimated


def test_what_is_no_number_becomes_null(tmp_path: Path) -> None:
    pose = make_pose()
    pose.joints[2] = np.nan
    log = KeypointLog(tmp_path / "a.jsonl")
    log.set_header(HEADER)
    log.offer(0, 0.0, [pose])
    log.close()
    (frame,) = LogReader(tmp_path / "a.jsonl")
    assert frame.people[0].joints[2][:2] == (None, None)


def test_a_taken_name_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl")
    log = KeypointLog(tmp_path / "a.jsonl")
    with pytest.raises(RecordingError, match="exists already"):
        log.opened.result(20)
    log.close()


def test_a_torn_last_line_is_left_out_and_told(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.jsonl").read_bytes()
    torn = tmp_path / "torn.jsonl"
    lines = whole.splitlines(keepends=True)
    start = sum(map(len, lines[:-1]))
    for cut in range(start + 1, len(whole) - 1, 7):
        torn.write_bytes(whole[:cut])
        reader = LogReader(torn)
        assert [frame.index for frame in reader] == [0, 1]
        assert reader.torn
    torn.write_bytes(whole[:-1])  # only the end of the line is missing: everything is there
    reader = LogReader(torn)
    assert len(list(reader)) == 3
    assert not reader.torn


def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    lines = write(tmp_path / "a.jsonl").read_text().splitlines(keepends=True)
    lines[2] = "{broken\n"
    (tmp_path / "a.jsonl").write_text("".join(lines))
    with pytest.raises(RecordingError, match="Line 3 of"):
        list(LogReader(tmp_path / "a.jsonl"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda header: header.update(type="frame"), "first line is not a header"),
        (lambda header: header.update(schema=99), "update pose-app"),
        (lambda header: header.update(joints="all"), "no list of joint names"),
        (lambda header: header.update(joints=list(COCO_17.joints)), "no frame of a keypoint log"),
    ],
)
def test_headers_that_make_no_sense(tmp_path: Path, change: Any, sentence: str) -> None:
    first, *rest = write(tmp_path / "a.jsonl").read_text().splitlines(keepends=True)
    header = json.loads(first)
    change(header)
    (tmp_path / "a.jsonl").write_text("".join([json.dumps(header) + "\n", *rest]))
    with pytest.raises(RecordingError, match=sentence):
        list(LogReader(tmp_path / "a.jsonl"))


def test_files_that_are_no_log(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be read"):
        LogReader(tmp_path / "nowhere.jsonl")
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(RecordingError, match="no keypoint log"):
        LogReader(tmp_path / "empty.jsonl")
    (tmp_path / "zeros.jsonl").write_bytes(bytes(5_000_000))
    with pytest.raises(RecordingError, match="not readable"):
        LogReader(tmp_path / "zeros.jsonl")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ("type", "schema", "people", "joints", "t", "index", "region", "stacks", "id", "x")
            ),
            inner,
            max_size=8,
        )
    ),
    max_leaves=12,
)


def _parse(path: Path, data: bytes) -> None:
    """Reads or refuses in our own words; anything else is a bug."""
    path.write_bytes(data)
    try:
        frames = list(LogReader(path))
    except RecordingError:
        return
    people = [person for frame in frames for person in frame.people]
    assert all(len(person.joints) == len(people[0].joints) for person in people)


@given(st.lists(_JSON, max_size=4), st.binary(max_size=20))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_lines_are_read_or_refused(tmp_path: Path, lines: list[Any], tail: bytes) -> None:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    _parse(tmp_path / "a.jsonl", text.encode() + tail)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(st.sampled_from((1, 2)), st.lists(_JSON, max_size=4), st.binary(max_size=20))
@settings(
    deadline=None,
    max_examples=100_000,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_very_many_lines_are_read_or_refused(
    tmp_path: Path, schema: int, lines: list[Any], tail: bytes
) -> None:
    header = json.dumps({"type": "header", "schema": schema, "joints": ["a"]}) + "\n"
    frames = "".join(json.dumps(line) + "\n" for line in lines)
    _parse(tmp_path / "a.jsonl", (header + frames).encode() + tail)


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from pose_app.recording.keypoint_log import KeypointLog
from tests.poses import make_pose
log = KeypointLog(Path(sys.argv[1]))
log.set_header({header!r})
for number in range(100_000):
    log.offer(number, number / 50, [make_pose()])
    while log._written <= number:
        time.sleep(0.0005)
    print(number, flush=True)
"""


def test_kill_costs_nothing_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    root = str(Path(__file__).parents[3])
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED.format(root=root, header=HEADER), str(path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    last = 0
    while last < 50:
        last = int(process.stdout.readline())
    process.kill()
    last = max([last, *map(int, process.stdout.read().split())])
    process.wait()
    process.stdout.close()
    indices = [frame.index for frame in LogReader(path)]
    assert indices == list(range(len(indices)))
    assert len(indices) > last
