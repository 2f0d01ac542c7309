"""Who waits for a network to be compiled hears of every end of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
