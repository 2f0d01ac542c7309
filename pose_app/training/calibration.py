"""Calibration of scores: from raw scores to probabilities that joints are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..engines.base import Engine
from ..engines.choose import open_engine
from ..errors import DataError
from ..network.native import save_native
from ..spec import Calibration, ModelSpec
from ..types import Floats
from .augment import face_joints
from .data import ABSENT, MASKED, PRESENT, PoseData, Rows
from .finder_metrics import best_threshold, search
from .finder_metrics import of_engine as of_finder
from .metrics import TORSO_SHARE, body_lengths
from .predict import of_engine, predict
from .scenes import SceneData

JOINT_THRESHOLD = 0.25  # probability from which a joint is drawn; see weights/README.md
_BINS = 12
_ENOUGH = 250  # labels of a joint for its own curve; with fewer, it has that of all joints
_FACE_SHARE = 0.08  # of the torso: largest distance from the label for joints of the face


@dataclass(frozen=True)
class Judged:
    """m labelled joints: raw scores (m, S), whether each is near its label (m, S), indices (m,)."""

    scores: Floats
    hits: NDArray[np.bool_]
    joints: NDArray[np.intp]


def judge(found: Floats, data: PoseData, rows: Rows) -> Judged:
    """Compare the joints `found` (n, S, K, 3) of these rows with their labels.

    Near means within 0.2 of the torso's length (0.08 for joints of the face), or of its estimate
    where hips are out of view (`metrics.body_lengths`). Absent joints are misses. Joints without a
    label, and persons without a known length, are left out.
    """
    points, states = data.keypoints[rows][..., :2], data.states[rows]
    size = body_lengths(points, states == PRESENT, data.skeleton)
    share = np.where(face_joints(data.skeleton), _FACE_SHARE, TORSO_SHARE)
    limit = size[:, None] * share  # (n, K)
    distance = np.linalg.norm(found[..., :2] - points[:, None], axis=-1)  # (n, S, K)
    with np.errstate(invalid="ignore"):
        near = distance <= limit[:, None]
    known = ((states == PRESENT) & np.isfinite(size)[:, None]) | (states == ABSENT)
    known &= (states != MASKED) & (data.weights[rows] > 0)
    hits = near & (states == PRESENT)[:, None]
    scores = np.moveaxis(found[..., 2], 1, 2)[known]
    return Judged(scores, np.moveaxis(hits, 1, 2)[known], np.nonzero(known)[1])


def fit(scores: NDArray[np.floating], hits: NDArray[np.bool_]) -> Calibration:
    """Fit a monotone map from raw scores (m,) to the share of hits.

    Bins with equal counts, made monotone by pooling adjacent violators (Ayer et al. 1955). Raises
    DataError with too few joints.
    """
    if len(scores) < 2 * _BINS:
        raise DataError(f"{len(scores)} joints are too few to calibrate a model.")
    order = np.argsort(scores, kind="stable")
    parts = np.array_split(order, _BINS)
    raw = [float(np.mean(scores[part])) for part in parts]
    blocks = [
        [float(np.mean(hits[part])), 1, value] for part, value in zip(parts, raw, strict=True)
    ]
    pooled: list[list[float]] = []
    for block in blocks:
        pooled.append(block)
        while len(pooled) > 1 and pooled[-2][0] > pooled[-1][0]:
            second, first = pooled.pop(), pooled.pop()
            weight = first[1] + second[1]
            share = (first[0] * first[1] + second[0] * second[1]) / weight
            value = (first[2] * first[1] + second[2] * second[1]) / weight
            pooled.append([share, weight, value])
    points: list[tuple[float, float]] = [(0.0, 0.0)]
    for share, _, value in pooled:
        if value > points[-1][0] + 1e-3:
            points.append((value, max(share, points[-1][1])))
    if len(points) < 2:
        points.append((1.0, points[-1][1]))
    return Calibration(tuple(round(p, 4) for p, _ in points), tuple(round(q, 4) for _, q in points))


def calibrations(judged: Sequence[Judged], joints: int) -> tuple[Calibration, ...]:
    """One map per stack and joint (stack by stack), from all data sets together.

    A joint with too few labels gets the map of all joints of the stack. Raises DataError with too
    few joints in all.
    """
    scores = np.concatenate([one.scores for one in judged])
    hits = np.concatenate([one.hits for one in judged])
    which = np.concatenate([one.joints for one in judged])
    made = []
    for stack in range(scores.shape[1]):
        of_all = fit(scores[:, stack], hits[:, stack])
        for joint in range(joints):
            rows = which == joint
            enough = rows.sum() >= _ENOUGH
            made.append(fit(scores[rows, stack], hits[rows, stack]) if enough else of_all)
    return tuple(made)


def calibrated(path: Path, held_out: Sequence[PoseData]) -> ModelSpec | None:
    """The spec of a model file with calibration and threshold, fitted on these pictures.

    None where there are too few labels.
    """
    engine = open_engine(path)
    try:
        return with_scores(engine, held_out)
    finally:
        engine.close()


def with_scores(engine: Engine, held_out: Sequence[PoseData]) -> ModelSpec | None:
    """The engine's spec with calibration and threshold, fitted on the engine's own output.

    None where there are too few labels.
    """
    spec = engine.spec
    judged: list[Judged] = []
    for whole in held_out:
        data = whole.with_skeleton(spec.skeleton)
        rows = np.flatnonzero(data.somebody | data.complete)
        if len(rows):
            found = predict(of_engine(engine, spec.network.stacks), data, rows, spec)
            judged.append(judge(found, data, rows))
    try:
        fitted = calibrations(judged, len(spec.joints))
    except (DataError, ValueError):
        return None
    return replace(spec, calibration=fitted, threshold=JOINT_THRESHOLD)


def save_calibrated(
    network: nn.Module, spec: ModelSpec, held_out: Sequence[PoseData], path: Path
) -> None:
    """Write a pose network in half precision, calibrated if enough pictures are held out."""
    save_native(path, network, spec, torch.float16)
    fitted = calibrated(path, held_out)
    if fitted is not None:
        save_native(path, network, fitted, torch.float16)


def save_finder(
    network: nn.Module, spec: ModelSpec, held_out: Sequence[SceneData], path: Path
) -> None:
    """Write a finder in half precision; with held-out pictures, its threshold is chosen on them.

    See `finder_metrics.best_threshold`.
    """
    save_native(path, network, spec, torch.float16)
    if not sum(len(scenes) for scenes in held_out):
        return
    engine = open_engine(path)
    try:
        found = search(of_finder(engine), held_out)
    finally:
        engine.close()
    save_native(path, network, replace(spec, threshold=best_threshold(found)), torch.float16)
