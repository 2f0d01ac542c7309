"""Training tasks: each makes batches and a loss for the loop in `trainer`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError
from ..pose.cover import Cover
from ..spec import ModelSpec
from .augment import disturb, draw_views, warp
from .data import NOISY_SHARDS, PRESENT, PoseData
from .paint import paint_people
from .store import Doubles, Store, has_room, to_device
from .targets import counted, doubtful, joint_losses, total
from .teacher import Lesson, Teacher, taught_total

DataSets = list[tuple[str, int, float]]


class Task(Protocol):
    """Makes random batches of labelled pictures, and the loss of a network's maps."""

    @property
    def data(self) -> DataSets:
        """Name, length and share of each data set: a run is only resumed with the same."""
        ...

    def batch(
        self, random: np.random.Generator, count: int, size: int
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """(images (B, 3, size, size) RGB 0..1, labels); all random numbers come from `random`."""
        ...

    def loss(
        self, maps: list[Tensor], labels: tuple[Tensor, ...], progress: float, compiled: bool
    ) -> Tensor:
        """The loss of the maps (B, K, h, w) of every stack.

        `progress` of the run is 0..1; `compiled` asks for torch.compile where that is worth it.
        """
        ...


class _Part(Protocol):
    """A data set of any kind."""

    @property
    def name(self) -> str: ...

    def __len__(self) -> int: ...


def check_mix(mix: Sequence[float], parts: Sequence[_Part]) -> Doubles:
    """The shares of the data sets, normalised to a sum of 1. Raises DataError."""
    if len(mix) != len(parts) or min(mix) < 0 or sum(mix) <= 0:
        raise DataError("The mix needs one share for each data set, not all of them 0.")
    return np.array(mix, dtype=np.float64) / sum(mix)


def data_sets(parts: Sequence[_Part], share: Doubles) -> DataSets:
    """The value of `Task.data` for these parts."""
    return [(part.name, len(part), float(s)) for part, s in zip(parts, share, strict=True)]


class PoseTask:
    """Training a pose network on crops of single persons.

    `mix` is the share of pictures of each data set. `trim` is the share of joints, those with the
    largest loss, that are left out in crowd-sourced sets after a third of the run. A `teacher`
    sees the crops of its data sets without anybody painted over.
    """

    def __init__(
        self,
        parts: Sequence[PoseData],
        spec: ModelSpec,
        mix: Sequence[float],
        device: torch.device,
        trim: float = 0.04,
        teacher: Teacher | None = None,
    ) -> None:
        self._share = check_mix(mix, parts)
        for part, share in zip(parts, self._share, strict=True):
            if share > 0 and not len(part):
                raise DataError(
                    f"The data set {part.name} has no picture that a network can learn from: leave "
                    "it away, or give it a share of 0."
                )
        if not any(part.somebody.any() for part in parts):
            raise DataError("None of the data sets has a picture of a person.")
        self._parts = parts
        self._spec = spec
        self._trim = trim
        self._device = device
        self._teacher = teacher
        self._cover = Cover(spec)
        named = () if teacher is None else teacher.names
        self._taught = np.array([part.name in named for part in parts])
        self._noisy = np.array([part.name.startswith(NOISY_SHARDS) for part in parts])
        pictures = sum(len(part) for part in parts)
        self._store = Store(parts, device, resident=has_room(pictures, device))
        self._compiled: Callable[..., Tensor] | None = None

    @property
    def data(self) -> DataSets:
        return data_sets(self._parts, self._share)

    def batch(
        self, random: np.random.Generator, count: int, size: int
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """See `Task.batch`.

        Labels: points (B, K, 2) in input pixels, states (B, K), weights (B, K), and which pictures
        have crowd-sourced labels (B,); with a teacher its lesson, too.
        """
        chosen = random.choice(len(self._parts), count, p=self._share)
        rows = self._store.row(chosen, random.random(count))
        canvases = self._store.fetch(rows)
        views = draw_views(random, canvases, self._spec.skeleton)
        images, points, states, weights = warp(canvases, views, size, self._spec.flip)
        nobody = to_device(~(canvases.states == PRESENT).any(axis=1), self._device)
        noise = torch.Generator(device=self._device)
        noise.manual_seed(int(random.integers(2**62)))
        images = disturb(images, nobody, noise)
        noisy = to_device(self._noisy[chosen], self._device)
        labels: tuple[Tensor, ...] = (points, states, weights, noisy)
        if self._teacher is not None:
            taught = to_device(np.flatnonzero(self._taught[chosen]), self._device)
            lesson = self._teacher.lesson(images, taught)
            labels = (*labels, lesson.target, lesson.taught)
        return paint_people(images, points, states, self._cover, random), labels

    def loss(
        self, maps: list[Tensor], labels: tuple[Tensor, ...], progress: float, compiled: bool
    ) -> Tensor:
        points, states, weights, noisy, *more = labels
        spec = self._spec
        loss_function: Callable[..., Tensor] = joint_losses
        if compiled:
            self._compiled = self._compiled or torch.compile(joint_losses, dynamic=False)
            loss_function = self._compiled
        losses = loss_function(maps, points, states, spec.stride, spec.sigma, spec.output)
        trim = None
        if self._trim > 0 and progress > 0.35:
            trim = doubtful(losses, states, noisy, self._trim)
        weight = counted(states, trim, weights)
        return taught_total(maps, losses, weight, Lesson(*more)) if more else total(losses, weight)
