"""The transform between picture and widget coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class ViewTransform:
    """Scale and position of a picture in a widget, mirrored or not.

    Picture coordinates have (0, 0) at the *centre* of the first pixel, widget coordinates at the
    corner of the first one: that half pixel is part of the transform. `scale` is widget pixels per
    picture pixel; the picture covers left..left + width * scale, top..top + height * scale.
    """

    width: int
    height: int
    scale: float
    left: float
    top: float
    mirror: bool = False

    @classmethod
    def place(
        cls,
        picture: tuple[int, int],
        widget: tuple[int, int],
        scale: str = "fit",
        mirror: bool = False,
        device_ratio: float = 1.0,
    ) -> ViewTransform:
        """Centre a (width, height) picture in a (width, height) widget.

        `scale` is `fit` (all of it visible), `fill` (no border) or `actual` (one picture pixel is
        one pixel of the screen, which has `device_ratio` pixels per widget pixel).
        """
        width, height = picture
        ratios = widget[0] / width, widget[1] / height
        factor = {"fit": min(ratios), "fill": max(ratios), "actual": 1 / device_ratio}[scale]
        factor = max(factor, 1e-6)  # a widget that has no size yet
        left, top = (widget[0] - width * factor) / 2, (widget[1] - height * factor) / 2
        if scale == "actual":  # whole screen pixels, or every pixel would be smeared over two
            left = round(left * device_ratio) / device_ratio
            top = round(top * device_ratio) / device_ratio
        return cls(width, height, factor, left, top, mirror)

    @property
    def rectangle(self) -> tuple[float, float, float, float]:
        """(left, top, width, height) of the picture in the widget."""
        return self.left, self.top, self.width * self.scale, self.height * self.scale

    def to_widget(self, points: ArrayLike) -> NDArray[Any]:
        """Widget coordinates of picture coordinates, both (..., 2) x, y."""
        points = np.asarray(points, dtype=float)
        x = (points[..., 0] + 0.5) * self.scale
        if self.mirror:
            x = self.width * self.scale - x
        return np.stack([x + self.left, (points[..., 1] + 0.5) * self.scale + self.top], axis=-1)

    def to_picture(self, points: ArrayLike) -> NDArray[Any]:
        """Picture coordinates of widget coordinates, both (..., 2) x, y."""
        points = np.asarray(points, dtype=float)
        x = (points[..., 0] - self.left) / self.scale
        if self.mirror:
            x = self.width - x
        y = (points[..., 1] - self.top) / self.scale
        return np.stack([x - 0.5, y - 0.5], axis=-1)

    def square(self, x: float, y: float, side: float) -> tuple[float, float, float, float]:
        """Widget rectangle (left, top, width, height) of a Region's square, borders included."""
        corners = self.to_widget([[x - 0.5, y - 0.5], [x + side - 0.5, y + side - 0.5]])
        left, top = corners.min(axis=0)
        return float(left), float(top), side * self.scale, side * self.scale
