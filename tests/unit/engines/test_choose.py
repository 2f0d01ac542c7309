"""Which engine is taken, what is said about it, and what is refused."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose_app.engine_words import Word
from pose_app.engines import choose, hardware, kinds
from pose_app.engines.choose import available, open_engine
from pose_app.engines.hardware import Choice
from pose_app.engines.measure import Candidate
from pose_app.errors import EngineError, ModelError

from .conftest import MakeModel, random_crops

NO_CUDA = "This computer has no NVIDIA graphics with a working driver."


def only(*usable: tuple[str, str]) -> list[Choice]:
    """A machine with just these engines and devices."""
    return [
        Choice(c.engine, c.device, c.label, None if (c.engine, c.device) in usable else "Not here.")
        for c in available()
    ]


@pytest.fixture
def processor_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "available", lambda: only(("openvino", "cpu"), ("torch", "cpu")))
    monkeypatch.setattr(choose, "nvidia_count", lambda: 0)


@pytest.mark.usefixtures("processor_only")
def test_auto_takes_openvino_without_a_word(make_model: MakeModel) -> None:
    path, spec = make_model()
    engine = open_engine(path)
    assert (engine.info.engine, engine.info.device) == ("OpenVINO", "CPU")
    assert engine.info.reason is None
    assert engine.infer(random_crops(spec, 1), 3).stacks == 3
    engine.close()


@pytest.mark.parametrize(
    ("usable", "asked", "expected"),
    [
        ((("openvino", "cpu"), ("torch", "cpu")), ("auto", "auto"), True),
        ((("openvino", "cpu"), ("torch", "cpu")), ("torch", "auto"), False),
        ((("openvino", "cpu"), ("torch", "cuda")), ("auto", "auto"), False),
        ((("openvino", "cpu"), ("torch", "cuda")), ("OpenVINO", "cpu"), True),
        ((("openvino", "cpu"),), ("torch", "cuda"), False),
    ],
)
def test_two_models_are_opened_at_once_on_the_processor_alone(
    monkeypatch: pytest.MonkeyPatch,
    usable: tuple[tuple[str, str], ...],
    asked: tuple[str, str],
    expected: bool,
) -> None:
    monkeypatch.setattr(choose, "available", lambda: only(*usable))
    assert choose.in_parallel(*asked) is expected


@pytest.mark.usefixtures("processor_only")
def test_each_engine_and_precision_by_name(make_model: MakeModel) -> None:
    path, _ = make_model()
    for engine, name in (("torch", "PyTorch"), ("openvino", "OpenVINO"), ("OpenVINO", "OpenVINO")):
        opened = open_engine(path, engine=engine, precision="f32", threads=1)
        assert (opened.info.engine, opened.info.precision) == (name, "f32")
        assert opened.info.reason is None
        opened.close()


@pytest.mark.usefixtures("processor_only")
@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"engine": "tensorflow"}, "auto, openvino, torch"),
        ({"device": "tpu"}, "auto, cuda, mps, gpu, npu, cpu"),
        ({"precision": "int4"}, r"auto, int8, int8\+bf16, f32, bf16, fp16"),
        ({"engine": "openvino", "device": "gpu"}, "Not here."),
        ({"device": "cuda"}, "Not here."),
        ({"engine": "openvino", "device": "cuda"}, "no device 'cuda'"),
        ({"engine": "torch", "precision": "bf16"}, "choose f32"),
    ],
)
def test_impossible_wishes_are_refused(
    make_model: MakeModel, wish: dict[str, Any], message: str
) -> None:
    with pytest.raises(EngineError, match=message):
        open_engine(make_model()[0], **wish)


def test_bad_models_are_model_errors(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        open_engine(tmp_path / "nothing.safetensors")


@pytest.mark.usefixtures("processor_only")
def test_another_input_size(make_model: MakeModel) -> None:
    path, _ = make_model()
    for name in ("openvino", "torch"):
        engine = open_engine(path, engine=name, input_size=(96, 64))
        assert engine.spec.input_size == (96, 64)
        maps = engine.infer(np.zeros((1, 96, 64, 3), np.uint8), 1)
        assert maps.stack(0).shape == (16, 24, 16)
        engine.close()
    with pytest.raises(ModelError, match="multiples"):
        open_engine(path, input_size=(100, 64))


@pytest.mark.usefixtures("processor_only")
def test_wrong_heatmaps_fall_back_and_say_so(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reduced precision that computes rubbish (as broken drivers do) is not used."""
    from pose_app.engines import openvino_engine, selfcheck

    path, _ = make_model()
    monkeypatch.setattr(openvino_engine, "precisions", lambda device, quantized: ("bf16", "f32"))
    monkeypatch.setitem(selfcheck.TOLERANCE, "bf16", 0.0)
    engine = open_engine(path)
    assert (engine.info.engine, engine.info.precision) == ("OpenVINO", "f32")
    assert engine.info.reason is not None
    assert "bf16 failed its self-check" in engine.info.reason
    engine.close()
    # The same where bf16 was asked for by name.
    engine = open_engine(path, precision="bf16")
    assert engine.info.precision == "f32"
    assert "self-check" in (engine.info.reason or "")
    engine.close()


