"""Metrics of a person finder: recall, precision and average precision at IoU 0.5.

A found box matches a labelled one from an intersection over union of IOU; each is matched once, the
highest score first (as in PASCAL VOC and COCO). Labelled boxes of low weight are ignored, as are
unmatched boxes in pictures whose labels are not complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines.base import Engine
from ..errors import DataError, ModelError
from ..pose.crop import crop
from ..pose.finder import decode_boxes, to_frame, whole_frame
from ..spec import ModelSpec
from ..types import Floats, Heatmaps, Image
from .augment import face_joints
from .metrics import percent
from .scenes import SceneData

IOU = 0.5
_SURE = 0.6  # weight from which a labelled box counts
_LOWEST = 0.03  # boxes with lower scores are ignored
_MOST = 60  # boxes of a picture
ALLOWED = 0.015  # share of pictures without people that may have a box
# Height of a person / height of the picture: name, from, to.
SIZES = (
    ("below 1/8", 0.0, 0.125),
    ("1/8 to 1/4", 0.125, 0.25),
    ("1/4 to 1/2", 0.25, 0.5),
    ("above 1/2", 0.5, float("inf")),
)

# A picture (H, W, 3) BGR -> boxes (n, 5): x, y, width, height in its pixels, score.
Find = Callable[[Image], Floats]


@dataclass(frozen=True)
class Found:
    """The boxes of all pictures, matched with the labels.

    Attributes:
        scores: (d,) of all found boxes.
        kind: (d,) 1 = matched, 0 = wrong, -1 = ignored.
        reached: (m,) score of the box that each labelled person was matched with, 0 without.
        counts: (m,) whether the person counts.
        share: (m,) height of the person / height of the picture.
        largest_face: (m,) whether the person has the largest face of the picture.
        nobody: (p,) the highest score in each picture without people.
    """

    scores: Floats
    kind: NDArray[np.int8]
    reached: Floats
    counts: NDArray[np.bool_]
    share: Floats
    largest_face: NDArray[np.bool_]
    nobody: Floats


def overlap(one: Floats, other: Floats) -> NDArray[np.float64]:
    """Intersection over union (n, m) of boxes (n, 4+) and (m, 4+): x, y, width, height, ..."""
    a, b = one[:, None, :4].astype(np.float64), other[None, :, :4].astype(np.float64)
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    common = (high - low).clip(0).prod(axis=-1)
    union = a[..., 2:].prod(axis=-1) + b[..., 2:].prod(axis=-1) - common
    value: NDArray[np.float64] = common / np.maximum(union, 1e-9)
    return value


def finding(maps: Callable[[Image], Heatmaps], spec: ModelSpec) -> Find:
    """A function that finds boxes as the app does, but down to very low scores.

    `maps`: crops (1, H, W, 3) uint8 BGR of the finder's input -> heatmaps of an engine.
    """
    low = replace(spec, threshold=_LOWEST)

    def find(image: Image) -> Floats:
        size = image.shape[1], image.shape[0]
        region = whole_frame(*size)
        last = maps(crop(image, region, spec.input_size)[None]).stack(spec.network.stacks - 1)
        boxes = to_frame(decode_boxes(last, low, _MOST), region, spec, size)
        rows = [(b.x, b.y, b.width, b.height, b.score) for b in boxes]
        return np.array(rows, dtype=np.float32).reshape(-1, 5)

    return find


def of_engine(engine: Engine) -> Find:
    """As `finding`, for an engine. Raises ModelError for a pose network."""
    if engine.spec.output != "boxes":
        raise ModelError(f"{engine.spec.name} is no person finder: it answers with joints.")
    return finding(lambda crops: engine.infer(crops, engine.spec.network.stacks), engine.spec)


def search(find: Find, sets: Sequence[SceneData]) -> Found:
    """Run a finder on every picture of these sets."""
    scores: list[Floats] = []
    kinds: list[NDArray[np.int8]] = []
    reached, counts, share, faces, nobody = [], [], [], [], []
    for scenes in sets:
        face = face_joints(scenes.skeleton)
        for index in range(len(scenes)):
            image = scenes.read(index)
            people = scenes.people(index)
            boxes, sure = scenes.boxes[people], scenes.box_weight[people] >= _SURE
            found = find(image)
            got, kind = matched(found, boxes, sure)
            if not scenes.complete[index]:
                kind[kind == 0] = -1
            elif not len(boxes):
                nobody.append(float(found[:, 4].max(initial=0.0)))
            scores.append(found[:, 4])
            kinds.append(kind)
            reached.append(got)
            counts.append(sure)
            share.append(boxes[:, 3] / image.shape[0])
            faces.append(_largest(scenes.keypoints[people][:, face], sure))
    if not scores:
        raise DataError("There is no picture to look for people in.")
    return Found(
        np.concatenate(scores),
        np.concatenate(kinds),
        np.concatenate(reached),
        np.concatenate(counts),
        np.concatenate(share),
        np.concatenate(faces),
        np.array(nobody, dtype=np.float32),
    )


def matched(
    found: Floats, boxes: Floats, sure: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.int8]]:
    """Match boxes found (d, 5) with labelled boxes (m, 4): (`reached`, `kind`) as in `Found`."""
    got = np.zeros(len(boxes), dtype=np.float32)
    kind = np.zeros(len(found), dtype=np.int8)
    both = overlap(found, boxes)
    for row in np.argsort(-found[:, 4], kind="stable"):
        free = np.where(got == 0, both[row], 0)
        best = int((free + sure * 1e-6).argmax()) if len(boxes) else 0
        if len(boxes) and free[best] >= IOU:
            got[best] = found[row, 4]
            kind[row] = 1 if sure[best] else -1
        elif len(boxes) and (both[row] * ~sure).max() >= IOU:
            kind[row] = -1
    return got, kind


def _largest(faces: Floats, sure: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(p,) bool: who has the largest face, by the extent of its labelled joints (p, 5, 3)."""
    extent = np.zeros(len(faces))
    for row, face in enumerate(faces):
        points = face[face[:, 2] > 0, :2]
        if len(points) >= 2 and sure[row]:
            extent[row] = np.ptp(points, axis=0).max()
    value: NDArray[np.bool_] = (extent > 0) & (extent == extent.max(initial=0.0))
    return value


