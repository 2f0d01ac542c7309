"""Reads every supported model file: the native format and all published layouts of the hourglass.

Pickles are read only by `torch.load(weights_only=True)`, which executes nothing from the file.
"""

from __future__ import annotations

import json
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from ..errors import ModelError
from ..spec import DecodeRule, ModelSpec, NetworkConfig
from . import families, layouts
from .model_files import name_of
from .native import assemble, load_native

_MOST_INFLATED = 2  # size in memory over size on disk; weights hardly compress
_WRAPPERS = ("state_dict", "best_state_dict")
_CHECKPOINT_STARTS = (b"PK", b"\x80")  # of a zip archive, and of a pickle
_EXPORTS = frozenset({".onnx", ".xml", ".bin"})  # what `models export` writes


@dataclass(frozen=True)
class RawCheckpoint:
    """The content of a checkpoint file: tensors by name, and what was stored beside them."""

    tensors: dict[str, Tensor]
    beside: dict[str, Any] = field(default_factory=dict)


def load_checkpoint(
    path: str | Path, family: str | None = None, input_size: tuple[int, int] | None = None
) -> tuple[nn.Module, ModelSpec]:
    """Load a model file of any known layout.

    Args:
        path: The file.
        family: Overrides the recognised family, for files that do not tell (FPD's 256-wide teacher
            looks like bearpaw's network). Ignored where the file has its own spec.
        input_size: (height, width) that the model was trained at, likewise.

    Returns:
        (network in float32 and evaluation mode, spec).

    Raises:
        ModelError: The file cannot be read, is damaged, or is no model.
    """
    path = Path(path)
    if family is not None and family not in families.FAMILIES:
        raise ModelError(
            f"There is no family {family!r}: choose one of {', '.join(families.FAMILIES)}."
        )
    start = _start_of(path)
    if _is_safetensors(start) and _has_spec(path):
        return load_native(path)
    raw = _read_safetensors(path) if _is_safetensors(start) else _read_pickle(path, start)
    converted = layouts.convert(raw.tensors)
    spec = _spec(path, raw, converted, family, input_size)
    return assemble(spec, converted.tensors, str(path)), spec


def _start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.") from None
    if not start:
        raise ModelError(f"The model file {path} is empty: download it again.")
    return start


def _is_safetensors(start: bytes) -> bool:
    return len(start) > 8 and start[8:9] == b"{" and struct.unpack("<Q", start[:8])[0] < 2**32


