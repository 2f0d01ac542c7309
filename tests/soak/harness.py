"""The run: sessions that follow each other, actions in random order, an account at the end."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pose_app import diagnostics
from tests.faults import breakable_files
from tests.soak.actions import Action, actions
from tests.soak.watched import Watched


@dataclass(frozen=True)
class Outcome:
    """What a soak has seen; `faults` are (seconds since the start, what was done)."""

    watched: Watched
    seed: int
    seconds: float
    done: list[tuple[float, str]]
    interrupted: bool


class Soak:
    """`seconds` long; the same `seed` gives the same order of actions, not the same timing.

    `calm`: a single session that records the demo, and nothing is done to it.
    """

    def __init__(
        self, folder: Path, seconds: float, seed: int | None, model: str, *, calm: bool = False
    ) -> None:
        self.seed = random.SystemRandom().randrange(10**6) if seed is None else seed
        self._folder = folder
        self._seconds = seconds
        self._model = model
        self._calm = calm
        # A short soak changes something every half a second, a long one every three.
        self._interval = min(3.0, max(0.2, seconds / 150))
        self._session_seconds = min(600.0, max(15.0, seconds / 6))

    def run(self) -> Outcome:
        """Everything once in random order, then at random until the time is over."""
        rng = random.Random(self.seed)
        watched = Watched(self._folder, rng, self._model)
        diagnostics.start(watched.problems.append)
        done: list[tuple[float, str]] = []
        interrupted = False
        begun = time.monotonic()
        try:
            with breakable_files(watched.file_fault), _termination_interrupts():
                if not self._calm:
                    watched.warm_up()
                begun = time.monotonic()
                names = self._order(rng)
                while time.monotonic() - begun < self._seconds:
                    self._one_session(watched, rng, names, begun, done)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            watched.engine_fault.released.set()
            if hasattr(watched, "session"):
                watched.end()
            watched.close()
            diagnostics.stop()
        return Outcome(watched, self.seed, time.monotonic() - begun, done, interrupted)

    def _one_session(
        self,
        watched: Watched,
        rng: random.Random,
        names: Iterator[tuple[str, Action]],
        begun: float,
        done: list[tuple[float, str]],
    ) -> None:
        now = time.monotonic()
        end = begun + self._seconds
        if not self._calm:
            end = min(end, now + self._session_seconds * rng.uniform(0.5, 1.5))
        watched.begin(lossless=not self._calm and watched.sessions % 3 == 1)  # the second, fifth...
        done.append((now - begun, "start"))
        going = True
        if self._calm or rng.random() < 0.8:  # else something is done while it still loads
            going = watched.act("start", lambda w: w.expect("model_loaded"))
        while going and time.monotonic() < end:
            name, action = next(names)
            done.append((time.monotonic() - begun, name))
            going = watched.act(name, action, self._interval * rng.uniform(0.3, 1.7))
        watched.end()
        done.append((time.monotonic() - begun, "stop"))

    def _order(self, rng: random.Random) -> Iterator[tuple[str, Action]]:
        known = actions()
        if self._calm:
            yield "record or stop", known["record or stop"][0]
            while True:
                yield "nothing", lambda watched: None
        every = list(known)
        rng.shuffle(every)
        yield from ((name, known[name][0]) for name in every)
        weights = [known[name][1] for name in every]
        while True:
            name = rng.choices(every, weights)[0]
            yield name, known[name][0]


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """SIGTERM ends the soak as Ctrl-C does, with its account."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: Any = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
