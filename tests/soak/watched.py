"""The session under test and everything that is seen of it."""

from __future__ import annotations

import gc
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from safetensors.numpy import load_file, save_file

from pose_app import diagnostics
from pose_app.network import catalogue
from pose_app.pipeline.events import Event
from pose_app.pipeline.session import Session, SessionOptions
from pose_app.pose.factory import EstimatorFactory
from pose_app.recording.recording import RecordingReport
from pose_app.sources import open_source
from pose_app.sources.base import Source
from pose_app.spec import read_spec
from tests.faults import EngineFault, FileFault
from tests.servers import MjpegServer
from tests.soak.samples import Sample, take
from tests.soak.verifier import Verifier

PATIENCE = 90.0  # seconds after which what must happen counts as a hang
REST_SECONDS = 10.0  # for threads to end after their session
# Threads in a library's own code, which nothing can interrupt, and who waits for them: they may
# take their time, and end by themselves.
COMPILING = frozenset(("load model", "measure engines", "close model"))
SAMPLE_SECONDS = 1.0
LOOK_SECONDS = 0.02
STALL_SECONDS = 5.0
_MODELS_AT_ONCE = 3  # one that hangs, the next one, and the one that comes after it
_ON_THE_WAY = (
    8  # frames between capture and their pose: frame queue, inference, one being handed over
)


class MissedError(Exception):
    """Something that must happen did not."""


