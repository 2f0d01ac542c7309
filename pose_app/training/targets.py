"""Targets and losses of heatmaps.

The default loss is the cross-entropy of a distribution over the h * w logits of a joint and one
more logit, fixed at 0, that means *absent*. The target is a Gaussian around the joint, or all
probability on *absent*. Networks with raw heatmaps (published ones) are trained with the mean
squared error of Newell et al. 2016 (`network.hourglass.HeatmapLoss`).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .data import MASKED, PRESENT


def gaussians(points: Tensor, size: tuple[int, int], sigma: float) -> tuple[Tensor, Tensor]:
    """Factors (B, K, w) and (B, K, h) whose outer product is a Gaussian around each point.

    `points` (B, K, 2) x, y and `sigma` are in heatmap pixels; the peak is 1.
    """
    height, width = size
    across = torch.arange(width, device=points.device, dtype=points.dtype)
    down = torch.arange(height, device=points.device, dtype=points.dtype)
    columns = torch.exp(-((across - points[..., :1]) ** 2) / (2 * sigma**2))
    rows = torch.exp(-((down - points[..., 1:]) ** 2) / (2 * sigma**2))
    return columns, rows


def to_map(points: Tensor, stride: int) -> Tensor:
    """Input pixels -> heatmap pixels, both in coordinates of pixel centres."""
    return (points + 0.5) / stride - 0.5


def heatmaps(points: Tensor, states: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """Gaussian targets (B, K, h, w) with peaks of 1; all zero for a joint that is not present."""
    columns, rows = gaussians(points, size, sigma)
    return rows[..., :, None] * columns[..., None, :] * (states == PRESENT)[..., None, None]


def distribution(points: Tensor, states: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """Targets (B, K, h, w) that sum to 1; all zero for a joint that is not present."""
    columns, rows = gaussians(points, size, sigma)
    columns = columns / columns.sum(dim=-1, keepdim=True).clamp_min(1e-6)
    rows = rows / rows.sum(dim=-1, keepdim=True).clamp_min(1e-6)
    return rows[..., :, None] * columns[..., None, :] * (states == PRESENT)[..., None, None]


def spatial_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy (B, K) of logits (B, K, h, w) with a target of `distribution`."""
    flat = logits.float().flatten(2)
    # log(1 + sum(exp(logits))): the 1 is the fixed logit of "absent".
    normaliser = functional.softplus(torch.logsumexp(flat, dim=-1))
    return normaliser - (target.flatten(2) * flat).sum(dim=-1)


def joint_losses(
    answers: list[Tensor], points: Tensor, states: Tensor, stride: int, sigma: float, output: str
) -> Tensor:
    """The loss of each joint in each stack: (B, S, K).

    Args:
        answers: (B, K, h, w) of each stack.
        points: (B, K, 2) in input pixels.
        states: (B, K) MASKED, PRESENT or ABSENT.
        stride: Input pixels per map pixel.
        sigma: Of the targets, in map pixels.
        output: As in the spec.
    """
    size = (int(answers[0].shape[-2]), int(answers[0].shape[-1]))
    in_map = to_map(points, stride)
    if output == "logits":
        target = distribution(in_map, states, size, sigma)
        losses = [spatial_cross_entropy(answer, target) for answer in answers]
    else:
        target = heatmaps(in_map, states, size, sigma)
        losses = [(answer.float() - target).square().mean(dim=(2, 3)) for answer in answers]
    return torch.stack(losses, dim=1)


def counted(states: Tensor, trim: Tensor | None = None, weights: Tensor | None = None) -> Tensor:
    """How much each label counts in the loss: (B, K).

    `trim` (B, K) bool leaves joints out; `weights` (B, K) are those of the labels.
    """
    weight = (states != MASKED).float()
    if weights is not None:
        weight = weight * weights
    if trim is not None:
        weight = weight.masked_fill(trim, 0)
    return weight


def total(losses: Tensor, weight: Tensor) -> Tensor:
    """The mean loss over stacks and joints; `losses` (B, S, K), `weight` (B, K) of `counted`."""
    return (losses.mean(dim=1) * weight).sum() / weight.sum().clamp_min(1)


def doubtful(losses: Tensor, states: Tensor, noisy: Tensor, share: float) -> Tensor:
    """(B, K) bool: the `share` of present joints of `noisy` (B,) pictures with the largest loss.

    Crowd-sourced labels have gross errors, mostly swapped sides. Once a network is good, they cause
    most of the largest losses.
    """
    last = losses[:, -1].detach()
    candidates = noisy[:, None] & (states == PRESENT)
    ranked = torch.where(candidates, last, torch.nan)
    limit = torch.nanquantile(ranked.flatten().float(), 1 - share)
    return candidates & (last > limit)
