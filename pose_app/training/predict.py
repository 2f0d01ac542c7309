"""Predicts the joints of labelled persons, by an engine or by a network in training."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ..engines.fused import normalised, probabilities
from ..network.protocol import flip_average
from ..pose.crop import crop, to_picture
from ..pose.decode import decode
from ..spec import ModelSpec
from ..types import Floats, Image, Region
from .augment import AROUND, BOX_AROUND, MARGIN
from .data import PoseData, Rows
from .precision import autocast

if TYPE_CHECKING:
    from ..engines.base import Engine

# Crops (B, H, W, 3) uint8 BGR -> (B, S, K, 3): x, y in input pixels and the raw score.
Answer = Callable[[Image], Floats]


def region_around(points: Floats) -> Region:
    """The square around labelled joints (n, 2): side 1.35 x their extent + 8 pixels."""
    low, high = points.min(axis=0), points.max(axis=0)
    side = AROUND * float((high - low).max()) + MARGIN
    x, y = (low + high) / 2 - side / 2 + 0.5
    return Region(float(x), float(y), side)


def region_of_box(box: Floats) -> Region:
    """The app's region around a finder's box (4,) x, y, width, height."""
    side = BOX_AROUND * float(max(box[2], box[3]))
    return Region(
        float(box[0] + box[2] / 2 - side / 2), float(box[1] + box[3] / 2 - side / 2), side
    )


def predict(answer: Answer, data: PoseData, rows: Rows, spec: ModelSpec, batch: int = 16) -> Floats:
    """Predict the joints of each row: (n, S, K, 3) x, y in pixels of its picture, and raw score.

    The crop is around the box if there is one, else around the labelled joints, else (without
    labels) of most of the picture.
    """
    height, width = spec.input_size
    found = []
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        crops = np.empty((len(part), height, width, 3), dtype=np.uint8)
        regions = []
        for out, row in zip(crops, part, strict=True):
            picture = data.read(int(row))
            labelled = data.keypoints[row][data.keypoints[row][:, 2] > 0, :2]
            if data.boxes is not None:
                region = region_of_box(data.boxes[row])
            elif not len(labelled):
                size = np.array([picture.shape[1], picture.shape[0]]) - 1.0
                region = region_around(np.array([size * 0.15, size * 0.85]))
            else:
                region = region_around(labelled)
            crop(picture, region, (height, width), out=out)
            regions.append(region)
        joints = answer(crops)
        for region, one in zip(regions, joints, strict=True):
            one[..., :2] = to_picture(one[..., :2], region, (height, width))
            found.append(one)
    return np.stack(found)


def of_engine(engine: Engine, stacks: int, flip: bool = False) -> Answer:
    """Predictions of an engine; `flip` averages with the mirrored crop (flip test)."""
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
    """Heatmaps as one array (B, S, K, h, w)."""
    read = maps.stack  # type: ignore[attr-defined]
    return np.stack([[read(stack, item) for stack in range(stacks)] for item in range(batch)])


def maps_of_network(
    network: nn.Module, spec: ModelSpec, device: torch.device
) -> Callable[[Image], torch.Tensor]:
    """A function from crops (B, H, W, 3) uint8 BGR to the heatmaps of a network in training.

    They are (B, S, K, h, w) float32 on the device, with the softmax applied as in an engine.
    """

    @torch.no_grad()
    def maps(crops: Image) -> torch.Tensor:
        images = normalised(torch.from_numpy(np.ascontiguousarray(crops)).to(device), spec)
        with autocast(device):
            stacks = network.forward_stacks(images.contiguous(memory_format=torch.channels_last))  # type: ignore[operator]
        made = torch.stack([one.float() for one in stacks], dim=1)
        return probabilities(made) if spec.output == "logits" else made

    return maps


def of_network(network: nn.Module, spec: ModelSpec, device: torch.device) -> Answer:
    """Predictions of a network in training, on its device."""
    from ..engines.torch_decode import decode as decode_on_device

    maps = maps_of_network(network, spec, device)

    def answer(crops: Image) -> Floats:
        joints: Floats = decode_on_device(maps(crops), spec).cpu().numpy()
        return joints

    return answer
