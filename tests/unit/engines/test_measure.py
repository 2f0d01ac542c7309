"""The choice by measurement: what is timed, kept, taken, and offered while frames run."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pose_app.engines import choose, measure, openvino_engine, progress
from pose_app.engines.base import Engine
from pose_app.engines.choose import better, measured, open_engine
from pose_app.engines.measure import Candidate, Kept, Measured, as_text, ranked
from pose_app.errors import EngineError

from .conftest import MakeModel, random_crops, random_spec
from .test_choose import only

F32 = Candidate("openvino", "cpu", "f32")
BF16 = Candidate("openvino", "cpu", "bf16")


@pytest.fixture(autouse=True)
def _two_ways(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A processor with two precisions, and nothing known about it."""
    monkeypatch.setattr(choose, "available", lambda: only(("openvino", "cpu"), ("torch", "cpu")))
    monkeypatch.setattr(choose, "nvidia_count", lambda: 0)
    monkeypatch.setattr(openvino_engine, "precisions", lambda device, quantized: ("f32", "bf16"))
    monkeypatch.setattr(measure, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(measure, "kept", Kept())
    monkeypatch.setattr(measure, "AFTER_SECONDS", 0.0)


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Milliseconds that an inference takes by precision, on a clock that knows nothing else."""
    slow = {"f32": 1.0, "bf16": 1.0}
    now = [0.0]
    plain = openvino_engine.OpenVINOEngine.infer

    def infer(self: Any, crops: Any, stacks: int) -> Any:
        now[0] += slow[self.info.precision] / 1e3
        return plain(self, crops, stacks)

    monkeypatch.setattr(openvino_engine.OpenVINOEngine, "infer", infer)
    monkeypatch.setattr(measure, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(measure, "_REST", 0.0)
    return slow


def until_better(engine: Engine) -> bool:
    """What `better` says once the search has ended."""
    better(engine)
    assert engine.search is not None
    thread = engine.search._thread
    assert thread is not None
    thread.join()
    return better(engine)


def test_something_faster_is_found_while_frames_run(
    make_model: MakeModel, times: dict[str, float]
) -> None:
    path, spec = make_model()
    times["f32"] = 60
    engine = open_engine(path)
    assert (engine.info.precision, engine.info.table) == ("f32", "")
    assert engine.search is not None
    assert until_better(engine)
    assert engine.infer(random_crops(spec, 1), 3).stacks == 3  # goes on as before
    again = open_engine(path)
    assert again.info.precision == "bf16"
    assert again.info.table == "bf16 1 ms, f32 60 ms"
    assert not better(again)
    engine.close()
    again.close()


def test_a_busy_machine_does_not_hide_what_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """While frames run, most inferences have to share the processor with them."""
    now = [0.0]
    rests = [100, 90, 110, 95, 105, 100, 20, 100, 90, 100, 95, 100]  # ms; one has it for itself
    takes = {F32: iter(rests), BF16: iter([30 + 60] * 9 + [30] + [90] * 2)}

    def opened(candidate: Candidate) -> Any:
        def infer(picture: Any, stacks: int) -> None:
            now[0] += next(takes[candidate]) / 1e3

        spec = SimpleNamespace(network=SimpleNamespace(stacks=4))
        return SimpleNamespace(infer=infer, spec=spec, close=lambda: None)

    monkeypatch.setattr(measure, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(measure, "_REST", 0.0)
    picture = np.zeros((1, 8, 8, 3), np.uint8)
    table = measure.measure([F32, BF16], opened, picture, threading.Event())
    assert as_text(table) == "f32 20 ms, bf16 30 ms"


def test_what_is_the_fastest_already_stays(make_model: MakeModel, times: dict[str, float]) -> None:
    path, _ = make_model()
    times["bf16"] = 60
    engine = open_engine(path)
    assert not until_better(engine)
    engine.close()


def test_the_table_is_kept_for_the_next_start(
    make_model: MakeModel, times: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = make_model()
    times["f32"] = 60
    table = measured(path)
    assert [one.candidate for one in ranked(table)] == [BF16, F32]
    monkeypatch.setattr(measure, "kept", Kept())  # another process
    times.update(f32=1, bf16=90)
    assert measured(path) == table
    engine = open_engine(path)
    assert engine.info.precision == "bf16"
    engine.close()
    again = measured(path, again=True)
    assert [one.candidate for one in ranked(again)] == [F32, BF16]


def test_another_machine_or_model_is_measured_itself(
    make_model: MakeModel, times: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = make_model()
    times["f32"] = 60
    measured(path)
    other = open_engine(make_model(mean=(0.1, 0.1, 0.1))[0])
    assert other.info.precision == "f32"
    other.close()
    monkeypatch.setattr(choose, "nvidia_driver", lambda: 12080)  # a new driver
    same = open_engine(path)
    assert (same.info.precision, same.info.table) == ("f32", "")
    same.close()


def test_what_failed_once_is_tried_again_beside_the_one_that_works(
    make_model: MakeModel, times: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graphics card may be full today and free tomorrow."""
    path, _ = make_model()
    times["f32"] = 60
    measured(path)
    (stored,) = (measure.cache_folder() / "choices").glob("*.json")
    content = json.loads(stored.read_text())
    for row in content["table"]:
        if row["candidate"]["precision"] == "bf16":
            row.update(ms=None, problem="There is too little free memory.")
    stored.write_text(json.dumps(content))
    monkeypatch.setattr(measure, "kept", Kept())  # the next start
    engine = open_engine(path)
    assert engine.info.precision == "f32"
    assert until_better(engine)
    engine.close()
    engine = open_engine(path)
    assert engine.info.precision == "bf16"
    assert engine.search is None
    engine.close()


@pytest.mark.parametrize("what", ["nvidia_card", "processor"])
def test_another_card_or_processor_is_measured_itself(
    make_model: MakeModel, times: dict[str, float], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    path, _ = make_model()
    times["f32"] = 60
    measured(path)
    monkeypatch.setattr(choose, what, lambda: "another one")
    engine = open_engine(path)
    assert engine.info.table == ""
    engine.close()


def test_what_was_asked_for_is_not_measured(make_model: MakeModel) -> None:
    engine = open_engine(make_model()[0], precision="bf16")
    assert engine.info.precision == "bf16"
    assert not better(engine)
    assert engine.search is None
    engine.close()


def test_a_closed_engine_ends_its_search(
    make_model: MakeModel, times: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = make_model()
    monkeypatch.setattr(measure, "_REST", 1e6)  # the search waits for ever after an inference
    engine = open_engine(path)
    better(engine)
    assert engine.search is not None
    engine.close()
    thread = engine.search._thread
    assert thread is not None
    assert not thread.is_alive()
    assert measure.kept.get(engine.search._key) == ()


def test_what_fails_is_in_the_table_with_its_reason(make_model: MakeModel) -> None:
    path, spec = make_model()
    closed: list[Candidate] = []

    class Broken:
        def __init__(self, candidate: Candidate) -> None:
            self.spec = spec
            self._candidate = candidate

        def infer(self, crops: Any, stacks: int) -> None:
            if self._candidate == BF16:
                raise EngineError("The device is gone.")

        def close(self) -> None:
            closed.append(self._candidate)

    def opener(candidate: Candidate) -> Any:
        if candidate.precision == "fp16":
            raise EngineError("No such arithmetic.")
        return Broken(candidate)

    fp16 = Candidate("openvino", "cpu", "fp16")
    table = measure.measure((F32, BF16, fp16), opener, random_crops(spec, 1))
    problems = {one.candidate: one.problem for one in table}
    assert problems == {F32: None, BF16: "The device is gone.", fp16: "No such arithmetic."}
    assert [one.candidate for one in ranked(table)] == [F32]
    assert sorted(map(str, closed)) == ["bf16", "f32"]
    assert path.exists()


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 1, "table": [{}]}', '{"schema": 9}'])
def test_a_damaged_table_is_measured_again(tmp_path: Path, content: str) -> None:
    kept = Kept()
    kept.put("key", (Measured(F32, 3.0), Measured(BF16, None, "no")))
    (file,) = (tmp_path / "choices").iterdir()
    assert Kept().get("key") == kept.get("key")
    file.write_text(content)
    assert Kept().get("key") == ()


def test_a_folder_that_cannot_be_written_costs_nothing_now(tmp_path: Path) -> None:
    (tmp_path / "choices").write_text("in the way")
    kept = Kept()
    kept.put("key", (Measured(F32, 3.0),))
    assert kept.get("key") == (Measured(F32, 3.0),)


def test_the_table_to_read() -> None:
    table = (
        Measured(F32, 28.04),
        Measured(BF16, 45.2),
        Measured(Candidate("openvino", "cpu", "int8", 8), 9.123),
        Measured(Candidate("torch", "cuda", "fp16"), None, "lost"),
        Measured(Candidate("openvino", "gpu", "fp16"), 12.0),
    )
    assert as_text(table) == "int8 8 threads 9.12 ms, gpu fp16 12 ms, f32 28 ms, bf16 45.2 ms"


def test_a_run_of_a_moment_measures_nothing(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "AFTER_SECONDS", 1e6)
    path, _ = make_model()
    engine = open_engine(path)
    assert not better(engine)
    assert not [one for one in threading.enumerate() if one.name == "measure engines"]
    engine.close()


def test_measuring_that_nobody_waits_for_ends_at_its_next_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Opening an engine is a row of long calls: it is not finished for an engine that closes."""
    monkeypatch.setattr(measure, "AFTER_SECONDS", 0.0)
    opening, steps = threading.Event(), []

    def open_one(candidate: Candidate) -> Any:
        opening.set()
        closed.wait(20)
        progress.check()
        steps.append(candidate)
        raise EngineError("It was opened to the end.")

    both = [Candidate("openvino", "cpu", precision) for precision in ("int8", "f32")]
    search = measure.Search(both[0], both, open_one, random_crops(random_spec(), 1), "key")
    closed = search._stop
    assert not search.better()
    assert opening.wait(20)
    search.close()
    assert search._thread is not None
    assert not search._thread.is_alive()
    assert steps == []