def figures(found: Found, threshold: float) -> dict[str, Any]:
    """The figures that `pose-app evaluate --task finder` prints, at a threshold."""
    shown = found.scores >= threshold
    right = int((shown & (found.kind == 1)).sum())
    wrong = int((shown & (found.kind == 0)).sum())
    hit = found.reached >= max(threshold, 1e-9)

    def recall(which: NDArray[np.bool_]) -> dict[str, Any]:
        which = which & found.counts
        return {"n": int(which.sum()), "recall": float(hit[which].mean()) if which.any() else None}

    nobody = found.nobody
    return {
        "threshold": threshold,
        "all": recall(np.ones(len(hit), dtype=bool)),
        "sizes": {
            name: recall((found.share >= low) & (found.share < high)) for name, low, high in SIZES
        },
        "largest_face": recall(found.largest_face),
        "precision": right / (right + wrong) if right + wrong else None,
        "average_precision": average_precision(found),
        "nobody_with_a_box": float((nobody >= threshold).mean()) if len(nobody) else None,
        "n_nobody": len(nobody),
    }


def average_precision(found: Found) -> float | None:
    """Area under precision over recall, all points, precision made monotone (PASCAL VOC 2010)."""
    people = int(found.counts.sum())
    counted = found.kind >= 0
    if not people or not counted.any():
        return None
    order = np.argsort(-found.scores[counted], kind="stable")
    right = (found.kind[counted] == 1)[order].cumsum()
    precision = right / np.arange(1, len(right) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(right / people, prepend=0.0) * precision).sum())


def best_threshold(found: Found, allowed: float = ALLOWED) -> float:
    """The threshold with the highest F1 score.

    It is at least so high that no more than the share `allowed` of pictures without people have a
    box.
    """
    least = _LOWEST
    if len(found.nobody):
        ranked = np.sort(found.nobody)[::-1]
        least = float(ranked[min(int(allowed * len(ranked)), len(ranked) - 1)]) + 1e-3
    people = int(found.counts.sum())

    def f1(threshold: float) -> float:
        shown = found.scores >= threshold
        right = int((shown & (found.kind == 1)).sum())
        wrong = int((shown & (found.kind == 0)).sum())
        return 2 * right / max(people + right + wrong, 1)

    steps = np.arange(max(least, 0.05), 0.951, 0.01)
    best = max(steps, key=f1) if len(steps) else least
    return float(np.clip(round(float(best), 3), 0.02, 0.98))


def table(result: Mapping[str, Any]) -> str:
    """The text that `pose-app evaluate --task finder` prints."""
    lines = [
        f"{result['model']} on {result['data']}: {result['pictures']} pictures, {result['engine']}",
        f"score from which a peak is a person: {result['threshold']:.3f}",
        "people found (overlap of 0.5 or more with their box):",
    ]
    rows = {"all": result["all"], **result["sizes"], "largest face": result["largest_face"]}
    lines += [f"  {name:14}{percent(row['recall']):>8} of {row['n']}" for name, row in rows.items()]
    lines += [
        f"boxes that are somebody's: {percent(result['precision'])}",
        f"average precision: {percent(result['average_precision'])}",
        f"pictures of nobody with a box: {percent(result['nobody_with_a_box'])} of "
        f"{result['n_nobody']}",
    ]
    return "\n".join(lines)
