"""The table of engines. A new one is a file with its class, a row here and one in `engine_words`.

Rows import what they need only when they are used.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EngineError
from ..spec import ModelSpec
from ..whole_files import checksum
from . import hardware
from .hardware import Choice
from .measure import Candidate

if TYPE_CHECKING:
    from .base import SearchingEngine
    from .graphs import Graphs

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Model:
    """A model file with its spec; further facts are read from disk once, when they are needed."""

    path: Path
    spec: ModelSpec

    @functools.cached_property
    def checksum(self) -> str:
        """SHA-256 of the file."""
        return checksum(self.path)

    @functools.cached_property
    def ready_made(self) -> Graphs | None:
        """The graphs that came with the file. Needs OpenVINO."""
        from .convert import ready_made

        return ready_made(self.path, self.spec)


@dataclass(frozen=True)
class EngineKind:
    """A row of the table.

    Attributes:
        word: As in `engine_words.ENGINES`.
        choices: Lists its devices, and why one cannot be used here.
        precisions: The precisions to try on a device, likely the fastest first. The second
            argument: whether the model came with 8-bit graphs.
        open: Opens a model on a device and runs the self-check; prepares as many stacks as given,
            None = all, where others can be prepared later. Raises EngineError.
    """

    word: str
    choices: Callable[[], Sequence[Choice]]
    precisions: Callable[[Choice, bool], tuple[str, ...]]
    open: Callable[[Model, Candidate, int | None], SearchingEngine]


def available() -> list[Choice]:
    """Every engine on every device, usually the fastest first; imports no torch."""
    return sorted(
        (choice for kind in KINDS for choice in kind.choices()), key=lambda choice: choice.rank
    )


def precisions(choice: Choice, quantized: bool = False) -> tuple[str, ...]:
    """The precisions to try on a device, likely the fastest first."""
    return _kind(choice.engine).precisions(choice, quantized)


def opened(model: Model, candidate: Candidate, first: int | None = None) -> SearchingEngine:
    """Open an engine and run its self-check; `first` as in `open_engine`. Raises EngineError."""
    return _kind(candidate.engine).open(model, candidate, first)


def _kind(word: str) -> EngineKind:
    return next(kind for kind in KINDS if kind.word == word)


def _openvino_precisions(choice: Choice, quantized: bool) -> tuple[str, ...]:
    from . import openvino_engine

    return openvino_engine.precisions(choice.device.upper(), quantized)


def _torch_precisions(choice: Choice, quantized: bool) -> tuple[str, ...]:
    return {"cuda": ("fp16", "bf16", "f32"), "mps": ("fp16", "f32")}.get(choice.device, ("f32",))


def _open_torch(model: Model, candidate: Candidate, first: int | None) -> SearchingEngine:
    try:
        from .torch_engine import TorchEngine, reference
    except ImportError as error:
        raise EngineError(f"PyTorch does not load here: {error}.") from None
    from .selfcheck import check_picture, failure

    path, spec = model.path, model.spec
    made = TorchEngine(path, spec, candidate.device, candidate.precision, candidate.threads)
    try:
        picture = check_picture(spec)
        answer = made.infer(picture, spec.network.stacks)
        why = failure(answer, made.info, reference(path, spec, picture))
        if why is not None:
            raise EngineError(f"{why}.")
    except BaseException:
        made.close()
        raise
    return made


def _open_openvino(model: Model, candidate: Candidate, first: int | None) -> SearchingEngine:
    """Open the graphs that came with the model; where there are none or they fail, convert it."""
    from .convert import converted

    found = model.ready_made
    if found is not None:
        try:
            return _openvino(found, candidate, first)
        except EngineError as error:
            if candidate.precision.startswith("int8"):
                raise
            log.warning("The graphs that came with %s are not used: %s", model.path, error)
    return _openvino(converted(model.path, model.spec), candidate, first)


def _openvino(graphs: Graphs, candidate: Candidate, first: int | None) -> SearchingEngine:
    from .openvino_engine import OpenVINOEngine

    made = OpenVINOEngine(graphs, candidate.device.upper(), candidate.precision, candidate.threads)
    try:
        made.prepare(made.spec.network.stacks if first is None else first)
    except BaseException:
        made.close()
        raise
    return made


KINDS = (
    EngineKind("openvino", hardware.openvino_choices, _openvino_precisions, _open_openvino),
    EngineKind("torch", hardware.torch_choices, _torch_precisions, _open_torch),
)
