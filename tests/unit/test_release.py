"""What is closed is gone at once, not when Python's garbage collection comes by.

Decoders have threads and pictures, encoders and engines have tens of megabytes.
"""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from pose_app.errors import SourceError
from pose_app.pipeline.events import EventList
from pose_app.recording.active import ActiveRecording
from pose_app.recording.recording import RecordingRequest
from pose_app.sources import open_source
from pose_app.sources.stream import LiveStreamSource
from pose_app.sources.video import VideoSource
from pose_app.types import Frame
from tests.media import regular, write_video
from tests.poses import make_result
from tests.rtsp import RtspServer, demo_units
from tests.unit.recording.test_verify import MODEL


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def threads() -> int:
    return int(psutil.Process().num_threads())


def fewer_than(most: int) -> bool:
    """Whether so few threads are left; they take a moment to end."""
    deadline = time.monotonic() + 10
    while threads() >= most and time.monotonic() < deadline:
        time.sleep(0.02)
    return threads() < most


def _read(source: Any) -> None:
    for _ in range(3):
        assert source.read() is not None


def _loop(source: Any) -> None:
    for _ in range(25):
        assert source.read() is not None


def _seek(source: Any) -> None:
    source.seek(0.3)
    assert source.read() is not None
    source.seek(0.0)


@pytest.mark.parametrize("use", [_read, _loop, _seek])
def test_a_closed_video_leaves_no_decoder(use: Callable[[Any], None], tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", regular(20))
    before = threads()
    for _ in range(6):
        source = open_source(path, loop=True)
        use(source)
        source.close()
    del source
    assert fewer_than(before + 3)


def test_a_video_that_cannot_be_read_leaves_no_decoder(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(write_video(tmp_path / "b.mp4", regular(20)).read_bytes()[:900])
    before, kept = threads(), EventList()
    for _ in range(6):
        with pytest.raises(SourceError) as raised:
            VideoSource(path)
        kept.add("source_failed", "told", raised.value)
        del raised
    assert fewer_than(before + 3)


@pytest.mark.parametrize("fault", [None, "end", "reset", "stall"])
def test_a_closed_stream_leaves_no_decoder(fault: str | None) -> None:
    demo_units()
    kept = EventList()
    with RtspServer() as server:
        before = threads()
        for _ in range(4):
            server.fault = None
            source = LiveStreamSource(server.url, stall_seconds=0.5)
            _read(source)
            server.fault = fault
            if fault is not None:
                try:
                    while source.read() is not None:
                        pass
                except SourceError as error:
                    kept.add("source_lost", "told", error)
            source.close()
        gone = weakref.ref(source)
        del source
        assert gone() is None
        server.fault = "end"
        assert fewer_than(before + 3)


def test_a_finished_recording_leaves_no_encoder(tmp_path: Path) -> None:
    """Two encoders of 720p take 30 MB."""
    image = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    process, held = psutil.Process(), []
    for take in range(10):
        names = (tmp_path / f"{take}{end}" for end in (".mp4", ".mkv", ".jsonl"))
        active = ActiveRecording(RecordingRequest(*names))
        active.begin("test", 30.0, lossless=True)
        active.describe(MODEL)
        for number in range(3):
            frame = Frame(number, 0, number / 30, image)
            active.offer_raw(frame, number / 30)
            active.offer_result(make_result(frame), number / 30)
        assert active.close().error is None
        held.append(process.memory_info().rss / 1e6)
    assert held[-1] - held[2] < 70  # 7 recordings: 210 MB where they stay
