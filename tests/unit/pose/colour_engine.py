"""An engine whose answers are known exactly, because it sees coloured dots instead of people."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from pose_app.engines.base import EngineInfo, HostHeatmaps
from pose_app.skeletons import MPII_16
from pose_app.spec import DecodeRule, ModelSpec, NetworkConfig

# One colour per joint, far from each other and from black and grey.
COLOURS = np.array([(255, 30 + 70 * (k % 4), 30 + 70 * (k // 4)) for k in range(16)], np.int32)

# A standing person in a box of height 1: MPII order, x to the picture's right.
STANDING = np.array(
    [
        (-0.08, 0.98),
        (-0.08, 0.76),
        (-0.09, 0.52),
        (0.09, 0.52),
        (0.08, 0.76),
        (0.08, 0.98),
        (0.0, 0.52),
        (0.0, 0.28),
        (0.0, 0.17),
        (0.0, 0.02),
        (-0.2, 0.54),
        (-0.15, 0.38),
        (-0.12, 0.21),
        (0.12, 0.21),
        (0.15, 0.38),
        (0.2, 0.54),
    ]
)


def dot_spec(stacks: int = 2, **values: Any) -> ModelSpec:
    """256 pixels in, 64 out, raw peaks of height 1 for a dot that is well visible."""
    fields: dict[str, Any] = {
        "name": "dots",
        "family": "pose-app",
        "network": NetworkConfig(stacks=stacks, width=64),
        "joints": MPII_16.joints,
        "limbs": MPII_16.limbs,
        "flip": MPII_16.flip,
        "sigma": 1.5,
        "decode": DecodeRule(subpixel="dark", offset=0.375),
    }
    return ModelSpec(**{**fields, **values})


def person(x: float, y: float, height: float) -> np.ndarray:
    """Joints (16, 2) of a person whose head is at (x, y)."""
    return STANDING * height + (x, y)


def draw(size: tuple[int, int], joints: np.ndarray | None, first: int = 16) -> np.ndarray:
    """A picture (width, height) of a grey room with a person of dots in it, drawn sub-pixel.

    Only the `first` joints have dots.
    """
    image = np.full((size[1], size[0], 3), 40, np.uint8)
    if joints is not None:
        height = np.ptp(joints[:, 1])
        radius = max(1.5, height / 25)
        for place, colour in zip(joints[:first], COLOURS[:first], strict=True):
            centre = tuple(int(v) for v in np.round(place * 16))
            cv2.circle(image, centre, round(radius * 16), colour.tolist(), -1, cv2.LINE_AA, 4)
    return image


class ColourEngine:
    """Finds each joint's dot in a crop; its maps are Gaussians there, lower for smaller dots.

    `error` moves the answer of stack s by `error * (stacks - 1 - s)` map pixels to the right, so
    that every stack answers something else. `blind` makes it see nothing.
    """

    def __init__(self, spec: ModelSpec | None = None, error: float = 0.0) -> None:
        self.spec = spec or dot_spec()
        self.info = EngineInfo("Dots", "CPU", "f32")
        self.error = error
        self.blind = False
        self.closed = False
        self.batches: list[int] = []
        self.parts: list[ColourEngine] = []

    def infer(self, crops: np.ndarray, stacks: int) -> HostHeatmaps:
        self.batches.append(len(crops))
        height, width = self.spec.map_size
        maps = np.zeros((stacks, len(crops), len(COLOURS), height, width), np.float32)
        rows, columns = np.mgrid[:height, :width]
        for item, crop in enumerate(crops):
            for joint, colour in enumerate(COLOURS):
                y, x = np.nonzero(cv2.inRange(crop, colour - 14, colour + 14))
                if self.blind or len(x) < 3:
                    continue
                # The middle of input pixel i is at (i + 0.5) / 4 - 0.5 in map pixels.
                at_x, at_y = (x.mean() + 0.5) / 4 - 0.5, (y.mean() + 0.5) / 4 - 0.5
                for stack in range(stacks):
                    shifted = at_x + self.error * (self.spec.network.stacks - 1 - stack)
                    square = (columns - shifted) ** 2 + (rows - at_y) ** 2
                    height_of_peak = min(1.0, len(x) / 16)
                    maps[stack, item, joint] = height_of_peak * np.exp(-square / (2 * 1.5**2))
        return HostHeatmaps(maps)

    def ready(self, stacks: int) -> bool:
        return True

    def halves(self) -> list[ColourEngine]:
        return self.parts

    def close(self) -> None:
        self.closed = True
