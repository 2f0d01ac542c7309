"""What is folded into the network's weights changes nothing about its answers."""

from __future__ import annotations

import pytest
import torch

from pose_app.engines.fused import FusedNetwork, probabilities, reference_maps
from pose_app.network.native import load_native
from pose_app.spec import NetworkConfig

from .conftest import MakeModel, random_crops


@pytest.mark.parametrize("colour", ["RGB", "BGR"])
@pytest.mark.parametrize("mean", [(0.0, 0.0, 0.0), (0.4, 0.5, 0.6)])
@pytest.mark.parametrize("output", ["heatmap", "logits"])
def test_folding_keeps_the_answers(
    make_model: MakeModel, colour: str, mean: tuple[float, ...], output: str
) -> None:
    path, spec = make_model(colour=colour, mean=mean, output=output)
    crops = torch.from_numpy(random_crops(spec, 2))
    expected = reference_maps(load_native(path)[0], spec, crops)
    prepared = FusedNetwork(load_native(path)[0], spec)
    for stacks in (1, 3):
        answers = prepared(crops, stacks)
        assert len(answers) == stacks
        for stack, maps in enumerate(answers):
            torch.testing.assert_close(maps, expected[:, stack], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "network",
    [
        NetworkConfig(stacks=2, width=16, stem=(8, 16), stem_second=8, depth=2, increase=8),
        NetworkConfig(stacks=2, width=16, stem=(8, 16), stem_second=16, depth=2, depthwise=True),
        NetworkConfig(stacks=2, width=8, stem=(8, 8), stem_second=8, depth=2, after_blocks=2),
    ],
)
def test_folding_every_shape(make_model: MakeModel, network: NetworkConfig) -> None:
    path, spec = make_model(network=network)
    crops = torch.from_numpy(random_crops(spec, 1))
    expected = reference_maps(load_native(path)[0], spec, crops)
    prepared = FusedNetwork(load_native(path)[0], spec)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in _foldable(prepared))
    torch.testing.assert_close(torch.stack(prepared(crops), 1), expected, rtol=1e-4, atol=1e-5)


def _foldable(prepared: FusedNetwork) -> list[torch.nn.Module]:
    """Everything but the first normalisation of a residual, which cannot be folded."""
    return [m for name, m in prepared.named_modules() if not name.endswith("bn1")]


def test_colours_matter(make_model: MakeModel) -> None:
    """The reference itself: red is red whatever order the network wants."""
    path, spec = make_model(colour="RGB", mean=(0.4, 0.5, 0.6))
    crops = torch.from_numpy(random_crops(spec, 1))
    network, _ = load_native(path)
    rgb = crops.flip(-1).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (spec.mean, spec.std))
    expected = network((rgb - mean) / std)
    torch.testing.assert_close(reference_maps(network, spec, crops), expected)


def test_probabilities_leave_room_for_absence() -> None:
    logits = torch.full((2, 3, 4, 4), -50.0)
    logits[0, 0, 1, 2] = 9.0
    found = probabilities(logits)
    assert found.shape == logits.shape
    # softmax of (9, 0): the logit at 0 stands for absent
    assert found[0, 0, 1, 2].item() == pytest.approx(1 / (1 + torch.e**-9.0), rel=1e-5)
    assert found[1, 2].sum().item() == pytest.approx(0, abs=1e-6)
    many = probabilities(torch.zeros(1, 1, 8, 8))
    assert many.sum().item() == pytest.approx(64 / 65, rel=1e-5)
