"""What a session goes on with after an engine has failed."""

from __future__ import annotations

from functools import partial

import pytest

from pose_app.engines import kinds
from pose_app.engines.base import EngineInfo
from pose_app.engines.hardware import Choice
from pose_app.pose.factory import EstimatorFactory

MACHINE = [
    Choice("torch", "cuda", "PyTorch on NVIDIA graphics (CUDA)"),
    Choice(
        "torch", "mps", "PyTorch on Apple graphics (MPS)", "This computer has no Apple graphics."
    ),
    Choice("openvino", "gpu", "OpenVINO on GPU (Intel Xe)"),
    Choice("openvino", "cpu", "OpenVINO on CPU"),
    Choice("torch", "cpu", "PyTorch on the processor"),
]


def names(factory: EstimatorFactory, *failed: EngineInfo) -> list[tuple[str, str]]:
    others = factory.others(failed)
    assert all(isinstance(other, partial) for other in others)
    return [other.args[:2] for other in others]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("failed", "index"),
    [
        (EngineInfo("PyTorch", "CUDA (NVIDIA H100)", "fp16"), 0),
        (EngineInfo("OpenVINO", "GPU (Intel Xe)", "fp16"), 1),
        (EngineInfo("OpenVINO", "CPU", "bf16"), 2),
        (EngineInfo("PyTorch", "CPU", "f32"), 3),
    ],
)
def test_never_what_has_failed_everything_else_in_order_of_speed(
    monkeypatch: pytest.MonkeyPatch, failed: EngineInfo, index: int
) -> None:
    monkeypatch.setattr(kinds, "available", lambda: MACHINE)
    usable = [("torch", "cuda"), ("openvino", "gpu"), ("openvino", "cpu"), ("torch", "cpu")]
    # What was asked for does not matter any more once it has failed.
    factory = EstimatorFactory(engine="openvino", device="cpu", precision="bf16")
    assert names(factory, failed) == usable[:index] + usable[index + 1 :]


def test_one_failure_after_the_other_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "available", lambda: MACHINE[2:])
    gpu, cpu = (EngineInfo("OpenVINO", device, "f32") for device in ("GPU (Xe)", "CPU"))
    slow = EngineInfo("PyTorch", "CPU", "f32")
    first, second, third = ("openvino", "gpu"), ("openvino", "cpu"), ("torch", "cpu")
    assert names(EstimatorFactory(), gpu) == [second, third]
    assert names(EstimatorFactory(), gpu, cpu) == [third, first], "what never failed comes first"
    assert names(EstimatorFactory(), gpu, cpu, slow) == [first, second]
    assert names(EstimatorFactory(), gpu, cpu, slow, gpu, cpu) == [third], "nothing a third time"
    assert names(EstimatorFactory(), gpu, cpu, slow, gpu, cpu, slow) == []


def test_this_machine_goes_on_with_pytorch_after_openvino() -> None:
    with EstimatorFactory(threshold=0.4, smoothing=True).open() as estimator:
        failed = estimator.engine.info
        assert (estimator.threshold, estimator.smoothing) == (0.4, True)
    other = EstimatorFactory(threshold=0.4).others([failed])[0]
    with other() as estimator:
        assert (estimator.engine.info.engine, estimator.engine.info.device) != (
            failed.engine,
            failed.device,
        )
        assert estimator.threshold == 0.4
