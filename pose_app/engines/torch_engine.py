"""PyTorch: NVIDIA graphics (CUDA), Apple graphics (MPS), and any processor as the last resort."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..network.native import load_native
from ..spec import ModelSpec
from ..types import Floats, Image
from .base import EngineInfo, HostHeatmaps, checked_crops
from .prepared import PreparedNetwork, reference_maps


def reference(model: Path, spec: ModelSpec, picture: Image) -> Floats:
    """(S, K, h, w): plain float32 torch on the self-check picture (1, H, W, 3)."""
    network, _ = load_native(model)
    return reference_maps(network, spec, torch.from_numpy(picture))[0].numpy()


class TorchEngine:
    """A native model file on a torch device. Raises EngineError where that does not work."""

    def __init__(
        self,
        model: Path,
        spec: ModelSpec,
        device: str = "cpu",
        precision: str = "f32",
        threads: int | None = None,
        reason: str | None = None,
    ) -> None:
        self.spec = spec
        self.info = EngineInfo("PyTorch", device.upper(), precision, reason)
        if threads is not None:
            torch.set_num_threads(threads)
        network, _ = load_native(model)
        prepared = PreparedNetwork(network, spec)
        self._network = prepared.to(device)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def infer(self, crops: Image, stacks: int) -> HostHeatmaps:
        crops = checked_crops(crops, stacks, self.spec)
        with torch.inference_mode():
            answers = self._network(torch.from_numpy(crops), stacks)
        return HostHeatmaps(np.stack([maps.numpy() for maps in answers]))

    def ready(self, stacks: int, batch: int = 1) -> bool:
        return True

    def close(self) -> None:
        pass
