"""Whole pictures with their people: shards, COCO's boxes, crops as scenes of one, splits."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose_app.errors import DataError
from pose_app.skeletons import COCO_17, MPII_16, MPII_21
from pose_app.training.data import ABSENT, MASKED, PRESENT, split
from pose_app.training.loading import load, load_scene_shard, load_scenes
from pose_app.training.scenes import split_scenes
from tests.unit.training.scene_shards import write_scenes
from tests.unit.training.shards import write_shard


def test_shard_reads_back_and_its_split_is_kept(tmp_path: Path) -> None:
    arrays = write_scenes(tmp_path / "s.npz", 11, people=2, empty=4)
    scenes = load_scenes(tmp_path / "s.npz")
    assert len(scenes) == 15
    assert scenes.people(3) == slice(6, 8)
    assert scenes.people(12) == slice(22, 22)
    assert scenes.read(0).shape == (240, 240, 3)
    train, held = split_scenes(scenes)
    assert held.pictures == ("drawn/0", "drawn/5", "drawn/10")
    assert len(train) == 12
    assert not set(train.pictures) & set(held.pictures)
    # A selection keeps picture, people and joints together.
    assert np.array_equal(held.boxes, arrays["boxes"][[0, 1, 10, 11, 20, 21]])
    assert np.array_equal(held.keypoints[held.people(1)], arrays["keypoints"][10:12])
    assert np.array_equal(held.read(1), scenes.read(5))


def test_everybody_with_joints_is_a_row_for_the_pose_network(tmp_path: Path) -> None:
    arrays = write_scenes(tmp_path / "s.npz", 6)
    arrays["keypoints"][3] = 0  # somebody without joints
    arrays["keypoints"][0, 5] = 0, 0, -1
    arrays["keypoints"][0, 6] = 0
    arrays["weight"][0, 7] = 0.4
    np.savez(tmp_path / "s.npz", **arrays)
    data = load(tmp_path / "s.npz")
    assert len(data) == 11
    assert data.skeleton is MPII_21
    assert data.boxes is not None
    assert np.array_equal(data.boxes[3], arrays["boxes"][4])
    assert data.pictures[:4] == ("drawn/0", "drawn/0", "drawn/1", "drawn/2")
    # Two kinds of no joint: outside the picture, and not labelled.
    assert data.states[0, 5:8].tolist() == [ABSENT, MASKED, PRESENT]
    assert data.weights[0, 7] == pytest.approx(0.4)
    train, held = split(data)
    assert set(held.pictures) == {"drawn/0", "drawn/5"}
    assert len(train) + len(held) == 11
    smaller = data.with_skeleton(MPII_16)
    assert smaller.states[0, 5:8].tolist() == [ABSENT, MASKED, PRESENT]
    assert smaller.weights[0, 7] == pytest.approx(0.4)


def test_joints_that_a_complete_shard_does_not_know_are_unknown(tmp_path: Path) -> None:
    write_shard(tmp_path / "synthetic.npz", 3)
    with np.load(tmp_path / "synthetic.npz") as file:
        arrays = dict(file)
    arrays["keypoints"][:, 5] = 0
    np.savez(tmp_path / "synthetic.npz", **arrays)
    states = load(tmp_path / "synthetic.npz").with_skeleton(MPII_21).states
    assert (states[:, 5] == ABSENT).all()
    assert (states[:, 16:] == MASKED).all()
    write_shard(tmp_path / "no_person.npz", 3, nobody=True)
    assert (load(tmp_path / "no_person.npz").with_skeleton(MPII_21).states == ABSENT).all()


def test_faces_beside_a_shard_are_taken_along(tmp_path: Path) -> None:
    write_shard(tmp_path / "mpii.npz", 4)
    faces = np.full((4, 5, 3), 50, np.float32)
    faces[..., 2] = 0.8
    faces[1, :, 2] = 0.3
    np.savez(tmp_path / "mpii_faces.npz", faces=faces)
    data = load(tmp_path / "mpii.npz")
    assert data.skeleton is MPII_21
    assert (data.states[0, 16:] == PRESENT).all()
    assert (data.states[1, 16:] == MASKED).all()
    assert data.weights[0, 16:] == pytest.approx(0.48)
    assert data.weights[:, :16] == pytest.approx(1.0)
    np.savez(tmp_path / "mpii_faces.npz", faces=faces[:2])
    with pytest.raises(DataError, match="faces"):
        load(tmp_path / "mpii.npz")


def test_crops_are_scenes_of_one(tmp_path: Path) -> None:
    keypoints = write_shard(tmp_path / "lspet.npz", 10)
    scenes = load_scenes(tmp_path / "lspet.npz")
    assert len(scenes) == 10
    assert not scenes.complete.any()  # others may be in these pictures
    for index in range(10):
        (box,) = scenes.boxes[scenes.people(index)]
        low, high = keypoints[index, :, :2].min(axis=0), keypoints[index, :, :2].max(axis=0)
        assert (box[:2] <= low + 0.5).all()
        assert (box[:2] + box[2:] >= np.minimum(high + 0.5, 160)).all()
        assert (box[2:] < 1.3 * (high - low)).all()
    assert scenes.held_out.sum() == 2
    write_shard(tmp_path / "no_person.npz", 6, nobody=True)
    nobody = load_scenes(tmp_path / "no_person.npz")
    assert nobody.complete.all()
    assert len(nobody.boxes) == 0


def test_rendered_people_without_legs_reach_the_lower_border(tmp_path: Path) -> None:
    write_shard(tmp_path / "synthetic.npz", 2)
    with np.load(tmp_path / "synthetic.npz") as file:
        arrays = dict(file)
    arrays["keypoints"][:, [0, 1, 4, 5]] = 0
    np.savez(tmp_path / "synthetic.npz", **arrays)
    scenes = load_scenes(tmp_path / "synthetic.npz")
    assert (scenes.boxes[:, 1] + scenes.boxes[:, 3] == 160).all()
    assert scenes.complete.all()


def coco(folder: Path) -> Path:
    content = {
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "cat"}],
        "images": [{"id": i, "file_name": f"{i}.jpg"} for i in range(3)],
        "annotations": [
            {"image_id": 0, "category_id": 1, "bbox": [10, 20, 30, 40]},
            {"image_id": 0, "category_id": 2, "bbox": [0, 0, 5, 5]},
            {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": 1},
            {
                "image_id": 1,
                "category_id": 1,
                "bbox": [5, 5, 50, 60],
                "keypoints": [v for k in range(17) for v in (k, 2 * k, 2 if k else 0)],
            },
        ],
    }
    for i in range(3):
        cv2.imwrite(str(folder / f"{i}.jpg"), np.full((100, 120, 3), 40 * i, np.uint8))
    path = folder / "people.json"
    path.write_text(json.dumps(content))
    return path


def test_boxes_of_ones_own_pictures(tmp_path: Path) -> None:
    scenes = load_scenes(coco(tmp_path), tmp_path)
    assert np.diff(scenes.persons).tolist() == [1, 1, 0]
    assert scenes.boxes[0].tolist() == [10, 20, 30, 40]
    assert scenes.complete.tolist() == [True, False, True]  # a crowd is not told one by one
    assert scenes.held_out.tolist() == [True, False, False]
    assert (scenes.keypoints[0, :, 2] == 0).all()
    joint = COCO_17.index("left_wrist")
    assert scenes.keypoints[1, MPII_21.index("left_wrist")].tolist() == [joint, 2 * joint, 2]
    assert scenes.keypoints[1, MPII_21.index("nose"), 2] == 0
    assert scenes.read(2).mean() == pytest.approx(80, abs=2)
    assert scenes.useful().pictures == ("0.jpg", "1.jpg", "2.jpg")
    with pytest.raises(DataError, match="--pictures"):
        load_scenes(coco(tmp_path))


def test_joints_of_ones_own_people_are_matched_by_their_names(tmp_path: Path) -> None:
    path = coco(tmp_path)
    content = json.loads(path.read_text())
    content["categories"][0]["keypoints"] = list(reversed(COCO_17.joints))
    path.write_text(json.dumps(content))
    scenes = load_scenes(path, tmp_path)
    column = 16 - COCO_17.index("left_wrist")
    assert scenes.keypoints[1, MPII_21.index("left_wrist")].tolist() == [column, 2 * column, 2]
    content["categories"][0]["keypoints"] = [f"finger_{k}" for k in range(17)]
    path.write_text(json.dumps(content))
    assert (load_scenes(path, tmp_path).keypoints[..., 2] == 0).all()  # boxes are enough


def test_every_task_holds_out_the_same_pictures_of_a_file(tmp_path: Path) -> None:
    """Whatever the order of the people, and also of a picture that is in the file twice."""
    joints = [value for k in range(17) for value in (k, 2 * k, 2)]
    person = {"category_id": 1, "bbox": [5, 5, 50, 60], "keypoints": joints}
    files = [f"{i}.jpg" for i in range(30)] + ["20.jpg"]
    content = {
        "images": [{"id": 100 - i, "file_name": file} for i, file in enumerate(files)],
        "annotations": [{"image_id": 70 + i, **person} for i in range(31)],
    }
    path = tmp_path / "people.json"
    path.write_text(json.dumps(content))
    data = load(path, tmp_path)
    assert len(data) == 31
    _, held = split(data)
    _, scenes = split_scenes(load_scenes(path, tmp_path))
    assert sorted(held.pictures) == sorted(scenes.pictures)
    assert sorted(held.pictures) == ["0.jpg", "10.jpg", "20.jpg", "20.jpg"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda c: c.pop("images"), "images"),
        (lambda c: c["annotations"][0].pop("bbox"), "bbox"),
        (lambda c: c["annotations"][0].update(bbox=[1, 2, 3]), "as expected"),
        (lambda c: c["annotations"][0].update(bbox=[1, 2, 0, 4]), "width and a height"),
        (lambda c: c.update(annotations=[]), "no box"),
    ],
)
def test_damaged_boxes_are_told(tmp_path: Path, change: object, word: str) -> None:
    path = coco(tmp_path)
    content = json.loads(path.read_text())
    change(content)  # type: ignore[operator]
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=word):
        load_scenes(path, tmp_path)


@pytest.mark.parametrize("name", ["persons", "boxes", "weight", "split", "complete", "box_weight"])
def test_damaged_scene_shards_are_told(tmp_path: Path, name: str) -> None:
    arrays = write_scenes(tmp_path / "s.npz", 4)
    np.savez(tmp_path / "s.npz", **{**arrays, name: arrays[name][:-1]})
    with pytest.raises(DataError):
        load_scene_shard(tmp_path / "s.npz")
    if arrays[name].dtype.kind == "f":
        arrays[name].flat[0] = np.nan
        np.savez(tmp_path / "s.npz", **arrays)
        with pytest.raises(DataError, match="not finite"):
            load_scene_shard(tmp_path / "s.npz")
