"""Exports are read back with other parsers than ours."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pose_app.errors import RecordingError
from pose_app.recording.export import export, main
from pose_app.recording.keypoint_log import KeypointLog
from pose_app.skeletons import COCO_17, LSP_14, MPII_16, Skeleton
from tests.poses import make_pose


def write(path: Path, skeleton: Skeleton = MPII_16) -> list[np.ndarray]:
    """A log of two frames with a person and one without; the joints of the first two."""
    log = KeypointLog(path)
    log.set_header(
        {
            "app": "1",
            "model": "m",
            "joints": list(skeleton.joints),
            "limbs": [list(limb) for limb in skeleton.limbs],
            "size": [640, 480],
        }
    )
    scores = np.full(len(skeleton), 0.8)
    scores[0] = 0.1
    poses = [make_pose((100 + 50 * n, 200), skeleton=skeleton, scores=scores) for n in range(2)]
    for number, pose in enumerate([*poses, make_pose(skeleton=skeleton, found=False)]):
        log.offer(number, number / 25, pose)
    log.close()
    return [pose.joints for pose in poses]


def test_csv(tmp_path: Path) -> None:
    joints = write(tmp_path / "a.jsonl")
    path = export(tmp_path / "a.jsonl", "csv")
    assert path.name == "a.csv"
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert float(rows[1]["seconds"]) == pytest.approx(0.04)
    assert float(rows[1]["head_top_x"]) == pytest.approx(joints[1][9, 0], abs=0.01)
    assert rows[1]["right_ankle_present"] == "0"
    assert rows[1]["head_top_present"] == "1"
    assert rows[2]["head_top_present"] == "0"


def test_coco(tmp_path: Path) -> None:
    joints = write(tmp_path / "a.jsonl", COCO_17)
    data = json.loads(export(tmp_path / "a.jsonl", "coco").read_text())
    assert [image["id"] for image in data["images"]] == [1, 2, 3]
    assert (data["images"][0]["width"], data["images"][0]["height"]) == (640, 480)
    assert [a["image_id"] for a in data["annotations"]] == [1, 2]
    (category,) = data["categories"]
    assert category["keypoints"] == list(COCO_17.joints)
    assert min(min(limb) for limb in category["skeleton"]) == 1
    first = data["annotations"][0]
    points = np.array(first["keypoints"]).reshape(17, 3)
    assert first["num_keypoints"] == 16
    assert points[0].tolist() == [0, 0, 0]
    assert np.allclose(points[1:, :2], joints[0][1:], atol=0.01)
    assert set(points[1:, 2]) == {2}
    x, y, width, height = first["bbox"]
    assert (x, y) == pytest.approx(joints[0][1:].min(axis=0), abs=0.01)
    assert (x + width, y + height) == pytest.approx(joints[0][1:].max(axis=0), abs=0.01)


@pytest.mark.parametrize("skeleton", [MPII_16, COCO_17, LSP_14], ids=lambda s: s.name)
def test_openpose(tmp_path: Path, skeleton: Skeleton) -> None:
    joints = write(tmp_path / "a.jsonl", skeleton)
    folder = export(tmp_path / "a.jsonl", "openpose")
    names = sorted(path.name for path in folder.iterdir())
    assert names[0] == "a_000000000000_keypoints.json"
    assert len(names) == 3
    frames = [json.loads((folder / name).read_text()) for name in names]
    assert [len(frame["people"]) for frame in frames] == [1, 1, 0]
    points = np.array(frames[1]["people"][0]["pose_keypoints_2d"]).reshape(25, 3)
    for place, joint in ((4, "right_wrist"), (5, "left_shoulder"), (13, "left_knee")):
        assert np.allclose(points[place, :2], joints[1][skeleton.index(joint)], atol=0.01)
    hips = [joints[1][skeleton.index(f"{side}_hip")] for side in ("left", "right")]
    middle = joints[1][6] if "pelvis" in skeleton.joints else np.mean(hips, axis=0)
    assert np.allclose(points[8, :2], middle, atol=0.02)
    absent = {"mpii-16": 11, "lsp-14": 11, "coco-17": 0}[skeleton.name]  # right ankle, nose
    assert points[absent].tolist() == [0, 0, 0]
    assert points[19:].any() == np.False_


@pytest.mark.parametrize("format", ["csv", "coco", "openpose"])
def test_nothing_is_overwritten(tmp_path: Path, format: str) -> None:
    write(tmp_path / "a.jsonl")
    export(tmp_path / "a.jsonl", format)
    with pytest.raises(RecordingError, match="exists already"):
        export(tmp_path / "a.jsonl", format)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.jsonl")
    output = tmp_path / "b.csv"
    assert main(SimpleNamespace(log=tmp_path / "a.jsonl", format="csv", output=output)) == 0  # type: ignore[arg-type]
    assert capsys.readouterr().out.strip() == str(output)
    with pytest.raises(RecordingError, match="no format"):
        export(tmp_path / "a.jsonl", "xml")
