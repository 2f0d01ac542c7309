"""Who waits for a network to be compiled hears of every end of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from pose_app.engines.choose import open_engine
from pose_app.engines.convert import converted
from pose_app.engines.openvino_engine import OpenVINOEngine
from pose_app.errors import EngineError

from .conftest import MakeModel, random_crops


@pytest.fixture
def engine(make_model: MakeModel) -> Iterator[OpenVINOEngine]:
    path, spec = make_model()
    made = OpenVINOEngine(converted(path, spec))
    yield made
    made.close()


@pytest.mark.parametrize("error", [MemoryError("no memory left"), OSError(28, "disk full")])
def test_an_error_of_any_kind_leaves_nobody_waiting(
    engine: OpenVINOEngine, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def failing(stacks: int) -> object:
        raise error

    monkeypatch.setattr(engine, "_compile", failing)
    crops = random_crops(engine.spec, 1)
    with pytest.raises(type(error)):
        engine.infer(crops, 1)
    # Another frame, or a look whether it is ready: neither waits for an answer that never comes.
    assert engine.ready(1)
    with pytest.raises(type(error)):
        engine._requests[1].result(timeout=0)
    with pytest.raises(type(error)):
        engine.infer(crops, 1)


def test_an_engine_error_is_the_same_for_everybody(
    engine: OpenVINOEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(stacks: int) -> object:
        raise EngineError("The device has gone.")

    monkeypatch.setattr(engine, "_compile", failing)
    for _ in range(2):
        with pytest.raises(EngineError, match="gone"):
            engine.infer(random_crops(engine.spec, 1), 1)


def test_an_engine_can_begin_with_its_first_stack(make_model: MakeModel) -> None:
    path, spec = make_model()
    made = open_engine(path, "openvino", "cpu", "f32", first=1)
    whole = open_engine(path, "openvino", "cpu", "f32")
    try:
        assert isinstance(made, OpenVINOEngine)
        assert set(made._requests) == {1}
        assert made.ready(1)
        crops = random_crops(spec, 1)
        first = made.infer(crops, 1).stack(0).copy()
        made.ready(3)  # begins to prepare them
        made._requests[3].result(timeout=60)
        assert made.ready(3)
        np.testing.assert_allclose(made.infer(crops, 3).stack(0), first, atol=1e-5)
        np.testing.assert_allclose(
            made.infer(crops, 3).all_stacks(), whole.infer(crops, 3).all_stacks(), atol=1e-5
        )
    finally:
        made.close()
        whole.close()


def test_every_number_of_stacks_is_checked_before_it_is_used(engine: OpenVINOEngine) -> None:
    wrong = engine._graphs.reference.copy()
    wrong[2] = wrong[2, ::-1]
    broken = OpenVINOEngine(replace(engine._graphs, reference=wrong))
    try:
        crops = random_crops(engine.spec, 1)
        assert broken.infer(crops, 2).stacks == 2
        with pytest.raises(EngineError, match="failed its self-check"):
            broken.infer(crops, 3)
    finally:
        broken.close()


def test_what_was_compiled_is_kept_although_nobody_waits_for_that(make_model: MakeModel) -> None:
    path, spec = make_model(name="kept")
    made = OpenVINOEngine(converted(path, spec))
    made.prepare(1)
    blob = made._blob(1)
    made._background.submit(lambda: None).result(timeout=60)
    made.close()
    assert blob is not None
    assert blob.exists()
