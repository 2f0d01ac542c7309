"""The network's own contract: shapes, early stop, loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pose_app.network.hourglass import HeatmapLoss, StackedHourglass
from pose_app.network.native import build
from pose_app.spec import ModelSpec, NetworkConfig
from tests.unit.network.small import small_spec

CORNERNET = NetworkConfig(
    graph="cornernet", stacks=3, width=8, stem=(8, 8), stem_second=8, depth=4,
    level_channels=(8,) * 5, level_blocks=(1, 1, 1, 1, 2),
)  # fmt: skip


def both_graphs() -> list[ModelSpec]:
    return [small_spec(stacks=3), replace(small_spec(), network=CORNERNET)]


@pytest.mark.parametrize("spec", both_graphs(), ids=lambda spec: spec.network.graph)
def test_stopping_early_gives_the_same_first_answers(spec: ModelSpec) -> None:
    network = build(spec)
    x = torch.rand(2, 3, 128, 64)
    with torch.no_grad():
        all_stacks = network(x)
        assert all_stacks.shape == (2, 3, 16, 32, 16)
        for count in (1, 2, 3):
            some = network(x, stacks=count)
            assert some.shape[1] == count
            torch.testing.assert_close(some, all_stacks[:, :count])
            for stack, answer in enumerate(network.forward_stacks(x, count)):
                torch.testing.assert_close(answer, some[:, stack])


@pytest.mark.parametrize("spec", both_graphs(), ids=lambda spec: spec.network.graph)
def test_impossible_calls_are_refused(spec: ModelSpec) -> None:
    network = build(spec)
    for stacks in (0, 4, -1):
        with pytest.raises(ValueError, match="stacks must be 1 to 3"):
            network(torch.zeros(1, 3, 64, 64), stacks=stacks)
    for size in ((63, 64), (64, 96), (32, 64)):
        with pytest.raises(ValueError, match="multiples of 64"):
            network(torch.zeros(1, 3, *size))


def test_every_stack_learns() -> None:
    """The sum of the stacks' losses reaches every parameter, and only the last has no way back."""
    torch.manual_seed(0)
    network = StackedHourglass(small_spec(stacks=2).network)
    loss = HeatmapLoss()(network(torch.rand(2, 3, 64, 64)), torch.rand(2, 16, 16, 16))
    loss.sum().backward()
    gradients = {name: p.grad for name, p in network.named_parameters()}
    assert all(gradient is not None for gradient in gradients.values())
    for name in ("stem.conv", "stacks.0.head", "stacks.0.merge_heatmaps", "stacks.1.head"):
        gradient = gradients[f"{name}.weight"]
        assert gradient is not None
        assert gradient.abs().sum() > 0
    assert not any("stacks.1.merge" in name for name, _ in network.named_parameters())


def test_increase_widens_the_outermost_level_only() -> None:
    config = replace(small_spec().network, increase=6)
    shapes = {name: tuple(p.shape) for name, p in StackedHourglass(config).named_parameters()}
    first = "stacks.0.hourglass."
    assert shapes[f"{first}up.0.conv3.weight"][0] == 8
    assert shapes[f"{first}low1.0.conv3.weight"][0] == 14
    assert shapes[f"{first}low2.low1.0.conv3.weight"][0] == 14
    assert shapes[f"{first}low2.low2.low2.low2.0.conv3.weight"][0] == 14
    assert shapes[f"{first}low3.0.conv3.weight"][0] == 8


def test_loss_is_the_mean_square_per_picture_and_stack() -> None:
    random = np.random.default_rng(1)
    prediction = random.normal(size=(3, 2, 4, 5, 6)).astype(np.float32)
    target = random.normal(size=(3, 4, 5, 6)).astype(np.float32)
    found = HeatmapLoss()(torch.from_numpy(prediction), torch.from_numpy(target))
    truth = [
        [((p - t) ** 2).mean() for p in stacks]
        for stacks, t in zip(prediction, target, strict=True)
    ]
    np.testing.assert_allclose(found.numpy(), truth, rtol=1e-5)


@pytest.mark.parametrize("per_picture", [True, False])
def test_a_masked_joint_leaves_the_mean(per_picture: bool) -> None:
    random = np.random.default_rng(2)
    prediction = torch.from_numpy(random.normal(size=(2, 2, 4, 5, 6)).astype(np.float32))
    target = torch.from_numpy(random.normal(size=(2, 4, 5, 6)).astype(np.float32))
    weight = torch.tensor([1.0, 0.0, 2.0, 1.0])
    found = HeatmapLoss()(prediction, target, weight.expand(2, 4) if per_picture else weight)
    error = ((prediction - target[:, None]) ** 2).mean(dim=(3, 4))
    truth = (error[:, :, 0] + 2 * error[:, :, 2] + error[:, :, 3]) / 4
    torch.testing.assert_close(found, truth)
    nothing = HeatmapLoss()(prediction, target, torch.zeros(4))
    assert torch.equal(nothing, torch.zeros(2, 2))
