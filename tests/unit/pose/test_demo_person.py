"""The bundled model and tracker on the bundled clip, against its truth."""

from __future__ import annotations

import json
from collections.abc import Iterator

import av
import numpy as np
import pytest

from pose_app.paths import bundled
from pose_app.pose.estimator import PoseEstimator
from pose_app.pose.tracks import WEAK_SECONDS
from pose_app.types import Frame, Heatmaps, Pose

EVERY = 3  # of the clip's 420 frames
UPPER = ("upper_neck", "head_top", "right_shoulder", "left_shoulder")


@pytest.fixture(scope="module")
def clip() -> tuple[list[Frame], np.ndarray]:
    """(frames, true joints (frames, 16, 3) with x, y and 1 where they are in the picture)."""
    with av.open(str(bundled("assets", "demo.mp4"))) as container:
        frames = [
            Frame(index, 0, float(picture.time), picture.to_ndarray(format="bgr24"))
            for index, picture in enumerate(container.decode(video=0))
            if index % EVERY == 0
        ]
    with bundled("assets", "demo.jsonl").open(encoding="utf-8") as file:
        lines = [json.loads(line) for line in file][1:]
    truth = np.array([[(x, y, present) for x, y, _, present in line["joints"]] for line in lines])
    assert len(truth) == 420
    assert [line["t"] for line in lines[::EVERY]] == [round(f.seconds, 6) for f in frames]
    return frames, truth[::EVERY]


@pytest.fixture(scope="module")
def opened() -> Iterator[PoseEstimator]:
    with PoseEstimator.open() as estimator:
        # Here and not in the first test that needs it, which would leave a thread behind.
        estimator.engine.prepare(1)
        yield estimator


@pytest.fixture
def estimator(opened: PoseEstimator) -> PoseEstimator:
    opened.reset()
    opened.smoothing = False
    return opened


def near(pose: Pose, true: np.ndarray) -> np.ndarray:
    """Which of MPII's joints (16,) are present within a fifth of the torso of the truth."""
    torso = max(np.hypot(*(true[2] - true[13])[:2]), np.hypot(*(true[3] - true[12])[:2]))
    away = np.hypot(*(pose.joints[:16] - true[:, :2]).T)  # without the joints of the face
    return np.asarray(pose.present[:16] & (away < 0.2 * torso))


def test_the_person_is_followed_from_first_to_last_frame(
    estimator: PoseEstimator, clip: tuple[list[Frame], np.ndarray]
) -> None:
    frames, truth = clip
    upper = [estimator.skeleton.index(name) for name in UPPER]
    right, visible, invented, ids = [], [], 0, set()
    for frame, true in zip(frames, truth, strict=True):
        (pose,) = estimator.track(frame)
        ids.add(pose.track_id)
        inside = true[:, 2] > 0
        region = pose.region
        # No jump to the background: the person's middle stays in the middle of the region.
        middle = (true[inside, :2].min(axis=0) + true[inside, :2].max(axis=0)) / 2
        assert np.abs(middle - region.centre).max() < 0.25 * region.side
        right.append(near(pose, true))
        visible.append(inside)
        invented += int((pose.present[:16] & ~inside).sum())
    assert len(ids) == 1
    hits, seen = np.array(right), np.array(visible)
    assert hits[:, upper].mean() > 0.9
    assert hits[seen].mean() > 0.8
    assert invented < 0.1 * (~seen).sum()


def test_a_person_in_plain_sight_costs_one_look_a_frame(
    estimator: PoseEstimator,
    clip: tuple[list[Frame], np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks, infer = [], estimator.engine.infer

    def counting(crops: np.ndarray, stacks: int) -> Heatmaps:
        looks.append(len(crops))
        return infer(crops, stacks)

    monkeypatch.setattr(estimator.engine, "infer", counting)
    estimator.steady = True
    estimator.track(clip[0][0])
    looks.clear()
    searched = 0
    for frame in clip[0][1:]:
        estimator.track(frame)
        searched += estimator.timings["find"] > 0
    assert sum(looks) <= 1.02 * len(clip[0])
    assert searched <= 0.55 * len(clip[0])  # every 0.2 s, which is every other of these frames


def test_single_pictures_are_found_without_a_hint(
    estimator: PoseEstimator, clip: tuple[list[Frame], np.ndarray]
) -> None:
    frames, truth = clip
    right = []
    for frame, true in zip(frames[::20], truth[::20], strict=True):
        poses = estimator.estimate(frame.image)
        right.append(near(poses[0], true) if poses else np.zeros(16, np.bool_))
    assert np.array(right)[truth[::20, :, 2] > 0].mean() > 0.75


def test_who_walks_out_of_the_picture_is_lost_and_found_again(
    estimator: PoseEstimator, clip: tuple[list[Frame], np.ndarray]
) -> None:
    picture = clip[0][80].image  # the whole person, in the middle
    wall = np.full_like(picture, 128)
    stays, leaves, empty = 10, 30, 20
    shifts = [0] * stays + list(np.linspace(0, 640, leaves).astype(int)) + [640] * empty
    shifts += shifts[::-1]
    poses = []
    for index, shift in enumerate(shifts):
        image = wall.copy()
        image[:, shift:] = picture[:, : 640 - shift]
        poses.append(estimator.track(Frame(index, 0, index / 20, image)))
    assert all(poses[:stays])
    half = len(poses) // 2
    patience = round(WEAK_SECONDS * 20) + 2
    assert not any(poses[half - empty + patience : half + empty])
    assert all(poses[-stays:])
    ((before,), (after,)) = poses[stays - 1], poses[-1]
    assert after.track_id != before.track_id
    assert np.abs(after.joints - before.joints)[after.present].max() < 20


def test_joints_of_an_early_stack_are_usable(
    estimator: PoseEstimator, clip: tuple[list[Frame], np.ndarray]
) -> None:
    frames, truth = clip
    right = []
    for frame, true in zip(frames[70:], truth[70:], strict=True):
        (pose,) = estimator.track(frame, stacks=1)
        assert pose.stacks == 1
        right.append(near(pose, true)[true[:, 2] > 0].mean())
    assert np.mean(right) > 0.6


def test_empty_pictures_have_nobody(estimator: PoseEstimator) -> None:
    rng = np.random.default_rng(0)
    for image in (
        np.zeros((480, 640, 3), np.uint8),
        np.full((720, 1280, 3), 200, np.uint8),
        rng.integers(0, 256, (480, 640, 3)).astype(np.uint8),
    ):
        assert estimator.estimate(image) == []
