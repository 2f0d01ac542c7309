"""Torch network -> OpenVINO graph, once per model; kept in the user's cache folder.

A conversion is a folder named after everything that its content depends on. It is written beside
its final place and then renamed, and its files carry checksums: what is cut short or damaged is
built again. Only a conversion imports torch; a warm cache needs the spec alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import shutil
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import EngineError
from ..openvino_silently import openvino
from ..paths import cache_folder
from ..spec import ModelSpec
from ..types import Floats, Image

SCHEMA = 3  # raise when a conversion's content changes

_GRAPH, _WEIGHTS, _REFERENCE, _MANIFEST = "graph.xml", "graph.bin", "reference.npz", "manifest.json"

_UNUSED_DAYS = 90
_HALF_DONE_DAYS = 1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Converted:
    """A converted model: the graph's file, and what float32 torch answers on the check picture.

    The graph takes (1, H, W, 3) uint8 BGR and gives S outputs (1, K, h, w) float32. `picture` is
    (1, H, W, 3), `reference` (S, K, h, w).
    """

    graph: Path
    picture: Image
    reference: Floats


def converted(model: Path, spec: ModelSpec) -> Converted:
    """The conversion of a native model file, from the cache where it is there and whole.

    `spec` is the file's, perhaps with another input size. Raises EngineError or ModelError.
    """
    folder = cache_folder() / "openvino" / _key(model, spec)
    found = _load(folder)
    if found is not None:
        with contextlib.suppress(OSError):  # a cache that may only be read
            os.utime(folder)
        return found
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _forget_old(folder.parent)
        temporary = Path(tempfile.mkdtemp(prefix="new-", dir=folder.parent))
    except OSError as error:
        raise EngineError(
            f"The folder {folder.parent} for converted models cannot be written: {error.strerror}."
        ) from None
    try:
        _convert(model, spec, temporary)
        return _install(temporary, folder)
    except OSError as error:
        raise EngineError(
            f"The converted model cannot be written to {folder.parent}: {error.strerror}."
        ) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _key(model: Path, spec: ModelSpec) -> str:
    digest = hashlib.sha256(f"{SCHEMA} {openvino.__version__} {spec.to_json()}".encode())
    with open(model, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()[:32]


def _forget_old(parent: Path) -> None:
    """Delete what earlier versions converted, and what a killed process left half done."""
    for folder in parent.iterdir():
        limit = _HALF_DONE_DAYS if folder.name.startswith("new-") else _UNUSED_DAYS
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            if time.time() - folder.stat().st_mtime > limit * 86400:
                shutil.rmtree(folder, ignore_errors=True)


def _install(temporary: Path, folder: Path) -> Converted:
    """Move a fresh conversion to its place, unless somebody else just put a good one there."""
    found = _load(folder)
    if found is None:
        shutil.rmtree(folder, ignore_errors=True)  # damaged
        try:
            os.replace(temporary, folder)
        except OSError:
            if _load(folder) is None:  # no other process won the race either
                raise
        found = _load(folder)
    if found is None:
        raise EngineError(
            f"The converted model in {folder} cannot be read back: check the disk and try again."
        )
    return found


def _load(folder: Path) -> Converted | None:
    """The conversion in a folder, or None where it is missing or damaged."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        for name in (_GRAPH, _WEIGHTS, _REFERENCE):
            if _checksum(folder / name) != manifest[name]:
                raise ValueError(f"{name} is damaged")
        with np.load(io.BytesIO((folder / _REFERENCE).read_bytes()), allow_pickle=False) as data:
            return Converted(folder / _GRAPH, data["picture"], data["reference"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("The converted model in %s is built again: %s", folder, error)
        return None


def _checksum(path: Path) -> str:
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _convert(model: Path, spec: ModelSpec, folder: Path) -> None:
    """Write graph, reference and manifest into `folder`."""
    try:
        import torch

        from ..network.native import load_native
        from .fused import FusedNetwork, reference_maps
    except ImportError as error:
        raise EngineError(
            f"Converting a model for OpenVINO needs PyTorch, which does not load here: {error}."
        ) from None
    from .selfcheck import check_picture

    height, width = spec.input_size
    picture = check_picture(spec)
    example = torch.from_numpy(picture)
    network, _ = load_native(model)
    reference = reference_maps(network, spec, example)[0].numpy()
    try:
        with warnings.catch_warnings():
            # torch calls tracing deprecated; OpenVINO converts its replacement's graphs as well,
            # but takes twice as long.
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(FusedNetwork(network, spec), example, check_trace=False)
            graph = openvino.convert_model(
                traced,
                example_input=example,
                input=[openvino.PartialShape([1, height, width, 3])],
            )
    except Exception as error:
        raise EngineError(
            f"OpenVINO cannot convert the model {spec.name}: {str(error).splitlines()[0]}"
        ) from error
    openvino.save_model(graph, folder / _GRAPH, compress_to_fp16=False)
    np.savez(folder / _REFERENCE, picture=picture, reference=reference)
    manifest = {name: _checksum(folder / name) for name in (_GRAPH, _WEIGHTS, _REFERENCE)}
    (folder / _MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
