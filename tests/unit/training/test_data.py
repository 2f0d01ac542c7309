"""Shards and annotation files; what unlabelled means; what is held out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose_app.errors import DataError
from pose_app.skeletons import COCO_17, MPII_16
from pose_app.training.data import ABSENT, MASKED, PRESENT, split
from pose_app.training.loading import load
from pose_app.training.store import CANVAS, fitted
from tests.unit.training.shards import FIGURE, write_shard


def test_shard_reads_back(tmp_path: Path) -> None:
    keypoints = write_shard(tmp_path / "mpii.npz", 12)
    data = load(tmp_path / "mpii.npz")
    assert len(data) == 12
    assert np.array_equal(data.keypoints, keypoints)
    assert data.read(3).shape == (160, 160, 3)
    assert data.skeleton == MPII_16


@pytest.mark.parametrize(("name", "state"), [("lspet", MASKED), ("synthetic", ABSENT)])
def test_no_label_means_unknown_or_absent(tmp_path: Path, name: str, state: int) -> None:
    write_shard(tmp_path / f"{name}.npz", 3)
    with np.load(tmp_path / f"{name}.npz") as file:
        arrays = dict(file)
    arrays["keypoints"][:, 5] = 0
    np.savez(tmp_path / f"{name}.npz", **arrays)
    states = load(tmp_path / f"{name}.npz").states
    assert (states[:, 5] == state).all()
    assert (states[:, 4] == PRESENT).all()


def test_nobody_is_all_absent(tmp_path: Path) -> None:
    write_shard(tmp_path / "no_person.npz", 3, nobody=True)
    data = load(tmp_path / "no_person.npz")
    assert (data.states == ABSENT).all()
    assert not data.somebody.any()


def test_split_is_by_picture_and_complete(tmp_path: Path) -> None:
    write_shard(tmp_path / "mpii.npz", 40)
    with np.load(tmp_path / "mpii.npz") as file:
        arrays = dict(file)
    # Two persons from each picture.
    arrays["name"] = np.array([f"mpii_{i:04d}_{i // 2:09d}" for i in range(40)])
    np.savez(tmp_path / "mpii.npz", **arrays)
    train, held = split(load(tmp_path / "mpii.npz"))
    assert len(train) + len(held) == 40
    assert set(held.pictures) == {"000000000", "000000010"}
    assert not set(held.pictures) & set(train.pictures)
    assert np.array_equal(held.read(0), load(tmp_path / "mpii.npz").read(0))


def test_last_400_of_lspet_are_held_out(tmp_path: Path) -> None:
    write_shard(tmp_path / "lspet.npz", 20)
    train, held = split(load(tmp_path / "lspet.npz"))
    assert len(train) == 16  # a fifth where that is less than 400
    assert np.array_equal(held.keypoints, load(tmp_path / "lspet.npz").keypoints[16:])


@pytest.mark.parametrize("damage", ["bytes", "keypoints", "offsets", "missing", "nan"])
def test_damaged_shards_are_told(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "lspet.npz"
    write_shard(path, 3)
    with np.load(path) as file:
        arrays = dict(file)
    if damage == "bytes":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "missing":
        del arrays["offsets"]
    elif damage == "keypoints":
        arrays["keypoints"] = arrays["keypoints"][:, :5]
    elif damage == "offsets":
        arrays["offsets"] = arrays["offsets"][:-1]
    else:
        arrays["keypoints"][0, 0, 0] = np.nan
    if damage != "bytes":
        np.savez(path, **arrays)
    with pytest.raises(DataError):
        load(path)


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        load(tmp_path / "nothing.npz")


def picture(folder: Path, name: str, size: tuple[int, int] = (300, 400)) -> None:
    cv2.imwrite(str(folder / name), np.full((*size, 3), 50, np.uint8))


def test_mpii_json(tmp_path: Path) -> None:
    picture(tmp_path, "a.jpg")
    joints = (FIGURE * 200 + 1).tolist()
    joints[0] = [-1, -1]
    visible = [1] * 16
    visible[0], visible[3] = 0, 0
    entry = {"image": "a.jpg", "joints": joints, "joints_vis": visible}
    (tmp_path / "mpii.json").write_text(json.dumps([entry]))
    data = load(tmp_path / "mpii.json", tmp_path)
    assert data.keypoints[0, 0].tolist() == [0, 0, 0]
    assert data.keypoints[0, 3, 2] == 1
    assert data.keypoints[0, 9] == pytest.approx([*FIGURE[9] * 200, 2], abs=1e-3)
    assert data.read(0).shape == (300, 400, 3)


def test_mpii_mat_without_scipy_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    (tmp_path / "mpii.mat").write_bytes(b"MATLAB")
    with pytest.raises(DataError, match="scipy"):
        load(tmp_path / "mpii.mat", tmp_path)


def coco(folder: Path) -> Path:
    picture(folder, "b.jpg")
    keypoints = np.zeros((17, 3))
    keypoints[5:17, :2] = np.arange(24).reshape(12, 2) * 10
    keypoints[5:17, 2] = 2
    content = {
        "images": [{"id": 7, "file_name": "b.jpg"}],
        "annotations": [
            {"image_id": 7, "keypoints": keypoints.ravel().tolist(), "iscrowd": 0},
            {"image_id": 7, "keypoints": [0] * 51, "iscrowd": 0},
            {"image_id": 7, "keypoints": keypoints.ravel().tolist(), "iscrowd": 1},
        ],
    }
    path = folder / "coco.json"
    path.write_text(json.dumps(content))
    return path


def test_coco_json_keeps_labelled_single_persons(tmp_path: Path) -> None:
    data = load(coco(tmp_path), tmp_path)
    assert len(data) == 1
    assert data.skeleton == COCO_17


def named(folder: Path, category: dict[str, object], values: int = 17) -> Path:
    """COCO's file with a person whose joint k is at (k + 1, 2 k), and a category of its own."""
    path = coco(folder)
    content = json.loads(path.read_text())
    joints = [value for k in range(values) for value in (k + 1, 2 * k, 2)]
    content["annotations"] = [{"image_id": 7, "category_id": 1, "keypoints": joints}]
    content["categories"] = [{"id": 1, "name": "person", **category}]
    path.write_text(json.dumps(content))
    return path


