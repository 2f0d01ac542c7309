"""A processor trains in the precision that it is faster in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from pose_app.training import precision


@pytest.fixture(autouse=True)
def _measured_anew() -> Iterator[None]:
    precision.bfloat16_is_faster.cache_clear()
    yield
    precision.bfloat16_is_faster.cache_clear()


@pytest.mark.parametrize(
    ("half_seconds", "expected"),
    [(0.4, torch.bfloat16), (0.95, torch.float32), (30.0, torch.float32)],
)
def test_a_processor_computes_in_the_faster_precision(
    half_seconds: float, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One as fast within its error, or slow because it has to imitate bfloat16: float32."""
    monkeypatch.setattr(precision, "_convolution", lambda half: half_seconds if half else 1.0)
    with precision.autocast(torch.device("cpu")):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == expected


def test_the_measurement_runs_where_gradients_are_off() -> None:
    with torch.no_grad(), precision.autocast(torch.device("cpu")):
        torch.ones(2, 2) @ torch.ones(2, 2)
    assert precision.bfloat16_is_faster.cache_info().currsize == 1
