"""Views of pictures: joints stay on the pixels they were on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from pose_app.skeletons import COCO_17, MPII_16, MPII_21
from pose_app.training import augment
from pose_app.training.augment import (
    Views,
    disturb,
    draw_views,
    evaluation_views,
    sampled,
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
        np.full((count, joints), 0.5, np.float32),
        np.full((count, 4), np.nan, np.float32),
    )


def view(angle: float = 0.0, flip: bool = False, side: float = 160.0) -> Views:
    return Views(
        np.array([[92.0, 103.0]]),
        np.array([side]),
        np.array([math.radians(angle)]),
        np.array([flip]),
        np.zeros((1, 3)),
        np.array([[0.0, 0.0, 199.0, 179.0]]),
    )


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("angle", [0, 33, -70, 180])
@pytest.mark.parametrize("side", [150.0, 260.0])
def test_joints_land_on_the_warped_pixels(angle: float, flip: bool, side: float) -> None:
    images, points, states, _ = warp(canvases(), view(angle, flip, side), SIZE, FLIP)
    assert images.shape == (1, 3, SIZE, SIZE)
    assert (states == PRESENT).all()
    y, x = np.mgrid[:SIZE, :SIZE]
    for point in points[0].numpy():
        near = (x - point[0]) ** 2 + (y - point[1]) ** 2 <= (6 * SIZE / side + 2) ** 2
        weight = images[0, 0].numpy() * near
        centre = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
        assert np.abs(centre - point).max() < 0.25


def test_flip_swaps_left_and_right() -> None:
    _, plain, _, _ = warp(canvases(), view(), SIZE, FLIP)
    _, mirrored, _, _ = warp(canvases(), view(flip=True), SIZE, FLIP)
    expected = plain[0, list(FLIP)].clone()
    expected[:, 0] = SIZE - 1 - expected[:, 0]
    assert torch.allclose(mirrored[0], expected, atol=1e-3)


def test_flip_swaps_states_as_well() -> None:
    given = canvases()
    given.states[0] = PRESENT, MASKED, PRESENT
    _, _, states, _ = warp(given, view(flip=True), SIZE, FLIP)
    assert states[0].tolist() == [MASKED, PRESENT, PRESENT]


def test_flip_swaps_weights_as_well() -> None:
    given = canvases()
    given.weights[0] = 0.1, 0.2, 0.3
    *_, weights = warp(given, view(flip=True), SIZE, FLIP)
    assert weights[0].tolist() == pytest.approx([0.2, 0.1, 0.3])


def test_beyond_the_frame_of_a_closer_camera_is_black_and_joints_there_are_absent() -> None:
    given = canvases()
    given.images[:] = 100
    given.states[0, 0] = MASKED
    views = view(side=260.0)
    views.frame[0] = 0, 0, 199, 130  # the third joint is at y = 150, the first two above
    images, points, states, _ = warp(given, views, SIZE, FLIP)
    assert states[0].tolist() == [MASKED, PRESENT, ABSENT]
    x, y = (int(v) for v in points[0, 2].round())
    assert float(images[0, :, y, x].max()) == 0
    x, y = (int(v) for v in points[0, 1].round())
    assert float(images[0, 0, y, x]) == pytest.approx(100 / 255)


def test_people_with_a_box_are_seen_as_the_app_crops_around_a_finders_box() -> None:
    given = canvases(400, 21)
    given.boxes[:] = 40, 50, 140, 170
    views = draw_views(np.random.default_rng(0), given, MPII_21)
    low = np.maximum(views.frame[:, :2], given.boxes[:, :2])
    high = np.minimum(views.frame[:, 2:], given.boxes[:, 2:])
    ratio = views.side / (high - low).max(axis=1)
    assert np.median(ratio) == pytest.approx(1.3, abs=0.05)
    assert ratio.min() > 0.9
    assert ratio.max() < 1.9
    away = np.abs(views.centre - (low + high) / 2).max(axis=1) / views.side
    assert away.max() <= 0.14
    cut = (views.frame[:, 3] < 169).mean()
    assert 0.15 < cut < 0.5  # people cut off below, as tables and webcams do
    assert np.abs(views.angle).max() < math.radians(40)
    assert (views.fill == 0).all()  # the app is black beyond the frame


def test_closest_views_are_filled_by_a_face() -> None:
    given = canvases(300, 21)
    given.states[:, :16] = MASKED
    given.states[:, 16:] = PRESENT
    face = np.array([[90, 60], [94, 55], [86, 55], [98, 58], [82, 58]], np.float32)
    given.points[:, 16:] = face
    given.boxes[:] = 40, 30, 140, 170
    views = draw_views(np.random.default_rng(0), given, MPII_21)
    tall = views.frame[:, 3] - views.frame[:, 1]
    head = 1.9 * 16
    close = tall < 4.5 * head
    assert 0.1 < close.mean() < 0.4
    middle = face.mean(axis=0)
    inside = (views.frame[:, :2] < middle) & (views.frame[:, 2:] > middle)
    assert inside[close].mean() > 0.9


def test_joint_that_leaves_the_view_is_absent_and_an_unknown_one_stays_unknown() -> None:
    given = canvases()
    given.states[0, 2] = MASKED
    # 40 pixels around (92, 103) show none of the three.
    _, _, states, _ = warp(given, view(side=40.0), SIZE, FLIP)
    assert states[0].tolist() == [ABSENT, ABSENT, MASKED]


def test_beyond_the_border_is_the_fill_or_the_border_itself() -> None:
    given = canvases()
    given.images[:] = 100
    black, *_ = warp(given, view(side=400.0), SIZE, FLIP)
    assert float(black[0, :, 0, 0].max()) == 0
    assert float(black[0, 0, SIZE // 2, SIZE // 2]) == pytest.approx(100 / 255)
    views = view(side=400.0)
    views.fill[:] = -1
    continued, *_ = warp(given, views, SIZE, FLIP)
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
    first, again, other = (
        draw_views(np.random.default_rng(seed), given, MPII_16) for seed in (1, 1, 2)
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
    """Half of the pictures are white: no white box may appear in the dark ones of nobody."""
    images = torch.full((40, 3, 64, 64), 0.02)
    images[::2] = 1
    nobody = torch.ones(40, dtype=torch.bool)
    for seed, pasted in ((0, True), (1, True), (2, True), (3, False), (4, False)):
        random = torch.Generator().manual_seed(seed)
        after = disturb(images.clone(), nobody & pasted, random, pasted)
        # A colour box is one random colour, hardly ever white in all three channels.
        assert (after[1::2].amin(dim=1) > 0.97).float().mean() < 0.01


def bordered(images: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def test_beyond_its_border_a_picture_is_sampled_at_its_nearest_pixel() -> None:
    random = torch.Generator().manual_seed(0)
    images = torch.rand(2, 3, 64, 64, generator=random)
    grid = 4 * torch.rand(2, 90, 80, 2, generator=random) - 2
    grid[0, :40] /= 3  # within the picture
    torch.testing.assert_close(sampled(images, grid), bordered(images, grid), atol=1e-5, rtol=0)


def test_the_frames_border_is_continued_to_the_last_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    given = canvases()
    given.images[:] = torch.randint(256, given.images.shape, dtype=torch.uint8)
    views = view(side=800.0)
    views.fill[:] = -1
    views.frame[0] = 0, 0, CANVAS - 1, CANVAS - 1
    made, *_ = warp(given, views, SIZE, FLIP)
    monkeypatch.setattr(augment, "sampled", bordered)
    torch.testing.assert_close(made, warp(given, views, SIZE, FLIP)[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [64, 192, 256])
def test_pixels_are_reduced_to_means_of_areas(size: int) -> None:
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    for small in (8, size // 3, size // 2, round(0.55 * size), round(0.79 * size), size):
        areas = augment._areas(size, small, images.device)
        expected = functional.interpolate(images, size=small, mode="area")
        torch.testing.assert_close(areas @ images @ areas.T, expected, atol=1e-5, rtol=0)


def test_nothing_is_used_that_apple_graphics_may_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    """There, areas must be whole pixels, and old versions of PyTorch replicate no border."""
    sample, resize = functional.grid_sample, functional.interpolate

    def sample_there(*given: object, padding_mode: str = "zeros", **options: object) -> object:
        assert padding_mode == "zeros"
        return sample(*given, **options)  # type: ignore[arg-type]

    def resize_there(*given: object, mode: str = "nearest", **options: object) -> object:
        assert mode != "area"
        return resize(*given, mode=mode, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(functional, "grid_sample", sample_there)
    monkeypatch.setattr(functional, "interpolate", resize_there)
    images, *_ = warp(canvases(), view(), 64, FLIP)
    images = images.repeat(16, 1, 1, 1)
    disturb(images, torch.zeros(16, dtype=torch.bool), torch.Generator().manual_seed(0))
