"""Reads every finished recording back."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from pose_app.errors import RecordingError
from pose_app.recording.keypoint_log import LogReader
from pose_app.recording.recording import FileReport, RecordingReport
from pose_app.recording.verify import read_times, verify


class Verifier:
    """Checks recordings on a thread of its own and removes the good ones.

    What was written must be in the file, frame for frame, whole and in agreement with the log. A
    file may have ended early only where a fault was injected (`broken` says so); what it has must
    be readable. `clip` is a good recording that is kept, to be played.
    """

    def __init__(self, on_problem: Callable[[str], None]) -> None:
        self._on_problem = on_problem
        self._queue: queue.Queue[tuple[RecordingReport, bool] | None] = queue.Queue()
        self._started: dict[Path, float] = {}
        self._broken_at = -1.0
        self._deleted: set[Path] = set()
        self.clip: Path | None = None
        self.recordings = self.files = self.verified = self.broken_files = 0
        self.offered = self.written = 0
        self.dropped: Counter[str] = Counter()
        self.seconds = 0.0
        self.gap = 0.0  # the longest between two frames of a file
        self.thread = threading.Thread(target=self._run, name="verify", daemon=True)
        self.thread.start()

    def started(self, paths: Sequence[Path]) -> None:
        """A recording to these files has begun."""
        for path in paths:
            self._started[path] = time.monotonic()

    def broken(self, deleted: Path | None = None) -> None:
        """A fault begins or ends: files that are open now may end early; `deleted` is gone."""
        self._broken_at = time.monotonic()
        if deleted is not None:
            self._deleted.add(deleted)

    def finished(self, report: RecordingReport) -> None:
        """Check these files, soon."""
        starts = [self._started.pop(file.path, 0.0) for file in report.files]
        self._queue.put((report, self._broken_at >= min(starts, default=0.0)))

    def wait(self) -> None:
        """Until everything is checked."""
        self._queue.join()

    def close(self) -> None:
        self._queue.put(None)
        self.thread.join()

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            try:
                if item is None:
                    return
                self._check(*item)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                self._on_problem(f"a recording cannot be checked: {error!r}")
            finally:
                self._queue.task_done()

    def _check(self, report: RecordingReport, may_break: bool) -> None:
        self.recordings += 1
        if not report.conserved or report.stuck:
            self._on_problem(f"a recording does not add up: {report}")
        whole = all(file.error is None for file in report.files)
        logs = self._logs(report) if whole else {}
        for file in report.files:
            self.files += 1
            self.offered += file.offered
            self.written += file.written
            self.dropped.update(file.dropped)
            self.broken_files += file.error is not None
            if file.error is not None and not may_break:
                self._on_problem(f"{file.path.name} ended early: {file.error}")
            if file.written and file.path not in self._deleted:
                self._check_file(file, logs.get(file.path.name))
        for file in report.files:
            keep = file.kind == "annotated" and whole and file.seconds > 3 and not self.clip
            if keep:
                self.clip = file.path
            else:
                file.path.unlink(missing_ok=True)

    def _check_file(self, file: FileReport, log: Path | None) -> None:
        try:
            if file.kind == "log":
                problems, frames, steps = self._log(file.path)
            elif log is not None:
                check = verify(file.path, log)
                problems, frames = list(check.problems), check.frames
                steps = [length for _, length in check.gaps]
            else:
                problems = []
                times, _ = read_times(file.path, problems)
                frames, steps = len(times), [b - a for a, b in pairwise(times)]
        except RecordingError as error:
            problems, frames, steps = [str(error)], 0, []
        if frames != file.written:
            problems.append(f"{file.written} frames were written, {frames} are in it")
        for problem in problems:
            self._on_problem(f"{file.path.name}: {problem}")
        self.verified += not problems
        self.seconds += file.seconds
        self.gap = max(self.gap, *steps, 0.0)

    def _log(self, path: Path) -> tuple[list[str], int, list[float]]:
        check = verify(path)
        return list(check.problems), check.frames, [length for _, length in check.gaps]

    def _logs(self, report: RecordingReport) -> dict[str, Path]:
        """{name of a video: its log}; a recording with several parts has a log for each."""
        logs = {}
        for file in report.files:
            if file.kind == "log" and file.written and file.path not in self._deleted:
                names = LogReader(file.path).header["files"]
                logs |= dict.fromkeys(names.values(), file.path)
        return logs