class Watched:
    """One session after another, looked at all the time; used on one thread.

    `problems` are sentences; `counts` are of actions and events; frames and gaps are over all
    sessions. Gaps are between two poses, in seconds: `calm` ones while nothing was changed or
    broken, the others with the action they fell into.
    """

    def __init__(self, folder: Path, rng: random.Random, model: str) -> None:
        self.folder, self.rng, self.model = folder, rng, model
        self._other_model = ""
        self.camera = MjpegServer(fps=25.0)
        self.engine_fault, self.file_fault = EngineFault(), FileFault()
        self.problems: list[str] = []
        self.samples: list[Sample] = []
        self.rest: list[Sample] = []  # while no session exists
        self.events: Counter[str] = Counter()
        self.actions: Counter[str] = Counter()
        self.captured = self.processed = self.sessions = 0
        self.dropped: Counter[str] = Counter()
        self.calm_gap = 0.0
        self.gaps: dict[str, float] = {}
        self.verifier = Verifier(self.problems.append)
        self.started = time.monotonic()
        self.session: Session
        self.action = ""
        self._pending: list[Event] = []
        self._process = psutil.Process()
        self._sampled = 0.0
        self._last_ns = 0
        self._disturbed = True
        self._takes = 0
        self._threads = set(threading.enumerate())
        self._log = _Errors(self.problems)
        logging.getLogger("pose_app").addHandler(self._log)

    def close(self) -> None:
        self.verifier.close()
        self.camera.close()
        logging.getLogger("pose_app").removeHandler(self._log)

    def warm_up(self) -> None:
        """Use at once what may be in use at once, so that what grows afterwards is a leak.

        OpenVINO never ends its threads: it keeps those of as many networks (a model has one for
        each number of stacks, and its halves again) as ever were compiled at the same time.
        """
        with ExitStack() as stack:
            for _ in range(_MODELS_AT_ONCE):
                estimator = stack.enter_context(self.estimators("auto", "auto")[0]())
                for engine in (estimator.engine, *estimator.engine.halves()):
                    crops = np.zeros((1, *engine.spec.input_size, 3), dtype=np.uint8)
                    for stacks in range(1, engine.spec.network.stacks + 1):
                        engine.infer(crops, stacks)

    # A session's life.

    def begin(self, *, lossless: bool) -> None:
        """A new session on the demo. It has a picture when this returns: without one, the first bad
        source ends a session.
        """
        wanted, fallbacks = self.estimators("auto", "auto")
        options = SessionOptions(
            lossless=lossless, paced=not lossless, stall_seconds=STALL_SECONDS, loop=True
        )
        self.action, self._pending, self._disturbed = "start", [], True
        self._last_ns = 0
        self.sessions += 1
        self.session = Session(lambda: open_source("demo"), wanted, options, fallbacks)
        self.session.start()
        try:
            self.until(lambda: self.session.metrics().captured, "the first picture")
        except MissedError as error:
            self.problems.append(f"start: {error}")

    def end(self) -> None:
        """Stop the session, wherever it is, and account for it."""
        self.action, self._disturbed = "stop", True
        self.camera.fault = self.file_fault.kind = self.engine_fault.next = None
        report = self.session.stop()
        self.look()
        self.captured += report.captured
        self.processed += report.processed
        self.dropped.update(report.dropped)
        if not report.conserved:
            self.problems.append(f"session {self.sessions} does not add up: {report}")
        stuck = [name for name in report.stuck if name not in COMPILING]  # see `_rest`
        if stuck:
            self.problems.append(f"session {self.sessions} left {', '.join(stuck)} behind")
        if report.failure is not None:
            self.problems.append(f"session {self.sessions} failed: {report.failure}")
        del self.session, report
        self._rest()

    def _rest(self) -> None:
        """Sample what is held while no session exists; name the threads that are left."""
        self.verifier.wait()
        begun = time.monotonic()
        while left := self._strangers():
            compiling = all(thread.name in COMPILING for thread in left)
            if time.monotonic() - begun > (PATIENCE if compiling else REST_SECONDS):
                break
            time.sleep(LOOK_SECONDS)
        if left:
            names = ", ".join(sorted(thread.name for thread in left))
            self.problems.append(f"threads left behind after session {self.sessions}: {names}")
        gc.collect()
        self.rest.append(take(self._process, time.monotonic() - self.started, 0.0))

    def _strangers(self) -> list[threading.Thread]:
        return [
            thread
            for thread in threading.enumerate()
            if thread not in self._threads and thread is not self.verifier.thread
        ]

    # What actions use.

    def estimators(self, engine: str, device: str) -> tuple[Callable[[], Any], Callable[..., Any]]:
        """The opener of the model and of what is left after a failure, both with our faults."""
        factory = EstimatorFactory(self.model, engine, device)

        def others(failed: Sequence[Any]) -> list[Callable[[], Any]]:
            return [self.engine_fault.opener(other) for other in factory.others(failed)]

        return self.engine_fault.opener(factory.open), others

    def change_model(self) -> None:
        """From the model to the same under another name, or back."""
        if not self._other_model:
            self._other_model = str(_renamed(catalogue.resolve(self.model), self.folder))
        self.model, self._other_model = self._other_model, self.model
        self.session.set_estimator(*self.estimators("auto", "auto"))
        self.expect("model_loaded")

    def open_source(self, opener: Callable[[], Source]) -> None:
        """Change the source and wait until it is there."""
        self.session.set_source(opener)
        self.expect("source_opened")

    def use_camera(self, path: str = "/stream") -> None:
        """Change to the network camera, if it is not that already."""
        url = self.camera.address(path)
        info = self.session.metrics().source
        if info is None or info.name != url:
            self.open_source(lambda: open_source(url))

    def next_take(self) -> str:
        self._takes += 1
        return f"take{self._takes}"

    def wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.look()
            time.sleep(min(LOOK_SECONDS, left))

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Raises MissedError where `condition` does not become true."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if self.session.failure is not None:
                raise MissedError(f"the session ended: {self.session.failure}")
            if time.monotonic() > deadline:
                raise MissedError(f"{what} did not happen within {PATIENCE:.0f} s")
            self.look()
            time.sleep(LOOK_SECONDS)

    def expect(self, *kinds: str) -> None:
        """Wait for an event of one of these kinds, since the action began or the last `expect`."""

        def found() -> bool:
            for position, event in enumerate(self._pending):
                if event.kind in kinds:
                    del self._pending[: position + 1]
                    return True
            return False

        self.until(found, f"the event {' or '.join(kinds)}")

    def until_poses(self, more: int = 5) -> None:
        wanted = self.session.metrics().processed + more
        self.until(lambda: self.session.metrics().processed >= wanted, "a pose")

    def act(self, name: str, action: Callable[[Watched], None], calm: float = 0.0) -> bool:
        """Do something to the session, then leave it alone for `calm` seconds.

        False where something did not happen as it must: that is a problem, and all stacks are
        written to the report's folder.
        """
        self.action, self._pending, self._disturbed = name, [], True
        self.actions[name] += 1
        try:
            action(self)
            self.until_poses(2)
            # From the next pose on, gaps are the session's own.
            self._last_ns, self._disturbed = 0, False
            self.wait(calm)
        except MissedError as error:
            stats = self.session.metrics()
            problem = f"{name}: {error} ({stats.source}, {stats.engine})"
            self.problems.append(problem)
            report = f"{problem}\n\n{diagnostics.stacks()}"
            (self.folder / f"problem{len(self.problems)}.txt").write_text(report, "utf-8")
            return False
        return True

    # Looking.

    def look(self) -> None:
        for event in self.session.events():
            self._event(event)
        result = self.session.latest()
        now = time.monotonic()
        if result is not None and result.estimated and result.done_ns != self._last_ns:
            if self._last_ns:
                self._gap((result.done_ns - self._last_ns) * 1e-9)
            self._last_ns = result.done_ns
        if now - self._sampled >= SAMPLE_SECONDS:
            self._sampled = now
            self._sample(now)

    def _gap(self, seconds: float) -> None:
        if self._disturbed:
            self.gaps[self.action] = max(seconds, self.gaps.get(self.action, 0.0))
        else:
            self.calm_gap = max(seconds, self.calm_gap)

    def _sample(self, now: float) -> None:
        stats = self.session.metrics()
        self.samples.append(take(self._process, now - self.started, stats.fps))
        on_the_way = stats.captured - stats.processed - stats.lost
        if not 0 <= on_the_way <= _ON_THE_WAY:
            self.problems.append(f"{on_the_way} frames are neither processed nor dropped: {stats}")

    def _event(self, event: Event) -> None:
        self.events[event.kind] += 1
        self._pending.append(event)
        if event.message.startswith("The watchdog failed"):
            self.problems.append(event.message)
        if event.kind in ("recording_started", "recording_continued"):
            self.verifier.started(event.data.paths)
        if event.kind == "recording_finished" and isinstance(event.data, RecordingReport):
            self.verifier.finished(event.data)


class _Errors(logging.Handler):
    """Errors in the log are problems, but for those of files, which faults bring about."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._problems = problems

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("pose_app.recording"):
            self._problems.append(f"in the log: {record.getMessage()} {record.exc_text or ''}")


def _renamed(model: Path, folder: Path) -> Path:
    """A copy of a model file that calls itself something else."""
    spec, path = read_spec(model), folder / "other.safetensors"
    spec = replace(spec, name=f"{spec.name}-again")
    save_file(load_file(model), path, metadata={"spec": spec.to_json()})
    return path
