"""Exports are read back with other parsers than ours."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pose_app import cli
from pose_app.errors import RecordingError
from pose_app.recording.export import export
from pose_app.recording.exporters import EXPORTERS
from pose_app.recording.keypoint_log import KeypointLog
from pose_app.skeletons import COCO_17, LSP_14, MPII_16, Skeleton, custom
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
    for number, people in enumerate([[poses[0]], [poses[1]], []]):
        log.offer(number, number / 25, people)
    log.close()
    return [pose.joints for pose in poses]


def test_csv(tmp_path: Path) -> None:
    joints = write(tmp_path / "a.jsonl")
    path = export(tmp_path / "a.jsonl", "csv")
    assert path.name == "a.csv"
    with path.open(newline="") as file:
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
    # Boxes are in corners of pixels, of which the joints are the centres.
    assert (x, y) == pytest.approx(joints[0][1:].min(axis=0) - 0.5, abs=0.01)
    assert (x + width, y + height) == pytest.approx(joints[0][1:].max(axis=0) + 0.5, abs=0.01)


def test_a_box_in_coco_has_an_area_even_of_one_joint(tmp_path: Path) -> None:
    scores = np.zeros(len(COCO_17))
    scores[3] = 0.9
    log = KeypointLog(tmp_path / "a.jsonl")
    log.set_header({"joints": list(COCO_17.joints), "size": [640, 480]})
    log.offer(0, 0.0, [make_pose((100, 200), skeleton=COCO_17, scores=scores)])
    log.close()
    data = json.loads(export(tmp_path / "a.jsonl", "coco").read_text())
    (annotation,) = data["annotations"]
    x, y, _ = annotation["keypoints"][9:12]
    assert annotation["bbox"] == pytest.approx([x - 0.5, y - 0.5, 1, 1])
    assert annotation["area"] == 1


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


def test_several_people(tmp_path: Path) -> None:
    log = KeypointLog(tmp_path / "a.jsonl")
    log.set_header({"joints": list(MPII_16.joints), "size": [640, 480]})
    log.offer(0, 0.0, [make_pose((100, 200), track_id=4), make_pose((300, 200), track_id=2)])
    log.close()
    with export(tmp_path / "a.jsonl").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["index"], row["person"]) for row in rows] == [("0", "4"), ("0", "2")]
    places = [float(row["pelvis_x"]) for row in rows]
    assert places[1] - places[0] == pytest.approx(200, abs=0.02)
    data = json.loads(export(tmp_path / "a.jsonl", "coco").read_text())
    assert [(a["image_id"], a["track_id"]) for a in data["annotations"]] == [(1, 4), (1, 2)]
    (path,) = export(tmp_path / "a.jsonl", "openpose").iterdir()
    people = json.loads(path.read_text())["people"]
    assert [person["person_id"] for person in people] == [[4], [2]]


@pytest.mark.parametrize("skeleton", [MPII_16, LSP_14], ids=lambda s: s.name)
def test_cocos_own_joints(tmp_path: Path, skeleton: Skeleton) -> None:
    joints = write(tmp_path / "a.jsonl", skeleton)
    data = json.loads(export(tmp_path / "a.jsonl", "coco-17").read_text())
    (category,) = data["categories"]
    assert category["keypoints"] == list(COCO_17.joints)
    first = data["annotations"][0]
    points = np.array(first["keypoints"]).reshape(17, 3)
    assert not points[:5].any(), "a skeleton without a face has no eyes"
    for joint in ("left_shoulder", "right_wrist", "left_ankle"):
        own = joints[0][skeleton.index(joint)]
        assert np.allclose(points[COCO_17.index(joint), :2], own, atol=0.01)
    assert first["num_keypoints"] == 11


def test_a_joint_that_nobody_knows_is_no_head(tmp_path: Path) -> None:
    skeleton = custom(("left_wrist", "tail", "nose"), (), (0, 1, 2))
    assert skeleton.groups == {"head": (2,), "left arm": (0,), "other": (1,)}
    log = KeypointLog(tmp_path / "a.jsonl")
    log.set_header({"joints": list(skeleton.joints), "size": [640, 480]})
    log.offer(0, 0.0, [make_pose((100, 200), skeleton=skeleton)])
    log.close()
    (path,) = export(tmp_path / "a.jsonl", "openpose").iterdir()
    (person,) = json.loads(path.read_text())["people"]
    points = np.array(person["pose_keypoints_2d"]).reshape(25, 3)
    assert np.flatnonzero(points[:, 2]).tolist() == [0, 7], "nose and left wrist, nothing else"


@pytest.mark.parametrize("format", [exporter.name for exporter in EXPORTERS])
def test_nothing_is_overwritten(tmp_path: Path, format: str) -> None:
    write(tmp_path / "a.jsonl")
    export(tmp_path / "a.jsonl", format)
    with pytest.raises(RecordingError, match="exists already"):
        export(tmp_path / "a.jsonl", format)


def test_a_folder_that_cannot_be_filled_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.jsonl")
    write_text = Path.write_text

    def full(path: Path, *arguments: object, **keywords: object) -> int:
        if "000000000001" in path.name:
            raise OSError(28, "No space left on device")
        return write_text(path, *arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(RecordingError, match="no space left"):
        export(tmp_path / "a.jsonl", "openpose")
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.jsonl")
    output = tmp_path / "b.csv"
    assert cli.main(["export", str(tmp_path / "a.jsonl"), str(output)]) == 0
    assert capsys.readouterr().out.strip() == str(output)
    assert output.read_text().startswith("index,seconds,person")
    earlier = tmp_path / "c.csv"
    options = ["--format", "csv", "--output", str(earlier)]
    assert cli.main(["export", str(tmp_path / "a.jsonl"), *options]) == 0
    assert earlier.read_text() == output.read_text()
    with pytest.raises(RecordingError, match="no format"):
        export(tmp_path / "a.jsonl", "xml")


@pytest.mark.parametrize(
    ("name", "begins"),
    [("b.csv", "index,"), ("b.json", '{"info"'), ("b.coco17.json", '{"info"')],
)
def test_the_name_of_the_new_file_tells_the_format(tmp_path: Path, name: str, begins: str) -> None:
    write(tmp_path / "a.jsonl")
    assert export(tmp_path / "a.jsonl", output=tmp_path / name).read_text().startswith(begins)
    names = json.loads((tmp_path / name).read_text())["categories"][0] if "json" in name else {}
    assert len(names.get("keypoints", ())) == {"b.csv": 0, "b.json": 16}.get(name, 17)


def test_a_folder_for_openpose_and_a_name_that_tells_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl")
    folder = export(tmp_path / "a.jsonl", output=tmp_path / "b_openpose")
    assert len(list(folder.iterdir())) == 3
    with pytest.raises(RecordingError, match="--format"):
        export(tmp_path / "a.jsonl", output=tmp_path / "b.xml")
