"""Data augmentation: affine warps, light, colour, blur, noise, JPEG artefacts and occlusion.

Everything works on a batch on the training device. All random numbers come from generators that the
caller seeds, so that a step can be repeated exactly.
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

# The crop of `evaluate`, and nearly that of the tracker: 1.35 x the joints' extent + 8 pixels.
AROUND, MARGIN = 1.35, 8.0
# The crop around a finder's box: 1.3 x its longer side.
BOX_AROUND = 1.3
_CLOSE, _CUT = 0.15, 0.35  # shares of views filled by a face, and of people cut off by the frame
_FEWEST_FACE, _SMALLEST_FACE = 2, 6.0  # joints, and their extent in pixels, to measure a face
_HEAD_HEIGHT = 1.9  # height of a head / largest extent of its nose, eyes and ears
_SMALLEST_BOX = 12.0  # pixels
_FACE = ("nose", "eye", "ear")
_UPPER = ("shoulder", "elbow", "wrist", "neck", "head_top", "thorax", "nose", "eye", "ear")
_GREY = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Views:
    """The crops of B canvases.

    Attributes:
        centre: (B, 2) in canvas pixels.
        side: (B,) in canvas pixels.
        angle: (B,) in radians.
        flip: (B,) whether it is mirrored.
        fill: (B, 3) colour 0..1 beyond the frame; negative: border pixels are replicated.
        frame: (B, 4) left, top, right, bottom in canvas pixels: the part of the picture that the
            simulated camera shows.
    """

    centre: Doubles
    side: Doubles
    angle: Doubles
    flip: NDArray[np.bool_]
    fill: Doubles
    frame: Doubles


def whole(sizes: Floats) -> Doubles:
    """Frames (B, 4) that show whole pictures of these sizes (B, 2)."""
    return np.concatenate((np.zeros((len(sizes), 2)), sizes - 1.0), axis=1)


def upper_joints(skeleton: Skeleton) -> NDArray[np.bool_]:
    """(K,) bool: the joints of the upper body, without hips."""
    return np.array([any(joint.endswith(part) for part in _UPPER) for joint in skeleton.joints])


def squares(points: Floats, used: NDArray[np.bool_], sizes: Floats) -> tuple[Doubles, Doubles]:
    """Centres (B, 2) and sides (B,) of the squares around the used joints (B, K) of each picture.

    The whole picture where fewer than two joints are used.
    """
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
    frame = whole(canvases.sizes)
    return Views(centre, side, none, none.astype(bool), np.zeros((count, 3)), frame)


def face_joints(skeleton: Skeleton) -> NDArray[np.bool_]:
    """(K,) bool: nose, eyes and ears."""
    return np.array([joint.endswith(_FACE) for joint in skeleton.joints])


def draw_views(random: np.random.Generator, canvases: Canvases, skeleton: Skeleton) -> Views:
    """Random views of persons.

    With a known box, the crop that the app takes around a finder's box (`_box_view`). Otherwise
    mostly near the crop of the evaluation, some wider, some only of the upper body (webcams), some
    cut off by the frame's border.
    """
    upper, face = upper_joints(skeleton), face_joints(skeleton)
    count = len(canvases.sizes)
    present = canvases.states == PRESENT
    nobody = ~present.any(axis=1)
    partly = (canvases.states == ABSENT).any(axis=1)  # rendered people, already cut by a frame
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
    # Athletes are sometimes upside down; rendered people never are.
    somehow = (random.random(count) < 0.08) & ~(canvases.states == ABSENT).any(axis=1)
    degrees = np.where(somehow, random.uniform(-180, 180, count), degrees)
    fill = random.random((count, 3)) * (random.random((count, 1)) < 0.3)
    fill[random.random(count) < 0.35] = -1
    flip = random.random(count) < 0.5
    frame = whole(canvases.sizes)
    boxes = canvases.boxes
    for row in np.flatnonzero(np.isfinite(boxes[:, 0])):
        seen = canvases.points[row][present[row] & face]
        frame[row], centre[row], side[row] = _box_view(random, frame[row], boxes[row], seen)
        degrees[row] = random.normal(0, 8) if random.random() < 0.5 else 0.0
        fill[row] = 0
    cut = ~np.isfinite(boxes[:, 0]) & ~partly & ~nobody & (random.random(count) < 0.12)
    for row in np.flatnonzero(cut):
        points = canvases.points[row][present[row]]
        box = np.concatenate((points.min(axis=0), points.max(axis=0)))
        frame[row] = _cut(random, frame[row], box)
        centre[row], side[row] = _around(random, np.concatenate(_common(frame[row], box)))
        fill[row] = 0
    return Views(centre, side, np.radians(degrees), flip, fill, frame)


def _box_view(
    random: np.random.Generator, frame: Doubles, box: Floats, face: Floats
) -> tuple[Doubles, Doubles, float]:
    """(frame (4,), centre (2,), side): the crop of a person around a finder's inexact box.

    A closer camera is simulated by a smaller frame, which cuts people off; in the closest one, a
    head is half as high as the frame. `face` (n, 2): joints of the face.
    """
    kind = random.random()
    extent = np.ptp(face, axis=0).max() if len(face) >= _FEWEST_FACE else 0.0
    if kind < _CLOSE and extent > _SMALLEST_FACE:
        height = extent * _HEAD_HEIGHT * random.uniform(2.0, 4.5)
        sides = np.array([height * random.uniform(0.75, 1.8), height])
        middle = face.mean(axis=0) + random.uniform((-0.3, -0.05), (0.3, 0.3)) * sides
        near = np.concatenate((middle - sides / 2, middle + sides / 2))
        frame = np.concatenate(_common(frame, near))
    elif kind < _CLOSE + _CUT:
        frame = _cut(random, frame, box)
    centre, side = _around(random, np.concatenate(_common(frame, box)))
    return frame, centre, side


def _cut(random: np.random.Generator, frame: Doubles, box: Floats | Doubles) -> Doubles:
    """A smaller frame (4,) that cuts off a part of the box (4,): mostly below, as with webcams."""
    left, top, right, bottom = (float(v) for v in box)
    made: Doubles = frame.copy()
    if random.random() < 0.75:
        made[3] = min(made[3], top + (bottom - top) * random.uniform(0.3, 1.0))
    if random.random() < 0.3:
        part = (right - left) * random.uniform(0.0, 0.5)
        if random.random() < 0.5:
            made[0] = max(made[0], left + part)
        else:
            made[2] = min(made[2], right - part)
    if random.random() < 0.1:
        made[1] = max(made[1], top + (bottom - top) * random.uniform(0.0, 0.25))
    return made


def _common(one: Doubles | Floats, other: Doubles | Floats) -> tuple[Doubles, Doubles]:
    """Top left and bottom right corner of the intersection of two boxes (4,), at least a pixel."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    return low.astype(np.float64), np.maximum(high, low + 1).astype(np.float64)


