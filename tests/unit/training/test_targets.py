"""What the network is asked for, and how the difference is counted."""

from __future__ import annotations

import math

import pytest
import torch

from pose_app.engines.fused import probabilities
from pose_app.training.data import ABSENT, MASKED, PRESENT
from pose_app.training.targets import (
    counted,
    distribution,
    doubtful,
    heatmaps,
    joint_losses,
    spatial_cross_entropy,
    to_map,
    total,
)

SIZE = 16, 12  # h, w


def test_target_is_where_the_joint_is_and_sums_to_one() -> None:
    points = torch.tensor([[[3.0, 9.0]]])
    target = distribution(points, torch.tensor([[PRESENT]]), SIZE, 1.2)[0, 0]
    assert target.shape == SIZE
    assert divmod(int(target.argmax()), SIZE[1]) == (9, 3)
    assert float(target.sum()) == pytest.approx(1, abs=1e-5)
    # Between two pixels both get the same.
    target = heatmaps(torch.tensor([[[3.5, 9.0]]]), torch.tensor([[PRESENT]]), SIZE, 1.0)[0, 0]
    assert float(target[9, 3]) == pytest.approx(float(target[9, 4]))
    assert float(target[9, 3]) == pytest.approx(math.exp(-0.125))


def test_input_pixels_to_map_pixels_keeps_centres() -> None:
    # Input pixels 0..3 are the first map pixel: their middle, 1.5, is its centre.
    assert torch.equal(to_map(torch.tensor([1.5, 5.5]), 4), torch.tensor([0.0, 1.0]))


@pytest.mark.parametrize("state", [ABSENT, MASKED])
def test_joint_that_is_not_present_has_an_empty_map(state: int) -> None:
    points = torch.tensor([[[3.0, 9.0]]])
    assert heatmaps(points, torch.tensor([[state]]), SIZE, 1.0).abs().sum() == 0
    assert distribution(points, torch.tensor([[state]]), SIZE, 1.0).abs().sum() == 0


def test_cross_entropy_is_that_of_a_softmax_with_one_more_class() -> None:
    logits = torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(1)) * 3
    classes = torch.cat((logits.flatten(2), torch.zeros(2, 3, 1)), dim=2)
    place = 5 * SIZE[1] + 7
    target = torch.zeros_like(logits)
    target[..., 5, 7] = 1
    expected = -torch.log_softmax(classes, dim=2)
    assert torch.allclose(spatial_cross_entropy(logits, target), expected[..., place], atol=1e-5)
    # Absent: an empty map asks for the extra class.
    nothing = torch.zeros_like(logits)
    assert torch.allclose(spatial_cross_entropy(logits, nothing), expected[..., -1], atol=1e-5)
    maps = probabilities(logits)
    assert torch.allclose(maps.flatten(2), torch.softmax(classes, 2)[..., :-1], atol=1e-6)


def test_absent_joint_is_learnt_and_masked_joint_is_not() -> None:
    logits = torch.zeros(1, 3, *SIZE, requires_grad=True)
    points = torch.full((1, 3, 2), 20.0)
    states = torch.tensor([[PRESENT, ABSENT, MASKED]])
    losses = joint_losses([logits], points, states, 4, 1.2, "logits")
    total(losses, counted(states)).backward()
    assert logits.grad is not None
    present, absent, masked = logits.grad[0]
    assert present.min() < 0  # pulled up at the joint
    assert absent.min() > 0  # pushed down everywhere
    assert masked.abs().max() == 0


def test_raw_heatmaps_are_trained_with_the_mean_square() -> None:
    answer = torch.zeros(1, 1, *SIZE)
    points, states = torch.full((1, 1, 2), 21.5), torch.tensor([[PRESENT]])
    target = heatmaps(to_map(points, 4), states, SIZE, 1.0)
    loss = joint_losses([answer, target], points, states, 4, 1.0, "heatmap")
    assert loss.shape == (1, 2, 1)
    assert float(loss[0, 0, 0]) == pytest.approx(float(target.square().mean()))
    assert float(loss[0, 1, 0]) == 0


def test_only_the_worst_labels_of_noisy_sets_are_doubted() -> None:
    losses = torch.arange(40.0).reshape(2, 1, 20)
    states = torch.full((2, 20), PRESENT)
    states[1, 19] = ABSENT
    noisy = torch.tensor([True, False])
    assert doubtful(losses, states, noisy, 0.1).nonzero().tolist() == [[0, 18], [0, 19]]
    noisy = torch.tensor([True, True])
    doubted = doubtful(losses, states, noisy, 0.1)
    assert not doubted[1, 19]
    kept = total(losses, counted(states, doubted))
    assert kept < total(losses, counted(states))
