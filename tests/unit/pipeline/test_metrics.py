"""The figures of the pipeline against plain arithmetic."""

from __future__ import annotations

import random
import statistics
from dataclasses import replace

import numpy as np
import pytest

from pose_app.pipeline.delivery import DeliveryPolicy
from pose_app.pipeline.metrics import (
    RECENT,
    LatencyHistogram,
    MetricsCollector,
    Rate,
    SessionReport,
)
from pose_app.pipeline.options import SessionOptions
from pose_app.pipeline.sinks import CapturedFrame, ProcessedFrame
from pose_app.recording.recording import FileReport, RecordingReport
from pose_app.sources.base import SourceInfo
from pose_app.types import Frame, FrameResult


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0, 4000.0])
def test_times_of_all_samples_are_within_one_per_cent(scale: float) -> None:
    chance, spread = random.Random(1), LatencyHistogram()
    samples = [scale * chance.lognormvariate(0, 0.5) for _ in range(5000)]
    for sample in samples:
        spread.add(sample)
    overall, now = spread.overall(), spread.now()
    assert overall is not None
    assert now is not None
    cuts = statistics.quantiles(samples, n=20)
    assert overall.median == pytest.approx(statistics.median(samples), rel=0.015)
    assert overall.p95 == pytest.approx(cuts[-1], rel=0.02)
    recent = samples[-RECENT:]
    assert now.median == pytest.approx(statistics.median(recent))
    assert now.p95 == pytest.approx(statistics.quantiles(recent, n=20, method="inclusive")[-1])


def test_no_sample_is_no_time() -> None:
    assert LatencyHistogram().now() is None
    assert LatencyHistogram().overall() is None


@pytest.mark.parametrize("value", [0.0, 1e-9, 1e9])
def test_extreme_times_stay_in_range(value: float) -> None:
    spread = LatencyHistogram()
    spread.add(value)
    assert spread.overall() is not None


def test_rate_forgets() -> None:
    rate = Rate()
    for number in range(50):
        rate.tick(number / 25)
    assert rate.value(2.0) == pytest.approx(25)
    assert rate.value(100.0) == 0.0


def captured(read_ms: float) -> CapturedFrame:
    source = SourceInfo("video", "clip.mp4", (4, 4))
    policy = DeliveryPolicy.of(SessionOptions(), source)
    frame = Frame(0, 0, 0.0, np.zeros((4, 4, 3), np.uint8))
    return CapturedFrame(frame, 0.0, 0, source, policy, read_ms)


def processed(timings: dict[str, float], age_ms: float, stacks: int) -> ProcessedFrame:
    item = captured(1.0)
    return ProcessedFrame(item, FrameResult(item.frame, (), 0, timings), {}, stacks, age_ms)


def _report(account: MetricsCollector, *recordings: RecordingReport) -> SessionReport:
    return SessionReport(
        **account.overall(),
        seconds=1.0,
        source=None,
        engine=None,
        model=None,
        recordings=recordings,
        stuck=(),
        failure=None,
    )


def test_conservation_is_a_real_check() -> None:
    account = MetricsCollector()
    for _ in range(10):
        account.on_frame(captured(1.0))
    for _ in range(7):
        account.on_result(processed({"network": 5.0}, 9.0, 2))
    account.frame_dropped("newer frame")
    account.frame_dropped("newer frame")
    assert not _report(account).conserved
    account.frame_dropped("stopped")
    report = _report(account)
    assert report.conserved
    assert report.dropped == {"newer frame": 2, "stopped": 1}
    assert report.stacks == {2: 7}
    assert set(report.stages) == {"read", "network"}
    whole = FileReport("raw", None, 5, 4, {"queue full": 1})  # type: ignore[arg-type]
    broken = FileReport("raw", None, 5, 4, {})  # type: ignore[arg-type]
    assert _report(account, RecordingReport((whole,))).conserved
    assert not _report(account, RecordingReport((whole, broken))).conserved


def test_what_is_no_new_frame_of_the_network_does_not_count() -> None:
    account = MetricsCollector()
    done = processed({"network": 5.0}, 9.0, 2)
    account.on_result(replace(done, repeated=True))
    account.on_result(replace(done, result=replace(done.result, estimated=False)))
    assert account.processed == 0
    account.on_result(done)
    assert account.processed == 1
