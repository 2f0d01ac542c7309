"""Training data: COCO's and MPII's annotations and the shards, with anything in them."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pose_app.errors import DataError
from pose_app.skeletons import MPII_16
from pose_app.training.data import split
from pose_app.training.loading import load
from tests.fuzz.fuzzing import EXAMPLES, damaged, fuzz, nonsense, one_sentence
from tests.unit.training.shards import write_shard

FIGURE = [[10.0 * k + 2, 7.0 * k + 3] for k in range(16)]
MPII: list[Any] = [
    {"image": "a.jpg", "joints": FIGURE, "joints_vis": [1] * 16},
    {"image": "b.jpg", "joints": FIGURE},
]
COCO: dict[str, Any] = {
    "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}],
    "annotations": [
        {"image_id": 7, "keypoints": [5, 6, 2] * 17, "iscrowd": 0},
        {"image_id": 8, "keypoints": [0] * 51},
    ],
}
CORPUS: list[Any] = [
    *(None, 1, "", [], {}, [None], [[]], {"annotations": 1, "images": 2}),
    {"annotations": [], "images": [{"id": [], "file_name": "a"}]},
    {"annotations": {"a": 1}, "images": {"b": 2}},
    {"annotations": [None], "images": []},
    {"annotations": [{"keypoints": [10**400] * 51, "image_id": 7}], "images": COCO["images"]},
    {"annotations": [{"keypoints": [[1, 2], 3], "image_id": 7}], "images": COCO["images"]},
    {"annotations": [{"keypoints": [float("nan")] * 51, "image_id": 7}], "images": COCO["images"]},
    {"annotations": [{"keypoints": [1, 1, 2] * 17, "image_id": []}], "images": COCO["images"]},
    [{"image": "a.jpg", "joints": [[float("inf")] * 2] * 16}],
    [{"image": "a.jpg", "joints": [[10**400] * 2] * 16}],
    [{"image": "a.jpg", "joints": FIGURE, "joints_vis": 1}],
    [{"image": "a.jpg", "joints": FIGURE, "joints_vis": [[1] * 16]}],
    [{"image": "\x00", "joints": FIGURE}],
    [{"image": "\ud800", "joints": FIGURE}],
    [{"image": "../" * 2000, "joints": FIGURE}],
]


def check_file(path: Path, pictures: Path) -> None:
    """Data that can be trained on, or one sentence."""
    try:
        data = load(path, pictures)
    except DataError as error:
        one_sentence(error)
        return
    assert len(data) > 0
    assert len(data.pictures) == len(data)
    assert np.isfinite(data.keypoints).all()
    assert data.states.shape == data.keypoints.shape[:2]
    training, held = split(data)
    assert len(training) + len(held) == len(data)
    data.with_skeleton(MPII_16)
    try:
        picture = data.read(0)
    except DataError as error:
        one_sentence(error, 20_000)
    else:
        assert picture.ndim == 3


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize("kind", ["coco", "mpii"])
@pytest.mark.parametrize("examples", EXAMPLES)
def test_any_annotations_are_read_or_refused(tmp_path: Path, kind: str, examples: int) -> None:
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((8, 8, 3), np.uint8))
    good: Any = {"coco": COCO, "mpii": MPII}[kind]
    path = tmp_path / "a.json"

    def make(chance: random.Random) -> bytes:
        if chance.random() < 0.2:
            return damaged([json.dumps(good).encode()], chance)
        return json.dumps(nonsense([good], chance)).encode()

    def check(data: bytes) -> None:
        path.write_bytes(data)
        check_file(path, tmp_path)

    texts = [json.dumps(case).encode() for case in CORPUS]
    fuzz(make, check, examples, [*texts, b"[" * 100_000, b"9" * 5000, b"\xff"])


@pytest.mark.parametrize("examples", EXAMPLES)
def test_any_shard_is_read_or_refused(tmp_path: Path, examples: int) -> None:
    write_shard(tmp_path / "good.npz", 3, size=16)
    with np.load(tmp_path / "good.npz") as file:
        arrays = dict(file)
    good = (tmp_path / "good.npz").read_bytes()
    path = tmp_path / "mpii.npz"

    def changed(**other: Any) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, **{**arrays, **other})
        return buffer.getvalue()

    odd: list[Any] = [
        *(np.array(1), np.array([]), np.array([1e308]), np.array(["a"]), np.array([None])),
        *(np.zeros((3, 16, 3), complex), np.array(b"a"), np.array([np.nan] * 4)),
        *(np.array([-1, 5, 9, 12]), np.array([0, 2**62, 2**62 + 1, -(2**62)]), np.zeros((3, 3))),
        *(np.array(["mpii_1_x"] * 3), np.array([2**63] * 4, np.uint64), np.array(["2020"] * 4)),
        np.array(["2020-01-01"] * 4, "datetime64[D]"),
    ]
    keys = list(arrays)
    corpus = [changed(**{key: value}) for key in keys for value in odd]
    giant = np.frombuffer(b"P6 1048577 1048577 255\n" * 3, np.uint8)  # OpenCV raises an exception
    corpus.append(changed(jpeg=giant, offsets=np.arange(4) * len(giant) // 3))
    corpus.append(good.replace(b"\x93NUMPY", b"\x93BUMPY", 1))  # numpy makes bytes of it

    def make(chance: random.Random) -> bytes:
        return damaged([good], chance) if chance.random() < 0.8 else damaged(corpus, chance)

    def check(data: bytes) -> None:
        path.write_bytes(data)
        check_file(path, tmp_path)

    fuzz(make, check, examples, [*corpus, b"", b"PK\x05\x06" + bytes(18), b"\x93NUMPY"])
