"""Random views of labelled pictures: one affine warp each, light, blur, noise and things in front.

All of it works on a batch on the training device, graphics card or processor alike. Everything
random comes from one generator that the caller seeds, so that a step can be repeated exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..skeletons import Skeleton
from ..types import Floats
from .data import ABSENT, PRESENT
from .store import Canvases, Doubles, to_device

# The crop that `evaluate` and, nearly, the tracker take: 1.35 x the joints' extent + 8 pixels.
AROUND, MARGIN = 1.35, 8.0
_UPPER = ("shoulder", "elbow", "wrist", "neck", "head_top", "thorax", "nose", "eye", "ear")
_GREY = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Views:
    """How B canvases are looked at. `centre` (B, 2) and `side` (B,) in canvas pixels, `angle` (B,)
    radians, `flip` (B,) bool, `fill` (B, 3): colour 0..1 beyond the border, negative: the border's
    own pixels go on."""

    centre: Doubles
    side: Doubles
    angle: Doubles
    flip: NDArray[np.bool_]
    fill: Doubles


def upper_joints(skeleton: Skeleton) -> NDArray[np.bool_]:
    """(K,): the joints of an upper body as webcams see it, without hips."""
    return np.array([any(joint.endswith(part) for part in _UPPER) for joint in skeleton.joints])


def squares(points: Floats, used: NDArray[np.bool_], sizes: Floats) -> tuple[Doubles, Doubles]:
    """Centres (B, 2) and sides (B,) of the squares around the used joints (B, K) of each picture;
    the whole picture where fewer than two are."""
    low = np.where(used[..., None], points, np.inf).min(axis=1)
    high = np.where(used[..., None], points, -np.inf).max(axis=1)
    enough = used.sum(axis=1) >= 2
    with np.errstate(invalid="ignore"):
        centre, extent = (low + high) / 2, (high - low).max(axis=1)
    centre = np.where(enough[:, None], centre, (sizes - 1) / 2)
    side = np.where(enough, AROUND * extent + MARGIN, sizes.max(axis=1))
    return centre, side


def evaluation_views(canvases: Canvases) -> Views:
    """The crops that accuracy is measured on: upright, black beyond the border."""
    centre, side = squares(canvases.points, canvases.states == PRESENT, canvases.sizes)
    count = len(side)
    none = np.zeros(count)
    return Views(centre, side, none, none.astype(bool), np.zeros((count, 3)))


def draw_views(random: np.random.Generator, canvases: Canvases, upper: NDArray[np.bool_]) -> Views:
    """Random views: mostly near the evaluation's crop, some wide (the search looks at whole frames)
    and some of the upper body alone (webcams)."""
    count = len(canvases.sizes)
    present = canvases.states == PRESENT
    nobody = ~present.any(axis=1)
    partly = (canvases.states == ABSENT).any(axis=1)  # framed by its maker already
    chance = np.where(partly, 0.06, 0.32)
    above = (random.random(count) < chance) & ((present & upper).sum(axis=1) >= 4)
    used = np.where(above[:, None], present & upper, present)
    centre, side = squares(canvases.points, used, canvases.sizes)
    scale = np.exp(random.normal(0, 0.17, count)).clip(0.6, 1.5)
    scale = np.where(random.random(count) < 0.12, random.uniform(1.3, 2.2, count), scale)
    scale = np.where(nobody, random.uniform(0.35, 1.1, count), scale)
    side = side * scale
    centre = centre + random.normal(0, 0.07, (count, 2)).clip(-0.18, 0.18) * side[:, None]
    degrees = random.normal(0, 25, count).clip(-75, 75) * (random.random(count) < 0.75)
    # Athletes are upside down now and then; the rendered people never are.
    somehow = (random.random(count) < 0.08) & ~(canvases.states == ABSENT).any(axis=1)
    degrees = np.where(somehow, random.uniform(-180, 180, count), degrees)
    fill = random.random((count, 3)) * (random.random((count, 1)) < 0.3)
    fill[random.random(count) < 0.35] = -1
    return Views(centre, side, np.radians(degrees), random.random(count) < 0.5, fill)


def warp(
    canvases: Canvases, views: Views, size: int, flip: tuple[int, ...]
) -> tuple[Tensor, Tensor, Tensor]:
    """What the network sees: images (B, 3, size, size) 0..1 RGB, points (B, K, 2) in their pixels,
    states (B, K). A joint that leaves the view is absent; `flip` is the skeleton's."""
    device = canvases.images.device

    def on_device(values: NDArray[np.generic]) -> Tensor:
        return to_device(values.astype(np.float32), device)

    centre, side, fill = on_device(views.centre), on_device(views.side), on_device(views.fill)
    sizes = on_device(canvases.sizes)
    mirrored = np.where(views.flip, -1.0, 1.0)
    cos, sin = np.cos(views.angle), np.sin(views.angle)
    # Input (u, v) in -0.5..0.5 -> canvas: centre + rotation(mirror * u, v) * side.
    step = (torch.arange(size, device=device) + 0.5) / size - 0.5
    u = step[None, None, :] * (on_device(mirrored) * side)[:, None, None]
    v = step[None, :, None] * side[:, None, None]
    c, s = on_device(cos)[:, None, None], on_device(sin)[:, None, None]
    x = centre[:, 0, None, None] + c * u - s * v
    y = centre[:, 1, None, None] + s * u + c * v
    last = sizes - 1
    inside = (x > -0.5) & (x < last[:, 0, None, None] + 0.5)
    inside &= (y > -0.5) & (y < last[:, 1, None, None] + 0.5)
    # Beyond the border the nearest pixel goes on; a canvas holds nothing right of or below it.
    x = torch.minimum(x.clamp_min(0), last[:, 0, None, None])
    y = torch.minimum(y.clamp_min(0), last[:, 1, None, None])
    canvas = canvases.images.shape[1]
    grid = torch.stack((x, y), dim=-1).add_(0.5).mul_(2 / canvas).sub_(1)
    images = canvases.images.permute(0, 3, 1, 2).float()
    images = functional.grid_sample(images, grid, padding_mode="border", align_corners=False) / 255
    filled = (~inside & (fill[:, 0] >= 0)[:, None, None])[:, None]
    images = torch.where(filled, fill[:, :, None, None], images)

    away = (canvases.points - views.centre[:, None]) / views.side[:, None, None]
    across = (cos[:, None] * away[..., 0] + sin[:, None] * away[..., 1]) * mirrored[:, None]
    down = -sin[:, None] * away[..., 0] + cos[:, None] * away[..., 1]
    points = (np.stack((across, down), axis=-1) + 0.5) * size - 0.5
    order = list(flip)
    points = np.where(views.flip[:, None, None], points[:, order], points)
    states = np.where(views.flip[:, None], canvases.states[:, order], canvases.states)
    outside = ((points < -0.5) | (points > size - 0.5)).any(axis=-1)
    states = np.where((states == PRESENT) & outside, ABSENT, states)
    return images, on_device(points), to_device(states.astype(np.int64), device)