def test_joints_are_matched_by_the_names_of_their_category(tmp_path: Path) -> None:
    turned = list(reversed(COCO_17.joints))
    (person,) = load(named(tmp_path, {"keypoints": turned}), tmp_path).keypoints
    assert person[:, 0].tolist() == list(range(17, 0, -1))
    few = ["neck", "left_wrist", "tail", "nose"]
    data = load(named(tmp_path, {"keypoints": few}, 4), tmp_path)
    assert data.skeleton == COCO_17
    shown = {joint: data.keypoints[0, COCO_17.index(joint)].tolist() for joint in few[1::2]}
    assert shown == {"left_wrist": [2, 2, 2], "nose": [4, 6, 2]}
    assert (data.keypoints[0, :, 2] > 0).sum() == 2


def test_joints_without_names_are_in_cocos_order(tmp_path: Path) -> None:
    (person,) = load(named(tmp_path, {}), tmp_path).keypoints
    assert person[:, 0].tolist() == list(range(1, 18))


def test_joints_that_are_not_cocos_are_told(tmp_path: Path) -> None:
    joints = [f"finger_{k}" for k in range(17)]
    with pytest.raises(DataError, match=r"finger_0, finger_1, .*finger_16\."):
        load(named(tmp_path, {"keypoints": joints}), tmp_path)


def test_animals_are_no_people(tmp_path: Path) -> None:
    path = named(tmp_path, {})
    content = json.loads(path.read_text())
    cat = {**content["annotations"][0], "category_id": 2}
    content["annotations"].append(cat)
    content["categories"].append({"id": 2, "name": "cat", "keypoints": list(COCO_17.joints)})
    path.write_text(json.dumps(content))
    assert len(load(path, tmp_path)) == 1
    content["categories"][0]["name"] = "worker"  # nothing has the name of a person
    path.write_text(json.dumps(content))
    assert len(load(path, tmp_path)) == 2


def test_other_skeleton_is_matched_by_name(tmp_path: Path) -> None:
    data = load(coco(tmp_path), tmp_path)
    mapped = data.with_skeleton(MPII_16)
    for joint in ("left_wrist", "right_ankle"):
        assert np.array_equal(
            mapped.keypoints[0, MPII_16.index(joint)], data.keypoints[0, COCO_17.index(joint)]
        )
    assert mapped.states[0, MPII_16.index("head_top")] == MASKED


def test_nonsense_annotations_are_told(tmp_path: Path) -> None:
    for text in ("{", "{}", '[{"image": "a"}]', "[]"):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(DataError):
            load(tmp_path / "x.json", tmp_path)
    with pytest.raises(DataError, match="--pictures"):
        load(tmp_path / "x.json")


def test_missing_picture_is_told(tmp_path: Path) -> None:
    data = load(coco(tmp_path), tmp_path)
    (tmp_path / "b.jpg").unlink()
    with pytest.raises(DataError, match=r"b\.jpg"):
        data.read(0)


def test_large_picture_is_cut_to_the_person() -> None:
    image = np.zeros((1000, 1500, 3), np.uint8)
    keypoints = np.zeros((16, 3), np.float32)
    keypoints[0], keypoints[1] = (700, 400, 2), (860, 500, 2)
    cv2.circle(image, (860, 500), 6, (255, 255, 255), -1)
    small, points, box = fitted(image, keypoints)
    assert np.isnan(box).all()
    assert small.shape == (CANVAS, CANVAS, 3)
    y, x = np.nonzero(small[..., 0] > 128)
    assert [x.mean(), y.mean()] == pytest.approx(points[1].tolist(), abs=0.4)
    # A small one stays as it is.
    assert fitted(small, keypoints)[0] is small


def test_box_decides_where_a_large_picture_is_cut() -> None:
    image = np.zeros((1000, 1500, 3), np.uint8)
    image[400:500, 700:860] = 255
    box = np.array([700, 400, 160, 100], np.float32)
    small, _, corners = fitted(image, np.zeros((16, 3), np.float32), box)
    y, x = np.nonzero(small[..., 0] > 128)
    measured = [x.min() - 0.5, y.min() - 0.5, x.max() + 0.5, y.max() + 0.5]
    assert measured == pytest.approx(corners.tolist(), abs=1.0)
