"""8-bit graphs: the same network, rounded where it was said and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pose_app.engines.fused import FusedNetwork, reference_maps
from pose_app.errors import ModelError
from pose_app.network.native import build
from pose_app.openvino_silently import openvino
from pose_app.spec import ModelSpec, NetworkConfig
from pose_app.training.int8_calibration import find_corrections, find_entries
from pose_app.training.int8_graph import Entry, int8_graph, rounded
from pose_app.types import Floats, Image
from tests.unit.engines.conftest import random_crops, random_spec


def random_network(spec: ModelSpec) -> nn.Module:
    """Normalisations of both signs, as in trained networks."""
    torch.manual_seed(3)
    network = build(spec)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.normal_(module.weight, 0.5, 0.7)
            nn.init.normal_(module.bias, 0, 0.3)
    return network


@pytest.fixture(scope="module", params=["logits", "heatmap"])
def spec(request: pytest.FixtureRequest) -> ModelSpec:
    return random_spec(output=request.param)


@pytest.fixture(scope="module")
def fused(spec: ModelSpec) -> FusedNetwork:
    return FusedNetwork(random_network(spec), spec)


@pytest.fixture(scope="module")
def true(spec: ModelSpec) -> Floats:
    """What plain torch answers to `random_crops(spec, 2)`: (B, S, K, h, w)."""
    crops = torch.from_numpy(random_crops(spec, 2))
    return reference_maps(random_network(spec), spec, crops).numpy()


def compiled(graph: Any) -> Any:
    options = {"INFERENCE_PRECISION_HINT": "f32"}  # some processors would take 16 bits
    return openvino.Core().compile_model(graph, "CPU", options)


def answers(graph: Any, crops: Image) -> Floats:
    request = compiled(graph).create_infer_request()
    found = []
    for crop in crops:
        request.infer({0: crop[None]})
        found.append(
            [request.get_output_tensor(i).data[0].copy() for i in range(len(graph.outputs))]
        )
    return np.array(found)


def error(found: Floats, true: Floats) -> float:
    return float(np.linalg.norm(found - true) / np.linalg.norm(true))


def test_without_rounding_it_is_the_same_network(
    spec: ModelSpec, fused: FusedNetwork, true: Floats
) -> None:
    found = answers(int8_graph(fused, spec, {}, {}), random_crops(spec, 2))
    assert error(found, true) < 1e-4


def test_eight_bits_are_near(spec: ModelSpec, fused: FusedNetwork, true: Floats) -> None:
    crops = random_crops(spec, 24, seed=5)
    entries = find_entries(fused, crops)
    corrections, ratios = find_corrections(fused, entries, crops)
    assert entries.keys() == corrections.keys() == ratios.keys()
    assert min(ratios.values()) > 15  # dB
    graph = int8_graph(fused, spec, entries, corrections)
    levels = [op.get_levels() for op in graph.get_ops() if op.get_type_name() == "FakeQuantize"]
    assert levels == [256] * len(entries)
    found = answers(graph, random_crops(spec, 2))
    assert 1e-4 < error(found, true) < 0.12


def test_one_part_in_floats(spec: ModelSpec, fused: FusedNetwork) -> None:
    entries = find_entries(fused, random_crops(spec, 8))
    kept = {name: e for name, e in entries.items() if not name.startswith("stem")}
    assert len(kept) < len(entries)
    corrections, ratios = find_corrections(fused, kept, random_crops(spec, 8))
    assert kept.keys() == corrections.keys() == ratios.keys()
    graph = int8_graph(fused, spec, kept, corrections)
    count = sum(op.get_type_name() == "FakeQuantize" for op in graph.get_ops())
    assert count == len(kept)


def test_the_processor_computes_in_eight_bits(spec: ModelSpec, fused: FusedNetwork) -> None:
    """No convolution but the first runs in floats."""
    entries = find_entries(fused, random_crops(spec, 8))
    made = compiled(int8_graph(fused, spec, entries, {}))
    kinds = [
        op.get_rt_info()["primitiveType"].value
        for op in made.get_runtime_model().get_ops()
        if op.get_rt_info()["layerType"] == "Convolution"
    ]
    assert len(kinds) == len(entries) + 1
    assert sum(kind.endswith("I8") for kind in kinds) == len(entries)


def test_corrections_bring_the_means_back() -> None:
    """Rounded weights all err to one side in a network made for it; a correction repairs that."""
    spec = random_spec(
        output="heatmap",
        network=NetworkConfig(stacks=1, width=16, stem=(8, 16), stem_second=16, depth=2),
    )
    network = random_network(spec)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                # One large weight makes the steps wide; the others are all rounded away.
                module.weight.abs_().mul_(0.002)
                module.weight[:, 0] = 1
    fused = FusedNetwork(network, spec)
    crops = random_crops(spec, 16)
    entries = find_entries(fused, crops)
    corrections, _ = find_corrections(fused, entries, crops)
    with torch.inference_mode():
        true = fused(torch.from_numpy(crops))[0].numpy()
    means = []
    for fix in ({}, corrections):
        found = answers(int8_graph(fused, spec, entries, fix), crops)[:, 0]
        means.append(abs((found - true).mean(axis=(0, 2, 3))).mean())
    assert means[1] < 0.5 * means[0]


def test_an_entry_is_a_clamp_and_an_affine_map() -> None:
    rng = np.random.default_rng(0)
    scale = np.array([1.0, -2.0, 0.5, -1e-8])
    shift = np.array([0.0, 1.0, -3.0, 0.25])
    entry = Entry(scale, shift, np.zeros(4), np.array([4.0, 5.0, 2.0, 1.0]))
    x = rng.normal(0, 5, (4, 1000))
    low, high = entry.limits()
    q = np.rint((np.clip(x.T, low, high) - low) / (high - low) * 255).T
    factor, offset = entry.affine()
    y = factor[:, None] * q + offset[:, None]
    wanted = np.clip(scale[:, None] * x + shift[:, None], 0, entry.high[:, None])
    assert (abs(y - wanted) <= entry.high[:, None] / 510 + 1e-9).all()


def test_rounded_weights_are_those_of_y() -> None:
    """Weights and bias on q are those on y, up to half a step of the weights."""
    torch.manual_seed(0)
    conv = nn.Conv2d(6, 5, 1)
    scale = np.array([1.0, -2.0, 0.5, 3.0, -0.1, 1.0])
    entry = Entry(scale, np.full(6, 0.3), np.zeros(6), np.linspace(0.5, 40, 6))
    q = np.random.default_rng(1).integers(0, 256, (6, 50)).astype(float)
    factor, offset = entry.affine()
    y = torch.from_numpy(factor[:, None] * q + offset[:, None])[None, ..., None].float()
    wanted = conv(y)[0, ..., 0].detach().numpy()
    made = rounded(conv, entry)
    assert made.weights.dtype == np.int8
    assert (abs(made.weights).max(axis=(1, 2, 3)) == 127).all()
    found = made.scale[:, None] * (made.weights[..., 0, 0] @ q) + made.bias[:, None]
    assert (abs(found - wanted) <= (made.scale / 2 * q.sum(axis=0).max())[:, None]).all()


def test_other_graphs_are_refused() -> None:
    spec = random_spec(
        network=NetworkConfig(
            stacks=1, width=16, stem=(8, 16), stem_second=16, depth=2, depthwise=True
        )
    )
    fused = FusedNetwork(random_network(spec), spec)
    with pytest.raises(ModelError, match="Newell"):
        find_entries(fused, random_crops(spec, 8))
