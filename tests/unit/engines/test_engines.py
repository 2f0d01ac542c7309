"""The same contract for every engine, against plain float32 torch."""

from __future__ import annotations

import gc
import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch

from pose_app.engines import openvino_engine
from pose_app.engines.base import Engine, EngineInfo
from pose_app.engines.convert import converted
from pose_app.engines.fused import reference_maps
from pose_app.engines.openvino_engine import OpenVINOEngine, precisions
from pose_app.engines.torch_engine import TorchEngine
from pose_app.errors import EngineError
from pose_app.network.native import load_native
from pose_app.pose.decode import decode
from pose_app.spec import ModelSpec
from pose_app.types import Floats, Image

from .conftest import MakeModel, random_crops

Open = Callable[[Path, ModelSpec], Engine]

_CUDA = pytest.mark.gpu


def _openvino(precision: str) -> Open:
    def open_it(path: Path, spec: ModelSpec) -> Engine:
        if precision not in precisions("CPU"):
            pytest.skip(f"this processor does not compute in {precision}")
        return OpenVINOEngine(converted(path, spec), "CPU", precision)

    return open_it


def _torch(device: str, precision: str) -> Open:
    def open_it(path: Path, spec: ModelSpec) -> Engine:
        if device == "cuda" and not torch.cuda.is_available():
            pytest.skip("there is no CUDA device here")
        return TorchEngine(path, spec, device, precision)

    return open_it


ENGINES = [
    pytest.param(_openvino("f32"), 1e-4, id="openvino-f32"),
    pytest.param(_openvino("bf16"), 3e-2, id="openvino-bf16"),
    pytest.param(_torch("cpu", "f32"), 1e-4, id="torch-cpu"),
    pytest.param(_torch("cuda", "f32"), 1e-3, id="cuda-f32", marks=_CUDA),
    pytest.param(_torch("cuda", "bf16"), 3e-2, id="cuda-bf16", marks=_CUDA),
    pytest.param(_torch("cuda", "fp16"), 1e-2, id="cuda-fp16", marks=_CUDA),
]


@pytest.fixture
def opened(make_model: MakeModel, request: pytest.FixtureRequest) -> Iterator[tuple]:
    """An engine with its spec, file and tolerance."""
    open_it, tolerance = request.param
    path, spec = make_model()
    engine = open_it(path, spec)
    yield engine, spec, path, tolerance
    engine.close()


every_engine = pytest.mark.parametrize(
    "opened",
    [pytest.param(p.values, id=p.id, marks=p.marks) for p in ENGINES],
    indirect=True,
)


def expected_maps(path: Path, spec: ModelSpec, crops: Image) -> Floats:
    return reference_maps(load_native(path)[0], spec, torch.from_numpy(crops)).numpy()


def relative(a: Floats, b: Floats) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@every_engine
def test_answers_are_those_of_plain_torch(opened: tuple) -> None:
    engine, spec, path, tolerance = opened
    crops = random_crops(spec, 3)
    expected = expected_maps(path, spec, crops)
    for stacks in (1, 2, 3):
        maps = engine.infer(crops, stacks)
        assert (maps.batch, maps.stacks) == (3, stacks)
        for item in range(3):
            for stack in range(stacks):
                got = maps.stack(stack, item)
                assert got.shape == (16, 16, 24)
                assert got.dtype == np.float32
                assert relative(got, expected[item, stack]) < tolerance


@every_engine
def test_peaks_agree_with_the_maps(opened: tuple) -> None:
    engine, spec, _, _ = opened
    maps = engine.infer(random_crops(spec, 2), 2)
    peaks = maps.peaks()
    if peaks is None:
        pytest.skip("this engine leaves decoding to pose.decode")
    for item in range(2):
        for stack in range(2):
            mine = decode(maps.stack(stack, item), spec)
            np.testing.assert_allclose(peaks[item, stack], mine, rtol=1e-4, atol=1e-3)


@every_engine
def test_heatmaps_stay_valid(opened: tuple) -> None:
    """Later inferences, other threads and a closed engine do not change what was handed out."""
    engine, spec, path, tolerance = opened
    first = random_crops(spec, 1, seed=1)
    kept = engine.infer(first, 3)
    for seed in range(5):
        engine.infer(random_crops(spec, 1, seed=10 + seed), 3)
    engine.close()
    gc.collect()
    read: list[Floats] = []
    thread = threading.Thread(target=lambda: read.append(kept.stack(2)))
    thread.start()
    thread.join()
    assert relative(read[0], expected_maps(path, spec, first)[0, 2]) < tolerance


