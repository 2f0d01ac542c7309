"""The pose network on regions of an image: crop, network, decode."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import EngineError
from ..types import Floats, Heatmaps, Image, Region
from .cover import Cover
from .crop import crop, to_picture
from .decode import calibrate, decode

if TYPE_CHECKING:
    from ..engines.base import Engine

STAGES = ("find", "crop", "network", "decode", "track")

_BATCH = 8  # the most regions that go through the network together


@dataclass(frozen=True)
class CropPrediction:
    """The network's result for one region.

    Attributes:
        region: What it was shown.
        joints: (S, K, 2) x, y in image pixels.
        scores: (S, K), calibrated, 0..1.
        maps: The heatmaps of its batch.
        item: Its index in that batch.
    """

    region: Region
    joints: Floats
    scores: Floats
    maps: Heatmaps | None
    item: int = 0


class StageClock:
    """Milliseconds spent in each stage of one frame."""

    def __init__(self) -> None:
        self.timings = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter_ns()
        yield
        self.timings[name] += (time.perf_counter_ns() - start) / 1e6

    def add(self, other: StageClock) -> None:
        for name, spent in other.timings.items():
            self.timings[name] += spent


class CropPredictor:
    """An engine with its buffer of crops. Not thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._spec = engine.spec
        self._cover = Cover(engine.spec)
        self._buffer = np.empty((0, *engine.spec.input_size, 3), dtype=np.uint8)

    def predict(
        self,
        image: Image,
        regions: list[Region],
        stacks: int,
        clock: StageClock,
        in_front: Sequence[Sequence[CropPrediction]] = (),
    ) -> list[CropPrediction]:
        """Run the network on regions of an image, in batches.

        Args:
            image: (H, W, 3) uint8 BGR.
            regions: Any number of them.
            stacks: How many stacks to run.
            clock: The times of the stages are added to it.
            in_front: For each region, the people in front of whom it is of: they are painted over,
                and joints seen there have a score of 0. Default nobody.

        Returns:
            One prediction per region, in their order.

        Raises:
            PoseAppError: A region is outside the image.
            EngineError: The device failed, or heatmaps are not finite.
        """
        predictions: list[CropPrediction] = []
        for start in range(0, len(regions), _BATCH):
            part = regions[start : start + _BATCH]
            covered: dict[int, NDArray[np.bool_]] = {}
            with clock.stage("crop"):
                if len(self._buffer) < len(part):
                    self._buffer = np.empty((len(part), *self._buffer.shape[1:]), dtype=np.uint8)
                crops = self._buffer[: len(part)]
                for out, region in zip(crops, part, strict=True):
                    crop(image, region, self._spec.input_size, out=out)
                for item, people in enumerate(in_front[start : start + _BATCH]):
                    if people:
                        covered[item] = self._cover.paint(crops[item], part[item], people)
            with clock.stage("network"):
                maps = self._engine.infer(crops, stacks)
            with clock.stage("decode"):
                for item, region in enumerate(part):
                    seen = self._decode(maps, item, region)
                    if item in covered:
                        seen = replace(seen, scores=self._cover.seen_scores(seen, covered[item]))
                    predictions.append(seen)
        return predictions

    def _decode(self, maps: Heatmaps, item: int, region: Region) -> CropPrediction:
        """Decode one item of a batch, unless the engine has decoded it on its device."""
        spec, peaks = self._spec, maps.peaks()
        found = (
            np.stack([decode(maps.stack(s, item), spec) for s in range(maps.stacks)])
            if peaks is None
            else peaks[item]
        )
        if not np.isfinite(found).all():
            raise EngineError(
                f"The model {spec.name} gives values that are not finite on "
                f"{self._engine.info.device}: choose another engine, device or precision."
            )
        joints = to_picture(found[..., :2], region, spec.input_size)
        return CropPrediction(region, joints, calibrate(found[..., 2], spec), maps, item)
