"""Measures the whole pipeline on the demo clip: speed, stages, age, drops, recording, memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from ..engines.choose import measured, open_engine
from ..engines.measure import ranked
from ..errors import PoseAppError
from ..paths import bundled
from ..pipeline.metrics import SessionReport
from ..pipeline.options import SessionOptions
from ..pipeline.session import Session
from ..pose.estimator import PoseEstimator
from ..pose.opening import open_finder
from ..recording.recording import RecordingRequest
from ..sources.base import Source
from ..types import Pose
from . import naive

OpenSource = Callable[[], Source]

_LOAD_SECONDS = 120.0
_ROUNDS = 2
# Every frame through all stacks, as fast as it goes.
FULL_SPEED = SessionOptions(lossless=True, paced=False, stacks="all", smoothing=True)
# Like a camera or the window: paced by the source, the newest frame wins.
LIVE = SessionOptions(lossless=False, paced=True, stacks="auto", smoothing=True)


class InTurn(PoseEstimator):
    """Processes no frame ahead of its turn, as with a camera, and records the network's time."""

    def track(self, *arguments: Any, **options: Any) -> list[Pose]:
        poses = super().track(*arguments, **{**options, "following": ()})
        self.seen.append((time.perf_counter(), self.timings["network"]))
        return poses

    @cached_property
    def seen(self) -> list[tuple[float, float]]:
        return []

    def network_share(self) -> float:
        """The network's share of the time between the first and the last pose."""
        spent = 1e3 * (self.seen[-1][0] - self.seen[0][0])
        return sum(network for _, network in self.seen[1:]) / spent


def full_speed(model: Path, source: OpenSource, seconds: float, record: Path | None) -> Any:
    """Frames per second with all frames and stacks; `record`: also write an annotated video."""
    report, usage = _session(lambda: PoseEstimator.open(model), source, FULL_SPEED, seconds, record)
    return {"fps": report.fps, "frame_ms": 1000 / report.fps, **usage}


def in_turn(model: Path, source: OpenSource, seconds: float) -> dict[str, Any]:
    """As `full_speed` without a video, one frame after the other, with the time of each stage."""
    opened: list[InTurn] = []

    def open_noting() -> InTurn:
        opened.append(InTurn.open(model))  # type: ignore[arg-type]
        return opened[-1]

    report, usage = _session(open_noting, source, FULL_SPEED, seconds, None)
    return {
        "fps": report.fps,
        "frame_ms": 1000 / report.fps,
        "stages_ms": {name: asdict(stage) for name, stage in report.stages.items()},
        "network_share": opened[-1].network_share(),
        **usage,
    }


def live(model: Path, source: OpenSource, seconds: float) -> dict[str, Any]:
    """The source at its own rate, with anytime control: rate, age, drops, stacks."""
    report, usage = _session(lambda: PoseEstimator.open(model), source, LIVE, seconds, None)
    if report.age is None or report.source is None or report.source.fps is None:
        raise PoseAppError("The live measurement had no frame: give it more --seconds.")
    period = 1000 / report.source.fps
    return {
        "source_fps": report.source.fps,
        "fps": report.fps,
        "fps_share": report.fps / report.source.fps,
        "captured": report.captured,
        "processed": report.processed,
        "dropped": dict(report.dropped),
        "stacks": {str(count): frames for count, frames in report.stacks.items()},
        "age_ms": asdict(report.age),
        "age_p95_periods": report.age.p95 / period,
        "network_ms": asdict(report.stages["network"]),
        **usage,
    }


def beside_naive(
    model: Path, clip: Path, source: OpenSource, seconds: float, folder: Path
) -> dict[str, Any]:
    """Compare the pipeline with an annotated recording with loops that do the same in one thread.

    `naive` uses one thread, also for the network; in `naive_all_cores` the network uses all cores.
    """
    rates: dict[str, list[float]] = {"pipeline": [], "naive": [], "naive_all_cores": []}
    for index in range(_ROUNDS):  # in turns, so that a busy moment affects all of them
        path = folder / f"pipeline-{index}.mp4"
        report = full_speed(model, source, seconds / _ROUNDS, path)
        rates["pipeline"].append(report["fps"])
        for name, threads in (("naive", 1), ("naive_all_cores", None)):
            engine = open_engine(model, *_chosen(model), threads=threads)
            finder = open_finder(*_chosen(bundled("weights", "finder.safetensors")), threads)
            with PoseEstimator(engine, finder, smoothing=True) as estimator:
                out = folder / f"{name}-{index}.mp4"
                rates[name].append(naive.run(clip, out, estimator, seconds / _ROUNDS))
    fps = {name: sum(values) / len(values) for name, values in rates.items()}
    return {
        "fps": fps,
        "over_naive": fps["pipeline"] / fps["naive"],
        "over_naive_all_cores": fps["pipeline"] / fps["naive_all_cores"],
    }


def _chosen(model: Path) -> tuple[str, str, str]:
    """Engine, device and precision that the pipeline runs; with fewer threads `auto` may differ."""
    best = ranked(measured(model))
    return best[0].candidate.words if best else ("auto", "auto", "auto")


def _session(
    open_estimator: Callable[[], PoseEstimator],
    source: OpenSource,
    options: SessionOptions,
    seconds: float,
    record: Path | None,
) -> tuple[SessionReport, dict[str, Any]]:
    """Run for `seconds` after the first pose; returns the report and the process's usage."""
    process = psutil.Process()
    session = Session(source, open_estimator, replace(options, loop=True))
    if record is not None:
        session.record(RecordingRequest(annotated=record))
    session.start()
    try:
        _wait_for_pose(session)
        memory, used, started = process.memory_info().rss, _processor_time(process), time.time()
        before = session.metrics().processed
        session.finished.wait(seconds)
        frames = session.metrics().processed - before
        used, spent = _processor_time(process) - used, time.time() - started
        after = process.memory_info().rss
    finally:
        report = session.stop()
    if report.failure is not None:
        raise report.failure
    if not report.conserved or report.stuck:
        raise PoseAppError(f"The pipeline lost count of its frames or threads: {report}.")
    usage = {
        "processor_ms_per_frame": 1000 * used / max(frames, 1),
        "processor_load": used / spent / (psutil.cpu_count() or 1),
        "memory_mb": {"start": memory / 2**20, "end": after / 2**20},
    }
    return report, usage


def _wait_for_pose(session: Session) -> None:
    deadline = time.monotonic() + _LOAD_SECONDS
    while session.metrics().processed == 0:
        if session.finished.wait(0.01) or time.monotonic() > deadline:
            failure = session.failure
            raise failure or PoseAppError("The pipeline gave no pose within two minutes.")


def _processor_time(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
