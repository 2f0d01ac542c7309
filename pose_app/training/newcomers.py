"""`pose-app evaluate --task newcomers`: fits what tells skeletons of people from those of things.

Every box of the finder, faint ones too, is looked at by the pose network. A skeleton with an OKS of
0.5 or more is a person's; a worse one in the box of somebody counts less; one where nobody is, in a
picture whose people all have boxes, is a thing's. Logistic regression on the pictures to train on
gives `pose.newcomers.ODDS`; the held-out ones show what such odds let through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, ModelError
from ..pose.crop_predictor import CropPredictor, StageClock
from ..pose.newcomers import NEEDED, ODDS, Newcomers
from ..pose.regions import RegionRule
from ..types import Box, Floats
from .finder_metrics import overlap
from .metrics import percent
from .oks import AREA_OF_BOX, similarity, to_coco
from .people import FOUND, found_in_coco, on_somebody, shown_joints, visible
from .scenes import SceneData, split_scenes
from .store import Doubles

if TYPE_CHECKING:
    from ..engines.base import Engine
    from ..pose.opening import PersonFinder

_FAINTEST = 0.45  # boxes from this share of the finder's threshold on
_BOXES = 12  # of a picture, the surest
_BAD_POSE, _SAME = 0.6, 0.5  # weight of a bad pose in a person's box, and overlap of the two boxes
_RIDGE, _ROUNDS = 1e-2, 30


@dataclass(frozen=True)
class Looks:
    """n skeletons: their evidence (n, E), whether a person's (n,), weights (n,)."""

    evidence: Doubles
    somebody: NDArray[np.bool_]
    weight: Doubles


def look(engine: Engine, finder: PersonFinder, sets: Sequence[SceneData]) -> Looks:
    """Look at every box in these pictures. Raises ModelError without calibrated scores."""
    spec = engine.spec
    if not spec.calibration:
        raise ModelError(f"The scores of {spec.name} are not calibrated: no odds come from them.")
    threshold = finder.engine.spec.threshold
    newcomers, rule = Newcomers(spec, threshold), RegionRule(spec)
    predictor, stacks = CropPredictor(engine), spec.network.stacks
    evidence, somebody, weight = [], [], []
    for scenes in sets:
        for index in range(len(scenes)):
            image, people = scenes.read(index), scenes.people(index)
            size = image.shape[1], image.shape[0]
            boxes = finder.find(image, _BOXES, _FAINTEST * threshold)
            regions = [rule.region_from_box(box, size) for box in boxes]
            seen = predictor.predict(image, regions, stacks, StageClock())
            labels = to_coco(visible(scenes.keypoints[people]), scenes.skeleton)
            for box, one in zip(boxes, seen, strict=True):
                scores = one.scores[-1]
                joints = shown_joints(one.joints[-1], scores, scores >= spec.threshold)
                found = found_in_coco(joints, spec.skeleton)
                worth = _worth(box, found, scenes.boxes[people], labels)
                if worth or (
                    scenes.complete[index] and not on_somebody(found, scenes.boxes[people])
                ):
                    evidence.append(newcomers.evidence(box, one, size))
                    somebody.append(worth > 0)
                    weight.append(worth or 1.0)
    return Looks(
        np.array(evidence, np.float64).reshape(-1, len(ODDS)),
        np.array(somebody, np.bool_),
        np.array(weight, np.float64),
    )


def fit(looks: Looks) -> Doubles:
    """The weights (E,) of the evidence in the logarithm of the odds, by Newton's method.

    Raises DataError if all skeletons are people's, or none.
    """
    if not looks.somebody.any() or looks.somebody.all():
        raise DataError("The odds need skeletons of people and of things: give more pictures.")
    x, truth = looks.evidence, looks.somebody.astype(np.float64)
    odds = np.zeros(x.shape[1])
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-(x @ odds).clip(-30, 30)))
        slope = x.T @ (looks.weight * (truth - chance)) - _RIDGE * odds
        curvature = (x * (looks.weight * chance * (1 - chance))[:, None]).T @ x
        odds = odds + np.linalg.solve(curvature + _RIDGE * np.eye(len(odds)), slope)
    return odds


def evaluate_newcomers(
    engine: Engine, finder: PersonFinder, sets: Sequence[SceneData]
) -> dict[str, Any]:
    """The fitted odds, and what the app's and they let through on held-out pictures."""
    parts = [split_scenes(scenes) for scenes in sets]
    training = look(engine, finder, [train for train, _ in parts])
    held_out = look(engine, finder, [held for _, held in parts])
    fitted = fit(training)
    return {
        "model": engine.spec.name,
        "data": ", ".join(scenes.name for scenes in sets),
        "engine": engine.info.badge(),
        "skeletons": len(training.weight),
        "odds": [float(value) for value in fitted],
        "held_out": {
            "people": int((held_out.weight == 1)[held_out.somebody].sum()),
            "things": int((~held_out.somebody).sum()),
            "fitted": _let_through(held_out, fitted),
            "app": _let_through(held_out, np.array(ODDS)),
        },
    }


def table(result: Mapping[str, Any]) -> str:
    """The text that `pose-app evaluate --task newcomers` prints."""
    held_out = result["held_out"]
    lines = [
        f"{result['model']} on {result['data']}: {result['skeletons']} skeletons, "
        f"{result['engine']}",
        "odds: " + ", ".join(f"{value:.2f}" for value in result["odds"]),
        f"held out, let through of {held_out['people']} skeletons of people and "
        f"{held_out['things']} of things:",
    ]
    for name, label in (("fitted", "these odds"), ("app", "the app's")):
        lines += [
            f"  {label}, from {row['from']:5.2f} on:{percent(row['people']):>8}{row['things']:6}"
            for row in held_out[name]
        ]
    return "\n".join(lines)


def _let_through(looks: Looks, odds: Doubles) -> list[dict[str, Any]]:
    """At the app's limit and around it: the share of good poses and the number of things."""
    values = looks.evidence @ odds
    good = looks.somebody & (looks.weight == 1)
    return [
        {
            "from": limit,
            "people": float((values[good] >= limit).mean()) if good.any() else None,
            "things": int((values[~looks.somebody] >= limit).sum()),
        }
        for limit in (NEEDED - 1, NEEDED - 0.5, NEEDED, NEEDED + 0.5)
    ]


def _worth(box: Box, found: Floats, boxes: Floats, labels: Floats) -> float:
    """1 for a person's skeleton, less for a bad one of somebody, 0 for another."""
    for person, extent in zip(labels, boxes, strict=True):
        area = AREA_OF_BOX * float(extent[2] * extent[3])
        if similarity(found[None], person, area)[0] >= FOUND:
            return 1.0
    one = np.array([[box.x, box.y, box.width, box.height]], np.float32)
    same = bool(len(boxes)) and overlap(one, boxes).max() >= _SAME
    return _BAD_POSE if same and on_somebody(found, boxes) else 0.0