def disturb(images: Tensor, nobody: Tensor, random: torch.Generator) -> Tensor:
    """Light, colour, blur, low resolution, noise, JPEG and things in front (B, 3, S, S) 0..1.

    `nobody` (B,) pictures have nobody in them, and nobody is pasted into them.
    """
    count, _, size, _ = images.shape
    device = images.device

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, device=device, generator=random)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, device=device, generator=random)

    def some(chance: float) -> Tensor:
        return uniform(count, 1, 1, 1) < chance

    def part(share: float) -> Tensor:
        order = torch.randperm(count, device=device, generator=random)
        return order[: max(1, round(share * count))]

    rows = part(0.25)
    images[rows] = _blurred(images[rows], 0.4 + 2.1 * uniform(len(rows)))
    rows = part(0.1)
    images[rows] = _coarse(images[rows], float(0.3 + 0.5 * torch.rand((), generator=_host(random))))

    gamma = torch.exp(0.35 * normal(count, 1, 1, 1))
    images = torch.where(some(0.25), images.clamp_min(1e-4) ** gamma, images)
    red, green, blue = (share * images[:, i : i + 1] for i, share in enumerate(_GREY))
    grey = red + green + blue
    saturation = torch.where(some(0.5), 1 + 0.35 * normal(count, 1, 1, 1), 1.0).clamp(0, 2.2)
    saturation = torch.where(some(0.08), 0.0, saturation)
    images = grey + (images - grey) * saturation
    images = images * torch.where(some(0.5), torch.exp(0.12 * normal(count, 3, 1, 1)), 1.0)
    images = torch.where(some(0.03), images.flip(1), images)
    mean = images.mean(dim=(2, 3), keepdim=True)
    contrast, light = torch.exp(0.25 * normal(2, count, 1, 1, 1))
    images = torch.where(some(0.7), (images - mean) * contrast + mean * light, images)

    for chance, smallest, largest in ((0.25, 0.08, 0.3), (0.15, 0.1, 0.4)):
        box = _boxes(count, smallest, largest, size, uniform) & some(chance)
        person = some(0.5) & ~nobody.view(-1, 1, 1, 1)
        colour = uniform(count, 3, 1, 1) + 0.08 * normal(count, 3, size, size)
        images = torch.where(box, torch.where(person, images.roll(1, 0), colour), images)
    images = images + normal(*images.shape) * (some(0.4) * uniform(count, 1, 1, 1) * 0.06)
    images = images.clamp(0, 1)
    rows = part(0.2)
    images[rows] = _jpeg(images[rows], 0.01 + 0.07 * uniform(len(rows)) ** 2)
    return images


