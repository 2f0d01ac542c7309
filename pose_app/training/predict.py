"""Joints of labelled persons, from any engine or from a network in training."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..network.protocol import flip_average
from ..pose.crop import crop, to_picture
from ..pose.decode import decode
from ..spec import ModelSpec
from ..types import Floats, Image, Region
from .augment import AROUND, MARGIN
from .data import PoseData, Rows
from .targets import probabilities
from .trainer import normalised

if TYPE_CHECKING:
    from ..engines.base import Engine
    from ..network.hourglass import StackedHourglass

# Crops (B, H, W, 3) uint8 BGR -> (B, S, K, 3): x, y in input pixels and the raw score.
Answer = Callable[[Image], Floats]


def region_around(points: Floats) -> Region:
    """The square around labelled joints (n, 2): side 1.35 x their extent + 8 pixels."""
    low, high = points.min(axis=0), points.max(axis=0)
    side = AROUND * float((high - low).max()) + MARGIN
    x, y = (low + high) / 2 - side / 2 + 0.5
    return Region(float(x), float(y), side)


def predict(answer: Answer, data: PoseData, rows: Rows, spec: ModelSpec, batch: int = 16) -> Floats:
    """(n, S, K, 3): joints in pixels of each row's picture and raw scores, from the crop around the
    labelled joints; the whole picture where nobody is labelled."""
    height, width = spec.input_size
    found = []
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        crops = np.empty((len(part), height, width, 3), dtype=np.uint8)
        regions = []
        for place, row in zip(crops, part, strict=True):
            picture = data.read(int(row))
            labelled = data.keypoints[row][data.keypoints[row][:, 2] > 0, :2]
            if not len(labelled):
                size = np.array([picture.shape[1], picture.shape[0]]) - 1.0
                region = region_around(np.array([size * 0.15, size * 0.85]))
            else:
                region = region_around(labelled)
            crop(picture, region, (height, width), out=place)
            regions.append(region)
        joints = answer(crops)
        for region, one in zip(regions, joints, strict=True):
            one[..., :2] = to_picture(one[..., :2], region, (height, width))
            found.append(one)
    return np.stack(found)


def of_engine(engine: Engine, stacks: int, flip: bool = False) -> Answer:
    """An engine's answers; `flip` averages the heatmaps with those of the mirrored picture."""
    spec = engine.spec

    def answer(crops: Image) -> Floats:
        maps = engine.infer(crops, stacks)
        if not flip:
            peaks = maps.peaks()
            if peaks is not None:
                return np.array(peaks)
            grids = _grids(maps, len(crops), stacks)
        else:
            mirror = engine.infer(np.ascontiguousarray(crops[:, :, ::-1]), stacks)
            grids = flip_average(
                _grids(maps, len(crops), stacks), _grids(mirror, len(crops), stacks), spec
            )
        return np.stack([decode(np.ascontiguousarray(item), spec) for item in grids])

    return answer


def _grids(maps: object, batch: int, stacks: int) -> Floats:
    """(B, S, K, h, w)."""
    read = maps.stack  # type: ignore[attr-defined]
    return np.stack([[read(stack, item) for stack in range(stacks)] for item in range(batch)])


def of_network(network: StackedHourglass, spec: ModelSpec, device: torch.device) -> Answer:
    """The answers of a network where it is, without an engine: while training."""
    from ..engines.torch_decode import decode as decode_there

    @torch.no_grad()
    def answer(crops: Image) -> Floats:
        rgb = torch.from_numpy(np.ascontiguousarray(crops[..., ::-1])).to(device)
        images = normalised(rgb.permute(0, 3, 1, 2).float() / 255, spec)
        with torch.autocast(device.type, torch.bfloat16):
            answers = network.forward_stacks(images)
        maps = [probabilities(a) if spec.output == "logits" else a.float() for a in answers]
        joints: Floats = decode_there(torch.stack(maps, dim=1), spec).cpu().numpy()
        return joints

    return answer
