"""Our own model files: safetensors with the spec as JSON in the metadata (key `spec`)."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from ..errors import ModelError
from ..spec import ModelSpec, read_spec
from .hourglass import StackedHourglass


def build(spec: ModelSpec) -> nn.Module:
    """An untrained network of the spec's graph, in evaluation mode."""
    if spec.network.graph != "newell":
        from .cornernet import CornerNetHourglass

        return CornerNetHourglass(spec.network).eval()
    return StackedHourglass(spec.network).eval()


def load_native(path: str | Path) -> tuple[nn.Module, ModelSpec]:
    """(network in float32 and evaluation mode, spec). Raises ModelError."""
    spec = read_spec(path)
    try:
        tensors = load(Path(path).read_bytes())
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"The model file {path} is damaged: {error}.") from None
    network = build(spec)
    wanted = network.state_dict()
    for key in [k for k in wanted if k.endswith("num_batches_tracked")]:
        tensors[key] = wanted[key]
    try:
        network.load_state_dict(
            {key: value.to(wanted[key].dtype) for key, value in tensors.items()}
        )
    except (KeyError, RuntimeError) as error:
        detail = str(error).splitlines()[-1].strip()
        raise ModelError(f"The tensors in {path} do not fit its description: {detail}") from None
    return network, spec


def save_native(
    path: str | Path, network: nn.Module, spec: ModelSpec, dtype: torch.dtype = torch.float32
) -> None:
    """Write atomically: a broken write never replaces a good file. Floats are stored as `dtype`."""
    path = Path(path)
    tensors = {
        key: (value.to(dtype) if value.is_floating_point() else value).detach().cpu().contiguous()
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(save(tensors, metadata={"spec": spec.to_json()}))
    os.replace(temporary, path)
