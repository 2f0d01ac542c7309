"""Chooses the engine for a model: the fastest measured on this machine that passes its check."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..engine_words import DEVICES, ENGINES, PRECISIONS, Word, words
from ..errors import EngineError
from ..spec import ModelSpec, read_spec
from ..types import Image
from . import measure as timing
from . import progress
from .base import Engine
from .hardware import Choice, nvidia_card, nvidia_count, nvidia_driver, processor
from .kinds import Model, available, opened, precisions
from .measure import Candidate, Search, Table

log = logging.getLogger(__name__)

__all__ = ["available", "better", "in_parallel", "measured", "open_engine", "precisions"]


def open_engine(
    model: str | Path = "default",
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    input_size: tuple[int, int] | None = None,
    first: int | None = None,
) -> Engine:
    """Load a model on the fastest engine of this machine, or on the one asked for, and check it.

    Before anything was measured on this machine, the likely fastest is opened: see `better`. Where
    an engine fails or its heatmaps are wrong, the next best is opened, and `info.reason` says so.

    Args:
        model: A name, or the path of a model file.
        engine: auto or a word of `engine_words.ENGINES`.
        device: auto or a word of `engine_words.DEVICES`.
        precision: auto or a word of `engine_words.PRECISIONS`.
        threads: The most threads of the processor; default as the engine likes.
        input_size: (height, width); default the model's own.
        first: How many stacks must be ready at once, default all; the others are prepared when
            `Engine.ready` is asked for them, which is worth it for OpenVINO on a processor.

    Raises:
        EngineError: Nothing of what was asked for works here.
        ModelError: The model is not usable.
    """
    request = _Request(_resolved(model, input_size), *_checked(engine, device, precision), threads)
    candidates, last_resorts, problems = _candidates(request)
    alternatives = candidates if request.precision == "auto" and len(candidates) > 1 else []
    table = timing.kept.get(_key(request, alternatives)) if alternatives else ()
    for candidate in (*_in_order(candidates, table), *last_resorts):
        progress.check()
        try:
            made = opened(request.model, candidate, first)
        except EngineError as error:
            log.warning("%s: %s", candidate, error)
            problems.append(str(error))
            continue
        reason = " ".join(dict.fromkeys(problems)) or None
        made.info = dataclasses.replace(
            made.info, reason=reason, table=timing.as_text(table), candidate=str(candidate)
        )
        # What failed before may work now: a card that was full, a driver that was updated.
        if alternatives and not (table and all(one.problem is None for one in table)):
            made.search = Search(
                candidate,
                alternatives,
                functools.partial(opened, request.model),
                check_picture(request.model.spec),
                _key(request, alternatives),
            )
        return made
    raise EngineError(" ".join(dict.fromkeys(problems)))


def in_parallel(engine: str, device: str) -> bool:
    """Whether two models may be opened at once on what `open_engine` chooses.

    True of OpenVINO on the processor. A CUDA device must be idle while a graph is captured, and
    other drivers prepare one model at a time anyway.
    """
    try:
        choices, _ = _devices(engine.lower(), device.lower())
    except EngineError:
        return False
    return (choices[0].engine, choices[0].device) == ("openvino", "cpu")


def better(engine: Engine) -> bool:
    """Whether opening the same model again would give a clearly faster engine.

    Poll it while frames run. Where this machine has no measurements yet, it starts them in the
    background after some seconds (`Search.better`).
    """
    search: Search | None = getattr(engine, "search", None)  # engines of tests have none
    return search is not None and search.better()


def measured(model: str | Path = "default", again: bool = False) -> Table:
    """The times of all candidates that `open_engine` chooses from.

    Measured now, which takes some seconds, where they are unknown or with `again`. Raises
    ModelError or EngineError.
    """
    request = _Request(_resolved(model, None), "auto", "auto", "auto", None)
    candidates, *_ = _candidates(request)
    key = _key(request, candidates)
    table = () if again else timing.kept.get(key)
    if not table:
        opener = functools.partial(opened, request.model)
        table = timing.measure(candidates, opener, check_picture(request.model.spec))
        timing.kept.put(key, table)
    return table


@dataclass(frozen=True)
class _Request:
    model: Model
    engine: str
    device: str
    precision: str
    threads: int | None


def _resolved(model: str | Path, input_size: tuple[int, int] | None) -> Model:
    from ..network import catalogue

    path = catalogue.resolve(model)
    spec = read_spec(path)
    return Model(path, spec if input_size is None else spec.with_input_size(*input_size))


def _checked(engine: str, device: str, precision: str) -> tuple[str, str, str]:
    found = engine.lower(), device.lower(), precision.lower()
    _known("engine", found[0], ENGINES)
    _known("device", found[1], DEVICES)
    _known("precision", found[2], PRECISIONS)
    return found


def _known(what: str, word: str, rows: tuple[Word, ...]) -> None:
    if word not in ("auto", *words(rows)):
        raise EngineError(f"There is no {what} {word!r}: choose auto, {', '.join(words(rows))}.")


def _candidates(request: _Request) -> tuple[list[Candidate], list[Candidate], list[str]]:
    """What a request can be opened on. Raises EngineError where nothing is possible.

    Returns:
        (candidates, likely the fastest first; last resorts, for when all candidates fail; a
        sentence for each better kind of engine that cannot be used).
    """
    choices, problems = _devices(request.engine, request.device)
    quantized = _quantized(request.model, choices)
    found: list[Candidate] = []
    last: list[Candidate] = []
    refused: list[str] = []
    for choice in choices:
        supported = precisions(choice, quantized)
        if request.precision in ("auto", *supported):
            names = supported if request.precision == "auto" else (request.precision,)
            made = [
                Candidate(choice.engine, choice.device, name, request.threads) for name in names
            ]
            slowest = (choice.engine, choice.device) == ("torch", "cpu") and bool(found)
            (last if slowest else found).extend(made)
            if request.precision not in ("auto", "f32"):
                last.append(Candidate(choice.engine, choice.device, "f32", request.threads))
        elif request.precision.startswith("int8") and not quantized:
            refused.append(
                f"The model {request.model.spec.name} was not quantized: run `pose-app quantize`, "
                f"or choose {' or '.join(supported)}."
            )
        else:
            refused.append(
                f"{choice.label} does not compute in {request.precision}: choose "
                f"{' or '.join(supported)}."
            )
    if not found:
        raise EngineError(" ".join(dict.fromkeys(refused)))
    if request.precision == "auto" and request.threads is None:
        found += _on_every_thread(found)
    return found, last, problems


def _quantized(model: Model, choices: Sequence[Choice]) -> bool:
    """Whether the model came with 8-bit graphs and OpenVINO is among the choices."""
    if all(choice.engine != "openvino" for choice in choices):
        return False
    return model.ready_made is not None and "int8" in model.ready_made.files


def _devices(engine: str, device: str) -> tuple[list[Choice], list[str]]:
    """The engines and devices to try, and a sentence for each better one that cannot be used."""
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
    """Whether to tell the user why this kind is not used.

    True where the hardware is there, or where only the slowest kind (PyTorch on the processor) is
    left.
    """
    if choice.device == "cuda":
        return nvidia_count() > 0
    return choice.device == "cpu" and usable[0].engine == "torch" and usable[0].device == "cpu"


def _on_every_thread(found: Sequence[Candidate]) -> list[Candidate]:
    """OpenVINO on all logical cores as well; by default it uses one thread per physical core."""
    import psutil

    cores, threads = psutil.cpu_count(logical=False), os.cpu_count()
    if cores is None or threads is None or threads <= cores:
        return []
    first = next((one for one in found if (one.engine, one.device) == ("openvino", "cpu")), None)
    return [] if first is None else [dataclasses.replace(first, threads=threads)]


def _in_order(candidates: Sequence[Candidate], table: Table) -> list[Candidate]:
    """The candidates by measured time; those that were not measured last, in their own order."""
    ranked = [one.candidate for one in timing.ranked(table) if one.candidate in candidates]
    return [*ranked, *(one for one in candidates if one not in ranked)]


def _key(request: _Request, candidates: Sequence[Candidate]) -> str:
    """The key of the table for this model, machine, drivers and versions."""
    graphs = None
    if any(candidate.engine == "openvino" for candidate in candidates):
        graphs = request.model.ready_made
    return timing.key_of(
        [str(one) for one in candidates],
        [choice.label for choice in available() if choice.problem is None],
        platform.node(),
        os.cpu_count(),
        os.environ.get("ONEDNN_MAX_CPU_ISA"),
        nvidia_driver(),
        nvidia_card(),
        processor(),
        [_version(name) for name in ("openvino", "torch")],
        request.model.checksum,
        None if graphs is None else graphs.compiled.name,
        request.model.spec.input_size,
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def check_picture(spec: ModelSpec) -> Image:
    """See `selfcheck.check_picture`, which is imported late because it loads OpenCV."""
    from .selfcheck import check_picture as picture

    return picture(spec)
