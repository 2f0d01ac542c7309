"""From what a person asks for to the estimators that a session may use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..pose.estimator import PoseEstimator

# After an engine fails in mid-run (a device unplugged, its memory full): the processor, first with
# the fast engine, then with the one that every installation has.
_NEXT = (("openvino", "cpu"), ("torch", "cpu"))


def estimators(
    model: str | Path = "default",
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
) -> tuple[Callable[[], PoseEstimator], tuple[Callable[[], PoseEstimator], ...]]:
    """The opener of what is asked for and those to go on with when it fails in mid-run.

    For `Session(open_source, wanted, options, others)` and `session.set_estimator(wanted, others)`.
    """
    wanted = partial(PoseEstimator.open, model, engine, device, precision)
    return wanted, tuple(partial(PoseEstimator.open, model, *other) for other in _NEXT)
