"""Compares engines with each other, with plain torch and with the machine's peak."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..engines.base import Engine
from ..engines.choose import available, measured, open_engine, precisions
from ..engines.fused import normalised, probabilities
from ..engines.hardware import Choice
from ..engines.measure import ranked
from ..engines.selfcheck import check_picture
from ..errors import PoseAppError
from ..network.cost import cost
from ..network.native import load_native
from ..spec import ModelSpec, read_spec
from .timing import Call, Times, alone, together

_PEAK_SIDE = 2048
# Of the matrix product beside a network; torch multiplies no 8 bits, so that of the other layers.
_TYPES = {
    "f32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "int8": torch.float32,
    "int8+bf16": torch.bfloat16,
}
_SIZES = (128, 192, 256, 384)


def baseline(path: Path, seconds: float) -> dict[str, Any]:
    """Compare the engine that `auto` takes with eager torch and with a large matrix product.

    All stacks, batch 1, from the uint8 crop to the heatmaps. Torch runs on the same device in
    float32.
    """
    with _opened(path) as engine:
        spec = engine.spec
        stacks = spec.network.stacks
        picture = check_picture(spec)
        device = "cuda" if engine.info.device.startswith("CUDA") else "cpu"
        network = load_native(path)[0].to(device)
        crops = torch.from_numpy(picture)

        @torch.inference_mode()
        def eager() -> object:
            maps = network(normalised(crops.to(device), spec))
            return (probabilities(maps) if spec.output == "logits" else maps).cpu()

        times = together(
            {
                "engine": lambda: engine.infer(picture, stacks),
                "torch": eager,
                "peak": _product(device, engine.info.precision),
            },
            seconds,
        )
        gmac = cost(path, spec)[1]
        reached, peak = _rate(gmac, times["engine"]), _PEAK_SIDE**3 / times["peak"].best / 1e6
        return {
            "engine": engine.info.badge(),
            "reason": engine.info.reason,
            "stacks": stacks,
            "input": list(spec.input_size),
            "gmac": gmac,
            "engine_ms": _shown(times["engine"]),
            "torch_ms": _shown(times["torch"]),
            "torch_threads": torch.get_num_threads(),
            "gmac_per_s": reached,
            "peak_gmac_per_s": peak,
            "over_torch": times["torch"].median / times["engine"].median,
            "peak_share": reached / peak,
        }


NO_CHOICE: dict[str, Any] = {
    "chosen": None,
    "candidates": {},
    "int8_over_f32": None,
    "choice_is_right": None,
}


def choice(path: Path) -> dict[str, Any]:
    """What `auto` takes, and all candidates, measured again.

    `candidates` are ms, or a sentence for what does not run; `choice_is_right` is whether nothing
    is more than a tenth faster than what is taken.
    """
    with _opened(path) as engine:
        taken = engine.info
    found = measured(path, again=True)
    times = {str(one.candidate): one.ms for one in found}
    best = ranked(found)[0]
    own, int8, f32 = (times.get(name) for name in (taken.candidate, "int8", "f32"))
    return {
        "chosen": taken.candidate,
        "candidates": {str(one.candidate): one.ms or one.problem for one in found},
        "int8_over_f32": f32 / int8 if int8 and f32 else None,
        "choice_is_right": None if own is None or best.ms is None else own <= 1.1 * best.ms,
    }


def table(path: Path, seconds: float) -> list[dict[str, Any]]:
    """Times of every engine and precision of this machine with every number of stacks.

    Other input sizes only with all stacks, on the engine that `auto` takes. What cannot run has a
    `problem`.
    """
    spec = read_spec(path)
    rows: list[dict[str, Any]] = []
    for choice in available():
        if choice.problem is not None:
            rows.append({"engine": choice.label, "problem": choice.problem})
            continue
        for precision in precisions(choice, quantized=True):
            rows += _rows(path, choice, precision, spec, seconds)
    for side in _SIZES:
        if side % spec.size_multiple == 0 and (side, side) != spec.input_size:
            size = side, side
            with _opened(path, input_size=size) as engine:
                rows.append(_row(path, engine, spec.network.stacks, seconds))
    return rows


def _rows(
    path: Path, choice: Choice, precision: str, spec: ModelSpec, seconds: float
) -> list[dict[str, Any]]:
    name = f"{choice.label}, {precision}"
    try:
        engine = open_engine(path, choice.engine, choice.device, precision)
    except PoseAppError as error:
        return [{"engine": name, "problem": str(error)}]
    try:
        if engine.info.precision != precision:
            return [{"engine": name, "problem": engine.info.reason}]
        every = range(1, spec.network.stacks + 1)
        return [_row(path, engine, stacks, seconds) for stacks in every]
    finally:
        engine.close()


def _row(path: Path, engine: Engine, stacks: int, seconds: float) -> dict[str, Any]:
    picture = check_picture(engine.spec)
    times = alone(lambda: engine.infer(picture, stacks), seconds / 3)
    return {
        "engine": engine.info.badge(),
        "stacks": stacks,
        "input": list(engine.spec.input_size),
        "ms": _shown(times),
        "gmac_per_s": _rate(cost(path, engine.spec, stacks)[1], times),
    }


@contextmanager
def _opened(path: Path, **options: Any) -> Iterator[Engine]:
    engine = open_engine(path, **options)
    try:
        yield engine
    finally:
        engine.close()


def _product(device: str, precision: str) -> Call:
    """One large matrix product, as a measure of the machine's peak arithmetic rate."""
    a, b = (
        torch.randn(_PEAK_SIDE, _PEAK_SIDE, device=device).to(_TYPES[precision]) for _ in range(2)
    )

    if device == "cpu" and _TYPES[precision] is torch.float32:
        # torch's matrix library does not use AVX-512 on AMD processors; NumPy's does.
        left, right = a.numpy(), b.numpy()
        return lambda: left @ right

    def run() -> object:
        return torch.mm(a, b)

    if device == "cpu":
        return run
    return _awaited(run)


def _awaited(run: Callable[[], object]) -> Call:
    def wait() -> object:
        answer = run()
        torch.cuda.synchronize()
        return answer

    return wait


def _rate(gmac: float, times: Times) -> float:
    return gmac / times.median * 1e3


def _shown(times: Times) -> dict[str, float]:
    return {"median": times.median, "p95": times.p95, "best": times.best}
