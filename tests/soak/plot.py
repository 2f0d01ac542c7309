"""The plot of a soak: what the process held over time, and when what was done to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pose_app.errors import RecordingError
from pose_app.types import Image

if TYPE_CHECKING:
    from tests.soak.harness import Outcome

WIDTH, STRIP, LEFT, RIGHT, TOP = 1400, 150, 190, 20, 60
_INK, _FAINT, _LINE, _FAULT, _BAD = (
    (40, 40, 40),
    (215, 215, 215),
    (170, 90, 20),
    (140, 160, 240),
    (
        40,
        40,
        200,
    ),
)
_STRIPS = (
    ("memory", "memory, MB"),
    ("gpu_memory", "GPU memory, MB"),
    ("threads", "Python threads"),
    ("os_threads", "all threads"),
    ("descriptors", "descriptors"),
    ("fps", "poses a second"),
)


def plot(path: Path, outcome: Outcome, account: dict[str, Any]) -> None:
    """Write a PNG. Raises RecordingError where that fails."""
    samples = outcome.watched.samples
    strips = [
        (label, points)
        for measure, label in _STRIPS
        if len(points := _points(samples, measure)) > 1
    ]
    image = np.full((TOP + max(1, len(strips)) * STRIP + 30, WIDTH, 3), 255, np.uint8)
    good = account["verdict"] == "good"
    title = f"soak: {account['minutes']} minutes, seed {account['seed']}: {account['verdict']}"
    _text(image, title, (20, 28), _INK if good else _BAD, 0.7)
    _text(image, "vertical lines: faults and sessions that end", (20, 50), _INK)
    end = max(outcome.seconds, 1e-3)
    marks = [seconds for seconds, name in outcome.done if ":" in name or name == "stop"]
    for number, (label, points) in enumerate(strips):
        _strip(image, TOP + number * STRIP, label, points, marks, end)
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = int(LEFT + share * (WIDTH - LEFT - RIGHT))
        _text(image, f"{share * end / 60:.1f} min", (x - 50 * (share > 0), image.shape[0] - 10))
    done, data = cv2.imencode(".png", image)
    if not done:
        raise RecordingError(f"{path} cannot be made.")
    path.write_bytes(data.tobytes())


def _points(samples: Sequence[Any], measure: str) -> list[tuple[float, float]]:
    return [(s.seconds, float(v)) for s in samples if (v := getattr(s, measure)) is not None]


def _strip(
    image: Image,
    top: int,
    label: str,
    points: list[tuple[float, float]],
    marks: list[float],
    end: float,
) -> None:
    height, width = STRIP - 20, WIDTH - LEFT - RIGHT
    seconds, values = np.array(points).T
    low, high = float(values.min()), float(values.max())
    span = high - low or 1.0
    for mark in marks:
        x = int(LEFT + min(1.0, mark / end) * width)
        cv2.line(image, (x, top), (x, top + height), _FAULT, 1)
    cv2.rectangle(image, (LEFT, top), (LEFT + width, top + height), _FAINT, 1)
    x = LEFT + np.clip(seconds / end, 0, 1) * width
    y = top + height - 4 - (values - low) / span * (height - 8)
    line = np.stack([x, y], axis=1).round().astype(np.int32)
    cv2.polylines(image, [line], False, _LINE, 1, cv2.LINE_AA)
    _text(image, label, (20, top + height // 2))
    _text(image, f"{high:.6g}", (LEFT - 70, top + 12))
    _text(image, f"{low:.6g}", (LEFT - 70, top + height))


def _text(
    image: Image,
    words: str,
    place: tuple[int, int],
    colour: tuple[int, int, int] = _INK,
    scale: float = 0.45,
) -> None:
    cv2.putText(image, words, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
