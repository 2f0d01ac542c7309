"""Validation of a run on held-out pictures: figures, contact sheets, a calibrated model file."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from torch import nn

from ..engines.base import HostHeatmaps
from ..spec import ModelSpec
from ..types import Image
from .calibration import save_calibrated, save_finder
from .data import PoseData
from .finder_metrics import figures, finding, search
from .metrics import accuracy
from .predict import maps_of_network, of_network, predict
from .report import draw_boxes, draw_joints
from .scenes import SceneData
from .trainer import Trainer

_SHOWN = 18  # pictures on a contact sheet


class Validation(Protocol):
    """Measures and writes a network of one kind."""

    columns: list[str]
    plotted: list[str]

    def measure(self, trainer: Trainer) -> tuple[dict[str, float | None], list[Image]]:
        """(figures of the averaged network by column, images with its predictions)."""
        ...

    def write(self, network: nn.Module, spec: ModelSpec, path: Path) -> None:
        """Write the model file in half precision, calibrated if enough is held out."""
        ...


class PoseValidation:
    """PCK and PCKh of held-out persons."""

    def __init__(self, held_out: list[PoseData]) -> None:
        self._held_out = held_out
        self.columns = [f"{data.name}_{key}" for data in held_out for key in ("pck", "pckh")]
        self.plotted = [name for name in self.columns if name.endswith("_pck")]

    def measure(self, trainer: Trainer) -> tuple[dict[str, float | None], list[Image]]:
        answer = of_network(trainer.average, trainer.spec, trainer.device)
        values: dict[str, float | None] = {}
        tiles = []
        for data in self._held_out:
            rows = np.flatnonzero(data.somebody)
            shown = rows if len(rows) else np.arange(len(data))
            found = predict(answer, data, shown, trainer.spec)
            most = _SHOWN // len(self._held_out) or 1
            for row, joints in list(zip(shown, found, strict=True))[:most]:
                tiles.append(draw_joints(data.read(int(row)), joints[-1], data.skeleton))
            if len(rows):
                points, states = data.keypoints[rows][..., :2], data.states[rows]
                last = accuracy(found[:, -1, :, :2], points, states, data.skeleton)
                values[f"{data.name}_pck"] = last["pck_limbs"]
                values[f"{data.name}_pckh"] = last["pckh"]
        return values, tiles

    def write(self, network: nn.Module, spec: ModelSpec, path: Path) -> None:
        save_calibrated(network, spec, self._held_out, path)


class FinderValidation:
    """Average precision and false alarms on held-out pictures."""

    def __init__(self, held_out: list[SceneData]) -> None:
        self._held_out = held_out
        self.columns = [
            f"{scenes.name}_{'ap' if len(scenes.boxes) else 'nobody'}" for scenes in held_out
        ]
        self.plotted = self.columns

    def measure(self, trainer: Trainer) -> tuple[dict[str, float | None], list[Image]]:
        maps = maps_of_network(trainer.average, trainer.spec, trainer.device)
        find = finding(
            lambda crops: HostHeatmaps(maps(crops).transpose(0, 1).cpu().numpy()), trainer.spec
        )
        values: dict[str, float | None] = {}
        tiles = []
        for scenes in self._held_out:
            found = search(find, [scenes])
            result = figures(found, trainer.spec.threshold)
            if len(scenes.boxes):
                values[f"{scenes.name}_ap"] = result["average_precision"]
            else:
                values[f"{scenes.name}_nobody"] = result["nobody_with_a_box"]
            for index in range(min(len(scenes), _SHOWN // len(self._held_out) or 1)):
                image = scenes.read(index)
                boxes = find(image)
                tiles.append(draw_boxes(image, boxes[boxes[:, 4] >= trainer.spec.threshold]))
        return values, tiles

    def write(self, network: nn.Module, spec: ModelSpec, path: Path) -> None:
        save_finder(network, spec, self._held_out, path)
