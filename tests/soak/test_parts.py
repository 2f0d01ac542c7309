"""The soak's own parts: slopes, the camera's faults, the verdict."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import pytest

from pose_app.errors import RecordingError, SourceError
from pose_app.recording.active import ActiveRecording
from pose_app.recording.recording import RecordingReport, RecordingRequest
from pose_app.sources import open_source
from pose_app.types import Frame
from tests.media import numbered_picture
from tests.poses import make_result
from tests.servers import SMALL, MjpegServer
from tests.soak.actions import BEARABLE, BREAKING
from tests.soak.plot import plot
from tests.soak.report import JUDGED_SECONDS, _growth_problems, _held, new_folder
from tests.soak.samples import Sample, growth
from tests.soak.verifier import Verifier
from tests.unit.recording.test_verify import MODEL


def samples(memory: Any, count: int = 600, step: float = 6.0) -> list[Sample]:
    return [Sample(n * step, float(memory(n * step)), None, 20, 5, 12, 30.0) for n in range(count)]


def test_growth_is_the_slope_per_hour_whatever_jumps() -> None:
    noise = random.Random(1)
    steady = samples(lambda t: 500 + 30 * t / 3600 + noise.uniform(-5, 5))
    assert growth(steady, "memory", 0) == pytest.approx(30, abs=3)
    jumping = samples(lambda t: 500 + 400 * (1000 < t < 1200))  # a second model for a while
    assert growth(jumping, "memory", 0) == pytest.approx(0, abs=1e-6)
    assert growth(steady, "threads", 0) == 0
    assert growth(steady, "gpu_memory", 0) is None
    # What happens while everything is loaded for the first time is no growth.
    loading = samples(lambda t: min(t, 600))
    assert growth(loading, "memory", 700) == 0


@pytest.mark.parametrize(("per_hour", "told"), [(30, False), (300, True)])
def test_a_leak_is_a_problem(per_hour: float, told: bool) -> None:
    seen = samples(lambda t: 500 + per_hour * t / 3600)
    watched = SimpleNamespace(samples=seen, rest=seen[::60])
    outcome: Any = SimpleNamespace(watched=watched, seconds=seen[-1].seconds)
    held = {name: _held(seen, watched.rest, name) for name in ("memory", "gpu_memory")}
    problems = _growth_problems(outcome, held)
    assert bool(problems) == told
    short: Any = SimpleNamespace(watched=watched, seconds=JUDGED_SECONDS / 2)
    assert _growth_problems(short, held) == []


def test_descriptors_that_stay_are_a_problem() -> None:
    seen = samples(lambda t: 500)
    rest = [Sample(n * 300.0, 400, None, 20, 5, 12 + 3 * n, 0.0) for n in range(12)]
    outcome: Any = SimpleNamespace(
        watched=SimpleNamespace(samples=seen, rest=rest), seconds=seen[-1].seconds
    )
    held = {name: _held(seen, rest, name) for name in ("memory", "gpu_memory")}
    (problem,) = _growth_problems(outcome, held)
    assert "descriptors at rest went from 24 to 45" in problem


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    outcome: Any = SimpleNamespace(
        watched=SimpleNamespace(samples=samples(lambda t: t)), seconds=3600.0, done=[(9.0, "a: b")]
    )
    plot(tmp_path / "a.png", outcome, {"verdict": "good", "minutes": 60, "seed": 1})
    image = cv2.imread(str(tmp_path / "a.png"))
    assert image.shape[1] > 1000
    assert len({tuple(pixel) for pixel in image[::7, ::7].reshape(-1, 3)}) > 3


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError, match="choose a new folder"):
        new_folder(tmp_path / "file" / "report")
    assert new_folder(tmp_path / "new" / "report").is_dir()


@pytest.mark.parametrize("fault", [*BREAKING, *BEARABLE])
def test_the_network_camera_fails_when_told(fault: str) -> None:
    with MjpegServer() as camera:
        source = open_source(camera.url)
        assert source.read() is not None
        camera.fault = fault
        if fault in ("reset", "cut", "refuse"):
            with pytest.raises(SourceError):
                list(iter(source.read, None))
            source.close()
        elif fault == "end":
            list(iter(source.read, None))
        elif fault == "resolution":
            while (frame := source.read()) is not None and frame.size != SMALL:
                pass
            assert source.info.size == SMALL
        if fault == "refuse":
            with pytest.raises(SourceError, match="503"):
                open_source(camera.url)
        camera.fault = None
        again = open_source(camera.url)
        assert again.read() is not None
        again.close()
        source.close()


def test_the_network_camera_has_two_sizes() -> None:
    with MjpegServer() as camera:
        for path, size in (("/stream", (640, 480)), ("/small", SMALL)):
            source = open_source(camera.address(path))
            frame = source.read()
            assert frame is not None
            assert frame.size == size
            source.close()


def _recorded(request: RecordingRequest, frames: int, step: float) -> RecordingReport:
    active = ActiveRecording(request)
    active.begin("test", 1 / step, True)
    active.describe(MODEL)
    for number in range(frames):
        frame = Frame(number, 0, step * number, numbered_picture(number))
        active.offer_raw(frame, frame.seconds)
        active.offer_result(make_result(frame), frame.seconds)
    return active.close()


@pytest.mark.parametrize("torn", [False, True])
def test_each_part_of_a_recording_is_compared_with_its_own_log(tmp_path: Path, torn: bool) -> None:
    names = RecordingRequest(tmp_path / "a.mp4", tmp_path / "r.mp4", tmp_path / "a.jsonl")
    second = RecordingRequest(
        tmp_path / "a (2).mp4", tmp_path / "r (2).mp4", tmp_path / "a (2).jsonl"
    )
    files = _recorded(names, 12, 0.1).files + _recorded(second, 9, 0.3).files
    if torn:  # a line of the second log is of a frame that no video has
        log = tmp_path / "a (2).jsonl"
        log.write_text(log.read_text().replace('"t":0.6', '"t":0.66'))
    problems: list[str] = []
    verifier = Verifier(problems.append)
    verifier.finished(RecordingReport(files))
    verifier.close()
    assert verifier.files == 6
    assert [problem.partition(":")[0] for problem in problems] == (
        ["a (2).mp4", "a (2).mp4", "r (2).mp4"] if torn else []
    )
