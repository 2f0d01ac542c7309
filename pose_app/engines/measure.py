"""Measures the candidate engines of a model on this machine, once, and caches the times."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EngineError, without_frames
from ..paths import cache_folder
from ..types import Image
from ..whole_files import replacing
from . import progress

if TYPE_CHECKING:
    from .base import Engine

SCHEMA = 1
AFTER_SECONDS = 5.0  # of running before the search for a faster engine starts
_SECONDS = 0.3  # of inference in all, on a machine at rest
_FEWEST, _MOST = 3, 12  # inferences of each candidate; while frames run the most, see `measure`
_REST = 2.0  # pause after an inference while frames run, as a multiple of its time
_CLEARLY = 0.93  # an engine is worth changing to if it takes less than this share of the time

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """One way to run a model, in words of `engine_words`; `threads` None is the engine's choice."""

    engine: str
    device: str
    precision: str
    threads: int | None = None

    @property
    def words(self) -> tuple[str, str, str]:
        """Engine, device and precision, as `open_engine` takes them."""
        return self.engine, self.device, self.precision

    def __str__(self) -> str:
        where = "" if self.device == "cpu" else f"{self.device} "
        engine = "torch " if (self.engine, self.device) == ("torch", "cpu") else ""
        threads = "" if self.threads is None else f" {self.threads} threads"
        return f"{engine}{where}{self.precision}{threads}"


@dataclass(frozen=True)
class Measured:
    """The shortest of a few inferences with all stacks in ms, or why there is none."""

    candidate: Candidate
    ms: float | None
    problem: str | None = None


Table = tuple[Measured, ...]
Open = Callable[[Candidate], "Engine"]


def as_text(table: Table) -> str:
    """E.g. `int8 9.1 ms, f32 28 ms, bf16 45 ms`, the fastest first."""
    return ", ".join(f"{one.candidate} {one.ms:.3g} ms" for one in ranked(table))


def ranked(table: Table) -> list[Measured]:
    """The candidates that could be measured, the fastest first."""
    good = [one for one in table if one.ms is not None]
    return sorted(good, key=lambda one: one.ms or 0.0)


def measure(
    candidates: Sequence[Candidate],
    open_one: Open,
    picture: Image,
    stop: threading.Event | None = None,
) -> Table:
    """Time the candidates in turns, so that a busy moment of the machine affects them all alike.

    Args:
        candidates: What to time.
        open_one: Opens a checked engine. Raises EngineError.
        picture: (1, H, W, 3) uint8 BGR.
        stop: Given while frames run elsewhere: every inference is followed by a pause, and setting
            it ends the measurement. Only a few inferences then have the processor for themselves,
            so there are more of them: of three, the shortest told bf16 and 8 bits apart wrongly.

    Returns:
        One row per candidate, in their order; empty where `stop` was set.
    """
    engines: dict[Candidate, Engine] = {}
    problems: dict[Candidate, str] = {}
    times: dict[Candidate, list[float]] = {}
    try:
        for candidate in candidates:
            if stop is not None and stop.is_set():
                return ()
            try:
                engines[candidate] = open_one(candidate)
            except EngineError as error:
                without_frames(error)
                problems[candidate] = str(error)
            times[candidate] = []
        spent, rounds = 0.0, 0
        seconds = _SECONDS if stop is None else math.inf
        while engines and (rounds < _FEWEST or (spent < seconds and rounds < _MOST)):
            for candidate, engine in list(engines.items()):
                if stop is not None and stop.is_set():
                    return ()
                started = time.perf_counter()
                try:
                    engine.infer(picture, engine.spec.network.stacks)
                except EngineError as error:
                    without_frames(error)
                    problems[candidate] = str(error)
                    engines.pop(candidate).close()
                    continue
                took = time.perf_counter() - started
                times[candidate].append(took)
                spent += took
                if stop is not None:
                    stop.wait(_REST * took)
            rounds += 1
    finally:
        for engine in engines.values():
            engine.close()
    return tuple(
        Measured(one, None, problems[one])
        if one in problems
        else Measured(one, round(1e3 * min(times[one]), 3))
        for one in candidates
    )


class Kept:
    """Tables by key, in the cache folder and in memory (for where the folder is read-only)."""

    def __init__(self) -> None:
        self._memory: dict[str, Table] = {}

    def get(self, key: str) -> Table:
        """The table of a key; empty where there is none."""
        return self._memory.get(key) or self._read(key)

    def put(self, key: str, table: Table) -> None:
        self._memory[key] = table
        path = _file(key)
        content = {"schema": SCHEMA, "table": [dataclasses.asdict(one) for one in table]}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(content), encoding="utf-8")
        except OSError as error:
            log.warning("%s cannot be written: %s", path, error)

    def _read(self, key: str) -> Table:
        path = _file(key)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["schema"] != SCHEMA:
                return ()
            return tuple(
                Measured(
                    Candidate(**row["candidate"]),
                    None if row["ms"] is None else float(row["ms"]),
                    row["problem"],
                )
                for row in content["table"]
            )
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s cannot be used, so the engines are measured again: %s", path, error)
            return ()


kept = Kept()


def key_of(*facts: object) -> str:
    """The key of a table that holds while none of these facts changes."""
    text = json.dumps([SCHEMA, *facts], default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _file(key: str) -> Path:
    return cache_folder() / "choices" / f"{key}.json"


class Search:
    """Measures the candidates in the background while an engine runs; that engine closes it."""

    def __init__(
        self,
        present: Candidate,
        candidates: Sequence[Candidate],
        open_one: Open,
        picture: Image,
        key: str,
    ) -> None:
        self._present = present
        self._candidates = candidates
        self._open = open_one
        self._picture = picture
        self._key = key
        self._stop = threading.Event()
        self._since = time.perf_counter()
        self._thread: threading.Thread | None = None
        self._table: Table = ()

    def better(self) -> bool:
        """Whether a clearly faster candidate is known by now.

        The first call after AFTER_SECONDS starts the measurement: a short run would gain nothing
        from it, and would have to wait for a compilation at its end.
        """
        if self._thread is None:
            if time.perf_counter() - self._since < AFTER_SECONDS:
                return False
            self._thread = threading.Thread(target=self._run, name="measure engines", daemon=True)
            self._thread.start()
        best = ranked(self._table)[:1]
        present = [one.ms for one in self._table if one.candidate == self._present]
        if not best or best[0].candidate == self._present or best[0].ms is None:
            return False
        return not present or present[0] is None or best[0].ms < _CLEARLY * present[0]

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        _lower_priority()
        try:
            with progress.wanted(lambda: not self._stop.is_set()):
                table = measure(self._candidates, self._open, self._picture, self._stop)
        except progress.UnwantedError:
            return
        except Exception:
            log.exception("measuring the engines failed")
            return
        if not table:
            return
        log.info("measured: %s", as_text(table))
        kept.put(self._key, table)
        self._table = table


def _lower_priority() -> None:
    """Lower the priority of this thread and those it starts, where the system supports that."""
    if hasattr(os, "setpriority"):
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        except OSError as error:
            log.info("no lower priority for measuring: %s", error)