@pytest.mark.usefixtures("processor_only")
def test_auto_goes_on_to_the_next_engine_with_the_reason(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pose_app.engines import convert

    def broken(*_: object) -> None:
        raise EngineError("OpenVINO cannot convert the model.")

    monkeypatch.setattr(convert.graphs, "read", lambda *folders: None)
    monkeypatch.setattr(convert, "_convert", broken)
    path, _ = make_model()
    engine = open_engine(path)
    assert engine.info.engine == "PyTorch"
    assert engine.info.reason == "OpenVINO cannot convert the model."
    engine.close()
    with pytest.raises(EngineError, match="cannot convert"):
        open_engine(path, engine="openvino")


def test_unused_graphics_are_mentioned(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "nvidia_count", lambda: 1)
    monkeypatch.setattr(choose, "available", lambda: only(("openvino", "cpu"), ("torch", "cpu")))
    engine = open_engine(make_model()[0])
    assert engine.info.reason == "Not here."
    engine.close()


def test_missing_openvino_is_mentioned(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "nvidia_count", lambda: 0)
    monkeypatch.setattr(choose, "available", lambda: only(("torch", "cpu")))
    engine = open_engine(make_model()[0])
    assert engine.info.engine == "PyTorch"
    assert engine.info.reason == "Not here."
    engine.close()


def test_the_machine_is_described_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "nvidia_count", lambda: 0)
    kinds = {(c.engine, c.device): c.problem for c in available()}
    assert kinds["torch", "cuda"] == NO_CUDA
    assert kinds["openvino", "cpu"] is None
    assert set(kinds) >= {("torch", "mps"), ("openvino", "gpu"), ("openvino", "npu")}


@pytest.mark.gpu
def test_auto_takes_cuda(make_model: MakeModel) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device here")
    path, spec = make_model()
    engine = open_engine(path)
    assert engine.info.device.startswith("CUDA")
    assert engine.info.precision == "fp16"
    assert engine.infer(random_crops(spec, 1), 3).peaks() is not None
    engine.close()


@pytest.mark.usefixtures("processor_only")
def test_a_new_kind_of_engine_is_a_row(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its word for people: it is found, chosen, opened, and told by `--help`."""
    path, spec = make_model()
    asked: list[Candidate] = []

    def open_it(model: kinds.Model, candidate: Candidate, first: int | None) -> Any:
        asked.append(candidate)
        return kinds.opened(model, replace(candidate, engine="torch"))

    row = kinds.EngineKind(
        "abacus",
        lambda: [Choice("abacus", "cpu", "Abacus on the processor", rank=-1)],
        lambda choice, quantized: ("f32",),
        open_it,
    )
    monkeypatch.setattr(kinds, "KINDS", (*kinds.KINDS, row))
    monkeypatch.setattr(choose, "available", kinds.available)
    monkeypatch.setattr(choose, "ENGINES", (*choose.ENGINES, Word("abacus", "Abacus", "beads")))
    assert kinds.available()[0].engine == "abacus"
    with closing(open_engine(path, engine="abacus")) as engine:
        assert engine.infer(random_crops(spec, 1), 1).stacks == 1
    assert [(one.engine, one.precision) for one in asked] == [("abacus", "f32")]
