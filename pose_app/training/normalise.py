"""The step between pictures and a network's input."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..spec import ModelSpec
from .store import to_device


def normalised(images: Tensor, spec: ModelSpec) -> Tensor:
    """RGB 0..1 (B, 3, H, W) -> the network's input, in the memory format channels_last."""
    mean, deviation = (
        to_device(np.array(values, np.float32).reshape(1, 3, 1, 1), images.device)
        for values in (spec.mean, spec.std)
    )
    images = (images - mean) / deviation
    if spec.colour == "BGR":
        images = images.flip(1)
    return images.contiguous(memory_format=torch.channels_last)
