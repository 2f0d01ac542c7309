"""Converts a torch network to an OpenVINO graph, once per model, into the user's cache folder.

A conversion is a folder named after everything that its content depends on. It is written under a
temporary name and then renamed, and its files have checksums: an incomplete or damaged one is made
again. Only converting imports torch; cached graphs and those that came with the model do not.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

from ..errors import EngineError
from ..openvino_silently import openvino
from ..paths import cache_folder
from ..spec import ModelSpec
from ..types import Floats
from ..whole_files import checksum
from . import graphs, progress
from .graphs import Graphs

_UNUSED_DAYS = 90
_HALF_DONE_DAYS = 1

_one_at_a_time = threading.Lock()  # PyTorch traces one network at a time

log = logging.getLogger(__name__)


def converted(model: Path, spec: ModelSpec) -> Graphs:
    """The graphs of a native model file, from the cache or converted now.

    `spec` is the file's, perhaps with another input size. Raises EngineError or ModelError.
    """
    folder = _folder(model, spec)
    found = graphs.read(folder, folder)
    if found is not None:
        with contextlib.suppress(OSError):  # a read-only cache
            os.utime(folder)
        return found
    temporary = _temporary(folder.parent)
    try:
        with _one_at_a_time, progress.step(f"Converting the model {spec.name} for this machine"):
            _convert(model, spec, temporary)
        return _install(temporary, folder)
    except OSError as error:
        raise EngineError(
            f"The converted model cannot be written to {folder.parent}: {error.strerror}."
        ) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def ready_made(model: Path, spec: ModelSpec) -> Graphs | None:
    """The graphs that came with a model file, or None; compiled models are kept in the cache."""
    manifest = graphs.beside(model) / graphs.MANIFEST
    if not manifest.is_file():
        return None
    compiled = cache_folder() / "openvino" / f"compiled-{_key(spec, model, manifest)}"
    found = graphs.shipped(model, spec, compiled)
    if found is not None:
        with contextlib.suppress(OSError):  # without the folder the next start compiles again
            compiled.mkdir(parents=True, exist_ok=True)
            os.utime(compiled)
    return found


def _folder(model: Path, spec: ModelSpec) -> Path:
    return cache_folder() / "openvino" / _key(spec, model)


def _key(spec: ModelSpec, *files: Path) -> str:
    digest = hashlib.sha256(f"{graphs.SCHEMA} {openvino.__version__} {spec.to_json()}".encode())
    for file in files:
        digest.update(checksum(file).encode())
    return digest.hexdigest()[:32]


def _temporary(parent: Path) -> Path:
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _forget_old(parent)
        return Path(tempfile.mkdtemp(prefix="new-", dir=parent))
    except OSError as error:
        raise EngineError(
            f"The folder {parent} for converted models cannot be written: {error.strerror}."
        ) from None


def _forget_old(parent: Path) -> None:
    """Delete conversions unused for long, and what a killed process left half done."""
    for folder in parent.iterdir():
        limit = _HALF_DONE_DAYS if folder.name.startswith("new-") else _UNUSED_DAYS
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            if time.time() - folder.stat().st_mtime > limit * 86400:
                shutil.rmtree(folder, ignore_errors=True)


def _install(temporary: Path, folder: Path) -> Graphs:
    """Rename a new conversion to its final name, unless another process has just done so."""
    found = graphs.read(folder, folder)
    if found is None:
        shutil.rmtree(folder, ignore_errors=True)  # damaged
        try:
            Path(temporary).replace(folder)
        except OSError:
            if graphs.read(folder, folder) is None:  # no other process won the race either
                raise
        found = graphs.read(folder, folder)
    if found is None:
        raise EngineError(
            f"The converted model in {folder} cannot be read back: check the disk and try again."
        )
    return found


def _convert(model: Path, spec: ModelSpec, folder: Path) -> None:
    """Write the f32 graph, its reference output and its manifest into `folder`."""
    graph, reference = float_graph(model, spec)
    graphs.write(folder, model, {"f32": (graph, spec)}, reference, small=False)


def float_graph(model: Path, spec: ModelSpec) -> tuple[Any, Floats]:
    """Convert a network. Imports torch. Raises EngineError or ModelError.

    Returns:
        (`openvino.Model` in float32, the heatmaps (S, K, h, w) of float32 torch for the self-check
        image).
    """
    try:
        import torch

        from ..network.native import load_native
        from .fused import FusedNetwork, reference_maps
    except ImportError as error:
        raise EngineError(
            f"Converting a model for OpenVINO needs PyTorch, which does not load here: {error}."
        ) from None
    from .selfcheck import check_picture

    progress.check()
    height, width = spec.input_size
    example = torch.from_numpy(check_picture(spec))
    network, _ = load_native(model)
    reference = reference_maps(network, spec, example)[0].numpy()
    progress.check()
    try:
        with warnings.catch_warnings():
            # torch calls tracing deprecated; OpenVINO converts its replacement's graphs as well,
            # but takes twice as long.
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(FusedNetwork(network, spec), example, check_trace=False)
            progress.check()
            graph = openvino.convert_model(
                traced,
                example_input=example,
                input=[openvino.PartialShape([1, height, width, 3])],
            )
    except progress.UnwantedError:
        raise
    except Exception as error:
        raise EngineError(
            f"OpenVINO cannot convert the model {spec.name}: {str(error).splitlines()[0]}"
        ) from error
    return graph, reference
