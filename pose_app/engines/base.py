"""The engine protocol: crops in, heatmaps of the first stacks out.

Shapes: B images, S stacks, K joints, H x W input pixels, h x w heatmap pixels.
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
    """Which engine runs on which device, for the badge, the log and `doctor`.

    Attributes:
        engine: Its name, e.g. `OpenVINO`.
        device: Its name, e.g. `CPU` or `GPU (Intel(R) Iris(R) Xe Graphics)`.
        precision: A word of `engine_words.PRECISIONS`.
        reason: One sentence on why this is not what was asked for, or not the kind that should be
            the fastest here; None where there is nothing to say.
        table: Measured times of all candidates, the fastest first; "" where none were measured.
        candidate: The name of this engine in `table`.
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
    """A loaded and checked network. `infer` is called from one thread at a time."""

    spec: ModelSpec
    info: EngineInfo

    def infer(self, crops: Image, stacks: int) -> Heatmaps:
        """Run the first `stacks` stacks.

        Colour order, normalisation and softmax happen inside.

        Args:
            crops: (B, H, W, 3) uint8 BGR, of the spec's input size.
            stacks: How many stacks to run, 1 to all.

        Returns:
            Heatmaps that stay valid for as long as they are referenced.

        Raises:
            EngineError: The device failed, or the input has another shape or type.
        """
        ...

    def ready(self, stacks: int) -> bool:
        """Whether `infer` with that many stacks runs without first preparing something.

        If not, preparation starts in the background; a caller that must not stall keeps its
        number of stacks until this returns True.
        """
        ...

    def halves(self) -> Sequence[Engine]:
        """Two engines for the same network that run in parallel, each on half of the device.

        Empty where that is no faster than one after the other. `close` closes them as well.
        """
        ...

    def close(self) -> None:
        """Release the device. Idempotent; heatmaps that were returned stay valid."""
        ...


class SearchingEngine(Engine, Protocol):
    """An engine with a background search for a faster one (see `choose.better`).

    `search` is None where there is nothing to search for; `close` ends it.
    """

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
            f"The model {spec.name} takes uint8 images of {height} x {width} x 3, "
            f"not {crops.dtype} {' x '.join(map(str, crops.shape[1:]))}."
        )
    if len(crops) == 0:
        raise EngineError("An engine needs at least one image.")
    if not 1 <= stacks <= spec.network.stacks:
        raise EngineError(
            f"The model {spec.name} has stacks 1 to {spec.network.stacks}, not {stacks}."
        )
    return np.ascontiguousarray(crops)
