"""A person finder for pictures of dots: whose dots are near each other are one person's."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from pose_app.types import Box
from tests.unit.pose.colour_engine import ColourEngine, dot_spec


class DotFinder:
    """`blind` sees nobody; `score` is that of every box; `more` are boxes that it invents.

    `calls` counts the pictures that it looked at.
    """

    def __init__(self, score: float = 0.9) -> None:
        spec = dot_spec(stacks=1)
        self.engine = ColourEngine(dataclasses.replace(spec, name="dot-finder", output="boxes"))
        self.score = score
        self.blind = False
        self.more: list[Box] = []
        self.calls = 0

    def find(self, image: np.ndarray, most: int = 8, threshold: float | None = None) -> list[Box]:
        self.calls += 1
        if self.blind:
            return []
        bright = (image.max(axis=2) > 100).astype(np.uint8)
        _, labels = cv2.connectedComponents(cv2.dilate(bright, np.ones((81, 81), np.uint8)))
        boxes = list(self.more)
        for label in np.unique(labels[bright > 0]):
            y, x = np.nonzero((labels == label) & (bright > 0))
            width, height = float(np.ptp(x) + 1), float(np.ptp(y) + 1)
            boxes.append(Box(float(x.min()), float(y.min()), width, height, self.score))
        least = self.engine.spec.threshold if threshold is None else threshold
        return [box for box in boxes if box.score >= least][:most]
