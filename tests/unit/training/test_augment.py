"""Views of pictures: joints stay on the pixels they were on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pose_app.skeletons import COCO_17, MPII_16
from pose_app.training.augment import (
    Views,
    disturb,
    draw_views,
    evaluation_views,
    squares,
    upper_joints,
    warp,
)
from pose_app.training.data import ABSENT, MASKED, PRESENT
from pose_app.training.store import CANVAS, Canvases

SIZE = 128
POINTS = np.array([[90.0, 60.0], [50.0, 120.0], [130.0, 150.0]], np.float32)
FLIP = (1, 0, 2)


def canvases(count: int = 1, joints: int = 3) -> Canvases:
    """A dark picture, 200 x 180, with a white disc (radius 4) on every joint of `POINTS`."""
    y, x = np.mgrid[:CANVAS, :CANVAS]
    image = np.zeros((CANVAS, CANVAS, 3), np.uint8)
    for point in POINTS:
        image[(x - point[0]) ** 2 + (y - point[1]) ** 2 <= 16] = 255
    states = np.full((count, joints), MASKED, np.int8)
    states[:, :3] = PRESENT
    points = np.zeros((count, joints, 2), np.float32)
    points[:, :3] = POINTS
    return Canvases(
        torch.from_numpy(np.repeat(image[None], count, axis=0)),
        np.tile(np.array([[200, 180]], np.float32), (count, 1)),
        points,
        states,
    )


def view(angle: float = 0.0, flip: bool = False, side: float = 160.0) -> Views:
    return Views(
        np.array([[92.0, 103.0]]),
        np.array([side]),
        np.array([math.radians(angle)]),
        np.array([flip]),
        np.zeros((1, 3)),
    )


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("angle", [0, 33, -70, 180])
@pytest.mark.parametrize("side", [150.0, 260.0])
def test_joints_land_on_the_warped_pixels(angle: float, flip: bool, side: float) -> None:
    images, points, states = warp(canvases(), view(angle, flip, side), SIZE, FLIP)
    assert images.shape == (1, 3, SIZE, SIZE)
    assert (states == PRESENT).all()
    y, x = np.mgrid[:SIZE, :SIZE]
    for point in points[0].numpy():
        near = (x - point[0]) ** 2 + (y - point[1]) ** 2 <= (6 * SIZE / side + 2) ** 2
        weight = images[0, 0].numpy() * near
        centre = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
        assert np.abs(centre - point).max() < 0.25


def test_flip_swaps_left_and_right() -> None:
    _, plain, _ = warp(canvases(), view(), SIZE, FLIP)
    _, mirrored, _ = warp(canvases(), view(flip=True), SIZE, FLIP)
    expected = plain[0, list(FLIP)].clone()
    expected[:, 0] = SIZE - 1 - expected[:, 0]
    assert torch.allclose(mirrored[0], expected, atol=1e-3)


def test_flip_swaps_states_as_well() -> None:
    given = canvases()
    given.states[0] = PRESENT, MASKED, PRESENT
    _, _, states = warp(given, view(flip=True), SIZE, FLIP)
    assert states[0].tolist() == [MASKED, PRESENT, PRESENT]


def test_joint_that_leaves_the_view_is_absent_and_an_unknown_one_stays_unknown() -> None:
    given = canvases()
    given.states[0, 2] = MASKED
    # 40 pixels around (92, 103) show none of the three.
    _, _, states = warp(given, view(side=40.0), SIZE, FLIP)
    assert states[0].tolist() == [ABSENT, ABSENT, MASKED]


def test_beyond_the_border_is_the_fill_or_the_border_itself() -> None:
    given = canvases()
    given.images[:] = 100
    black, _, _ = warp(given, view(side=400.0), SIZE, FLIP)
    assert float(black[0, :, 0, 0].max()) == 0
    assert float(black[0, 0, SIZE // 2, SIZE // 2]) == pytest.approx(100 / 255)
    views = view(side=400.0)
    views.fill[:] = -1
    continued, _, _ = warp(given, views, SIZE, FLIP)
    assert float(continued.min()) == pytest.approx(100 / 255)


def test_evaluation_crop_is_the_square_around_the_labels() -> None:
    views = evaluation_views(canvases())
    assert views.centre[0].tolist() == [90, 105]
    assert views.side[0] == pytest.approx(1.35 * 90 + 8)


def test_square_without_labels_is_the_whole_picture() -> None:
    given = canvases()
    centre, side = squares(given.points, np.zeros((1, 3), bool), given.sizes)
    assert centre[0].tolist() == [99.5, 89.5]
    assert side[0] == 200


def test_views_vary_and_repeat_with_their_seed() -> None:
    given = canvases(64, 16)
    upper = upper_joints(MPII_16)
    first, again, other = (
        draw_views(np.random.default_rng(seed), given, upper) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.angle, again.angle)
    assert np.array_equal(first.side, again.side)
    assert not np.array_equal(first.side, other.side)
    assert 0.2 < first.flip.mean() < 0.8
    assert np.ptp(first.side) > 50


def test_upper_body_has_no_legs() -> None:
    assert [j for j, up in zip(MPII_16.joints, upper_joints(MPII_16), strict=True) if not up] == [
        "right_ankle",
        "right_knee",
        "right_hip",
        "left_hip",
        "left_knee",
        "left_ankle",
        "pelvis",
    ]
    assert upper_joints(COCO_17)[:11].all()
    assert not upper_joints(COCO_17)[11:].any()


def test_disturbed_pictures_stay_pictures_and_repeat() -> None:
    images = torch.rand(12, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    nobody = torch.zeros(12, dtype=torch.bool)
    results = [
        disturb(images.clone(), nobody, torch.Generator().manual_seed(seed)) for seed in (4, 4, 5)
    ]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert results[0].min() >= 0
    assert results[0].max() <= 1
    assert not torch.allclose(results[0], images)


def test_nobody_is_pasted_into_pictures_of_nobody() -> None:
    """Half of the pictures are white: no white box may appear in the black ones of nobody."""
    images = torch.zeros(40, 3, 64, 64)
    images[::2] = 1
    nobody = torch.ones(40, dtype=torch.bool)
    for seed in range(5):
        after = disturb(images.clone(), nobody, torch.Generator().manual_seed(seed))
        # A colour box is one random colour, hardly ever white in all three channels.
        assert (after[1::2].amin(dim=1) > 0.97).float().mean() < 0.01
