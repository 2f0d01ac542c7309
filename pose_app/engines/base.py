"""What every engine offers: pictures in, heatmaps of as many stacks as wanted out.

Shapes: B pictures, S stacks, K joints, H x W input pixels, h x w heatmap pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import EngineError
from ..spec import ModelSpec
from ..types import Floats, Heatmaps, Image
from .measure import Search


@dataclass(frozen=True)
class EngineInfo:
    """Which engine runs where, for the badge, the log and `doctor`.

    `reason` is one sentence saying why this is not what was asked for, or not the fastest kind
    this machine seems to have; None when all is well. `table` are the times of the kinds that were
    measured here, the fastest first, "" where none were; `candidate` is this one's name in it.
    """

    engine: str
    device: str
    precision: str
    reason: str | None = None
    table: str = ""
    candidate: str = ""

    def badge(self, stacks_now: int | None = None, stacks_all: int | None = None) -> str:
        """E.g. `OpenVINO · CPU · bf16 · 4 of 4 stacks`."""
        parts = [self.engine, self.device, self.precision]
        if stacks_now is not None:
            count = f"{stacks_now} of {stacks_all}" if stacks_all else f"{stacks_now}"
            parts.append(f"{count} stacks")
        return " · ".join(parts)


class Engine(Protocol):
    """A network that is loaded, checked and ready. `infer` is called from one thread at a time."""

    spec: ModelSpec
    info: EngineInfo

    def infer(self, crops: Image, stacks: int) -> Heatmaps:
        """Run the first `stacks` stacks on crops (B, H, W, 3) uint8 BGR of the spec's input size.

        Colour order, normalisation and softmax happen inside. The heatmaps stay valid for as long
        as somebody holds them. Raises EngineError where the device fails or the input is wrong.
        """
        ...

    def ready(self, stacks: int) -> bool:
        """Whether `infer` with that many stacks runs without preparing anything first.

        If not, preparation starts in the background: a caller that wants no hitch keeps its old
        number of stacks until the answer is True.
        """
        ...

    def halves(self) -> Sequence[Engine]:
        """Two engines for the same network that run at the same time, each on half of the device.

        Empty where that gets no more done than one after the other. They are closed with this one.
        """
        ...

    def close(self) -> None:
        """Release the device. Idempotent; heatmaps handed out stay valid."""
        ...


class SearchingEngine(Engine, Protocol):
    """An engine that may know of something faster by now: see choose.better. It closes `search`."""

    search: Search | None


class HostHeatmaps:
    """Heatmaps in main memory: one (S, B, K, h, w) float32 array."""

    def __init__(self, maps: Floats) -> None:
        self._maps = maps

    @property
    def batch(self) -> int:
        return int(self._maps.shape[1])

    @property
    def stacks(self) -> int:
        return int(self._maps.shape[0])

    def stack(self, stack: int, item: int = 0) -> Floats:
        """(K, h, w) float32, a view."""
        value: Floats = self._maps[stack, item]
        return value

    def all_stacks(self, item: int = 0) -> Floats:
        """(S, K, h, w) float32, a view."""
        return self._maps[:, item]

    def peaks(self) -> None:
        return None


def checked_crops(crops: NDArray[np.uint8], stacks: int, spec: ModelSpec) -> Image:
    """The crops, contiguous. Raises EngineError for any other shape, type or number of stacks."""
    height, width = spec.input_size
    if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != (height, width, 3):
        raise EngineError(
            f"The model {spec.name} takes uint8 pictures of {height} x {width} x 3, "
            f"not {crops.dtype} {' x '.join(map(str, crops.shape[1:]))}."
        )
    if len(crops) == 0:
        raise EngineError("An engine needs one picture or more.")
    if not 1 <= stacks <= spec.network.stacks:
        raise EngineError(
            f"The model {spec.name} has stacks 1 to {spec.network.stacks}, not {stacks}."
        )
    return np.ascontiguousarray(crops)
