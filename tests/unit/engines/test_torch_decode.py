"""The device's decoder answers like pose.decode, rule by rule."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pose_app.engines.torch_decode import decode as decode_on_device
from pose_app.pose.decode import decode
from pose_app.spec import DecodeRule, ModelSpec

from .conftest import random_spec

RULES = [
    DecodeRule("quarter", 0.5, 0.0, "interior", False),
    DecodeRule("quarter", 0.5, -0.25, "clamp", True),
    DecodeRule("quarter", 0.0, 0.0, "clamp", False),
    DecodeRule("dark", 0.0, 0.0, "interior", False),
    DecodeRule("centroid", 0.375, 0.0, "interior", False),
    DecodeRule("mass", 0.375, 0.0, "interior", False),
]


def bumps(seed: int, height: int = 16, width: int = 24) -> np.ndarray:
    """(2, 16, h, w): a noisy bump per joint, also on and beyond the border."""
    random = np.random.default_rng(seed)
    lines, columns = np.mgrid[:height, :width]
    centres = random.uniform(-1, (width, height), (2, 16, 2))
    distance = (columns - centres[..., 0, None, None]) ** 2 + (
        lines - centres[..., 1, None, None]
    ) ** 2
    maps = np.exp(-distance / 3) + random.normal(0, 0.01, (2, 16, height, width))
    return maps.astype(np.float32)


def specs() -> list[ModelSpec]:
    return [
        random_spec(decode=rule, score=score, sigma=sigma, input_size=(64, 96))
        for rule in RULES
        for score in ("peak", "window")
        for sigma in ((1.0, 2.0) if rule.subpixel == "dark" else (1.0,))
    ]


def _id(spec: ModelSpec) -> str:
    return f"{spec.decode.subpixel}-{spec.decode.border}-{spec.score}-{spec.sigma}"


@pytest.mark.parametrize("spec", specs(), ids=_id)
@pytest.mark.parametrize("seed", range(4))
def test_same_answers(spec: ModelSpec, seed: int) -> None:
    maps = bumps(seed)
    got = decode_on_device(torch.from_numpy(maps), spec).numpy()
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, decode(maps, spec), rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("spec", specs(), ids=_id)
def test_same_answers_for_strange_maps(spec: ModelSpec) -> None:
    maps = bumps(9)
    maps[0, 0] = 0  # nothing at all
    maps[0, 1] = np.nan
    maps[0, 2, 3, 4] = np.nan
    maps[0, 3, 5, 6] = np.inf
    maps[0, 4] = -np.inf
    maps[0, 5] = 1  # all equal: the first pixel
    maps[0, 6] = -1 - np.abs(maps[0, 6])  # nothing positive
    maps[0, 7] = 0
    maps[0, 7, 4, 4:7:2] = 1  # two equal peaks: the first
    got = decode_on_device(torch.from_numpy(maps), spec).numpy()
    np.testing.assert_allclose(got, decode(maps, spec), rtol=1e-4, atol=2e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("spec", specs(), ids=_id)
def test_same_answers_on_cuda(spec: ModelSpec) -> None:
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device here")
    maps = bumps(5)
    maps[0, 5] = 1
    got = decode_on_device(torch.from_numpy(maps).cuda(), spec).cpu().numpy()
    np.testing.assert_allclose(got, decode(maps, spec), rtol=1e-3, atol=1e-2)
