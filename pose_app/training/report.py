"""Reports of a training run: a CSV, a plot and contact sheets of predictions."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ..skeletons import Skeleton
from ..types import Floats, Image
from ..whole_files import replacing

Number = float | int | None

_COLOURS = {"left": (60, 200, 60), "right": (60, 60, 230), "centre": (230, 200, 60)}  # BGR
_SERIES = ((60, 60, 220), (60, 170, 60), (210, 120, 40), (160, 60, 160))
_TILE = 224


class History:
    """Rows of figures, one per evaluation, in a CSV file.

    An existing file is continued after `step`: later rows are dropped, unknown columns are ignored.
    """

    def __init__(self, path: Path, columns: Sequence[str], step: int = 0) -> None:
        self._path = path
        self._columns = list(columns)
        self.rows: list[dict[str, float]] = []
        if path.exists() and step:
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    values = {k: float(v) for k, v in row.items() if k in columns and v}
                    if values.get("step", step + 1) <= step:
                        self.rows.append(values)
        self._write()

    def add(self, **values: Number) -> None:
        """Add a row; None leaves a cell empty."""
        self.rows.append({key: float(value) for key, value in values.items() if value is not None})
        self._write()

    def _write(self) -> None:
        with (
            replacing(self._path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, self._columns, restval="")
            writer.writeheader()
            writer.writerows(self.rows)


def plot(rows: Sequence[dict[str, float]], loss: str, accuracies: Sequence[str]) -> Image:
    """Plot loss (above) and accuracies 0..1 (below) over pictures seen: (H, W, 3) BGR."""
    width, height, left, gap = 900, 640, 70, 40
    image = np.full((height, width, 3), 255, dtype=np.uint8)
    seen = [row.get("seen", 0.0) for row in rows]
    last = max([*seen, 1.0])
    losses = [row[loss] for row in rows if loss in row]
    highest = max([*losses, 1e-6])
    half = height // 2
    panels = (
        ((gap, half - gap), highest, (loss,)),
        ((half + gap // 2, height - gap), 1.0, tuple(accuracies)),
    )
    for (top, bottom), ceiling, names in panels:
        cv2.rectangle(image, (left, top), (width - 20, bottom), (200, 200, 200), 1)
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            y = round(bottom - share * (bottom - top))
            cv2.line(image, (left, y), (width - 20, y), (230, 230, 230), 1)
            _write_text(image, f"{share * ceiling:.2f}", (8, y + 5))
        for number, name in enumerate(names):
            colour = _SERIES[number % len(_SERIES)]
            points = [
                (
                    round(left + x / last * (width - 20 - left)),
                    round(bottom - min(row[name] / ceiling, 1) * (bottom - top)),
                )
                for x, row in zip(seen, rows, strict=True)
                if name in row
            ]
            if points:
                line = np.array(points, dtype=np.int32)
                cv2.polylines(image, [line], False, colour, 2, cv2.LINE_AA)
                cv2.circle(image, points[-1], 3, colour, -1, cv2.LINE_AA)
            _write_text(image, name, (left + 10 + 190 * number, top - 8), colour)
    _write_text(image, f"{last:,.0f} pictures", (width - 190, height - 12))
    return image


def _write_text(
    image: Image, text: str, start: tuple[int, int], colour: tuple[int, int, int] = (60, 60, 60)
) -> None:
    cv2.putText(image, text, start, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)


def write_image(path: Path, image: Image) -> None:
    """Write an image in the format of the path's ending. Raises OSError."""
    encoded = cv2.imencode(path.suffix, image)[1]  # `cv2.imwrite` does not say what failed
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())


def draw_joints(image: Image, joints: Floats, skeleton: Skeleton, least: float = 0.2) -> Image:
    """A copy of the image with the limbs whose joints (K, 3) both have a score from `least`."""
    image = image.copy()
    thickness = max(1, max(image.shape[:2]) // 150)
    for a, b in skeleton.limbs:
        if min(joints[a, 2], joints[b, 2]) < least:
            continue
        side = skeleton.side(a) if skeleton.side(a) != "centre" else skeleton.side(b)
        ends = [(round(float(joints[k, 0])), round(float(joints[k, 1]))) for k in (a, b)]
        cv2.line(image, ends[0], ends[1], _COLOURS[side], thickness, cv2.LINE_AA)
    return image


def draw_boxes(image: Image, boxes: Floats) -> Image:
    """A copy of the image with boxes (n, 5): x, y, width, height, score."""
    image = image.copy()
    thickness = max(1, max(image.shape[:2]) // 150)
    for x, y, width, height, score in boxes.tolist():
        outline(image, (x, y, width, height), _COLOURS["left"], thickness)
        _write_text(image, f"{score:.2f}", (round(x) + 2, round(y) + 14), _COLOURS["centre"])
    return image


def outline(
    image: Image, box: Sequence[float], colour: tuple[int, int, int], thickness: int
) -> None:
    """Draw a box: x, y, width, height."""
    x, y, width, height = box
    first, last = (round(x), round(y)), (round(x + width), round(y + height))
    cv2.rectangle(image, first, last, colour, thickness, cv2.LINE_AA)


def contact_sheet(tiles: Sequence[Image], columns: int = 6) -> Image:
    """Images of any size side by side, each fitted into a square: (H, W, 3) BGR."""
    rows = -(-len(tiles) // columns)
    sheet = np.full((max(1, rows) * _TILE, columns * _TILE, 3), 30, dtype=np.uint8)
    for number, tile in enumerate(tiles):
        scale = _TILE / max(tile.shape[:2])
        size = max(1, round(tile.shape[1] * scale)), max(1, round(tile.shape[0] * scale))
        small = cv2.resize(tile, size, interpolation=cv2.INTER_AREA if scale < 1 else 1)
        y, x = number // columns * _TILE, number % columns * _TILE
        sheet[y : y + small.shape[0], x : x + small.shape[1]] = small
    return sheet
