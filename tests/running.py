"""A real session that runs, watched: for tests of the whole pipeline with its real network.

with Running(lambda: open_source("demo"), folder) as running:
    running.until_event("source_opened")
    running.until_processed(20)
    running.record()
report = running.report        # stopped; threads, counts and files are checked
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av

from pose_app.pipeline.events import Event
from pose_app.pipeline.metrics import SessionReport
from pose_app.pipeline.session import RecordingRequest, Session, SessionOptions
from pose_app.pose.factory import EstimatorFactory
from pose_app.recording.recording import FileReport
from pose_app.recording.verify import read_times, verify

# Seconds after which something that must happen counts as a hang: the machine may be busy.
PATIENCE = 200.0


class Running:
    """Starts a session, ends it, and checks what must hold after every session.

    `options` change `SessionOptions`; `stuck` is whether threads may be left to a driver, `broken`
    whether files may have ended early (what is in them must be whole all the same). `estimator`
    opens the first estimator in place of the default one.
    """

    def __init__(
        self,
        open_source: Callable[[], Any],
        folder: Path,
        *,
        stuck: bool = False,
        broken: bool = False,
        estimator: Callable[[], Any] | None = None,
        **options: Any,
    ) -> None:
        factory = EstimatorFactory()
        chosen = replace(SessionOptions(stacks=1), **options)  # not what is tested, and quick
        self.session = Session(open_source, estimator or factory.open, chosen, factory.others)
        self.events: list[Event] = []
        self.report: SessionReport | None = None
        self._folder = folder
        self._stuck, self._broken = stuck, broken
        self._recordings = 0

    def __enter__(self) -> Running:
        self.session.start()
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        self.report = self.session.stop()
        self._drain()
        if failed is None:
            self.check()

    def until(self, what: Callable[[], Any]) -> Any:
        """Wait until `what` is true, and return it. Fails where that takes too long."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._drain()
            found = what()
            if found:
                return found
            time.sleep(0.02)
        told = "\n".join(f"{event.kind}: {event.message}" for event in self.events)
        raise AssertionError(f"it did not happen. {self.session.metrics()}\n{told}")

    def until_event(self, kind: str, word: str = "") -> Event:
        """The next event of that kind with `word` in its message, since the last one asked for."""

        def found() -> Event | None:
            for position, event in enumerate(self.events):
                if event.kind == kind and word in event.message:
                    del self.events[: position + 1]
                    return event
            return None

        event: Event = self.until(found)
        return event

    def until_processed(self, more: int) -> None:
        """Wait until so many more frames have a pose."""
        wanted = self.session.metrics().processed + more
        self.until(lambda: self.session.metrics().processed >= wanted)

    def record(self) -> RecordingRequest:
        """Record everything: annotated, raw and the log."""
        self._recordings += 1
        stem = f"take{self._recordings}"
        request = RecordingRequest(
            annotated=self._folder / f"{stem}.mp4",
            raw=self._folder / f"{stem}-raw.mkv",
            log=self._folder / f"{stem}.jsonl",
        )
        self.session.record(request)
        return request

    def kinds(self) -> list[str]:
        """Of the events that nobody has waited for."""
        self._drain()
        return [event.kind for event in self.events]

    def check(self) -> None:
        """No thread stuck, every frame accounted for, every file whole."""
        report = self.report
        assert report is not None
        assert self._stuck or report.stuck == ()
        assert report.conserved, report
        assert report.captured > 0
        for recording in report.recordings:
            assert recording.stuck == ()
            whole = all(file.error is None for file in recording.files)
            assert self._broken or whole, recording.files
            log = next((f.path for f in recording.files if f.kind == "log" and whole), None)
            for file in recording.files:
                if file.written and file.path.exists():
                    _check_file(file, log)

    def _drain(self) -> None:
        self.events += self.session.events()


def _check_file(file: FileReport, log: Path | None) -> None:
    """What was written is in the file, whole, and agrees with the log where that is whole."""
    if file.kind == "log" or log is not None:
        found = verify(file.path, log)
        problems, frames = list(found.problems), found.frames
    else:
        problems = []
        times, _ = read_times(file.path, problems)
        frames = len(times)
        assert all(b > a for a, b in itertools.pairwise(times)), file
    assert problems == [], file
    assert frames == file.written, file


def video_times(path: Path) -> list[float]:
    """The time of every picture in a video that can be decoded, in seconds."""
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0) if frame.time is not None]
