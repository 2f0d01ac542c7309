"""Parameters and multiply-accumulates of a model file, from its header alone (no torch)."""

from __future__ import annotations

import json
import re
import struct
from math import prod
from pathlib import Path

from ..errors import ModelError
from ..spec import ModelSpec

_STATISTICS = ("running_mean", "running_var")


def cost(path: Path, spec: ModelSpec, stacks: int | None = None) -> tuple[float, float]:
    """(millions of parameters, GMAC of the convolutions per image of the spec's input size).

    With `stacks`, only what a run of that many stacks uses. Raises ModelError where the header
    cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
        shapes = {
            key: tuple(int(side) for side in value["shape"])
            for key, value in header.items()
            if key != "__metadata__" and _runs(key, stacks)
        }
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.") from None
    except (
        struct.error, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError
    ):  # fmt: skip
        raise ModelError(f"The model file {path} is damaged: its header is unreadable.") from None
    parameters = sum(prod(s) for k, s in shapes.items() if not k.endswith(_STATISTICS))
    pixels = spec.input_size[0] * spec.input_size[1]
    macs = sum(
        prod(shape) * pixels / _stride(key, spec.stride) ** 2
        for key, shape in shapes.items()
        if len(shape) == 4
    )
    return parameters / 1e6, macs / 1e9


def _runs(key: str, stacks: int | None) -> bool:
    """Whether a run of `stacks` stacks uses a tensor; the last stack merges nothing back."""
    match = re.match(r"stacks\.(\d+)\.(merge|between)?", key)
    if stacks is None or match is None:
        return True
    return int(match[1]) < stacks - (match[2] is not None)


def _stride(key: str, stride: int) -> int:
    """The stride of a convolution's output relative to the network's input."""
    if key.startswith(("stem.conv.", "stem.res1.")):
        return stride // 2
    match = re.match(r"stacks\.\d+\.hourglass\.((?:low2\.)*)(up|low1|low3)?", key)
    if match is None:
        return stride
    level = match[1].count("low2.")
    value: int = stride * 2 ** (level + (match[2] in ("low1", "low3")))
    return value
