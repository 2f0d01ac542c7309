"""Small random networks in model files, and a cache folder of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pose_app.network.native import build, save_native
from pose_app.skeletons import MPII_16
from pose_app.spec import ModelSpec, NetworkConfig
from pose_app.types import Image

MakeModel = Callable[..., tuple[Path, ModelSpec]]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Conversions are shared by this folder's tests, and by nothing else."""
    folder = tmp_path_factory.getbasetemp() / "engines-cache"
    monkeypatch.setattr("pose_app.engines.convert.cache_folder", lambda: folder)
    monkeypatch.setattr("pose_app.network.catalogue.cache_folder", lambda: folder)


def random_spec(**changes: Any) -> ModelSpec:
    network = changes.pop(
        "network",
        NetworkConfig(stacks=3, width=16, stem=(8, 16), stem_second=16, depth=2),
    )
    values: dict[str, Any] = {
        "name": "random",
        "family": "pose-app",
        "network": network,
        "joints": MPII_16.joints,
        "limbs": MPII_16.limbs,
        "flip": MPII_16.flip,
        "input_size": (64, 96),
        "mean": (0.4, 0.5, 0.6),
        "std": (0.2, 0.3, 0.25),
        **changes,
    }
    return ModelSpec(**values)


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """A function of a spec's fields that gives (file, spec): of the same fields the same file."""
    folder = tmp_path_factory.mktemp("models")

    def make(**changes: Any) -> tuple[Path, ModelSpec]:
        spec = random_spec(**changes)
        torch.manual_seed(1)
        network = build(spec)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 1.5)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.3)
        path = folder / f"{len(list(folder.iterdir()))}.safetensors"
        save_native(path, network, spec)
        return path, spec

    return make


def random_crops(spec: ModelSpec, count: int, seed: int = 0) -> Image:
    shape = (count, *spec.input_size, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
