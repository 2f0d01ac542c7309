"""A wider network answers as the one that it was made from, and can learn more."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from pose_app.errors import ModelError
from pose_app.network.hourglass import StackedHourglass
from pose_app.network.native import assemble, build
from pose_app.network.widen import widened
from pose_app.spec import ModelSpec, NetworkConfig
from tests.unit.network.small import small_spec


def trained(**config: object) -> tuple[StackedHourglass, ModelSpec]:
    """A network whose norms are not those of a new one."""
    spec = small_spec(stacks=2)
    spec = replace(spec, network=replace(spec.network, **config))
    torch.manual_seed(3)
    network = build(spec)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    assert isinstance(network, StackedHourglass)
    return network, spec


@pytest.mark.parametrize(
    ("before", "width", "increase"),
    [
        ({}, 24, 0),
        ({}, 16, 8),
        ({}, 24, 8),
        ({"increase": 4}, 16, 12),
        ({"increase": 4, "blocks": 2, "after_blocks": 2, "depth": 2}, 20, 8),
        ({}, 52, 0),  # some channels are copied more than once
    ],
)
def test_the_answers_stay_the_same(before: dict[str, int], width: int, increase: int) -> None:
    network, spec = trained(width=16, **before)
    made, changed = widened(network, spec, width, increase)
    assert (changed.network.width, changed.network.increase) == (width, increase)
    assert replace(changed, network=spec.network) == spec
    assemble(changed, made.state_dict(), "the wider network")
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        before_, after = network(x), made(x)
    torch.testing.assert_close(after, before_, atol=1e-3 * float(before_.abs().max()), rtol=0)
    assert before_.abs().max() > 0.1


def test_copies_become_different_in_training() -> None:
    network, spec = trained(width=16)
    made, _ = widened(network, spec, 24, 0)
    block = made.stacks[0].hourglass.up[0]  # type: ignore[index, union-attr, operator]
    assert (block.bn1.running_mean[:16, None] == block.bn1.running_mean[None, 16:]).sum() == 8
    made(torch.randn(2, 3, 64, 64)).square().mean().backward()
    gradients = block.conv1.weight.grad.flatten(1)
    rows = [tuple(row.tolist()) for row in gradients if row.any()]  # some are never above 0
    assert len(rows) > 8
    assert len(set(rows)) == len(rows)


def test_a_network_never_gets_narrower() -> None:
    network, spec = trained(width=16, increase=8)
    for width, increase in ((12, 16), (16, 4)):
        with pytest.raises(ModelError, match="at least as many"):
            widened(network, spec, width, increase)


@pytest.mark.parametrize(
    ("before", "width", "increase", "other"),
    [({"stem_second": 24}, 24, 0, 32), ({"increase": 8}, 24, 0, None)],
)
def test_a_width_that_would_lose_a_trained_convolution_is_refused(
    before: dict[str, int], width: int, increase: int, other: int | None
) -> None:
    network, spec = trained(width=16, **before)
    skips = {name for name in network.state_dict() if ".skip." in name}
    with pytest.raises(ModelError, match="choose another width"):
        widened(network, spec, width, increase)
    made, _ = widened(network, spec, other or width, increase + (0 if other else 4))
    assert skips <= set(made.state_dict())


def test_other_graphs_are_refused() -> None:
    spec = small_spec(stacks=1)
    thin = replace(spec, network=replace(spec.network, depthwise=True))
    config = NetworkConfig(
        graph="cornernet",
        stacks=1,
        width=16,
        joints=16,
        depth=1,
        level_channels=(16, 16),
        level_blocks=(1, 1),
    )
    for other in (thin, replace(spec, network=config)):
        with pytest.raises(ModelError, match="Newell"):
            widened(build(other), other, 32, 0)
