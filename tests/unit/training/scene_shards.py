"""Small scene shards with drawn people, for tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from pose_app.training.scenes import SceneData
from pose_app.types import Image
from tests.unit.training.shards import FIGURE, drawn

# Nose, left eye, right eye, left ear, right ear of FIGURE's head.
FACE = np.array(
    [(0.50, 0.16), (0.53, 0.13), (0.47, 0.13), (0.57, 0.14), (0.43, 0.14)], dtype=np.float32
)


def write_scenes(
    path: Path, count: int, *, people: int = 2, empty: int = 0, size: int = 240, seed: int = 0
) -> dict[str, np.ndarray]:
    """Write a scene shard: `count` pictures of `people` standing side by side, then `empty` ones.

    Every fifth picture is held out. Returns the arrays.
    """
    random = np.random.default_rng(seed)
    files, boxes, keypoints = [], [], []
    for _ in range(count):
        image = np.full((size, size, 3), 90, np.uint8)
        for place in range(people):
            tall = random.uniform(0.5, 0.9) * size
            wide = size / people
            left = wide * place + wide / 2 - tall / 2
            joints = np.zeros((21, 3), np.float32)
            joints[:, :2] = np.concatenate((FIGURE, FACE)) * tall + (left, (size - tall) / 2)
            joints[:, 2] = 2
            image = np.maximum(image, drawn(joints[:16], size))
            low, high = joints[:, :2].min(axis=0) - 4, joints[:, :2].max(axis=0) + 4
            low, high = low.clip(0, size), high.clip(0, size)
            outside = ((joints[:, :2] < 0) | (joints[:, :2] > size - 1)).any(axis=1)
            joints[outside] = 0, 0, -1
            boxes.append([*low, *(high - low)])
            keypoints.append(joints)
        files.append(cv2.imencode(".jpg", image)[1].ravel())
    files.extend(
        cv2.imencode(".jpg", np.full((size, size, 3), 60, np.uint8))[1].ravel()
        for _ in range(empty)
    )
    joints = np.array(keypoints, np.float32).reshape(-1, 21, 3)
    arrays = {
        "jpeg": np.concatenate(files),
        "offsets": np.cumsum([0, *(len(file) for file in files)]),
        "name": np.array([f"drawn/{i}" for i in range(count + empty)]),
        "split": np.where(np.arange(count + empty) % 5 == 0, "held_out", "train"),
        "complete": np.ones(count + empty, dtype=bool),
        "persons": np.cumsum([0, *([people] * count), *([0] * empty)]),
        "boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "box_weight": np.ones(len(boxes), np.float32),
        "keypoints": joints,
        "weight": (joints[..., 2] != 0).astype(np.float32),
    }
    np.savez(path, **arrays)
    return arrays


def shifted(scenes: SceneData, by: tuple[int, int]) -> SceneData:
    """The same people, with black so wide left of their pictures and so high above them."""

    def read(index: int) -> Image:
        made: Image = np.pad(scenes.read(index), ((by[1], 0), (by[0], 0), (0, 0)))
        return made

    keypoints = scenes.keypoints.copy()
    keypoints[..., :2] += by
    boxes = scenes.boxes + np.array([*by, 0, 0], np.float32)
    return replace(scenes, read=read, keypoints=keypoints, boxes=boxes)
