"""A folder with the OpenVINO graphs of a model.

It is beside the model file (made by `pose-app quantize`, or part of the package) or in the user's
cache (made by a conversion).

    manifest.json   the model they were made from, and a checksum of every file
    f32.xml, .bin   the network in floating point
    int8.xml, .bin  the same with 8-bit integers, where it was quantized
    reference.npz   the heatmaps of float32 torch for the self-check image

A graph takes (1, H, W, 3) uint8 BGR and has S outputs (1, K, h, w) float32; the graph cut after its
first n outputs is the network of n stacks.
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
from ..whole_files import checksum

SCHEMA = 4  # raise when a folder's content changes

MANIFEST, REFERENCE = "manifest.json", "reference.npz"
SUFFIX = ".openvino"  # of a folder beside a model file

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Graphs:
    """The content of such a folder.

    Attributes:
        files: The graphs by precision: `f32` and perhaps `int8`.
        specs: The model's spec by precision, each with its own calibration.
        reference: (S, K, h, w) for the self-check image.
        compiled: The folder where compiled models are kept.
    """

    files: Mapping[str, Path]
    specs: Mapping[str, ModelSpec]
    reference: Floats
    compiled: Path


def beside(model: Path) -> Path:
    """The folder for the graphs that come with a model file."""
    return model.with_suffix(SUFFIX)


def shipped(model: Path, spec: ModelSpec, compiled: Path) -> Graphs | None:
    """The graphs beside a model file; None unless they are intact and fit file and input size."""
    folder = beside(model)
    if not (folder / MANIFEST).is_file():
        return None
    found = read(folder, compiled)
    if found is None:
        return None
    if manifest(folder)["model"] != checksum(model):
        log.warning("%s is not used: it was made from other weights than %s", folder, model.name)
        return None
    return found if found.specs["f32"].input_size == spec.input_size else None


def read(folder: Path, compiled: Path) -> Graphs | None:
    """The graphs in a folder, or None where they are missing or damaged."""
    try:
        content = manifest(folder)
        if content["schema"] != SCHEMA:
            raise ValueError(f"its schema is {content['schema']}, not {SCHEMA}")
        for name, wanted in content["files"].items():
            if checksum(folder / name) != wanted:
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
        log.warning("The graphs in %s cannot be used: %s", folder, error)
        return None


def write(
    folder: Path,
    model: Path,
    graphs: Mapping[str, tuple[Any, ModelSpec]],
    reference: Floats,
    *,
    small: bool,
) -> None:
    """Write graphs into an existing, empty folder. Raises OSError.

    Args:
        folder: The folder.
        model: The model file that they were made from.
        graphs: (`openvino.Model`, spec) by precision.
        reference: (S, K, h, w) for the self-check image.
        small: Store weights and reference as 16-bit floats.
    """
    for name, (graph, _) in graphs.items():
        openvino.save_model(graph, folder / f"{name}.xml", compress_to_fp16=small)
    np.savez_compressed(
        folder / REFERENCE, reference=reference.astype(np.float16 if small else np.float32)
    )
    content = {
        "schema": SCHEMA,
        "model": checksum(model),
        "made_with": openvino.__version__,
        "specs": {name: spec.to_json() for name, (_, spec) in graphs.items()},
        "files": {path.name: checksum(path) for path in sorted(folder.iterdir())},
    }
    (folder / MANIFEST).write_text(json.dumps(content, indent=1), encoding="utf-8")


def manifest(folder: Path) -> dict[str, Any]:
    """The parsed manifest of a folder. Raises OSError or ValueError."""
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError("the manifest is no JSON object")
    return content
