"""People painted over in training crops: as the app does it, and only there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from pose_app.pose.cover import GREY, Cover
from pose_app.training import paint
from pose_app.training.data import PRESENT
from pose_app.training.paint import paint_people
from tests.unit.training.shards import FIGURE
from tests.unit.training.test_trainer import SPEC

SIZE = 128
COVER = Cover(SPEC)


def batch(count: int = 8) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Crops of another brightness each, with a figure in the middle."""
    across = torch.linspace(0, 0.1, SIZE)
    images = torch.stack([0.02 + i / count + across.expand(3, SIZE, SIZE) for i in range(count)])
    points = torch.from_numpy(FIGURE * SIZE).expand(count, -1, -1)
    return images, points, torch.full((count, len(FIGURE)), PRESENT)


@pytest.fixture(autouse=True)
def _every_crop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paint, "_SHARE", 1.0)


def test_bodies_are_grey_and_their_seam_is_their_own_picture() -> None:
    images, points, states = batch()
    made = paint_people(images, points, states, COVER, np.random.default_rng(1))
    grey = torch.isclose(made, torch.tensor(GREY / 255)).all(dim=1)
    painted = (made != images).any(dim=1)
    seams = painted & ~grey
    assert grey.flatten(1).any(dim=1).sum() >= 5
    assert seams.flatten(1).any(dim=1).sum() >= 3
    for row in torch.nonzero(seams.flatten(1).any(dim=1)).flatten().tolist():
        values = made[row, 0][seams[row]]
        other = ((values - 0.02) * 8).floor()  # whose brightness it is
        assert other.unique().numel() == 1
        assert int(other[0]) != row
        # The seam lies around the grey.
        near = cv2.dilate(grey[row].numpy().astype(np.uint8), np.ones((21, 21), np.uint8)) > 0
        assert near[seams[row].numpy()].all()


def test_the_picture_around_a_body_moves_with_it() -> None:
    """A joint's own pixel of the other picture is where the joint was moved to."""
    matrix = np.array(paint._sampling(np.array([-0.8, 0.8]), np.array([110.0, 9.0]), SIZE))
    there = np.array([30.0, 50.0])
    here = there * (-0.8, 0.8) + (110.0, 9.0)
    in_grid = (2 * here + 1) / SIZE - 1
    found = ((matrix @ [*in_grid, 1.0] + 1) * SIZE - 1) / 2
    assert found == pytest.approx(there)


def test_most_of_the_crops_own_person_stays_in_view() -> None:
    images, points, states = batch()
    for seed in range(20):
        made = paint_people(images, points, states, COVER, np.random.default_rng(seed))
        at = points[0].round().long().clamp(0, SIZE - 1)
        grey = torch.isclose(made, torch.tensor(GREY / 255)).all(dim=1)
        covered = grey[:, at[:, 1], at[:, 0]].float().mean(dim=1)
        assert covered.max() <= 1 - paint._LEFT + 1e-6


def test_it_repeats_with_its_seed_and_leaves_its_input_alone() -> None:
    images, points, states = batch()
    before = images.clone()
    one, two = (
        paint_people(images, points, states, COVER, np.random.default_rng(7)) for _ in range(2)
    )
    assert torch.equal(one, two)
    assert torch.equal(images, before)


def test_nobody_is_nobody_to_paint_over() -> None:
    images, points, states = batch()
    nobody = torch.zeros_like(states)
    assert paint_people(images, points, nobody, COVER, np.random.default_rng(1)) is images


def test_what_lies_beyond_the_other_picture_is_its_border(monkeypatch: pytest.MonkeyPatch) -> None:
    images, points, states = batch()
    images = images + 0.01 * torch.rand(images.shape, generator=torch.Generator().manual_seed(0))
    sample, modes = functional.grid_sample, []

    def noted(*given: torch.Tensor, padding_mode: str = "zeros", **options: bool) -> torch.Tensor:
        modes.append(padding_mode)
        return sample(*given, padding_mode=padding_mode, **options)

    monkeypatch.setattr(functional, "grid_sample", noted)
    made = paint_people(images, points, states, COVER, np.random.default_rng(1))
    assert modes == ["zeros"]  # Apple graphics may have nothing else

    def bordered(images: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        return sample(images, grid, padding_mode="border", align_corners=False)

    monkeypatch.setattr(paint, "sampled", bordered)
    expected = paint_people(images, points, states, COVER, np.random.default_rng(1))
    torch.testing.assert_close(made, expected, atol=1e-5, rtol=0)
