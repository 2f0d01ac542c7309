"""Which engine runs a model on this machine."""

from __future__ import annotations

import dataclasses
import logging
import time
from pathlib import Path

from ..errors import EngineError
from ..spec import ModelSpec, read_spec
from ..types import Floats, Image
from .base import Engine
from .hardware import DEVICES, ENGINES, Choice, available, nvidia_count

PRECISIONS = ("f32", "bf16", "fp16")

log = logging.getLogger(__name__)

__all__ = ["DEVICES", "ENGINES", "PRECISIONS", "available", "open_engine", "precisions"]


def open_engine(
    model: str | Path = "default",
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    input_size: tuple[int, int] | None = None,
) -> Engine:
    """Load a model on the fastest engine of this machine, or on the one asked for, and check it.

    `engine` is auto, openvino or torch; `device` auto, cpu, gpu (Intel), npu, cuda or mps;
    `precision` auto, f32, bf16 or fp16; `threads` limits the processor's threads; `input_size`
    (height, width) replaces the model's own. Where an engine fails or its heatmaps are wrong the
    next best is taken, and the engine's `info.reason` says so. Raises EngineError where what was
    asked for is not possible here, ModelError where the model is not usable.
    """
    from ..network import catalogue

    engine, device, precision = engine.lower(), device.lower(), precision.lower()
    _known("engine", engine, ENGINES)
    _known("device", device, DEVICES)
    _known("precision", precision, PRECISIONS)
    choices, problems = _candidates(engine, device)
    path = catalogue.resolve(model)
    spec = read_spec(path)
    if input_size is not None:
        spec = spec.with_input_size(*input_size)
    for index, choice in enumerate(choices):
        try:
            made = _open(choice, path, spec, precision, threads, problems)
        except EngineError as error:
            log.warning("%s: %s", choice.label, error)
            problems.append(str(error))
            continue
        rival = choices[index + 1] if index + 1 < len(choices) else None
        if choice.device == "gpu" and rival is not None and device == "auto":
            made = _faster(made, rival, path, spec, precision, threads)
        reason = " ".join(dict.fromkeys(problems)) or None
        made.info = dataclasses.replace(made.info, reason=reason)
        return made
    raise EngineError(" ".join(dict.fromkeys(problems)))


def _known(what: str, word: str, words: tuple[str, ...]) -> None:
    if word not in ("auto", *words):
        raise EngineError(f"There is no {what} {word!r}: choose auto, {', '.join(words)}.")


def _candidates(engine: str, device: str) -> tuple[list[Choice], list[str]]:
    """What to try, best first, and why better kinds are left out (each a sentence)."""
    fitting = [
        choice
        for choice in available()
        if engine in ("auto", choice.engine) and device in ("auto", choice.device)
    ]
    if not fitting:
        raise EngineError(f"The engine {engine} has no device {device!r}: use --device auto.")
    usable = [choice for choice in fitting if choice.problem is None]
    if device == "auto":
        # An NPU takes long to compile for and is rarely the quickest: only on request.
        usable = [choice for choice in usable if choice.device != "npu"]
    if not usable:
        raise EngineError(" ".join(c.problem for c in fitting if c.problem is not None))
    return usable, [c.problem for c in fitting if c.problem is not None and _surprising(c, usable)]


def _surprising(choice: Choice, usable: list[Choice]) -> bool:
    """Whether a person should hear why this kind is not used: the hardware is there, or the
    engine that is left is the slow one."""
    if choice.device == "cuda":
        return nvidia_count() > 0
    return choice.device == "cpu" and usable[0].engine == "torch" and usable[0].device == "cpu"


def _open(
    choice: Choice,
    path: Path,
    spec: ModelSpec,
    precision: str,
    threads: int | None,
    problems: list[str],
) -> Engine:
    """The engine in the first precision that passes the self-check. Raises EngineError."""
    able = precisions(choice)
    if precision not in ("auto", *able):
        raise EngineError(
            f"{choice.label} does not compute in {precision}: choose {' or '.join(able)}."
        )
    # What was asked for first; float32 is the last resort of everything.
    order = able if precision == "auto" else tuple(dict.fromkeys((precision, "f32")))
    why = None
    for name in order:
        made, picture, reference = _make(choice, path, spec, name, threads)
        try:
            why = _failure(made, picture, reference)
        except EngineError:
            made.close()
            raise
        if why is None:
            return made
        made.close()
        log.warning("%s", why)
        problems.append(f"{why}.")
    raise EngineError(f"{why}.")


def precisions(choice: Choice) -> tuple[str, ...]:
    """The precisions that are tried on a device, fastest first."""
    if choice.engine == "openvino":
        from . import openvino_engine

        return openvino_engine.precisions(choice.device.upper())
    return {"cuda": ("fp16", "bf16", "f32"), "mps": ("fp16", "f32")}.get(choice.device, ("f32",))


def _make(
    choice: Choice, path: Path, spec: ModelSpec, precision: str, threads: int | None
) -> tuple[Engine, Image, Floats]:
    """An engine, and the picture and float32 heatmaps it is to be checked with."""
    if choice.engine == "openvino":
        from .convert import converted
        from .openvino_engine import OpenVINOEngine

        found = converted(path, spec)
        device = choice.device.upper()
        made: Engine = OpenVINOEngine(found.graph, spec, device, precision, threads)
        return made, found.picture, found.reference
    try:
        from .torch_engine import TorchEngine, reference
    except ImportError as error:
        raise EngineError(f"PyTorch does not load here: {error}.") from None
    from .selfcheck import check_picture

    made = TorchEngine(path, spec, choice.device, precision, threads)
    picture = check_picture(spec)
    return made, picture, reference(path, spec, picture)


def _failure(made: Engine, picture: Image, reference: Floats) -> str | None:
    from .selfcheck import failure

    return failure(made, picture, reference)


def _faster(
    made: Engine,
    rival: Choice,
    path: Path,
    spec: ModelSpec,
    precision: str,
    threads: int | None,
) -> Engine:
    """Integrated graphics may be slower than the processor beside it: the quicker one of both."""
    try:
        other = _open(rival, path, spec, precision, threads, [])
    except EngineError as error:
        log.warning("%s: %s", rival.label, error)
        return made
    quicker, slower = sorted((made, other), key=_seconds)
    slower.close()
    return quicker


def _seconds(engine: Engine, runs: int = 5) -> float:
    """The best of a few single inferences with every stack."""
    from .selfcheck import check_picture

    picture, times = check_picture(engine.spec), []
    for _ in range(runs):
        started = time.perf_counter()
        engine.infer(picture, engine.spec.network.stacks)
        times.append(time.perf_counter() - started)
    return min(times)
