"""Opens a pose network and the person finder, at the same time where the device allows it."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import EngineError, ModelError
from ..types import Box, Image

if TYPE_CHECKING:
    from ..engines.base import Engine


class PersonFinder(Protocol):
    """Finds people in an image; implemented by `pose.finder.Finder`."""

    @property
    def engine(self) -> Engine: ...

    def find(self, image: Image, most: int = ..., threshold: float | None = ...) -> list[Box]: ...


def open_both(
    model: str | Path, engine: str, device: str, precision: str, first: int | None = None
) -> tuple[Engine, PersonFinder]:
    """Open a pose network and the finder; arguments as in `open_engine`.

    Raises:
        ModelError: There is no such model, or it is no pose network.
        EngineError: Nothing here runs the model or the person finder.
    """
    from ..engines.choose import in_parallel, open_engine

    with ThreadPoolExecutor(1, "open the finder") as pool, ExitStack() as opened:
        begun = None
        if in_parallel(engine, device):
            begun = pool.submit(open_finder, engine, device, precision)
            opened.callback(_close, begun)
        network = open_engine(model, engine, device, precision, first=first)
        opened.callback(network.close)
        if network.spec.output == "boxes":
            raise ModelError(
                f"{network.spec.name} finds people but no joints: choose a pose network."
            )
        finder = open_finder(engine, device, precision) if begun is None else begun.result()
        opened.pop_all()
        return network, finder


def _close(begun: Future[PersonFinder]) -> None:
    """Close a finder that is not wanted, once it is open."""
    if begun.exception() is None:
        begun.result().engine.close()


def open_finder(
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
) -> PersonFinder:
    """Open the bundled person finder; arguments as in `open_engine`. Raises EngineError."""
    from ..engines.choose import open_engine
    from ..paths import bundled
    from .finder import Finder

    try:
        model = bundled("weights", "finder.safetensors")
        return Finder(open_engine(model, engine, device, precision, threads))
    except (EngineError, ModelError) as error:
        raise EngineError(f"The person finder cannot be opened: {error}") from error