def _has_spec(path: Path) -> bool:
    """Whether the header of a safetensors file has a spec.

    True for a broken header as well: `load_native` then says what is wrong with it.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
        return "spec" in header.get("__metadata__", {})
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return True


def _read_safetensors(path: Path) -> RawCheckpoint:
    try:
        tensors = load(path.read_bytes())
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.") from None
    except (SafetensorError, ValueError, KeyError) as error:
        raise ModelError(f"The model file {path} is damaged: {str(error)[:300]}.") from None
    return RawCheckpoint(tensors, _description_beside(path))


def _description_beside(path: Path) -> dict[str, Any]:
    """{"description": JSON} from the .json file beside a safetensors file without a spec, or {}."""
    description = path.with_suffix(".json")
    if not description.is_file():
        return {}
    try:
        data = json.loads(description.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"The description {description} is not readable: {error}.") from None
    return {"description": data} if isinstance(data, dict) else {}


def _read_pickle(path: Path, start: bytes) -> RawCheckpoint:
    suffix = path.suffix.lower()
    if _is_text(start) and suffix != ".xml":
        raise ModelError(
            f"{path} is a text file and no model: the download probably saved a web page, so "
            "download the file itself."
        )
    if not start.startswith(_CHECKPOINT_STARTS):
        what = "an export for other programs" if suffix in _EXPORTS else "no model file"
        raise ModelError(
            f"{path} is {what}: pose-app runs .safetensors files and PyTorch checkpoints."
        )
    _check_archive(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd pickle versions; real faults raise
            outer = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        if "global" in str(error).lower() or "unsupported" in str(error).lower():
            raise ModelError(
                f"{path} holds Python objects or code besides tensors, which pose-app never "
                "loads: save only its state_dict."
            ) from None
        raise ModelError(f"{path} is damaged or no PyTorch checkpoint.") from None
    except Exception as error:  # the unpickler raises anything on damaged files
        raise ModelError(
            f"{path} is damaged or no PyTorch checkpoint ({type(error).__name__})."
        ) from error
    if not isinstance(outer, Mapping):
        raise ModelError(f"{path} holds no tensors by name: save the network's state_dict.")
    inner = next((outer[k] for k in _WRAPPERS if isinstance(outer.get(k), Mapping)), outer)
    if not inner or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in inner.items()
    ):
        raise ModelError(f"{path} holds no tensors by name: save the network's state_dict.")
    if sum(value.numel() for value in inner.values()) > path.stat().st_size:
        raise ModelError(f"{path} is damaged: it claims to hold more than is in it.")
    beside = {str(k): v for k, v in outer.items() if v is not inner} if inner is not outer else {}
    return RawCheckpoint(dict(inner), beside)


def _check_archive(path: Path) -> None:
    """Raise ModelError for a zip archive that would grow much larger in memory (a zip bomb).

    `torch.save` writes uncompressed entries, but `torch.load` reads compressed ones, too.
    """
    try:
        if not zipfile.is_zipfile(path):  # raises as well, on some damaged files
            return
        with zipfile.ZipFile(path) as archive:
            claimed = sum(entry.file_size for entry in archive.infolist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        raise ModelError(f"{path} is damaged or no PyTorch checkpoint.") from None
    if claimed > _MOST_INFLATED * path.stat().st_size:
        raise ModelError(f"{path} is damaged: it claims to hold more than is in it.")


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode("utf-8", errors="strict")
    except UnicodeDecodeError as error:
        if error.end < len(start):
            return False
        text = start[: error.start].decode("utf-8")  # a character cut in two at the end
    return all(character.isprintable() or character.isspace() for character in text)


def _spec(
    path: Path,
    raw: RawCheckpoint,
    converted: layouts.Converted,
    family: str | None,
    input_size: tuple[int, int] | None,
) -> ModelSpec:
    config = converted.config
    recognised = family or families.recognise(converted.layout, config, raw.beside)
    name = name_of(path)
    if (recognised == "mmpose") != (converted.layout == layouts.MMPOSE):
        raise ModelError(
            f"{path} does not have the graph of the family {recognised!r}: give another --family, "
            "or none."
        )
    spec = families.spec_for(recognised, config, name, input_size or _input_size(path, raw, config))
    if description := raw.beside.get("description"):
        spec = _described(spec, description)
    return ModelSpec.from_json(spec.to_json())  # validates it


def _input_size(path: Path, raw: RawCheckpoint, config: NetworkConfig) -> tuple[int, int] | None:
    """The (height, width) that an mmpose model was trained at.

    Read from the config saved in the file, else from the file's name. None where neither gives a
    size that the graph accepts.
    """
    if config.graph != "cornernet":
        return None
    meta = raw.beside.get("meta")
    text = meta.get("config") if isinstance(meta, Mapping) else None
    size = None
    if isinstance(text, str):  # data_cfg (0.x): image_size=[w, h]; codec (1.x): input_size=(w, h)
        pattern = r"(?:image_size|input_size)'?\s*[=:]\s*[\[(](\d{2,4}),\s*(\d{2,4})"
        if found := re.search(pattern, text):
            size = int(found[2]), int(found[1])
    if size is None and (found := re.search(r"(?<!\d)(\d{3,4})x(\d{3,4})(?!\d)", path.name)):
        size = int(found[1]), int(found[2])  # names say height x width
    multiple = 4 * 2**config.depth
    return size if size and not (size[0] % multiple or size[1] % multiple) else None


def _described(spec: ModelSpec, description: Mapping[str, Any]) -> ModelSpec:
    """The spec with the values of a description file (joints, input size, colour, mean, output).

    An output of `logits` becomes probability maps (softmax), decoded by the centre of mass. Pixel
    centres are at integers in the map and in the input, hence the offset:
    (x + 0.5) * 4 - 0.5 = (x + 0.375) * 4.
    """
    try:
        logits = str(description.get("output", "heatmap")).startswith("logits")
        size = int(description.get("input_size", spec.input_size[0]))
        mean, std = (tuple(float(v) for v in description[key]) for key in ("mean", "std"))
        joints = tuple(str(joint) for joint in description.get("joints", spec.joints))
        return replace(
            spec,
            name=str(description.get("name", spec.name)),
            family="pose-app",
            input_size=(size, size),
            joints=joints,
            colour=str(description.get("colour", spec.colour)),
            mean=(mean[0], mean[1], mean[2]),
            std=(std[0], std[1], std[2]),
            sigma=float(description.get("sigma", spec.sigma)),
            output="logits" if logits else "heatmap",
            score="window" if logits else "peak",
            decode=DecodeRule(subpixel="centroid", offset=0.375) if logits else spec.decode,
            licence="unknown",
            provenance=f"converted, described by a file named {spec.name}.json",
            extra={},
        )
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise ModelError(
            f"The description {spec.name}.json beside the model is not usable: {str(error)[:300]}."
        ) from None
