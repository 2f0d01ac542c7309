"""What is done to the session: what people do, and what goes wrong."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from pose_app.drawing.options import BACKGROUNDS, DRAWINGS, DrawOptions
from pose_app.engines.kinds import available
from pose_app.pose.factory import EstimatorFactory
from pose_app.recording.recording import RecordingRequest
from pose_app.sources import open_source
from pose_app.types import Region
from tests.faults import ENGINE_FAULTS, FILE_FAULTS
from tests.soak.watched import Watched

BREAKING = ("stall", "reset", "cut", "garbage", "end", "refuse")  # the source is lost
BEARABLE = ("half", "flood", "resolution")

Action = Callable[[Watched], None]


def actions() -> dict[str, tuple[Action, float]]:
    """Name -> (action, weight) of everything that can be done on this machine."""
    engines = [(c.engine, c.device) for c in available() if c.problem is None and c.device != "npu"]
    found: dict[str, tuple[Action, float]] = {
        "demo": (lambda w: w.open_source(lambda: open_source("demo")), 1),
        "camera": (_camera, 2),
        "video": (_video, 1),
        "sources in quick succession": (_sources, 1),
        "no such source": (_bad_source, 1),
        "no such model": (_bad_model, 1),
        "another model": (Watched.change_model, 2),
        "stacks and controls": (_controls, 4),
        "pause": (_pause, 1),
        "seek": (_seek, 2),
        "region": (_region, 1),
        "record or stop": (_record, 8),
        "another drawing": (lambda w: w.session.set_drawing(some_drawing(w.rng)), 2),
    }
    for engine, device in engines:
        found[f"engine {engine} {device}"] = (partial(_engine, engine, device), 1)
    for fault in BREAKING:
        found[f"camera: {fault}"] = (partial(_camera_breaks, fault), 0.5)
    for fault in BEARABLE:
        found[f"camera: {fault}"] = (partial(_camera_bears, fault), 0.5)
    for fault in ENGINE_FAULTS:
        found[f"engine: {fault}"] = (partial(_engine_fault, fault), 0.3)
    for fault in FILE_FAULTS:
        found[f"recording: {fault}"] = (partial(_file_fault, fault), 0.5)
    if sys.platform != "win32":  # an open file cannot be deleted there
        found["recording: deleted"] = (_deleted, 0.5)
    return found


def _camera(watched: Watched) -> None:
    path = watched.rng.choice(["/stream", "/small"])
    watched.open_source(lambda: open_source(watched.camera.address(path)))


def _video(watched: Watched) -> None:
    """A recording of this soak, once there is one."""
    clip = watched.verifier.clip
    watched.open_source(lambda: open_source("demo" if clip is None else str(clip), loop=True))


def _sources(watched: Watched) -> None:
    """The last of several wishes wins."""
    for _ in range(watched.rng.randint(2, 5)):
        words = watched.rng.choice(["demo", watched.camera.address("/small"), "no such file.mp4"])
        watched.session.set_source(partial(open_source, words))
        watched.wait(watched.rng.choice([0, 0.05, 0.3]))
    watched.open_source(lambda: open_source("demo"))
    watched.until(_kind_is(watched, "demo"), "the last of several sources")


def _kind_is(watched: Watched, kind: str) -> Callable[[], bool]:
    return lambda: (info := watched.session.metrics().source) is not None and info.kind == kind


def _bad_source(watched: Watched) -> None:
    words = watched.rng.choice(
        ["no such file.mp4", __file__, watched.camera.address("/nothing"), "http://127.0.0.1:9/"]
    )
    watched.session.set_source(lambda: open_source(words))
    watched.expect("source_failed")


def _engine(engine: str, device: str, watched: Watched) -> None:
    watched.session.set_estimator(*watched.estimators(engine, device))
    watched.expect("model_loaded")


def _bad_model(watched: Watched) -> None:
    watched.session.set_estimator(EstimatorFactory(__file__).open)
    watched.expect("model_failed")


def _controls(watched: Watched) -> None:
    controls, rng = watched.session.controls, watched.rng
    most = watched.session.metrics().stacks_all or 1
    controls.stacks = rng.choice(["auto", "all", *range(1, most + 2)])
    controls.shown = rng.choice([None, *range(most)])
    controls.threshold = rng.choice([None, rng.random()])
    controls.smoothing = rng.random() < 0.5
    controls.speed = rng.choice([0.5, 1.0, 1.0, 2.0])


def _pause(watched: Watched) -> None:
    controls = watched.session.controls
    controls.paused = True
    for _ in range(watched.rng.randint(0, 3)):
        watched.wait(0.3)
        watched.session.step()
    controls.paused = False


def _seek(watched: Watched) -> None:
    for _ in range(watched.rng.randint(1, 5)):
        watched.session.seek(watched.rng.uniform(-1, 12))
        watched.wait(watched.rng.choice([0, 0.1]))


def _region(watched: Watched) -> None:
    """A square that the user drags, inside the picture or outside of it."""
    rng = watched.rng
    side = rng.uniform(20, 400)
    watched.session.controls.region = Region(rng.uniform(-600, 700), rng.uniform(-400, 400), side)
    watched.until_poses(3)
    watched.session.controls.region = None


def _record(watched: Watched) -> None:
    if watched.session.metrics().recording is None:
        start_recording(watched)
    else:
        stop_recording(watched)


def start_recording(watched: Watched) -> None:
    """Start a recording, and wait until its files are there."""
    _begin_recording(watched)
    watched.expect("recording_started")


def _begin_recording(watched: Watched) -> Future[RecordingRequest]:
    """Any of the three files together, in either container; done when they are created."""
    rng, folder, stem = watched.rng, watched.folder, watched.next_take()
    kinds = rng.choice([(1, 1, 1), (1, 0, 1), (1, 0, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1)])
    suffix = rng.choice([".mp4", ".mkv"])
    return watched.session.record(
        RecordingRequest(
            annotated=folder / f"{stem}{suffix}" if kinds[0] else None,
            raw=folder / f"{stem}-raw{suffix}" if kinds[1] else None,
            log=folder / f"{stem}.jsonl" if kinds[2] else None,
            drawing=some_drawing(rng),
        )
    )


def some_drawing(rng: random.Random) -> DrawOptions:
    """Any way to draw a frame."""
    return DrawOptions(
        rng.choice(DRAWINGS),
        rng.choice(BACKGROUNDS),
        stack=rng.choice([None, 0, 7]),
        compare=rng.choice([None, 0]),
        joint=rng.choice([None, 3, 99]),
        heatmap=rng.random() < 0.5,
        region=rng.random() < 0.5,
        text=rng.random() < 0.5,
    )


def stop_recording(watched: Watched) -> None:
    watched.session.stop_recording()
    watched.expect("recording_finished")


def _camera_breaks(fault: str, watched: Watched) -> None:
    watched.use_camera()
    watched.until_poses()
    watched.camera.fault = fault
    watched.expect("source_lost")
    watched.wait(watched.rng.uniform(0, 3))
    watched.camera.fault = None
    watched.expect("source_back")
    watched.until_poses()


def _camera_bears(fault: str, watched: Watched) -> None:
    watched.use_camera()
    watched.until_poses()
    watched.camera.fault = fault
    watched.wait(2)
    watched.camera.fault = None
    watched.until_poses()


def _engine_fault(fault: str, watched: Watched) -> None:
    """The next engine takes over; then the first is wanted again."""
    happened = watched.engine_fault.happened
    watched.engine_fault.released.clear()
    watched.engine_fault.next = fault
    watched.until(lambda: watched.engine_fault.happened > happened, "the injected fault")
    watched.expect("engine_changed")
    watched.engine_fault.released.set()
    watched.until_poses()
    _engine("auto", "auto", watched)


def _file_fault(fault: str, watched: Watched) -> None:
    """Two of the three end the recording, or a part of it; a slow one costs frames."""
    _recording(watched)
    watched.verifier.broken()
    watched.file_fault.kind = fault
    if fault == "encoder slow":
        watched.wait(3)
    else:
        watched.expect("warning")
    if fault == "disk full" and watched.session.metrics().recording is None:
        begun = _begin_recording(watched)
        watched.until(begun.done, "an answer about the files")
        if begun.exception() is None:
            watched.problems.append("a recording was begun on a full disk")
        watched.expect("recording_finished")
    watched.file_fault.kind = None
    watched.verifier.broken()
    _after_fault(watched)


def _deleted(watched: Watched) -> None:
    _recording(watched)
    state = watched.session.metrics().recording
    if state is None:
        return
    watched.until(lambda: any(path.stat().st_size for path in state.paths), "a written file")
    path = watched.rng.choice(state.paths)
    watched.verifier.broken(deleted=path)
    path.unlink()
    watched.expect("warning")
    watched.verifier.broken()
    _after_fault(watched)


def _recording(watched: Watched) -> None:
    """Make sure that a video is being recorded."""
    state = watched.session.metrics().recording
    if state is not None:
        stop_recording(watched)
    stem = watched.next_take()
    watched.session.record(
        RecordingRequest(
            annotated=watched.folder / f"{stem}.mp4",
            raw=watched.folder / f"{stem}-raw.mkv",
            log=watched.folder / f"{stem}.jsonl",
        )
    )
    watched.expect("recording_started")
    watched.until_poses()


def _after_fault(watched: Watched) -> None:
    """End what is left of the recording; the next one must work."""
    if watched.session.metrics().recording is not None:
        watched.session.stop_recording()
    watched.expect("recording_finished")
