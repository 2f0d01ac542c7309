"""`pose-app run`: the whole pipeline without a window."""

from __future__ import annotations

import argparse
import json
import math
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import argument_values as values
from . import engine_words
from .drawing.arguments import add_drawing_arguments, drawing_options, for_model
from .errors import PoseAppError, RecordingError
from .sources.kinds import help_text

if TYPE_CHECKING:
    from .pipeline.events import Event
    from .pipeline.metrics import FrameMetrics, SessionReport, StageTime
    from .pipeline.session import Session
    from .recording.recording import RecordingRequest
    from .sources.base import Source
    from .spec import ModelSpec
    from .types import FrameResult, Region

FILES_SECONDS = 20.0  # for a disk to create the files
LOOK_SECONDS = 0.1  # between two updates of the progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("source", help=help_text())
    files = parser.add_argument_group("files (.mp4 or .mkv; nothing is overwritten)")
    files.add_argument("--record", type=Path, metavar="F", help="video with the skeletons")
    files.add_argument("--raw", type=Path, metavar="F", help="video as captured")
    files.add_argument(
        "--log", type=Path, metavar="F", help="the joints of every frame (.jsonl, JSON Lines)"
    )
    add_drawing_arguments(parser)
    model = parser.add_argument_group("model")
    model.add_argument("--model", default="default", metavar="M", help="a name or a file")
    engine_words.add_arguments(model)
    model.add_argument(
        "--stacks",
        type=values.stacks,
        metavar="N|auto",
        help="how many stacks run; auto: as many as keep up with the source (default: auto for "
        "cameras and streams, all for files)",
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument("--frames", type=values.count, metavar="N", help="end after N frames")
    limits.add_argument("--seconds", type=values.positive, metavar="S", help="end after S seconds")
    pose = parser.add_argument_group("pose")
    # argparse takes -50,-50,2000 for an option unless it looks like a negative number.
    parser._negative_number_matcher = re.compile(r"-\.?\d")
    pose.add_argument(
        "--region",
        type=values.region,
        metavar="X,Y,SIDE",
        help="run only on this square, in pixels",
    )
    pose.add_argument(
        "--people",
        type=values.people,
        default=4,
        metavar="N",
        help="track at most N people, the largest first: 1 to 8 (default: 4)",
    )
    pose.add_argument(
        "--threshold",
        type=values.share,
        metavar="T",
        help="score (0 to 1) under which a joint is absent (default: the model's)",
    )
    # Measured on the demo clip: half the jitter (0.6 % of the torso from frame to frame against
    # 1.1 %), the same accuracy.
    pose.add_argument(
        "--smoothing",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="smooth the joints over time (default: yes)",
    )
    camera = parser.add_argument_group("camera")
    camera.add_argument("--size", type=values.size, metavar="WxH", help="frame size to ask for")
    camera.add_argument(
        "--fps",
        type=values.positive,
        help="frame rate to ask for; for images: how many a second, 5 or more = a video",
    )
    camera.add_argument(
        "--reconnect",
        action="store_true",
        help="wait for a lost camera or stream to come back, instead of ending",
    )
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")


def main(arguments: argparse.Namespace) -> int:
    """Run until the source ends, a limit is reached or a signal comes. Raises PoseAppError."""
    from .pose.factory import import_engine

    _check_camera_options(arguments)
    import_engine(arguments.engine)
    from . import diagnostics
    from .pipeline.options import SessionOptions
    from .pipeline.session import Session
    from .recording.recording import RecordingRequest

    diagnostics.start()
    options = SessionOptions(
        lossless=True,
        paced=False,
        stacks=arguments.stacks or "all",
        threshold=arguments.threshold,
        smoothing=arguments.smoothing,
        region=_as_region(arguments.region),
        people=arguments.people,
        loop=False,
        reconnect=arguments.reconnect,
        frames=arguments.frames,
        seconds=arguments.seconds,
    )

    def open_source() -> Source:
        source = _open(arguments)
        if arguments.stacks is None:
            session.controls.stacks = "auto" if source.info.live else "all"
        return source

    drawing = drawing_options(arguments)

    def opened(spec: ModelSpec) -> None:
        session.set_drawing(for_model(drawing, arguments, spec))

    open_estimator, others = _estimators(arguments, opened)
    session = Session(open_source, open_estimator, options, others)
    request = RecordingRequest(
        annotated=arguments.record,
        raw=arguments.raw,
        log=arguments.log,
        drawing=drawing,
        rename=False,
    )
    with _signals() as asked_to_stop:
        try:
            session.load()
            if request.paths:
                _wait_for_files(session.record(request), asked_to_stop)
            session.start()
            _watch(session, asked_to_stop, arguments)
        finally:
            report = session.stop()
    for event in session.events():
        if _worth_saying(event, session):
            _say(event.message)
    if arguments.json:
        print(json.dumps(account(report)))
    elif report.processed or report.failure is None:
        print(_summary(report, session.latest()))
    if report.failure is not None:
        raise report.failure
    return 1 if any(recording.error for recording in report.recordings) else 0


def _check_camera_options(arguments: argparse.Namespace) -> None:
    """Raise PoseAppError for an option that a file or a demo would not heed."""
    from .sources.kinds import as_path, exists, is_pictures
    from .sources.names import DEMOS, redact

    source: str = arguments.source
    for option, given, meant in (
        ("--size", arguments.size, "cameras"),
        ("--fps", arguments.fps, "cameras and pictures"),
        ("--reconnect", arguments.reconnect, "cameras and streams"),
    ):
        if not given or (source not in DEMOS and not exists(as_path(source))):
            continue
        if option != "--fps" or not is_pictures(source):
            raise PoseAppError(f"{option} is for {meant}: leave it out for {redact(source)}.")


def _open(arguments: argparse.Namespace) -> Source:
    from .sources.names import DEMOS
    from .sources.opening import open_source

    if arguments.source in DEMOS and arguments.frames is None and arguments.seconds is None:
        from .sources.demo import open_demo

        return open_demo(arguments.source, loop=False)  # otherwise it would never end
    return open_source(arguments.source, size=arguments.size, fps=arguments.fps)


def _estimators(
    arguments: argparse.Namespace, opened: Callable[[ModelSpec], None]
) -> tuple[Any, Any]:
    from .pose.factory import EstimatorFactory

    factory = EstimatorFactory(
        arguments.model, arguments.engine, arguments.device, arguments.precision
    )

    def checked() -> Any:
        estimator = factory.open()
        most = estimator.spec.network.stacks
        if isinstance(arguments.stacks, int) and arguments.stacks > most:
            estimator.close()
            raise PoseAppError(
                f"The model {estimator.spec.name} has {most} stacks: use --stacks 1 to {most}."
            )
        try:
            opened(estimator.spec)
        except PoseAppError:
            estimator.close()
            raise
        return estimator

    return checked, factory.others


def _wait_for_files(opened: Future[RecordingRequest], asked_to_stop: threading.Event) -> None:
    """Wait until the files are created. Raises RecordingError."""
    deadline = time.monotonic() + FILES_SECONDS
    while not asked_to_stop.is_set() and time.monotonic() < deadline:
        if wait([opened], LOOK_SECONDS).done:
            opened.result()
            return
    if not asked_to_stop.is_set():
        raise RecordingError("The disk of the recording does not answer: choose another folder.")


def _watch(session: Session, asked_to_stop: threading.Event, arguments: argparse.Namespace) -> None:
    """Show progress and messages until the run ends."""
    terminal = sys.stderr.isatty() and not arguments.json
    first: float | None = None
    while not session.finished.wait(LOOK_SECONDS) and not asked_to_stop.is_set():
        stats = session.metrics()
        for event in session.events():
            if _worth_saying(event, session):
                _say(event.message, clear=terminal)
            if event.kind == "recording_finished" and event.data.error:
                asked_to_stop.set()  # no file is being written any more
        if terminal:
            print(f"\r{_progress(stats, arguments)}\x1b[K", end="", file=sys.stderr, flush=True)
        if stats.processed and first is None:  # as the session counts, which waits for the model
            first = time.monotonic()
        live = stats.source is not None and stats.source.live
        late = first is not None and time.monotonic() - first > (arguments.seconds or math.inf)
        if live and late:
            break  # even if the camera sends no more frames
    if terminal:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _worth_saying(event: Event, session: Session) -> bool:
    """Whether an event is a problem; the error that ends the run is printed only at its end."""
    return event.bad and (event.data is None or event.data is not session.failure)


def _progress(stats: FrameMetrics, arguments: argparse.Namespace) -> str:
    total = arguments.frames
    known = None if stats.source is None else stats.source.frame_count
    if known is not None and (total is None or stats.source is None or not stats.source.live):
        total = min(known, total or known)
    done = f"{stats.processed} frames"
    if total:
        share = min(1.0, stats.processed / total)
        bar = "#" * round(24 * share)
        done = f"[{bar:-<24}] {100 * share:3.0f} %  {stats.processed}/{total} frames"
    state = "loading the model" if stats.engine is None else f"{stats.fps:.1f} fps"
    parts = [done, state]
    if stats.engine is not None:
        parts.append(stats.engine.badge(stats.stacks_now, stats.stacks_all))
    if stats.lost:
        parts.append(f"{stats.lost} dropped")
    return "  ".join(parts)


def account(report: SessionReport) -> dict[str, Any]:
    """The report of a run, as `--json` prints it. Times are in milliseconds."""
    engine = report.engine
    used = dict(report.stacks)
    files = [file for recording in report.recordings for file in recording.files]
    return {
        "frames": report.processed,
        "captured": report.captured,
        "dropped": sum(report.dropped.values()),
        "dropped_reasons": dict(report.dropped),
        "seconds": round(report.seconds, 3),
        "fps": round(report.fps, 2),
        "source": None if report.source is None else report.source.name,
        "model": report.model,
        "engine": None if engine is None else engine.engine,
        "device": None if engine is None else engine.device,
        "precision": None if engine is None else engine.precision,
        "reason": None if engine is None else engine.reason,
        "stacks": max(used, key=lambda count: used[count]) if used else None,
        "stacks_used": {str(count): frames for count, frames in used.items()},
        "stages": {stage: _times(time) for stage, time in report.stages.items()},
        "age": None if report.age is None else _times(report.age),
        "files": [str(file.path) for file in files if file.written],
        "recorded": [
            {
                "kind": file.kind,
                "path": str(file.path),
                "offered": file.offered,
                "written": file.written,
                "dropped": dict(file.dropped),
                "seconds": round(file.seconds, 3),
                "bytes": file.bytes,
                "error": file.error,
            }
            for file in files
        ],
        "conserved": report.conserved,
        "stuck": list(report.stuck),
        "error": None if report.failure is None else str(report.failure),
    }


def _times(stage: StageTime) -> dict[str, float]:
    return {"median": round(stage.median, 3), "p95": round(stage.p95, 3)}


def _summary(report: SessionReport, last: FrameResult | None) -> str:
    engine = "no engine" if report.engine is None else report.engine.badge()
    done = f"{_frames(report.processed)} at {report.fps:.1f} fps on {engine}"
    if report.processed == 1:  # as of a photo: one frame has no rate
        done = f"1 frame on {engine}"
        if last is not None and last.estimated:
            people = len(last.poses)
            done += f", {people} {'person' if people == 1 else 'people'} found"
    lines = [f"{done}, {sum(report.dropped.values())} dropped"]
    lines += [
        f"{file.path}: {_frames(file.written)}, {file.seconds:.1f} s, {file.bytes / 1e6:.1f} MB"
        for recording in report.recordings
        for file in recording.files
        if file.written
    ]
    return "\n".join(lines)


def _frames(count: int) -> str:
    return f"{count} frame{'s' * (count != 1)}"


def _say(message: str, *, clear: bool = False) -> None:
    print(f"{chr(13) + chr(27) + '[K' if clear else ''}pose-app: {message}", file=sys.stderr)


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and SIGHUP set; a second signal kills the process."""
    asked = threading.Event()
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before: dict[int, Any] = {}

    def stop(number: int, _: object) -> None:
        asked.set()
        signal.signal(number, signal.SIG_DFL)

    for name in names:
        number = getattr(signal, name)
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            before[number] = signal.signal(number, stop)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _as_region(values: tuple[float, float, float] | None) -> Region | None:
    from .types import Region

    return None if values is None else Region(*values)