def _host(random: torch.Generator) -> torch.Generator:
    """A generator on the processor, seeded alike: sizes of tensors are needed there."""
    made = torch.Generator()
    made.manual_seed(random.initial_seed())
    return made


def _blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Each picture (B, 3, S, S) blurred with its own Gaussian (B,), pixels."""
    count, channels, size, _ = images.shape
    reach = 4
    taps = torch.arange(-reach, reach + 1, device=images.device)
    kernel = torch.exp(-(taps**2) / (2 * sigma[:, None] ** 2))
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(channels, 0)
    flat = images.reshape(1, count * channels, size, size)
    flat = functional.pad(flat, (reach, reach, 0, 0), mode="replicate")
    flat = functional.conv2d(flat, kernel[:, None, None, :], groups=count * channels)
    flat = functional.pad(flat, (0, 0, reach, reach), mode="replicate")
    flat = functional.conv2d(flat, kernel[:, None, :, None], groups=count * channels)
    return flat.reshape(images.shape)


def _coarse(images: Tensor, factor: float) -> Tensor:
    """The same at `factor` of the resolution."""
    size = images.shape[-1]
    small = functional.interpolate(images, size=max(8, round(size * factor)), mode="area")
    return functional.interpolate(small, size=size, mode="bilinear", align_corners=False)


def _boxes(count: int, smallest: float, largest: float, size: int, uniform: object) -> Tensor:
    """One random rectangle a picture, (B, 1, S, S) bool; sides as shares of the picture."""
    assert callable(uniform)
    extent = (smallest + (largest - smallest) * uniform(2, count)) * size
    start = uniform(2, count) * (size + extent) - extent
    line = torch.arange(size, device=extent.device)
    hit = (line >= start[..., None]) & (line < (start + extent)[..., None])  # (2, B, S)
    return (hit[0][:, None, :] & hit[1][:, :, None])[:, None]


def _jpeg(images: Tensor, coarseness: Tensor) -> Tensor:
    """What JPEG does to blocks of 8 x 8: their cosine transform in coarse steps (B,), coarser for
    higher frequencies. Sides must be multiples of 8."""
    count, channels, size, _ = images.shape
    k = torch.arange(8, device=images.device, dtype=images.dtype)
    basis = torch.cos(math.pi / 8 * (k[None, :] + 0.5) * k[:, None]) / 2
    basis[0] /= math.sqrt(2)
    blocks = images.reshape(count, channels, size // 8, 8, size // 8, 8)
    waves = torch.einsum("ki,bcyixj,lj->bcykxl", basis, blocks, basis)
    steps = coarseness.view(-1, 1, 1, 1, 1, 1) * (1 + k.view(1, 1, 1, 8, 1, 1) + k)
    waves = torch.round(waves / steps) * steps
    blocks = torch.einsum("ki,bcykxl,lj->bcyixj", basis, waves, basis)
    return blocks.reshape(images.shape).clamp(0, 1)
