"""Opens the estimators of a session: the one asked for, and others after its engine has failed."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..engines.base import EngineInfo
    from ..engines.hardware import Choice
    from .estimator import PoseEstimator

log = logging.getLogger(__name__)

TRIES = 2  # of one engine in one session

Open = Callable[[], "PoseEstimator"]
Others = Callable[["Sequence[EngineInfo]"], "Sequence[Open]"]


@dataclass(frozen=True)
class EstimatorFactory:
    """Opens a model on the engine asked for, or on any other engine of this machine.

    Attributes:
        model: A name of the catalogue or a file.
        engine: A word for `open_engine`, as are `device` and `precision`.
        threshold: Score 0..1 from which a joint is present; None = the model's own.
        smoothing: Whether joints are smoothed over time.
        first: How many stacks must be ready at once; None = all.
    """

    model: str | Path = "default"
    engine: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    threshold: float | None = None
    smoothing: bool = False
    first: int | None = None

    def open(self) -> PoseEstimator:
        """Open the model on what was asked for.

        Raises:
            ModelError: The model is not usable.
            EngineError: What was asked for is not possible here.
        """
        return self._open(self.engine, self.device, self.precision)

    def others(self, failed: Sequence[EngineInfo]) -> Sequence[Open]:
        """What to try after engines have failed during a run.

        The engine that failed last is left out. Others that failed earlier (a device may have been
        unplugged, or its memory full) come after those that never did, and are left out after two
        failures.

        Args:
            failed: The engines that failed, the last one last.

        Returns:
            Openers, the fastest first; each may raise ModelError or EngineError.
        """
        from ..engines.kinds import available

        usable = [choice for choice in available() if choice.problem is None]
        times = {choice: sum(_is(choice, info) for info in failed) for choice in usable}
        left = [
            choice
            for choice in usable
            if times[choice] < TRIES and not (failed and _is(choice, failed[-1]))
        ]
        left.sort(key=lambda choice: times[choice])  # stable: in order of speed otherwise
        return [partial(self._open, choice.engine, choice.device, "auto") for choice in left]

    def _open(self, engine: str, device: str, precision: str) -> PoseEstimator:
        from .estimator import PoseEstimator

        return PoseEstimator.open(
            self.model,
            engine,
            device,
            precision,
            threshold=self.threshold,
            smoothing=self.smoothing,
            first=self.first,
        )


def import_engine(engine: str) -> None:
    """Import what `EstimatorFactory.open` needs for an engine or for `auto`; never torch.

    Call it before the program's other imports: on a thread beside them it takes twice as long, and
    nothing can be compiled before it is done.
    """
    from . import estimator  # noqa: F401

    if engine != "torch":
        with contextlib.suppress(ImportError):  # `open` says so
            from ..engines import openvino_engine  # noqa: F401


def none(failed: Sequence[EngineInfo]) -> Sequence[Open]:
    """Try no other engine."""
    return ()


def _is(choice: Choice, info: EngineInfo) -> bool:
    """Whether an engine's info (`OpenVINO`, `CPU`; `PyTorch`, `CUDA (...)`) is of this choice."""
    same_engine = choice.label.casefold().startswith(info.engine.casefold())
    return same_engine and info.device.casefold().startswith(choice.device)
