"""What the process holds: memory, threads, descriptors, memory of the graphics."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass

import numpy as np
import psutil

MEASURES = ("memory", "gpu_memory", "os_threads", "threads", "descriptors")
UNITS = {"memory": "MB", "gpu_memory": "MB"}
_MOST_POINTS = 400  # for the slope, whose cost grows with their square


@dataclass(frozen=True)
class Sample:
    """`seconds` since the start; memory in MB (10**6 bytes); `threads` are Python's, `os_threads`
    all; `gpu_memory` is PyTorch's on CUDA, None without. `fps` is of the poses.
    """

    seconds: float
    memory: float
    gpu_memory: float | None
    os_threads: int
    threads: int
    descriptors: int
    fps: float


def take(process: psutil.Process, seconds: float, fps: float) -> Sample:
    """What `process`, which must be this one, holds now."""
    with process.oneshot():
        windows = sys.platform == "win32"
        return Sample(
            seconds=round(seconds, 2),
            memory=process.memory_info().rss / 1e6,
            gpu_memory=_gpu_memory(),
            os_threads=process.num_threads(),
            threads=threading.active_count(),
            descriptors=process.num_handles() if windows else process.num_fds(),
            fps=fps,
        )


def _gpu_memory() -> float | None:
    torch = sys.modules.get("torch")  # importing it for this alone would change what is measured
    if torch is None or not hasattr(torch, "cuda") or not torch.cuda.is_initialized():
        return None
    return float(torch.cuda.memory_reserved()) / 1e6


def growth(samples: list[Sample], measure: str, after: float) -> float | None:
    """Growth per hour of one measure from `after` seconds on; None where there is no data.

    It is the median of the slopes between all pairs of samples (Theil and Sen), which single jumps
    do not move.
    """
    points = [
        (sample.seconds, float(value))
        for sample in samples
        if sample.seconds >= after and (value := getattr(sample, measure)) is not None
    ]
    if len(points) < 3:
        return None
    points = points[:: -(-len(points) // _MOST_POINTS)]
    seconds, values = np.array(points).T
    first, second = np.triu_indices(len(points), 1)
    slopes = (values[second] - values[first]) / (seconds[second] - seconds[first])
    return float(np.median(slopes)) * 3600