@every_engine
def test_a_crop_may_be_changed_after_the_inference(opened: tuple) -> None:
    engine, spec, path, tolerance = opened
    crops = random_crops(spec, 1)
    expected = expected_maps(path, spec, crops)
    maps = engine.infer(crops, 3)
    crops[:] = 0
    assert relative(maps.stack(2), expected[0, 2]) < tolerance


@every_engine
def test_wrong_input_is_refused(opened: tuple) -> None:
    engine, spec, _, _ = opened
    good = random_crops(spec, 1)
    with pytest.raises(EngineError, match="64 x 96 x 3"):
        engine.infer(good[:, :32], 1)
    with pytest.raises(EngineError, match="uint8"):
        engine.infer(good.astype(np.float32), 1)  # type: ignore[arg-type]
    with pytest.raises(EngineError, match="at least one image"):
        engine.infer(good[:0], 1)
    for stacks in (0, 4):
        with pytest.raises(EngineError, match="stacks 1 to 3"):
            engine.infer(good, stacks)


@every_engine
def test_a_closed_engine_says_so(opened: tuple) -> None:
    engine, spec, _, _ = opened
    engine.infer(random_crops(spec, 1), 1)
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.infer(random_crops(spec, 1), 1)


@every_engine
def test_strided_crops_are_read_right(opened: tuple) -> None:
    engine, spec, path, tolerance = opened
    wide = np.random.default_rng(3).integers(0, 256, (1, 64, 192, 3), dtype=np.uint8)
    view = wide[:, :, ::2]
    view.flags.writeable = False
    maps = engine.infer(view, 1)
    assert relative(maps.stack(0), expected_maps(path, spec, view.copy())[0, 0]) < tolerance


def test_openvino_compiles_in_the_background(make_model: MakeModel) -> None:
    path, spec = make_model()
    engine = OpenVINOEngine(converted(path, spec))
    try:
        assert not engine.ready(2)
        pause = threading.Event()
        for _ in range(500):
            if engine.ready(2):
                break
            pause.wait(0.02)
        assert engine.ready(2)
        assert engine.infer(random_crops(spec, 1), 2).stacks == 2
    finally:
        engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.ready(1)


def test_halves_of_openvino_answer_alike_at_the_same_time(make_model: MakeModel) -> None:
    path, spec = make_model()
    engine = OpenVINOEngine(converted(path, spec), threads=2)
    crops = random_crops(spec, 1)
    expected = engine.infer(crops, 2).all_stacks()
    halves = engine.halves()
    assert len(halves) == 2
    assert engine.halves() is halves
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda half: [half.infer(crops, 2) for _ in range(5)], halves))
    for answer in chain.from_iterable(answers):
        assert answer.all_stacks() == pytest.approx(expected, abs=1e-5)
    engine.close()
    for half in halves:
        with pytest.raises(EngineError, match="closed"):
            half.infer(crops, 2)


def test_one_thread_has_no_halves(make_model: MakeModel) -> None:
    path, spec = make_model()
    engine = OpenVINOEngine(converted(path, spec), threads=1)
    assert engine.halves() == ()
    engine.close()


def test_compiled_models_are_kept(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The second start loads what the first compiled; a damaged file is made again."""
    path, spec = make_model(mean=(0.11, 0.12, 0.13))
    found = converted(path, spec)
    crops = random_crops(spec, 1)
    expected = expected_maps(path, spec, crops)[0, 1]

    def answer() -> Floats:
        engine = OpenVINOEngine(found)
        try:
            return engine.infer(crops, 2).stack(1)
        finally:
            engine.close()

    assert relative(answer(), expected) < 1e-4
    (kept,) = found.compiled.glob("compiled-*.blob")
    good = kept.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(openvino_engine.openvino, "Model", None)  # compiling would need it
        assert relative(answer(), expected) < 1e-4
    damages = (good[: len(good) // 2], b"", good[:-9] + bytes([good[-9] ^ 255]) + good[-8:])
    for damaged in damages:
        kept.write_bytes(damaged)
        assert relative(answer(), expected) < 1e-4
        assert "damaged" in caplog.text
        caplog.clear()
        again = kept.read_bytes()  # names in it are numbered, so its length may differ a little
        assert hashlib.sha256(again[32:]).digest() == again[:32]
        assert len(again) == pytest.approx(len(good), rel=0.01)
    # Whole, but nothing that OpenVINO could read: of another version, perhaps.
    kept.write_bytes(hashlib.sha256(b"strange").digest() + b"strange")
    assert relative(answer(), expected) < 1e-4
    assert "cannot be used" in caplog.text
    assert [p.name for p in found.compiled.glob("*.part")] == []


def test_badge() -> None:
    info = EngineInfo("OpenVINO", "CPU", "bf16")
    assert info.badge() == "OpenVINO · CPU · bf16"
    assert info.badge(3, 4) == "OpenVINO · CPU · bf16 · 3 of 4 stacks"
