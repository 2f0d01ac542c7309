"""A teacher: a trained network whose answers are learnt together with the labels.

In fine-tuning it keeps what the network knew before on data sets whose share of the pictures is
small now (Hinton, Vinyals and Dean, *Distilling the knowledge in a neural network*, 2015). Its last
stack teaches every stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from ..engines.fused import probabilities
from ..errors import ModelError
from ..network import load_checkpoint
from ..network.hourglass import Stacked
from ..spec import ModelSpec
from .normalise import normalised
from .precision import autocast
from .targets import spatial_cross_entropy

SHARE = 0.5  # of the loss of a labelled joint that is the teacher's


@dataclass(frozen=True)
class Lesson:
    """What a teacher says about a batch of B pictures.

    Attributes:
        target: (B, K, h, w) probabilities; what is missing to 1 is that of *absent*.
        taught: (B, K) 1 where the target counts, else 0.
    """

    target: Tensor
    taught: Tensor


class Teacher:
    """Teaches the data sets of these names; joints are matched by name.

    Raises ModelError for a model that cannot teach a network of `spec`.
    """

    def __init__(
        self, path: Path, spec: ModelSpec, names: Sequence[str], device: torch.device
    ) -> None:
        network, teacher = load_checkpoint(path)
        common = [joint for joint in teacher.joints if joint in spec.joints]
        if teacher.output != "logits" or spec.output != "logits" or not common:
            raise ModelError(f"{teacher.name} cannot teach: its maps have another meaning.")
        if teacher.stride != spec.stride:
            raise ModelError(f"{teacher.name} cannot teach: its maps have another size.")
        self.names = tuple(names)
        self._network = cast("Stacked", network).to(device).eval()
        self._network.requires_grad_(False)
        self._teacher, self._joints = teacher, len(spec.joints)
        self._theirs = [teacher.joints.index(joint) for joint in common]
        self._ours = [spec.joints.index(joint) for joint in common]

    @torch.no_grad()
    def lesson(self, images: Tensor, rows: Tensor) -> Lesson:
        """Look at these rows (n,) of images (B, 3, S, S) RGB 0..1."""
        count, size = len(images), images.shape[-1] // self._teacher.stride
        target = images.new_zeros(count, self._joints, size, size)
        taught = images.new_zeros(count, self._joints)
        if len(rows):
            with autocast(images.device):
                maps = self._network.forward_stacks(normalised(images[rows], self._teacher))[-1]
            seen = probabilities(maps[:, self._theirs].float())
            ours = torch.tensor(self._ours, device=rows.device)
            target[rows[:, None], ours] = seen
            taught[rows[:, None], ours] = 1.0
        return Lesson(target, taught)


def taught_total(answers: list[Tensor], losses: Tensor, weight: Tensor, lesson: Lesson) -> Tensor:
    """The mean loss of labels and lesson.

    A labelled joint that is taught has both, in the shares 1 - `SHARE` and `SHARE`; without a label
    it has the teacher's share alone. `losses` (B, S, K) are those of the labels, `weight` (B, K) is
    how much each label counts.
    """
    learnt = [spatial_cross_entropy(maps, lesson.target) for maps in answers]
    weight, taught = weight * (1 - SHARE * lesson.taught), SHARE * lesson.taught
    both = losses.mean(dim=1) * weight + torch.stack(learnt).mean(dim=0) * taught
    return both.sum() / (weight.sum() + taught.sum()).clamp_min(1)
