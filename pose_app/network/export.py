"""Writes a model for other programs (safetensors, ONNX, OpenVINO IR) and checks the result.

ONNX and OpenVINO graphs take `input` (N, 3, H, W) float32, in the spec's colour order and
normalised by its mean and std, and return `heatmaps` (N, S, K, H/4, W/4), the network's raw output.
The spec is stored in the file as JSON: ONNX metadata `spec`, OpenVINO rt_info `pose_app/spec`,
safetensors metadata `spec`.
"""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..errors import ModelError
from ..paths import expanded
from ..spec import ModelSpec
from ..types import Floats
from .catalogue import resolve
from .checkpoints import load_checkpoint
from .native import load_native, save_native

OPSET = 17
TOLERANCE = 1e-4  # of the largest output: float32 sums in another order

_ENDINGS = {".safetensors": "safetensors", ".onnx": "onnx", ".xml": "openvino"}


@dataclass(frozen=True)
class ExportReport:
    """Largest absolute difference between the outputs of file and model; the largest output."""

    difference: float
    highest: float


def format_of(output: Path) -> str:
    """`safetensors`, `onnx` or `openvino`, by the file name's suffix. Raises ModelError."""
    kind = _ENDINGS.get(output.suffix.lower())
    if kind is None:
        raise ModelError(
            f"The name {output.name} does not say which format to write: let it end in one of "
            f"{', '.join(_ENDINGS)}."
        )
    return kind


def export(model: str | Path, output: Path, kind: str) -> ExportReport:
    """Write a model to `output`, run the result and compare it with the model.

    Args:
        model: A name, or the path of a model file.
        output: The file to write; must not exist. OpenVINO writes a .bin file beside it.
        kind: `safetensors`, `onnx` or `openvino`; must fit the suffix of `output`.

    Returns:
        How closely the outputs agree.

    Raises:
        ModelError: Nothing was written.
    """
    output = expanded(output)
    if format_of(output) != kind:
        ending = next(ending for ending, name in _ENDINGS.items() if name == kind)
        raise ModelError(
            f"A file of the format {kind} must be called *{ending}, not {output.name}."
        )
    for file in (output, *([output.with_suffix(".bin")] if kind == "openvino" else [])):
        if file.exists():
            raise ModelError(f"{file} exists already: give another name or delete it.")
    network, spec = load_checkpoint(resolve(model))
    image = np.random.default_rng(0).random((1, 3, *spec.input_size), dtype=np.float32) - 0.5
    with torch.inference_mode():
        expected = network(torch.from_numpy(image)).numpy()
    write, run = {
        "safetensors": (save_native, _run_native),
        "onnx": (_write_onnx, _run_openvino),
        "openvino": (_write_openvino, _run_openvino),
    }[kind]
    try:
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=".export-") as folder:
            written = Path(folder) / output.name
            write(written, network, spec)
            found = run(written, image)
            difference = float(np.abs(found - expected).max())
            highest = float(np.abs(expected).max())
            if not difference <= TOLERANCE * max(1.0, highest):
                raise ModelError(
                    f"The output of the {kind} file differs from the model's (by {difference:.2g} "
                    f"of {highest:.2g}), so the file was not kept: please report this."
                )
            for file in sorted(Path(folder).iterdir()):
                file.replace(output.with_name(file.name))
    except OSError as error:
        raise ModelError(f"{output.parent} cannot be written: {error.strerror}.") from None
    return ExportReport(difference, highest)


def _write_onnx(path: Path, network: nn.Module, spec: ModelSpec) -> None:
    try:
        import onnx  # torch's exporter needs it as well
    except ImportError:
        raise ModelError(
            "Writing ONNX needs one more package: pip install 'pose-app[export]'."
        ) from None
    example = torch.zeros(1, 3, *spec.input_size)
    with warnings.catch_warnings():
        # torch calls this exporter old; the new one needs a further package and gives the same.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=["input"],
            output_names=["heatmaps"],
            dynamic_axes={"input": {0: "batch"}, "heatmaps": {0: "batch"}},
        )
    graph = onnx.load(path)
    onnx.helper.set_model_props(graph, {"spec": spec.to_json()})
    onnx.save(graph, path)


def _write_openvino(path: Path, network: nn.Module, spec: ModelSpec) -> None:
    from ..openvino_silently import openvino

    height, width = spec.input_size
    example = torch.zeros(1, 3, height, width)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated, but OpenVINO reads it best
        traced = torch.jit.trace(network, example, check_trace=False)
        graph = openvino.convert_model(
            traced, example_input=example, input=[openvino.PartialShape([-1, 3, height, width])]
        )
    graph.inputs[0].set_names({"input"})
    graph.outputs[0].set_names({"heatmaps"})
    graph.set_rt_info(spec.to_json(), ["pose_app", "spec"])
    openvino.save_model(graph, path, compress_to_fp16=False)


def _run_native(path: Path, image: Floats) -> Floats:
    network, _ = load_native(path)
    with torch.inference_mode():
        heatmaps: Floats = network(torch.from_numpy(image)).numpy()
    return heatmaps


def _run_openvino(path: Path, image: Floats) -> Floats:
    """Run an OpenVINO or ONNX file; OpenVINO reads both."""
    from ..openvino_silently import openvino

    core = openvino.Core()
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(path), "CPU", options)
    heatmaps: Floats = np.array(compiled([image])[0])
    return heatmaps
