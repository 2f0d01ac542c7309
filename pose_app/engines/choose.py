"""Which engine runs a model on this machine: the fastest that was measured and computes rightly."""

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
from typing import TYPE_CHECKING

from ..engine_words import DEVICES, ENGINES, PRECISIONS, Word, words
from ..errors import EngineError
from ..spec import ModelSpec, read_spec
from ..types import Image
from . import measure as timing
from . import progress
from .base import Engine
from .hardware import Choice, nvidia_count, nvidia_driver
from .kinds import Model, available, opened, precisions
from .measure import Candidate, Search, Table

if TYPE_CHECKING:
    pass

log = logging.getLogger(__name__)

__all__ = ["available", "better", "measured", "open_engine", "precisions"]


def open_engine(
    model: str | Path = "default",
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    input_size: tuple[int, int] | None = None,
) -> Engine:
    """Load a model on the fastest engine of this machine, or on the one asked for, and check it.

    `engine`, `device` and `precision` are auto or words of engine_words.py; `threads` limits the
    processor's threads; `input_size` (height, width) replaces the model's own. The first time on a
    machine the fastest is guessed: see `better`. Where an engine fails or its heatmaps are wrong
    the next best is taken, and the engine's `info.reason` says so. Raises EngineError where what
    was asked for is not possible here, ModelError where the model is not usable.
    """
    wish = _Wish(_resolved(model, input_size), *_checked(engine, device, precision), threads)
    candidates, last_resorts, problems = _candidates(wish)
    rivals = candidates if wish.precision == "auto" and len(candidates) > 1 else []
    table = timing.kept.get(_key(wish, rivals)) if rivals else ()
    for candidate in (*_in_order(candidates, table), *last_resorts):
        progress.check()
        try:
            made = opened(wish.model, candidate)
        except EngineError as error:
            log.warning("%s: %s", candidate, error)
            problems.append(str(error))
            continue
        reason = " ".join(dict.fromkeys(problems)) or None
        made.info = dataclasses.replace(
            made.info, reason=reason, table=timing.as_text(table), candidate=str(candidate)
        )
        if rivals and not table:
            made.search = Search(
                candidate,
                rivals,
                functools.partial(opened, wish.model),
                check_picture(wish.model.spec),
                _key(wish, rivals),
            )
        return made
    raise EngineError(" ".join(dict.fromkeys(problems)))


def better(engine: Engine) -> bool:
    """Whether opening the same again would give something clearly faster.

    To be polled while frames run: the first call begins to measure in the background, if this was
    not done before on this machine.
    """
    search: Search | None = getattr(engine, "search", None)  # those of tests have none
    return search is not None and search.better()


def measured(model: str | Path = "default", again: bool = False) -> Table:
    """The times of everything that `open_engine` would choose from.

    Measured now where they are not known, or `again`. Takes some seconds then. Raises ModelError or
    EngineError.
    """
    wish = _Wish(_resolved(model, None), "auto", "auto", "auto", None)
    candidates, *_ = _candidates(wish)
    key = _key(wish, candidates)
    table = () if again else timing.kept.get(key)
    if not table:
        opener = functools.partial(opened, wish.model)
        table = timing.measure(candidates, opener, check_picture(wish.model.spec))
        timing.kept.put(key, table)
    return table


@dataclass(frozen=True)
class _Wish:
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


def _candidates(wish: _Wish) -> tuple[list[Candidate], list[Candidate], list[str]]:
    """What to open, in order, and what is left out.

    (what may be the fastest, likely the fastest first; what is tried when all of it fails; why
    better kinds are left out, each a sentence). Raises EngineError where nothing is possible.
    """
    choices, problems = _devices(wish.engine, wish.device)
    quantized = _quantized(wish.model, choices)
    found: list[Candidate] = []
    last: list[Candidate] = []
    refused: list[str] = []
    for choice in choices:
        able = precisions(choice, quantized)
        if wish.precision in ("auto", *able):
            names = able if wish.precision == "auto" else (wish.precision,)
            made = [Candidate(choice.engine, choice.device, name, wish.threads) for name in names]
            slowest = (choice.engine, choice.device) == ("torch", "cpu") and bool(found)
            (last if slowest else found).extend(made)
            if wish.precision not in ("auto", "f32"):
                last.append(Candidate(choice.engine, choice.device, "f32", wish.threads))
        elif wish.precision.startswith("int8") and not quantized:
            refused.append(
                f"The model {wish.model.spec.name} was not quantized: run `pose-app quantize`, or "
                f"choose {' or '.join(able)}."
            )
        else:
            refused.append(
                f"{choice.label} does not compute in {wish.precision}: choose {' or '.join(able)}."
            )
    if not found:
        raise EngineError(" ".join(dict.fromkeys(refused)))
    if wish.precision == "auto" and wish.threads is None:
        found += _on_every_thread(found)
    return found, last, problems


def _quantized(model: Model, choices: Sequence[Choice]) -> bool:
    """Whether graphs in 8 bits came with the model, and something could run them."""
    if all(choice.engine != "openvino" for choice in choices):
        return False
    return model.ready_made is not None and "int8" in model.ready_made.files


def _devices(engine: str, device: str) -> tuple[list[Choice], list[str]]:
    """The engines and devices to try, and why better ones are left out."""
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
    """Whether a person should hear why this kind is not used.

    The hardware is there, or the engine that is left is the slow one.
    """
    if choice.device == "cuda":
        return nvidia_count() > 0
    return choice.device == "cpu" and usable[0].engine == "torch" and usable[0].device == "cpu"


def _on_every_thread(found: Sequence[Candidate]) -> list[Candidate]:
    """OpenVINO takes one thread per core; two may be quicker where a core runs two."""
    import psutil

    cores, threads = psutil.cpu_count(logical=False), os.cpu_count()
    if cores is None or threads is None or threads <= cores:
        return []
    first = next((one for one in found if (one.engine, one.device) == ("openvino", "cpu")), None)
    return [] if first is None else [dataclasses.replace(first, threads=threads)]


def _in_order(candidates: Sequence[Candidate], table: Table) -> list[Candidate]:
    """The fastest first; as they are where nothing was measured."""
    ranked = [one.candidate for one in timing.ranked(table) if one.candidate in candidates]
    return [*ranked, *(one for one in candidates if one not in ranked)]


def _key(wish: _Wish, candidates: Sequence[Candidate]) -> str:
    """The name of the table for a model on this machine with these drivers and versions."""
    return timing.key_of(
        [str(one) for one in candidates],
        [choice.label for choice in available() if choice.problem is None],
        platform.node(),
        os.cpu_count(),
        os.environ.get("ONEDNN_MAX_CPU_ISA"),
        nvidia_driver(),
        [_version(name) for name in ("openvino", "torch")],
        wish.model.checksum,
        wish.model.spec.input_size,
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def check_picture(spec: ModelSpec) -> Image:
    from .selfcheck import check_picture as picture  # late: it loads OpenCV

    return picture(spec)
