"""Writes a model for other programs (safetensors, ONNX, OpenVINO IR) and checks what it wrote.

ONNX and OpenVINO graphs take `input` (N, 3, H, W) float32, already in the spec's colour order and
normalised by its mean and std, and give `heatmaps` (N, S, K, H/4, W/4), raw as the network's. The
spec travels inside: ONNX metadata `spec`, OpenVINO rt_info `pose_app/spec`, safetensors metadata
`spec`, always as the same JSON.
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
from ..spec import ModelSpec
from ..types import Floats
from .catalogue import resolve
from .checkpoints import load_checkpoint
from .native import load_native, save_native

OPSET = 17
TOLERANCE = 1e-4  # of the highest answer: float32 sums in another order

_ENDINGS = {".safetensors": "safetensors", ".onnx": "onnx", ".xml": "openvino"}


@dataclass(frozen=True)
class ExportReport:
    """Largest difference between the file's answers and the model's; the highest answer."""

    difference: float
    highest: float


def format_of(output: Path) -> str:
    """`safetensors`, `onnx` or `openvino` by the ending of the name. Raises ModelError."""
    kind = _ENDINGS.get(output.suffix.lower())
    if kind is None:
        raise ModelError(
            f"The name {output.name} does not say which format to write: let it end in "
            f"{', '.join(_ENDINGS)}."
        )
    return kind


def export(model: str | Path, output: Path, kind: str) -> ExportReport:
    """Write a model (a name or a file) to `output` and compare its answers with the model's.

    Nothing is left at `output` unless it answers alike. Raises ModelError.
    """
    output = Path(output).expanduser()
    if format_of(output) != kind:
        ending = next(ending for ending, name in _ENDINGS.items() if name == kind)
        raise ModelError(
            f"A file of the format {kind} must be called *{ending}, not {output.name}."
        )
    if output.exists():
        raise ModelError(f"{output} exists already: give another name or delete it.")
    network, spec = load_checkpoint(resolve(model))
    picture = np.random.default_rng(0).random((1, 3, *spec.input_size), dtype=np.float32) - 0.5
    with torch.inference_mode():
        truth = network(torch.from_numpy(picture)).numpy()
    write, run = {
        "safetensors": (save_native, _run_native),
        "onnx": (_write_onnx, _run_openvino),
        "openvino": (_write_openvino, _run_openvino),
    }[kind]
    try:
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=".export-") as folder:
            written = Path(folder) / output.name
            write(written, network, spec)
            found = run(written, picture)
            difference, highest = float(np.abs(found - truth).max()), float(np.abs(truth).max())
            if not difference <= TOLERANCE * max(1.0, highest):
                raise ModelError(
                    f"The {kind} file answers differently from the model (by {difference:.2g} of "
                    f"{highest:.2g}), so it was not kept: please report this."
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
            dynamic_axes={"input": {0: "pictures"}, "heatmaps": {0: "pictures"}},
        )
    graph = onnx.load(path)
    onnx.helper.set_model_props(graph, {"spec": spec.to_json()})
    onnx.save(graph, path)


def _write_openvino(path: Path, network: nn.Module, spec: ModelSpec) -> None:
    from ..openvino_silently import openvino

    height, width = spec.input_size
    example = torch.zeros(1, 3, height, width)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls tracing old, OpenVINO reads it best
        traced = torch.jit.trace(network, example, check_trace=False)
        graph = openvino.convert_model(
            traced, example_input=example, input=[openvino.PartialShape([-1, 3, height, width])]
        )
    graph.inputs[0].set_names({"input"})
    graph.outputs[0].set_names({"heatmaps"})
    graph.set_rt_info(spec.to_json(), ["pose_app", "spec"])
    openvino.save_model(graph, path, compress_to_fp16=False)


def _run_native(path: Path, picture: Floats) -> Floats:
    network, _ = load_native(path)
    with torch.inference_mode():
        answer: Floats = network(torch.from_numpy(picture)).numpy()
    return answer


def _run_openvino(path: Path, picture: Floats) -> Floats:
    """OpenVINO reads both its own format and ONNX."""
    from ..openvino_silently import openvino

    core = openvino.Core()
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(path), "CPU", options)
    answer: Floats = np.array(compiled([picture])[0])
    return answer
