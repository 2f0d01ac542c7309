"""The self-check of an engine when it is opened: its heatmaps are compared with float32 torch."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..errors import EngineError
from ..paths import bundled
from ..spec import ModelSpec
from ..types import Floats, Heatmaps, Image
from .base import EngineInfo

# The largest ||maps - reference|| / ||reference|| of any stack that is accepted. Measured with the
# default model: float32 2e-6 (7e-3 with the shipped 16-bit weights), int8 0.036, int8+bf16 0.054,
# bfloat16 0.06, all with the same accuracy within its error. A wrong computation gives about 1.
TOLERANCE = {"f32": 2e-2, "fp16": 0.05, "bf16": 0.2, "int8": 0.15, "int8+bf16": 0.2}
# At the peak of a clear joint, the reference may be lower than its own peak by at most this share.
# One pixel beside a peak 1.2 pixels wide (sigma) it is lower by 29 %, two pixels by 75 %. In 40
# views of the image in bfloat16, the default model's worst joint was lower by 5 to 25 %.
_MOST_LOST = 0.5
_CLEAR = 0.5  # of the reference's highest peak in that stack


@dataclass(frozen=True)
class Deviation:
    """How far maps are from the reference.

    Attributes:
        error: The relative error of the worst stack.
        lost: For the worst clear joint, by what share the reference is lower at the peak of the
            maps than at its own.
    """

    error: float
    lost: float


def check_picture(spec: ModelSpec) -> Image:
    """The bundled image of a person at the model's input size: (1, H, W, 3) uint8 BGR."""
    data = np.fromfile(bundled("assets", "selfcheck.png"), dtype=np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if picture is None:
        raise EngineError("The bundled self-check image is damaged: install pose-app again.")
    height, width = spec.input_size
    resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(resized[None], dtype=np.uint8)


def deviation(maps: Floats, reference: Floats) -> Deviation:
    """Compare (S, K, h, w) maps with the reference of the same shape."""
    if not np.isfinite(maps).all():
        return Deviation(float("inf"), float("inf"))
    errors = np.linalg.norm((maps - reference).reshape(len(maps), -1), axis=1)
    norms = np.linalg.norm(reference.reshape(len(maps), -1), axis=1)
    flat = reference.reshape(*reference.shape[:2], -1)
    best = flat.max(axis=-1)
    found = maps.reshape(flat.shape).argmax(axis=-1, keepdims=True)
    lost = 1 - np.take_along_axis(flat, found, axis=-1)[..., 0] / np.maximum(best, 1e-12)
    clear = best >= _CLEAR * best.max(axis=1, keepdims=True)
    return Deviation(
        float((errors / np.maximum(norms, 1e-12)).max()), float(lost[clear].max(initial=0.0))
    )


def failure(heatmaps: Heatmaps, info: EngineInfo, reference: Floats) -> str | None:
    """Compare an engine's answer to the self-check image with the reference.

    Args:
        heatmaps: Of `check_picture`, of as many stacks as the reference.
        info: Of the engine.
        reference: (S, K, h, w) of float32 torch.

    Returns:
        Why the engine must not be used, or None.
    """
    maps = np.stack([heatmaps.stack(s) for s in range(len(reference))])
    found = deviation(maps, reference)
    if found.error <= TOLERANCE[info.precision] and found.lost <= _MOST_LOST:
        return None
    return (
        f"{info.engine} on {info.device} in {info.precision} failed its self-check (heatmaps off "
        f"by {100 * found.error:.2g} %, peaks by {100 * found.lost:.2g} %)"
    )
