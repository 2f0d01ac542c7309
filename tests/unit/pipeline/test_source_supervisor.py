"""Readers that follow each other: no frame overtakes another."""

from __future__ import annotations

import threading

from pose_app.pipeline.capture import CapturedFrame
from pose_app.pipeline.events import EventList
from pose_app.pipeline.metrics import MetricsCollector
from pose_app.pipeline.options import Controls, SessionOptions
from pose_app.pipeline.source_supervisor import SourceSupervisor
from tests.scripted import ScriptedSource


def test_the_old_sources_last_frame_comes_before_the_new_ones_first() -> None:
    """The old reader is held up on its way to the sink while the new one takes over."""
    came: list[tuple[str, float]] = []
    held, new_one = threading.Event(), threading.Event()

    def sink(item: CapturedFrame) -> bool:
        if item.source.name == "old" and len(came) == 3:
            held.set()
            new_one.wait(0.5)  # unless it is made to wait, it overtakes this one here
        came.append((item.source.name, item.stamp))
        if item.source.name == "new":
            new_one.set()
        return True

    def opener(name: str) -> ScriptedSource:
        return ScriptedSource(None, live=True, fps=100, name=name)

    options = SessionOptions()
    account = MetricsCollector()
    keeper = SourceSupervisor(
        lambda: opener("old"),
        options,
        Controls(options),
        EventList(),
        account,
        sink,
        lambda error: None,
    )
    keeper.start()
    try:
        assert held.wait(20)
        keeper.set_source(lambda: opener("new"))
        assert new_one.wait(20)
    finally:
        keeper.stop()
        for thread in keeper.threads:
            thread.join(20)
    stamps = [stamp for _, stamp in came]
    assert stamps == sorted(stamps)
    names = [name for name, _ in came]
    assert names == sorted(names, reverse=True), "old before new"
    assert names.count("old") == 4
