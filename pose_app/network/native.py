"""The native model format: safetensors with the spec as JSON in the metadata (key `spec`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from ..errors import ModelError
from ..spec import ModelSpec, read_spec
from ..whole_files import replacing
from .hourglass import StackedHourglass
from .layouts import config_of


def build(spec: ModelSpec) -> nn.Module:
    """An untrained network of the spec's graph, in evaluation mode."""
    if spec.network.graph != "newell":
        from .cornernet import CornerNetHourglass

        return CornerNetHourglass(spec.network).eval()
    return StackedHourglass(spec.network).eval()


def assemble(spec: ModelSpec, tensors: Mapping[str, Tensor], where: str) -> nn.Module:
    """A network of the spec's graph with these tensors, in float32 and evaluation mode.

    `where` names the file in messages. Raises ModelError where tensors are missing, superfluous,
    of another shape or not finite.
    """
    found = config_of(spec.network.graph, tensors)  # before `build`: a wrong spec may be huge
    for part in fields(found):
        actual, stated = getattr(found, part.name), getattr(spec.network, part.name)
        if actual != stated:
            raise ModelError(
                f"The tensors in {where} do not fit its description: {part.name} is {actual}, not "
                f"{stated}."
            )
    with torch.device("meta"):
        network = build(spec)
    values = {}
    for key, wanted in network.state_dict().items():
        if key.endswith("num_batches_tracked"):
            values[key] = torch.zeros((), dtype=wanted.dtype)
            continue
        value = tensors.get(key)
        if value is None:
            raise ModelError(f"{where} is incomplete: the tensor of {key!r} is missing.")
        if value.shape != wanted.shape or not value.is_floating_point():
            raise ModelError(
                f"{where} is damaged: the tensor of {key!r} has the shape {tuple(value.shape)} "
                f"instead of {tuple(wanted.shape)}."
            )
        values[key] = value.to(wanted.dtype, copy=True).contiguous()
        if not torch.isfinite(values[key]).all():
            raise ModelError(
                f"{where} is damaged: the tensor of {key!r} has values that are not finite."
            )
    if extra := sorted(set(tensors) - set(values)):
        raise ModelError(f"{where} has a tensor that its network does not have: {extra[0]!r}.")
    network.load_state_dict(values, assign=True)
    return network.eval()


def load_native(path: str | Path) -> tuple[nn.Module, ModelSpec]:
    """(network in float32 and evaluation mode, spec) of a native file. Raises ModelError."""
    spec = read_spec(path)
    try:
        tensors = load(Path(path).read_bytes())
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.") from None
    except (SafetensorError, ValueError, KeyError) as error:
        raise ModelError(f"The model file {path} is damaged: {str(error)[:300]}.") from None
    return assemble(spec, tensors, str(path)), spec


def save_native(
    path: str | Path, network: nn.Module, spec: ModelSpec, dtype: torch.dtype = torch.float32
) -> None:
    """Write a native file atomically: a failed write never replaces a good file.

    Floating-point tensors are stored as `dtype`. Raises OSError where the file cannot be written.
    """
    path = Path(path)
    tensors = {
        key: (value.to(dtype) if value.is_floating_point() else value).detach().cpu().contiguous()
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={"spec": spec.to_json()}))
