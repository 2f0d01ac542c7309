"""Scores that mean something: from the height of a peak to the chance that the joint is right."""

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

JOINT_THRESHOLD = 0.4  # chance of being right from which a joint is drawn: few invented legs
_BINS = 12
_ENOUGH = 250  # labels of a joint for a curve of its own; below, all joints of the stack have one
# How near a joint must be, as a share of the torso: those of the face are small.
_FACE_SHARE = 0.08


@dataclass(frozen=True)
class Judged:
    """Raw scores (m, S) of joints, whether each is near its label (m, S), and which joint (m,)."""

    scores: Floats
    hits: NDArray[np.bool_]
    joints: NDArray[np.intp]


def judge(found: Floats, data: PoseData, rows: Rows) -> Judged:
    """`found` (n, S, K, 3) of these rows against their labels.

    Near is within 0.2 torso, or what stands in for the torso where hips are out of view (joints of
    the face: 0.08). Joints that are known to be absent are misses; joints without a label, and
    persons without a length to measure by, say nothing.
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
    """The monotone map from raw scores (m,) to the share of hits, as a few points.

    Equally filled bins, made monotone by pooling neighbours (Ayer et al. 1955). Raises DataError
    with too few joints to say anything.
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
            place = (first[2] * first[1] + second[2] * second[1]) / weight
            pooled.append([share, weight, place])
    points: list[tuple[float, float]] = [(0.0, 0.0)]
    for share, _, place in pooled:
        if place > points[-1][0] + 1e-3:
            points.append((place, max(share, points[-1][1])))
    if len(points) < 2:
        points.append((1.0, points[-1][1]))
    return Calibration(tuple(round(p, 4) for p, _ in points), tuple(round(q, 4) for _, q in points))


def calibrations(judged: Sequence[Judged], joints: int) -> tuple[Calibration, ...]:
    """One map per stack and joint (stack by stack), from all data sets together.

    Where one of the joints has too few labels, one map per stack for all joints alike is mixed in:
    it takes the place of that joint's. Raises DataError with too few joints to say anything.
    """
    scores = np.concatenate([one.scores for one in judged])
    hits = np.concatenate([one.hits for one in judged])
    which = np.concatenate([one.joints for one in judged])
    made = []
    for stack in range(scores.shape[1]):
        everybody = fit(scores[:, stack], hits[:, stack])
        for joint in range(joints):
            rows = which == joint
            enough = rows.sum() >= _ENOUGH
            made.append(fit(scores[rows, stack], hits[rows, stack]) if enough else everybody)
    return tuple(made)


def calibrated(path: Path, held_out: Sequence[PoseData]) -> ModelSpec | None:
    """The spec of a model with its scores fitted on these pictures, and the threshold of joints.

    None where too little is held out to fit anything.
    """
    engine = open_engine(path)
    try:
        return with_scores(engine, held_out)
    finally:
        engine.close()


def with_scores(engine: Engine, held_out: Sequence[PoseData]) -> ModelSpec | None:
    """The engine's spec with the scores of its own answers fitted on these pictures.

    None where too little is held out to fit anything.
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
    """A pose network's file in half precision, its scores calibrated where enough is held out."""
    save_native(path, network, spec, torch.float16)
    fitted = calibrated(path, held_out)
    if fitted is not None:
        save_native(path, network, fitted, torch.float16)


def save_finder(
    network: nn.Module, spec: ModelSpec, held_out: Sequence[SceneData], path: Path
) -> None:
    """A finder's file in half precision.

    Its threshold, where there are pictures held out: the best for people and few enough false
    alarms (`finder_metrics.best_threshold`).
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
