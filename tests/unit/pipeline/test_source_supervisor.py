"""Readers that follow each other: no frame overtakes another."""

from __future__ import annotations

import threading
from typing import cast

from pose_app.errors import PoseAppError, SourceError
from pose_app.pipeline.capture import CaptureThread, Owner
from pose_app.pipeline.context import SessionContext
from pose_app.pipeline.frame_queue import FrameQueue
from pose_app.pipeline.options import Controls, SessionOptions
from pose_app.pipeline.sinks import CapturedFrame, Sink
from pose_app.pipeline.source_supervisor import SourceSupervisor
from pose_app.types import Frame
from tests.scripted import ScriptedSource


def test_the_old_sources_last_frame_comes_before_the_new_ones_first() -> None:
    """The old reader is held up on its way to the sink while the new one takes over."""
    came: list[tuple[str, float]] = []
    held, new_one = threading.Event(), threading.Event()

    class Slow(Sink):
        def on_frame(self, captured: CapturedFrame) -> None:
            name = captured.source.name
            if name == "old" and len(came) == 3:
                held.set()
                new_one.wait(0.5)  # unless it is made to wait, it overtakes this one here
            came.append((name, captured.stamp))
            if name == "new":
                new_one.set()

    def opener(name: str) -> ScriptedSource:
        return ScriptedSource(None, live=True, fps=100, name=name)

    context = SessionContext.of(SessionOptions())
    keeper = SourceSupervisor(
        lambda: opener("old"), context, [Slow()], FrameQueue(lambda captured: None)
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


def test_a_driver_that_raises_has_answered() -> None:
    """A source that failed does not count as one that hangs: nothing is said of it twice."""

    class Broken(ScriptedSource):
        def read(self) -> Frame | None:
            raise SourceError("The cable is gone.")

    failures: list[PoseAppError] = []

    class Listener:
        def failed(self, reader: CaptureThread, error: PoseAppError) -> None:
            failures.append(error)

    options = SessionOptions()
    reader = CaptureThread(
        lambda: Broken(None, live=True), cast("Owner", Listener()), Controls(options), options
    )
    reader.start()
    reader.thread.join(20)
    assert [str(error) for error in failures] == ["The cable is gone."]
    assert reader.busy_since is None
