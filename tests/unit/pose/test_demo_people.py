"""The bundled models on the bundled clip of two people who cross, against its truth."""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
import pytest

from pose_app.paths import bundled
from pose_app.pose.estimator import PoseEstimator
from pose_app.recording.keypoint_log import LogFrame, LogReader
from pose_app.types import Frame, Pose

EVERY = 2  # of the clip's 420 frames
VISIBLE = 1.0  # a joint's score in the truth; 0.5 is hidden
UPPER = slice(7, 21)  # from the thorax up, arms and face included
HALF = 7  # of the upper joints
WOMAN, MAN = 1, 2  # in the truth


@pytest.fixture(scope="module")
def clip() -> Iterator[tuple[list[LogFrame], list[list[Pose]]]]:
    """(truth, poses) of each frame."""
    truth = list(LogReader(bundled("assets", "people.jsonl")))[::EVERY]
    with (
        av.open(str(bundled("assets", "people.mp4"))) as container,
        PoseEstimator.open() as estimator,
    ):
        estimator.steady = True
        yield (
            truth,
            [
                estimator.track(
                    Frame(index, 0, float(picture.time), picture.to_ndarray(format="bgr24"))
                )
                for index, picture in enumerate(container.decode(video=0))
                if index % EVERY == 0
            ],
        )


def pairs(
    clip: tuple[list[LogFrame], list[list[Pose]]], person: int
) -> list[tuple[int, Pose | None, float]]:
    """(frame, who is shown there, share of the visible upper joints that are right).

    Right is within .35 of the head's length and present. A pose is of whom more joints agree with.
    """
    found = []
    for number, (true, poses) in enumerate(zip(*clip, strict=True)):
        for one in true.people:
            if one.id == person:
                joints = np.array([(x, y) for x, y, _, _ in one.joints], np.float64)
                visible = np.array([score == VISIBLE for _, _, score, _ in one.joints])
                visible[: UPPER.start] = False
                head = np.hypot(*(joints[9] - joints[8]))
                shares = [
                    float(
                        (p.present & (np.hypot(*(p.joints - joints).T) < 0.35 * head))[
                            visible
                        ].mean()
                    )
                    if visible.any()
                    else 0.0
                    for p in poses
                ]
                best = int(np.argmax(shares)) if shares else None
                right = best is not None and shares[best] > 0.3
                found.append((number, poses[best] if right else None, max(shares, default=0.0)))
    return found


def test_who_sits_in_front_has_one_number_from_first_to_last_frame(
    clip: tuple[list[LogFrame], list[list[Pose]]],
) -> None:
    woman = pairs(clip, WOMAN)
    assert len(woman) == 420 // EVERY
    assert {pose.track_id for _, pose, _ in woman if pose is not None} == {1}
    assert all(pose is not None for _, pose, _ in woman)
    assert np.mean([share for *_, share in woman]) > 0.95


def test_who_passes_behind_has_one_number_before_and_after(
    clip: tuple[list[LogFrame], list[list[Pose]]],
) -> None:
    man = pairs(clip, MAN)
    with_man = [one for true in clip[0] for one in true.people if one.id == MAN]
    ids = [(number * EVERY, pose.track_id) for number, pose, _ in man if pose is not None]
    assert {number for _, number in ids} == {2}
    for first, last in ((131, 180), (195, 320), (335, 384)):  # before, between and after crossings
        assert any(first <= frame <= last for frame, _ in ids), (first, last)
    assert np.mean([pose is not None for _, pose, _ in man]) > 0.65
    half = [
        pose is not None
        for (_, pose, _), true in zip(man, with_man, strict=True)
        if sum(score == VISIBLE for _, _, score, _ in true.joints[UPPER]) >= HALF
    ]
    assert np.mean(half) > 0.85


def test_nobody_else_is_there(clip: tuple[list[LogFrame], list[list[Pose]]]) -> None:
    assert {pose.track_id for poses in clip[1] for pose in poses} == {1, 2}
    for poses in clip[1]:  # no second skeleton on one person
        if len(poses) == 2:
            a, b = poses
            both = a.present & b.present
            alike = np.hypot(*(a.joints - b.joints)[both].T) < 0.02 * a.region.side
            assert alike.sum() <= 3
