"""Measures the window from inside: start, age and cost of each picture."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import psutil
from PySide6.QtCore import QTimer

from .main_window import MainWindow

_SETTLE_SECONDS = 1.0  # after the first skeleton
_LIMIT_MS = 120_000


class Probe:
    """Measures the window after each picture; ends the app when the measurement is complete.

    It runs on the thread that it measures, so it is woken no oftener than the window itself.
    """

    def __init__(self, window: MainWindow, seconds: float, started: float) -> None:
        self._window = window
        self._seconds = seconds
        self._born = started
        self.found: dict[str, Any] = {}
        self._ages: list[float] = []
        self._paints: list[float] = []
        self._seen: object = None
        self._settled: tuple[float, float, float] | None = None
        self._limit = QTimer(singleShot=True)
        self._limit.timeout.connect(self._end)
        self._limit.start(_LIMIT_MS)
        self._painted = QTimer(singleShot=True)  # its turn comes after that of painting
        self._painted.timeout.connect(self._look)
        window.bridge.result.connect(lambda result: self._painted.start(0))

    def shown(self) -> None:
        self.found["window_s"] = time.time() - self._born

    def _look(self) -> None:
        now, canvas = time.time(), self._window.canvas
        result = canvas.result
        if result is None or canvas.painted_ns is None or result is self._seen:
            return
        self._seen = result
        self.found.setdefault("first_picture_s", now - self._born)
        if not any(pose.present.any() for pose in result.poses):
            return
        first = self.found.setdefault("first_skeleton_s", now - self._born)
        if now - self._born < first + _SETTLE_SECONDS:
            return
        if self._settled is None:
            process = psutil.Process().cpu_times()
            self._settled = time.thread_time(), process.user + process.system, now
        self._ages.append(canvas.age_ms or 0.0)
        self._paints.append(canvas.paint_ms)
        if now - self._settled[2] > self._seconds:
            self._end()

    def _end(self) -> None:
        self._limit.stop()
        self._painted.timeout.disconnect(self._look)
        if self._settled is not None:
            own, process, started = self._settled
            times, frames = psutil.Process().cpu_times(), len(self._ages)
            stats = self._window.bridge.session.metrics()
            self.found |= {
                "painted_fps": frames / (time.time() - started),
                "ui_thread_ms_per_frame": 1000 * (time.thread_time() - own) / frames,
                "process_ms_per_frame": 1000 * (times.user + times.system - process) / frames,
                "paint_ms": _spread(self._paints),
                "age_ms": _spread(self._ages),
                "source_fps": stats.source.fps if stats.source else None,
                "captured": stats.captured,
                "dropped": dict(stats.dropped),
                "stacks": stats.stacks_now,
                "memory_mb": psutil.Process().memory_info().rss / 2**20,
            }
        self._window.close()


def _spread(values: list[float]) -> dict[str, float]:
    median, p95 = np.percentile(values, (50, 95))
    return {"median": float(median), "p95": float(p95)}