def _around(random: np.random.Generator, box: Doubles) -> tuple[Doubles, float]:
    """(centre, side) of the app's region around a box (4,), with random errors of a finder."""
    longer = max(float(np.max(box[2:] - box[:2])), _SMALLEST_BOX)
    side = BOX_AROUND * longer * float(np.exp(np.clip(random.normal(0, 0.14), -0.35, 0.35)))
    shift = random.normal(0, 0.05, 2).clip(-0.14, 0.14) * side
    return (box[:2] + box[2:]) / 2 + shift, side


def warp(
    canvases: Canvases, views: Views, size: int, flip: tuple[int, ...]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Warp canvases and their labels to views. `flip` is the skeleton's.

    Returns:
        Images (B, 3, size, size) 0..1 RGB, points (B, K, 2) in their pixels, states (B, K) where
        joints outside the view or the frame are ABSENT, weights (B, K).
    """
    device = canvases.images.device

    def on_device(values: NDArray[np.generic]) -> Tensor:
        return to_device(values.astype(np.float32), device)

    centre, side, fill = on_device(views.centre), on_device(views.side), on_device(views.fill)
    frame = on_device(views.frame)[:, :, None, None]
    mirrored = np.where(views.flip, -1.0, 1.0)
    cos, sin = np.cos(views.angle), np.sin(views.angle)
    # Input (u, v) in -0.5..0.5 -> canvas: centre + rotation(mirror * u, v) * side.
    step = (torch.arange(size, device=device) + 0.5) / size - 0.5
    u = step[None, None, :] * (on_device(mirrored) * side)[:, None, None]
    v = step[None, :, None] * side[:, None, None]
    c, s = on_device(cos)[:, None, None], on_device(sin)[:, None, None]
    x = centre[:, 0, None, None] + c * u - s * v
    y = centre[:, 1, None, None] + s * u + c * v
    inside = (x > frame[:, 0] - 0.5) & (x < frame[:, 2] + 0.5)
    inside &= (y > frame[:, 1] - 0.5) & (y < frame[:, 3] + 0.5)
    # Beyond the frame the nearest pixel is replicated.
    x = torch.minimum(torch.maximum(x, frame[:, 0]), frame[:, 2])
    y = torch.minimum(torch.maximum(y, frame[:, 1]), frame[:, 3])
    canvas = canvases.images.shape[1]
    grid = torch.stack((x, y), dim=-1).add_(0.5).mul_(2 / canvas).sub_(1)
    images = canvases.images.permute(0, 3, 1, 2).float()
    images = sampled(images, grid) / 255
    filled = (~inside & (fill[:, 0] >= 0)[:, None, None])[:, None]
    images = torch.where(filled, fill[:, :, None, None], images)

    away = (canvases.points - views.centre[:, None]) / views.side[:, None, None]
    across = (cos[:, None] * away[..., 0] + sin[:, None] * away[..., 1]) * mirrored[:, None]
    down = -sin[:, None] * away[..., 0] + cos[:, None] * away[..., 1]
    points = (np.stack((across, down), axis=-1) + 0.5) * size - 0.5
    low, high = views.frame[:, None, :2] - 0.5, views.frame[:, None, 2:] + 0.5
    outside = ((canvases.points < low) | (canvases.points > high)).any(axis=-1)
    outside |= ((points < -0.5) | (points > size - 0.5)).any(axis=-1)
    states = np.where((canvases.states == PRESENT) & outside, ABSENT, canvases.states)
    order, mirror = list(flip), views.flip[:, None]
    points = np.where(mirror[..., None], points[:, order], points)
    states = np.where(mirror, states[:, order], states)
    weights = np.where(mirror, canvases.weights[:, order], canvases.weights)
    return images, on_device(points), to_device(states.astype(np.int64), device), on_device(weights)


def sampled(images: Tensor, grid: Tensor) -> Tensor:
    """Square images (B, C, S, S) at the places `grid` (B, h, w, 2) of `grid_sample`.

    Beyond the border the nearest pixel is replicated. (`padding_mode="border"` is the same, but
    PyTorch does not have it on every device.)
    """
    edge = 1 - 1 / images.shape[-1]  # centres of the outermost pixels
    return functional.grid_sample(images, grid.clamp(-edge, edge), align_corners=False)


def disturb(images: Tensor, nobody: Tensor, random: torch.Generator, pasted: bool = True) -> Tensor:
    """Change light, colour, sharpness and resolution; add noise, JPEG artefacts and occlusion.

    Args:
        images: (B, 3, S, S) 0..1; modified.
        nobody: (B,) pictures without people, into which none are pasted.
        random: For all random numbers.
        pasted: Whether pieces of other pictures of the batch are pasted.
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

    bars = (images == 0).all(dim=1, keepdim=True) & some(
        0.7
    )  # black beyond the frame, as in the app
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
        person = some(0.5) & ~nobody.view(-1, 1, 1, 1) & pasted
        colour = uniform(count, 3, 1, 1) + 0.08 * normal(count, 3, size, size)
        images = torch.where(box, torch.where(person, images.roll(1, 0), colour), images)
    images = images + normal(*images.shape) * (some(0.4) * uniform(count, 1, 1, 1) * 0.06)
    images = images.clamp(0, 1)
    rows = part(0.2)
    images[rows] = _jpeg(images[rows], 0.01 + 0.07 * uniform(len(rows)) ** 2)
    return images.masked_fill_(bars, 0)


def _host(random: torch.Generator) -> torch.Generator:
    """A generator on the processor with the same seed, for sizes of tensors."""
    made = torch.Generator()
    made.manual_seed(random.initial_seed())
    return made


def _blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur each picture (B, 3, S, S) with its own standard deviation (B,) in pixels."""
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
    """Reduce the resolution to `factor` and enlarge again."""
    size = images.shape[-1]
    areas = _areas(size, max(8, round(size * factor)), images.device)
    small = areas @ images @ areas.T
    return functional.interpolate(small, size=size, mode="bilinear", align_corners=False)


def _areas(size: int, small: int, device: torch.device) -> Tensor:
    """The matrix (small, size) that reduces a line of pixels, each to the mean of those it covers.

    As `interpolate` with `mode="area"`, which some devices only have for whole factors.
    """
    pixel, made = torch.arange(size, device=device), torch.arange(small, device=device)[:, None]
    # Pixel i covers a part of made pixel j: i + 1 > j * size / small, i < (j + 1) * size / small.
    covered = ((pixel + 1) * small > made * size) & (pixel * small < (made + 1) * size)
    return covered / covered.sum(dim=1, keepdim=True)


def _boxes(count: int, smallest: float, largest: float, size: int, uniform: object) -> Tensor:
    """A random rectangle for each picture: (B, 1, S, S) bool; sides are shares of the picture's."""
    assert callable(uniform)
    extent = (smallest + (largest - smallest) * uniform(2, count)) * size
    start = uniform(2, count) * (size + extent) - extent
    line = torch.arange(size, device=extent.device)
    hit = (line >= start[..., None]) & (line < (start + extent)[..., None])  # (2, B, S)
    value: Tensor = (hit[0][:, None, :] & hit[1][:, :, None])[:, None]
    return value


def _jpeg(images: Tensor, coarseness: Tensor) -> Tensor:
    """Simulate JPEG: quantize the cosine transform of 8 x 8 blocks in steps of `coarseness` (B,).

    Steps are larger for higher frequencies. Sides must be multiples of 8.
    """
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
