"""Poses and tiny estimators for tests that need no network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pose_app.engines.base import EngineInfo
from pose_app.skeletons import MPII_16, Skeleton
from pose_app.spec import ModelSpec, NetworkConfig
from pose_app.types import Frame, FrameResult, Pose, Region

TIMINGS = {"crop": 0.1, "network": 1.0, "decode": 0.1, "track": 0.1}


def make_pose(
    centre: tuple[float, float] = (100.0, 80.0),
    *,
    skeleton: Skeleton = MPII_16,
    scores: float | np.ndarray = 0.9,
    threshold: float = 0.3,
    stacks: int = 2,
    track_id: int = 1,
) -> Pose:
    """A pose whose joints lie on a circle of 40 pixels around `centre`."""
    count = len(skeleton)
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    joints = np.stack([centre[0] + 40 * np.cos(angles), centre[1] + 40 * np.sin(angles)], axis=-1)
    joints = joints.astype(np.float32)
    all_scores = np.broadcast_to(np.float32(scores), (count,)).astype(np.float32)
    return Pose(
        skeleton=skeleton,
        joints=joints,
        scores=all_scores,
        present=all_scores >= threshold,
        region=Region(centre[0] - 60, centre[1] - 60, 120),
        stack=stacks - 1,
        stack_joints=np.repeat(joints[None], stacks, axis=0),
        stack_scores=np.repeat(all_scores[None], stacks, axis=0),
        threshold=threshold,
        track_id=track_id,
        score=0.75,
    )


def make_result(
    frame: Frame, poses: Sequence[Pose] | None = None, *, estimated: bool = True
) -> FrameResult:
    """A frame with these people; default one in the middle of nowhere."""
    shown = (make_pose(),) if poses is None else tuple(poses)
    return FrameResult(frame, shown if estimated else (), 0, TIMINGS, estimated)


def make_spec(name: str = "fake", stacks: int = 2, skeleton: Skeleton = MPII_16) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="fake",
        network=NetworkConfig(stacks=stacks, joints=len(skeleton)),
        joints=skeleton.joints,
        limbs=skeleton.limbs,
        flip=skeleton.flip,
    )


class FakeEngine:
    def __init__(self, info: EngineInfo, spec: ModelSpec) -> None:
        self.info, self.spec = info, spec
        self.search: Any = None

    def ready(self, stacks: int, batch: int = 1) -> bool:
        return True


class FakeEstimator:
    """Answers every frame with a pose around the frame's middle.

    `fault(frame)` is called first and may raise, wait or do what it likes; `seen` are the frames'
    indices, `resets` counts, `same_video` is the last one's, `threads` are the names of those that
    called `track` or `close`.
    """

    def __init__(
        self,
        name: str = "fake",
        *,
        stacks: int = 2,
        skeleton: Skeleton = MPII_16,
        fault: Callable[[Frame], None] | None = None,
        device: str = "CPU",
    ) -> None:
        self.spec = make_spec(name, stacks, skeleton)
        self.skeleton = skeleton
        self.engine = FakeEngine(EngineInfo("Fake", device, "f32"), self.spec)
        self.threshold, self.smoothing = 0.3, False
        self.fault = fault
        self.seen: list[int] = []
        self.asked: list[tuple[int | None, int | None, Region | None]] = []
        self.following: list[list[int]] = []
        self.twice: list[bool] = []
        self.resets, self.closed, self.same_video = 0, 0, False
        self.before: Any = None  # whose people it follows
        self.threads: set[str] = set()

    def track(
        self,
        frame: Frame,
        *,
        stacks: int | None = None,
        shown: int | None = None,
        region: Region | None = None,
        following: Sequence[Frame] = (),
        twice: bool = False,
    ) -> list[Pose]:
        self.threads.add(threading.current_thread().name)
        if self.fault is not None:
            self.fault(frame)
        self.seen.append(frame.index)
        self.asked.append((stacks, shown, region))
        self.following.append([other.index for other in following])
        self.twice.append(twice)
        width, height = frame.size
        self.timings = TIMINGS
        return [
            make_pose(
                (width / 2, height / 2),
                skeleton=self.skeleton,
                stacks=stacks or self.spec.network.stacks,
                threshold=self.threshold,
            )
        ]

    def reset(self, same_video: bool = False) -> None:
        self.resets += 1
        self.same_video = same_video

    def continue_from(self, other: Any) -> None:
        self.before = other

    def close(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.closed += 1
