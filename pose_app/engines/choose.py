"""Which engine runs a model on this machine."""

from __future__ import annotations

from pathlib import Path

from ..spec import read_spec
from .base import Engine


def open_engine(
    model: str | Path = "default",
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
) -> Engine:
    """Load a model on the fastest engine of this machine, or on the one asked for, and check it."""
    from ..network import catalogue

    path = catalogue.resolve(model)
    spec = read_spec(path)
    if engine == "torch":
        from .torch_engine import TorchEngine

        return TorchEngine(path, spec, threads=threads)
    from .convert import converted
    from .openvino_engine import OpenVINOEngine, precisions

    found = converted(path, spec)
    chosen = precisions("CPU")[0] if precision == "auto" else precision
    return OpenVINOEngine(found.graph, spec, "CPU", chosen, threads)
