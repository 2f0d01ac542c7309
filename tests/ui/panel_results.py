"""Results for tests of the panels: of the real estimator on the demo clip, and made by hand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache

import numpy as np

from pose_app.engines.base import HostHeatmaps
from pose_app.pose.estimator import PoseEstimator
from pose_app.skeletons import MPII_16, Skeleton
from pose_app.sources import open_source
from pose_app.types import Frame, FrameResult, Pose, Region

REGION = Region(20.0, 10.0, 64.0)
TIMINGS = {"find": 0.25, "crop": 1.0, "network": 5.0, "decode": 2.0, "track": 0.5}


@cache
def real_results(count: int = 12) -> tuple[FrameResult, ...]:
    """What the default model answers to the first frames of the demo clip."""
    estimator, source = PoseEstimator.open(), open_source("demo")
    results = []
    for _ in range(count):
        frame = source.read()
        assert frame is not None
        poses = tuple(estimator.track(frame))
        results.append(FrameResult(frame, poses, time.perf_counter_ns(), estimator.timings))
    source.close()
    estimator.close()
    return tuple(results)


def blob(x: float, y: float, size: int = 32, sigma: float = 1.5) -> np.ndarray:
    """(size, size) float32 with a peak of 1 at x, y."""
    across = np.arange(size, dtype=np.float32)
    return np.exp(-((across[None] - x) ** 2 + (across[:, None] - y) ** 2) / (2 * sigma**2)).astype(
        np.float32
    )


def made_result(
    stacks: int = 2,
    skeleton: Skeleton = MPII_16,
    *,
    step: float = 4.0,
    scores: float | Sequence[float] = 0.8,
    found: bool = True,
    threshold: float = 0.3,
    index: int = 0,
) -> FrameResult:
    """A result whose joints all move `step` pixels to the right from each stack to the next.

    Joint j starts at (30 + j, 40) of a 120 x 90 picture whose left half is black and right half is
    white; its heatmap is one blob at its place; `scores` are the joints' or all joints'.
    """
    count = len(skeleton)
    start = np.stack([30.0 + np.arange(count), np.full(count, 40.0)], axis=-1)
    shift = np.stack([step * np.arange(stacks), np.zeros(stacks)], axis=-1)
    joints = (start[None] + shift[:, None]).astype(np.float32)
    all_scores = np.broadcast_to(np.asarray(scores, np.float32), (count,))
    stack_scores = np.tile(all_scores, (stacks, 1))
    places = (joints - (REGION.x, REGION.y)) * 32 / REGION.side
    maps = np.array([[blob(*place) for place in stack] for stack in places.tolist()])
    image = np.zeros((90, 120, 3), np.uint8)
    image[:, 60:] = 255
    frame = Frame(index, time.perf_counter_ns() - 40_000_000, index / 30, image)
    pose = Pose(
        skeleton=skeleton,
        joints=joints[-1],
        scores=stack_scores[-1],
        present=stack_scores[-1] >= threshold,
        region=REGION,
        stack=stacks - 1,
        stack_joints=joints,
        stack_scores=stack_scores,
        threshold=threshold,
        track_id=1,
        score=0.9,
        maps=HostHeatmaps(maps[:, None]),
    )
    poses = (pose,) if found else ()
    return FrameResult(frame, poses, time.perf_counter_ns(), TIMINGS)
