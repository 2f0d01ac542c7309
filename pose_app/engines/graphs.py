"""A model as graphs of OpenVINO in a folder.

Beside its file (made by `pose-app quantize`, or part of the package), or in the user's cache (made
by a conversion).

    manifest.json   what the graphs were made from, and a checksum of every file
    f32.xml, .bin   the network in floats
    int8.xml, .bin  the same in 8-bit integers, where somebody quantized it
    reference.npz   what float32 torch answers on the self-check picture

A graph takes (1, H, W, 3) uint8 BGR and gives S outputs (1, K, h, w) float32; the first n of them
alone make the network of n stacks.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError
from ..openvino_silently import openvino
from ..spec import ModelSpec
from ..types import Floats
from .checksums import file_checksum

SCHEMA = 4  # raise when a folder's content changes

MANIFEST, REFERENCE = "manifest.json", "reference.npz"
SUFFIX = ".openvino"  # of a folder beside a model file

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Graphs:
    """What a folder holds. `files` and `specs` are by precision, `f32` and perhaps `int8`.

    A spec is the model's, with the calibration of that precision's own answers. `reference` is
    (S, K, h, w). `compiled` is the folder where compiled graphs are kept.
    """

    files: Mapping[str, Path]
    specs: Mapping[str, ModelSpec]
    reference: Floats
    compiled: Path


def beside(model: Path) -> Path:
    """Where the graphs of a model file are that come with it."""
    return model.with_suffix(SUFFIX)


def shipped(model: Path, spec: ModelSpec, compiled: Path) -> Graphs | None:
    """The graphs beside a model file, where they are whole, of this file and of this input size."""
    folder = beside(model)
    if not (folder / MANIFEST).is_file():
        return None
    found = read(folder, compiled)
    if found is None:
        return None
    if manifest(folder)["model"] != file_checksum(model):
        log.warning("%s is of other weights than %s and not used", folder, model.name)
        return None
    return found if found.specs["f32"].input_size == spec.input_size else None


def read(folder: Path, compiled: Path) -> Graphs | None:
    """The graphs in a folder, or None where they are missing or damaged."""
    try:
        content = manifest(folder)
        if content["schema"] != SCHEMA:
            raise ValueError(f"its schema is {content['schema']}, not {SCHEMA}")
        for name, wanted in content["files"].items():
            if file_checksum(folder / name) != wanted:
                raise ValueError(f"{name} is damaged")
        specs = {name: ModelSpec.from_json(text) for name, text in content["specs"].items()}
        files = {name: folder / f"{name}.xml" for name in specs}
        if not {"f32.xml", "f32.bin", REFERENCE} <= set(content["files"]):
            raise ValueError("it is incomplete")
        with np.load(io.BytesIO((folder / REFERENCE).read_bytes()), allow_pickle=False) as data:
            reference = data["reference"].astype(np.float32)
        return Graphs(files, specs, reference, compiled)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ModelError) as error:
        log.warning("The graphs in %s are of no use: %s", folder, error)
        return None


def write(
    folder: Path,
    model: Path,
    graphs: Mapping[str, tuple[Any, ModelSpec]],
    reference: Floats,
    *,
    small: bool,
) -> None:
    """Write a folder that is there and empty: graphs (`openvino.Model`) and specs by precision.

    `small` keeps numbers in 16 bits. Raises OSError.
    """
    for name, (graph, _) in graphs.items():
        openvino.save_model(graph, folder / f"{name}.xml", compress_to_fp16=small)
    np.savez_compressed(
        folder / REFERENCE, reference=reference.astype(np.float16 if small else np.float32)
    )
    content = {
        "schema": SCHEMA,
        "model": file_checksum(model),
        "made_with": openvino.__version__,
        "specs": {name: spec.to_json() for name, (_, spec) in graphs.items()},
        "files": {path.name: file_checksum(path) for path in sorted(folder.iterdir())},
    }
    (folder / MANIFEST).write_text(json.dumps(content, indent=1), encoding="utf-8")


def manifest(folder: Path) -> dict[str, Any]:
    """Raises OSError or ValueError."""
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError("the manifest is no JSON object")
    return content
