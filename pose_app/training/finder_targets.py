"""Targets and loss of a person finder.

As in *Objects as points* (Zhou, Wang and Kraehenbuehl, 2019): a penalty-reduced focal loss on the
centres, L1 on sizes and offsets. From Liu et al. (*Training-time-friendly network*, AAAI 2020):
Gaussians in proportion to the box's width and height, and sizes that are also learned in the pixels
around the centre, so that fewer pictures are needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..spec import BOX_UNIT

_SPREAD = 0.54 / 6  # standard deviation of the Gaussian / side of the box
_LEAST = 0.45  # smallest standard deviation, map pixels
_NEAR = 0.5  # height of the Gaussian from which sizes are learned
_AROUND = 0.25  # incomplete pictures have negatives only this far around boxes, in box sides
_UNSURE = 0.6  # boxes of lower weight have no negatives inside
_SIZE, _OFFSET = 1.0, 0.5  # weights in the loss; that of the centres is 1


@dataclass(frozen=True)
class FinderTargets:
    """The targets of a batch.

    Attributes:
        centre: (B, h, w) 0..1, with peaks of 1.
        positive: (B, h, w) the weight at a peak, else 0.
        negative: (B, h, w) the weight of a pixel without a centre.
        values: (B, 4, h, w) logarithms of the sides, and offsets.
        value_weight: (B, 2, h, w) of the sizes and of the offsets.
    """

    centre: Tensor
    positive: Tensor
    negative: Tensor
    values: Tensor
    value_weight: Tensor


@torch.no_grad()
def finder_targets(
    boxes: Tensor,
    weight: Tensor,
    size_weight: Tensor,
    complete: Tensor,
    size: tuple[int, int],
    stride: int,
) -> FinderTargets:
    """Make the targets.

    Args:
        boxes: (B, P, 4) left, top, right, bottom in input pixels (corners); all 0 = no box.
        weight: (B, P) of each box; 0 = ignored.
        size_weight: (B, P) of each box's width and height.
        complete: (B,) whether everybody in the picture has a box.
        size: (height, width) of the maps.
        stride: Input pixels per map pixel.
    """
    height, width = size
    low, high = boxes[..., :2] / stride, boxes[..., 2:] / stride  # map pixel corners
    middle, sides = (low + high) / 2, (high - low).clamp_min(0.1)
    there = high[..., 0] > low[..., 0]
    counts = (weight > 0) & there
    x = torch.arange(width, device=boxes.device) + 0.5
    y = torch.arange(height, device=boxes.device) + 0.5
    limit = torch.tensor([width, height], device=boxes.device) - 1
    cell = torch.minimum(middle.floor().clamp_min(0), limit)  # of the peak
    spread = (_SPREAD * sides).clamp_min(_LEAST)
    across = torch.exp(-((x - cell[..., :1] - 0.5) ** 2) / (2 * spread[..., :1] ** 2))
    down = torch.exp(-((y - cell[..., 1:] - 0.5) ** 2) / (2 * spread[..., 1:] ** 2))
    each = down[..., :, None] * across[..., None, :] * counts[..., None, None]  # (B, P, h, w)
    centre, owner = each.max(dim=1)

    def gathered(values: Tensor) -> Tensor:
        """(B, P) -> (B, h, w): the value of the box that a pixel belongs to."""
        return values.gather(1, owner.flatten(1)).view(owner.shape)

    peak = centre >= 1 - 1e-6
    positive = peak * gathered(weight)
    around_low, around_high = low - _AROUND * sides, high + _AROUND * sides

    def inside(first: Tensor, last: Tensor, which: Tensor) -> Tensor:
        columns = (x >= first[..., :1]) & (x <= last[..., :1])
        rows = (y >= first[..., 1:]) & (y <= last[..., 1:])
        return (rows[..., :, None] & columns[..., None, :] & which[..., None, None]).any(dim=1)

    negative = complete[:, None, None] | inside(around_low, around_high, counts)
    negative = negative & ~inside(low, high, there & (weight < _UNSURE)) | (centre > _NEAR)
    negative = negative & ~peak
    values = torch.stack(
        (
            gathered((sides[..., 0] * stride / BOX_UNIT).log()),
            gathered((sides[..., 1] * stride / BOX_UNIT).log()),
            gathered(middle[..., 0]) - x,
            gathered(middle[..., 1]) - y[:, None],
        ),
        dim=1,
    )
    near = centre * (centre >= _NEAR) * gathered(weight)
    return FinderTargets(
        centre,
        positive,
        negative.float(),
        values,
        torch.stack((near * gathered(size_weight), near), dim=1),
    )


def finder_loss(maps: Tensor, target: FinderTargets) -> Tensor:
    """The loss of maps (B, 5, h, w), in the order of `spec.BOX_MAPS`."""
    maps = maps.float()
    logit, values = maps[:, 0], maps[:, 1:]
    score = torch.sigmoid(logit)
    found = target.positive * (1 - score) ** 2 * functional.softplus(-logit)
    wrong = target.negative * (1 - target.centre) ** 4 * score**2 * functional.softplus(logit)
    people = target.positive.sum().clamp_min(1)
    error = (values - target.values).abs()
    size_weight, offset_weight = target.value_weight[:, 0], target.value_weight[:, 1]
    size = (error[:, :2].mean(dim=1) * size_weight).sum() / size_weight.sum().clamp_min(1)
    offset = (error[:, 2:].mean(dim=1) * offset_weight).sum() / offset_weight.sum().clamp_min(1)
    return (found.sum() + wrong.sum()) / people + _SIZE * size + _OFFSET * offset
