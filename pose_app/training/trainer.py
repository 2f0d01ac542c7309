"""The training loop: seeded by step, exactly resumable, scheduled by steps or by minutes."""

from __future__ import annotations

import copy
import io
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ModelError, PoseAppError
from ..network.hourglass import StackedHourglass
from ..spec import ModelSpec
from ..whole_files import replacing
from .normalise import normalised
from .precision import autocast
from .tasks import Task

_DECAYED_DIMENSIONS = 2  # weight decay is for convolutions, not for biases and norms


@dataclass(frozen=True)
class Options:
    """Options of a run.

    Attributes:
        steps: Length of the run; either this or `minutes`.
        minutes: Length of the run.
        keep_norms: Whether the statistics of batch normalisations are fixed, because those of small
            batches are worse than a trained network's.
        batch: Pictures per step.
        sizes: Sides of the input in pixels, each for an equal part of the run; the last one is the
            model's.
        learning_rate: The highest; it falls along a cosine.
        head_rate: Factor of the learning rate for the heads, which may be new.
        weight_decay: Of convolutions.
        warm_up: Steps in which the learning rate rises.
        average: Decay of the moving average of the weights.
        seed: Of all random numbers.
        compile: Whether to use torch.compile.
    """

    steps: int | None = None
    minutes: float | None = None
    keep_norms: bool = False
    batch: int = 24
    sizes: tuple[int, ...] = (256,)
    learning_rate: float = 2.5e-3
    head_rate: float = 1.0
    weight_decay: float = 0.03
    warm_up: int = 300
    average: float = 0.999
    seed: int = 0
    compile: bool = False


class Trainer:
    """A network, its optimiser and the progress of the run.

    `average` is the result: the exponential moving average of the weights.
    """

    def __init__(
        self,
        network: StackedHourglass,
        spec: ModelSpec,
        task: Task,
        options: Options,
        device: torch.device,
    ) -> None:
        for size in options.sizes:
            spec = spec.with_input_size(size, size)
        self.spec = spec
        self.task = task
        self.options = options
        self.device = device
        self.network = network.to(device).train()
        if options.keep_norms:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        # Faster on graphics cards, and several times faster on processors.
        for parameter in self.network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.average: StackedHourglass = copy.deepcopy(self.network).eval()
        self.average.requires_grad_(False)
        self.step = 0
        self.seconds = 0.0
        self._parameters = list(self.network.parameters())
        both = (
            zip(self.average.parameters(), self._parameters, strict=True),
            zip(self.average.buffers(), self.network.buffers(), strict=True),
        )
        pairs = [(a, b) for kind in both for a, b in kind if a.is_floating_point()]
        self._averaged = [a for a, _ in pairs], [b for _, b in pairs]
        self._rates: list[float] = []
        groups = []
        for head in (False, True):
            for decayed in (True, False):
                members = [
                    parameter
                    for name, parameter in self.network.named_parameters()
                    if (".head." in name) == head
                    and (parameter.ndim >= _DECAYED_DIMENSIONS) == decayed
                ]
                decay = options.weight_decay if decayed else 0.0
                groups.append({"params": members, "weight_decay": decay})
                self._rates.append(options.head_rate if head else 1.0)
        self._optimiser = torch.optim.AdamW(
            groups, lr=options.learning_rate, betas=(0.9, 0.99), fused=device.type == "cuda"
        )
        self._compiled = options.compile
        if options.compile:
            # Per stack: they share their code, which is then compiled once.
            for module in self._compiled_modules():
                module.compile(dynamic=False)

    @property
    def progress(self) -> float:
        """The share of the run that is done, 0..1."""
        if self.options.minutes is not None:
            return min(1.0, self.seconds / (60 * self.options.minutes))
        return min(1.0, self.step / max(1, self.options.steps or 1))

    @property
    def size(self) -> int:
        """The current side of the input, in pixels."""
        sizes = self.options.sizes
        return sizes[min(int(self.progress * len(sizes)), len(sizes) - 1)]

    @property
    def seen(self) -> int:
        """How many pictures were used so far."""
        return self.step * self.options.batch

    @property
    def learning_rate(self) -> float:
        """The current rate: warm-up, then a cosine down to a five hundredth."""
        warm = min(1.0, (self.step + 1) / max(1, self.options.warm_up))
        cosine = 0.5 * (1 + math.cos(math.pi * self.progress))
        return self.options.learning_rate * warm * (0.998 * cosine + 0.002)

    def train_step(self) -> Tensor:
        """Train on one batch; returns the loss as a tensor, without waiting for the device."""
        start = time.perf_counter()
        images, labels = self.batch(self.step)
        try:
            loss = self._loss(images, labels)
        except Exception as error:
            if not self._compiled:
                raise
            # Any failure of the compiler: train without it.
            print(
                f"torch.compile failed ({type(error).__name__}): training without it.", flush=True
            )
            self._compiled = False
            for module in self._compiled_modules():
                module._compiled_call_impl = None
            loss = self._loss(images, labels)
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * self.learning_rate
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimiser.step()
        self._update_average()
        self.step += 1
        self.seconds += time.perf_counter() - start
        return loss.detach()

    def batch(self, step: int) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The batch of a step: normalised images (B, 3, S, S), and the task's labels.

        It depends only on the seed, the step and the size.
        """
        random = np.random.default_rng((self.options.seed, step))
        images, labels = self.task.batch(random, self.options.batch, self.size)
        return normalised(images, self.spec), labels

    def _loss(self, images: Tensor, labels: tuple[Tensor, ...]) -> Tensor:
        with autocast(self.device):
            maps = self.network.forward_stacks(images)
        return self.task.loss(maps, labels, self.progress, self._compiled)

    def _compiled_modules(self) -> list[nn.Module]:
        return [self.network.stem, *self.network.stacks]

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.options.average, (self.step + 1) / (self.step + 20))
        kept, new = self._averaged
        torch._foreach_lerp_(kept, new, 1 - decay)

    def save(self, path: Path) -> None:
        """Write everything that `resume` needs, atomically. Raises OSError."""
        state = {
            "options": asdict(self.options),
            "spec": self.spec.to_json(),
            "data": self.task.data,
            "step": self.step,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }
        whole = io.BytesIO()  # of a file that cannot be written, torch tells something else
        torch.save(state, whole)
        with replacing(path) as temporary:
            temporary.write_bytes(whole.getbuffer())

    def resume(self, path: Path) -> None:
        """Continue exactly where `save` was called. Raises ModelError for a file of another run."""
        state = read_checkpoint(path)
        if state["data"] != self.task.data:
            raise ModelError(f"{path} was trained on other data: give the same files.")
        if ModelSpec.from_json(str(state["spec"])).network != self.spec.network:
            raise ModelError(
                f"{path} has a network of another shape: give the same options as before."
            )
        options = asdict(self.options)
        for name in ("batch", "seed", "sizes"):
            before = state["options"].get(name)
            if before != options[name]:
                raise ModelError(
                    f"{path} was trained with {name} {before}, not {options[name]}: give the same "
                    "options as before."
                )
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a file that `Trainer.save` wrote. Raises PoseAppError."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or "optimiser" not in state:
            raise ValueError("it has no optimiser")
    except Exception as error:  # noqa: BLE001 - torch raises many kinds for a broken file
        raise PoseAppError(f"{path} is not a checkpoint of a training run: {error}.") from None
    return state
