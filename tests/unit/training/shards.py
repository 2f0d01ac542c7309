"""Small shards with drawn people, for tests: no picture of the real data is needed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pose_app.skeletons import MPII_16

# A standing figure in a unit square, MPII's order.
FIGURE = np.array(
    [
        (0.40, 0.95),
        (0.40, 0.78),
        (0.42, 0.58),
        (0.58, 0.58),
        (0.60, 0.78),
        (0.60, 0.95),
        (0.50, 0.58),
        (0.50, 0.30),
        (0.50, 0.24),
        (0.50, 0.06),
        (0.20, 0.55),
        (0.28, 0.42),
        (0.38, 0.28),
        (0.62, 0.28),
        (0.72, 0.42),
        (0.80, 0.55),
    ],
    dtype=np.float32,
)


def drawn(keypoints: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
    """A grey picture with the limbs of (16, 3) keypoints; BGR."""
    image = np.full((size, size, 3), 90, np.uint8)
    for a, b in MPII_16.limbs:
        if keypoints[a, 2] > 0 and keypoints[b, 2] > 0:
            ends = [tuple(int(v) for v in keypoints[k, :2].round()) for k in (a, b)]
            cv2.line(image, ends[0], ends[1], (200, 220, 240), 5)
    return image


def write_shard(
    path: Path, count: int, *, nobody: bool = False, size: int = 160, seed: int = 0
) -> NDArray[np.float32]:
    """Write a shard of `count` pictures; its keypoints (count, 16, 3)."""
    random = np.random.default_rng(seed)
    keypoints = np.zeros((count, 16, 3), np.float32)
    files = []
    for i in range(count):
        if not nobody:
            scale = random.uniform(0.55, 0.8) * size
            corner = random.uniform(0, size - scale, 2)
            keypoints[i, :, :2] = FIGURE * scale + corner
            keypoints[i, :, 2] = 2
        files.append(cv2.imencode(".jpg", drawn(keypoints[i], size))[1].ravel())
    np.savez(
        path,
        jpeg=np.concatenate(files),
        offsets=np.cumsum([0, *(len(file) for file in files)]),
        keypoints=keypoints,
        name=np.array([f"mpii_{i:04d}_{i:09d}" for i in range(count)]),
    )
    return keypoints
