"""Times of repeated calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Call = Callable[[], object]

_ROUND = 0.15  # seconds that a call is repeated before the next call's turn
_FEWEST = 5


@dataclass(frozen=True)
class Times:
    """Milliseconds of `runs` calls."""

    median: float
    p95: float
    best: float
    runs: int


def together(calls: Mapping[str, Call], seconds: float) -> dict[str, Times]:
    """Time several calls for `seconds` each, after two warm-up calls.

    They run in turns, so that a busy moment of the machine affects them all and their ratios are
    valid.
    """
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
        call()
    while any(sum(s) < seconds or len(s) < _FEWEST for s in samples.values()):
        for name, call in calls.items():
            spent = 0.0
            while spent < min(_ROUND, seconds):
                started = time.perf_counter()
                call()
                took = time.perf_counter() - started
                samples[name].append(took)
                spent += took
    return {name: _times(values) for name, values in samples.items()}


def alone(call: Call, seconds: float) -> Times:
    """Time one call for `seconds`."""
    return together({"": call}, seconds)[""]


def _times(samples: list[float]) -> Times:
    values = np.array(samples) * 1e3
    median, p95 = np.percentile(values, (50, 95))
    return Times(float(median), float(p95), float(values.min()), len(samples))
