"""The benchmark measures what it says, and its figures can be read by programs and people."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pose_app.bench import networks, pipeline, report, startup
from pose_app.bench.clips import enlarged, opener
from pose_app.bench.report import measure
from pose_app.bench.text import tables
from pose_app.bench.timing import together
from pose_app.cli import main
from pose_app.engines.measure import Candidate, Measured
from pose_app.network.native import build, save_native
from pose_app.skeletons import MPII_16
from pose_app.spec import ModelSpec, NetworkConfig

pytestmark = pytest.mark.timeout(600)  # a whole run of the benchmark

SUMMARY = {
    "openvino_over_torch",
    "network_share",
    "over_naive",
    "age_p95_periods",
    "peak_share",
}


LIVE = {
    "source_fps": 30.0,
    "fps": 29.0,
    "stacks": {"2": 60},
    "age_ms": {"median": 20.0, "p95": 50.0},
    "age_p95_periods": 1.5,
    "dropped": {},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = ModelSpec(
        name="tiny",
        family="pose-app",
        network=NetworkConfig(stacks=2, width=16, stem=(8, 8), stem_second=8, depth=4),
        joints=MPII_16.joints,
        limbs=MPII_16.limbs,
        flip=MPII_16.flip,
        input_size=(64, 64),
    )
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("bench") / "tiny.safetensors"
    save_native(path, build(spec), spec)
    return path


@pytest.fixture(scope="module")
def found(model: Path) -> dict[str, Any]:
    """A whole run, as short as it can be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(startup, "_ROUNDS", 1)
        steps: list[str] = []
        made = measure(str(model), 0.1, False, steps.append)
    assert "start-up" in steps
    return made


def test_the_summary_has_its_keys(found: dict[str, Any]) -> None:
    assert set(found["summary"]) == SUMMARY
    assert json.loads(json.dumps(found)) == found
    for key, value in found["summary"].items():
        assert value > 0, key
    assert found["summary"]["network_share"] < 1
    assert found["baseline"]["engine"].startswith("OpenVINO")


def test_the_choice_and_the_first_start(found: dict[str, Any]) -> None:
    assert found["problems"] == {}
    assert found["chosen"] in found["candidates"]
    assert all(isinstance(ms, float | str) for ms in found["candidates"].values())
    assert found["candidates"]["f32"] > 0
    assert found["int8_over_f32"] is None  # this model was not quantized
    assert type(found["choice_is_right"]) is bool
    assert found["first_start_s"] > 0
    assert found["first_start_imports_torch"] is True  # it has to convert the model


def test_one_measurement_that_fails_costs_no_other(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything else replaced: this is about what becomes of the findings."""

    def broken(*_: object) -> None:
        raise RuntimeError("no clock")

    for name in ("in_turn", "full_speed", "beside_naive"):
        monkeypatch.setattr(pipeline, name, broken)
    monkeypatch.setattr(pipeline, "live", lambda *_: LIVE)
    monkeypatch.setattr(report, "enlarged", broken)
    monkeypatch.setattr(startup, "startup", broken)
    monkeypatch.setattr(startup, "first_start", broken)
    monkeypatch.setattr(networks, "baseline", broken)
    monkeypatch.setattr(networks, "table", lambda *_: [])
    found = measure(str(model), 0.1, False, lambda step: None)
    assert found["problems"]["start-up"] == "RuntimeError: no clock"
    assert found["640x480"] == {"live": LIVE}
    assert found["1280x720"] == {}, "no figure of another clip"
    assert found["summary"]["age_p95_periods"] == 1.5
    assert found["summary"]["over_naive"] is None
    assert found["candidates"]["f32"] > 0
    text = tables(found)
    assert "not measured" in text
    assert "live at 30 fps" in text
    json.dumps(found)


def test_every_engine_is_listed_or_has_a_reason(found: dict[str, Any]) -> None:
    measured = [row for row in found["engines"] if "problem" not in row]
    assert {row["stacks"] for row in measured} == {1, 2}
    assert any(row["engine"].startswith("PyTorch") for row in measured)
    for row in measured:
        assert 0 < row["ms"]["best"] <= row["ms"]["median"] <= row["ms"]["p95"]
    assert all(row["problem"] for row in found["engines"] if "problem" in row)


def test_frames_are_accounted_for(found: dict[str, Any]) -> None:
    for size in ("640x480", "1280x720"):
        live = found[size]["live"]
        assert live["captured"] == live["processed"] + sum(live["dropped"].values())
        assert {"read", "crop", "network", "decode", "track"} <= set(
            found[size]["in_turn"]["stages_ms"]
        )


def test_tables_show_what_was_found(found: dict[str, Any]) -> None:
    text = tables(found)
    assert f"{found['summary']['over_naive']:.2f} x" in text
    assert "pipeline, 1280x720" in text
    for row in found["engines"]:
        assert row["engine"] in text


def test_the_enlarged_clip_is_720p(tmp_path: Path) -> None:
    source = opener(enlarged(tmp_path))()
    try:
        assert source.info.size == (1280, 720)
        frames = [source.read() for _ in range(3)]
    finally:
        source.close()
    assert all(frame is not None and frame.image.std() > 20 for frame in frames)


def test_calls_are_timed_in_turns() -> None:
    order: list[str] = []

    def slow() -> None:
        order.append("slow")
        time.sleep(0.02)

    def quick() -> None:
        order.append("quick")
        time.sleep(0.001)

    times = together({"slow": slow, "quick": quick}, 0.3)
    assert times["slow"].median >= 20
    assert times["slow"].best <= times["slow"].median <= times["slow"].p95
    assert times["quick"].runs > times["slow"].runs >= 5
    turns = [a for a, b in pairwise(order) if a != b]
    assert turns.count("slow") >= 2


def test_a_broken_measurement_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--model", str(tmp_path / "none.safetensors")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_the_naive_loop_has_the_engine_of_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    best = Candidate("openvino", "cpu", "int8+bf16")
    table = (Measured(Candidate("openvino", "cpu", "int8"), 9.0), Measured(best, 5.0))
    monkeypatch.setattr(pipeline, "measured", lambda model: table)
    assert pipeline._chosen(Path("model")) == ("openvino", "cpu", "int8+bf16")
    monkeypatch.setattr(pipeline, "measured", lambda model: ())
    assert pipeline._chosen(Path("model")) == ("auto", "auto", "auto")


def test_a_session_that_cannot_start_is_reported(tmp_path: Path, model: Path) -> None:
    from pose_app.errors import PoseAppError

    with pytest.raises(PoseAppError):
        pipeline.full_speed(model, opener(tmp_path / "none.mp4"), 0.1, None)


@pytest.mark.parametrize("precision", ["f32", "bf16", "int8", "int8+bf16"])
def test_every_precision_of_the_processor_has_a_peak(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "_PEAK_SIDE", 8)
    assert np.shape(networks._product("cpu", precision)()) == (8, 8)
