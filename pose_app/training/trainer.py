"""The training loop: seeded by step, resumable exactly, scheduled by steps or by minutes."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import DataError, ModelError, PoseAppError
from ..network.hourglass import StackedHourglass
from ..spec import ModelSpec
from .augment import disturb, draw_views, upper_joints, warp
from .data import NOISY_SHARDS, PRESENT, PoseData
from .store import Store, to_device
from .targets import doubtful, joint_losses, total

_DECAYED_DIMENSIONS = 2  # weights of convolutions are pulled to zero, biases and norms are not


@dataclass(frozen=True)
class Options:
    """What a run does. `mix` is the share of pictures from each data set; either `steps` or
    `minutes` ends it, and the learning rate falls along a cosine to that end. `sizes` are the sides
    of the input in pixels, one after the other, each for an equal part of the run: small inputs
    train faster, the last one is the model's. `keep_norms` leaves the statistics of the batch norms
    alone: small batches would only blur those of a trained network."""

    mix: tuple[float, ...]
    steps: int | None = None
    minutes: float | None = None
    keep_norms: bool = False
    batch: int = 24
    sizes: tuple[int, ...] = (256,)
    learning_rate: float = 2.5e-3
    weight_decay: float = 0.03
    warm_up: int = 300
    average: float = 0.999
    sigma: float = 1.2
    trim: float = 0.04
    seed: int = 0
    compile: bool = False


class Trainer:
    """A network, its running average, its optimiser and how far the run is.

    `average` is the network to keep: the exponential moving average of the weights.
    """

    def __init__(
        self,
        network: StackedHourglass,
        spec: ModelSpec,
        parts: Sequence[PoseData],
        options: Options,
        device: torch.device,
    ) -> None:
        if len(options.mix) != len(parts) or min(options.mix) < 0 or sum(options.mix) <= 0:
            raise DataError("The mix needs one share for each data set, not all of them 0.")
        if not any(part.somebody.any() for part in parts):
            raise DataError("None of the data sets has a picture of a person.")
        for size in options.sizes:
            spec = spec.with_input_size(size, size)
        self.spec = replace(spec, sigma=options.sigma)
        self.options = options
        self.device = device
        self.network = network.to(device).train()
        if options.keep_norms:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        # The fast layout on processors and graphics cards alike, several times so on the former.
        for parameter in self.network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.average: StackedHourglass = copy.deepcopy(self.network).eval()
        self.average.requires_grad_(False)
        self.step = 0
        self.seconds = 0.0
        self._noisy = np.array([part.name.startswith(NOISY_SHARDS) for part in parts])
        self._parts = parts
        self._store = Store(parts, device, resident=device.type == "cuda")
        self._upper = upper_joints(self.spec.skeleton)
        self._parameters = list(self.network.parameters())
        both = (
            zip(self.average.parameters(), self._parameters, strict=True),
            zip(self.average.buffers(), self.network.buffers(), strict=True),
        )
        pairs = [(a, b) for kind in both for a, b in kind if a.is_floating_point()]
        self._averaged = [a for a, _ in pairs], [b for _, b in pairs]
        groups: dict[bool, list[Tensor]] = {True: [], False: []}
        for parameter in self._parameters:
            groups[parameter.ndim >= _DECAYED_DIMENSIONS].append(parameter)
        self._optimiser = torch.optim.AdamW(
            [
                {"params": groups[True], "weight_decay": options.weight_decay},
                {"params": groups[False], "weight_decay": 0.0},
            ],
            lr=options.learning_rate,
            betas=(0.9, 0.99),
            fused=device.type == "cuda",
        )
        self._joint_losses: Callable[..., Tensor] = joint_losses
        if options.compile:
            # Stack by stack: the same code is compiled once, not once for each of them.
            self._joint_losses = torch.compile(joint_losses, dynamic=False)
            for module in self._compiled_modules():
                module.compile(dynamic=False)

    @property
    def progress(self) -> float:
        """How much of the run is done, 0..1."""
        if self.options.minutes is not None:
            return min(1.0, self.seconds / (60 * self.options.minutes))
        return min(1.0, self.step / max(1, self.options.steps or 1))

    @property
    def size(self) -> int:
        """Side of the input now, pixels."""
        sizes = self.options.sizes
        return sizes[min(int(self.progress * len(sizes)), len(sizes) - 1)]

    @property
    def seen(self) -> int:
        """Pictures so far."""
        return self.step * self.options.batch

    @property
    def learning_rate(self) -> float:
        """Warm-up, then a cosine down to a five hundredth."""
        warm = min(1.0, (self.step + 1) / max(1, self.options.warm_up))
        cosine = 0.5 * (1 + math.cos(math.pi * self.progress))
        return self.options.learning_rate * warm * (0.998 * cosine + 0.002)

    def train_step(self) -> Tensor:
        """One step on one batch; the loss as a tensor, so that nothing waits for the device."""
        start = time.perf_counter()
        images, points, states, noisy = self.batch(self.step)
        try:
            losses = self._forward(images, points, states)
        except Exception as error:
            if self._joint_losses is joint_losses:
                raise
            # Whatever the compiler fails with, the plain network works.
            print(f"Not compiled ({type(error).__name__}): training goes on without.", flush=True)
            self._joint_losses = joint_losses
            for module in self._compiled_modules():
                module._compiled_call_impl = None
            losses = self._forward(images, points, states)
        trim = None
        if self.options.trim > 0 and self.progress > 0.35:
            trim = doubtful(losses, states, noisy, self.options.trim)
        loss = total(losses, states, trim)
        for group in self._optimiser.param_groups:
            group["lr"] = self.learning_rate
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimiser.step()
        self._update_average()
        self.step += 1
        self.seconds += time.perf_counter() - start
        return loss.detach()

    def batch(self, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The batch of a step, always the same at one size: images (B, 3, S, S) normalised, points
        (B, K, 2), states (B, K), and which pictures have labels made by many hands (B,)."""
        random = np.random.default_rng((self.options.seed, step))
        share = np.array(self.options.mix) / sum(self.options.mix)
        chosen = random.choice(len(self._parts), self.options.batch, p=share)
        rows = self._store.row(chosen, random.random(self.options.batch))
        canvases = self._store.fetch(rows)
        views = draw_views(random, canvases, self._upper)
        images, points, states = warp(canvases, views, self.size, self.spec.flip)
        nobody = to_device(~(canvases.states == PRESENT).any(axis=1), self.device)
        noise = torch.Generator(device=self.device)
        noise.manual_seed(int(random.integers(2**62)))
        images = normalised(disturb(images, nobody, noise), self.spec)
        noisy = to_device(self._noisy[chosen], self.device)
        return images, points, states, noisy

    def _forward(self, images: Tensor, points: Tensor, states: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16):
            answers = self.network.forward_stacks(images)
        spec = self.spec
        return self._joint_losses(answers, points, states, spec.stride, spec.sigma, spec.output)

    def _compiled_modules(self) -> list[nn.Module]:
        return [self.network.stem, *self.network.stacks]

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.options.average, (self.step + 1) / (self.step + 20))
        kept, new = self._averaged
        torch._foreach_lerp_(kept, new, 1 - decay)

    def save(self, path: Path) -> None:
        """Everything that `resume` needs, written atomically."""
        temporary = path.with_name(path.name + ".part")
        state = {
            "options": asdict(self.options),
            "spec": self.spec.to_json(),
            "data": [(part.name, len(part)) for part in self._parts],
            "step": self.step,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }
        torch.save(state, temporary)
        os.replace(temporary, path)

    def resume(self, path: Path) -> None:
        """Go on where `save` was called: the next step is the one that would have come.

        Raises ModelError where the file is of another run.
        """
        state = read_checkpoint(path)
        if state["data"] != [(part.name, len(part)) for part in self._parts]:
            raise ModelError(f"{path} was trained on other data: give the same files.")
        if ModelSpec.from_json(str(state["spec"])).network != self.spec.network:
            raise ModelError(f"{path} holds a network of another shape.")
        mine = asdict(self.options)
        for name in ("batch", "mix", "seed", "sizes"):
            theirs = state["options"].get(name)
            if theirs != mine[name]:
                raise ModelError(f"{path} was trained with {name} {theirs}, not {mine[name]}.")
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])


def normalised(images: Tensor, spec: ModelSpec) -> Tensor:
    """RGB 0..1 (B, 3, H, W) -> what the network wants, channels last."""
    mean, deviation = (
        to_device(np.array(values, np.float32).reshape(1, 3, 1, 1), images.device)
        for values in (spec.mean, spec.std)
    )
    images = (images - mean) / deviation
    if spec.colour == "BGR":
        images = images.flip(1)
    return images.contiguous(memory_format=torch.channels_last)


def read_checkpoint(path: Path) -> dict:
    """The content of a file that `Trainer.save` wrote. Raises PoseAppError."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or "optimiser" not in state:
            raise ValueError("it has no optimiser")
    except Exception as error:  # noqa: BLE001 - torch raises many kinds for a broken file
        raise PoseAppError(f"{path} is no checkpoint of a training run: {error}.") from None
    return state
