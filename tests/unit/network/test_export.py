"""Exported files answer like the model and carry its spec, read by other people's readers."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from pose_app.errors import ModelError
from pose_app.network import export as export_module
from pose_app.network import load_checkpoint
from pose_app.network.export import export, format_of
from pose_app.network.native import build, save_native
from pose_app.spec import ModelSpec, NetworkConfig, read_spec
from tests.unit.network.small import small_spec


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A random network whose answers are about 1 high."""
    torch.manual_seed(4)
    spec = small_spec(stacks=2)
    save_native(tmp_path / "model.safetensors", build(spec), spec)
    return tmp_path / "model.safetensors"


def truth(model: Path, pictures: np.ndarray) -> np.ndarray:
    network, _ = load_checkpoint(model)
    with torch.no_grad():
        return network(torch.from_numpy(pictures)).numpy()


PICTURES = np.random.default_rng(9).random((3, 3, 64, 64), dtype=np.float32) - 0.5


def test_onnx(model: Path, tmp_path: Path) -> None:
    report = export(model, tmp_path / "net.onnx", "onnx")
    assert report.difference < 1e-4 < report.highest
    loaded = onnx.load(tmp_path / "net.onnx")
    onnx.checker.check_model(loaded, full_check=True)
    (found,) = ReferenceEvaluator(loaded).run(None, {"input": PICTURES})
    assert found.shape == (3, 2, 16, 16, 16)
    np.testing.assert_allclose(found, truth(model, PICTURES), atol=1e-4)
    metadata = {entry.key: entry.value for entry in loaded.metadata_props}
    assert ModelSpec.from_json(metadata["spec"]) == read_spec(model)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.safetensors", "net.onnx"]


def test_openvino(model: Path, tmp_path: Path) -> None:
    export(model, tmp_path / "net.xml", "openvino")
    core = openvino.Core()
    graph = core.read_model(tmp_path / "net.xml")
    assert graph.input("input").get_partial_shape().to_string() == "[?,3,64,64]"
    compiled = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled({"input": PICTURES})["heatmaps"]
    np.testing.assert_allclose(found, truth(model, PICTURES), atol=1e-4)
    text = graph.get_rt_info(["pose_app", "spec"]).astype(str)
    assert ModelSpec.from_json(text) == read_spec(model)


def test_safetensors(model: Path, tmp_path: Path) -> None:
    report = export(model, tmp_path / "net.safetensors", "safetensors")
    assert report.difference == 0
    assert read_spec(tmp_path / "net.safetensors") == read_spec(model)


def test_the_other_graph(tmp_path: Path) -> None:
    torch.manual_seed(4)
    config = NetworkConfig(
        graph="cornernet", stacks=2, width=8, stem=(8, 8), stem_second=8, depth=2,
        level_channels=(8, 8, 12), level_blocks=(1, 1, 2),
    )  # fmt: skip
    spec = replace(small_spec(), network=config)
    save_native(tmp_path / "corner.safetensors", build(spec), spec)
    for name, kind in (("net.onnx", "onnx"), ("net.xml", "openvino")):
        report = export(tmp_path / "corner.safetensors", tmp_path / name, kind)
        assert report.difference <= 1e-4 * max(1, report.highest)


def test_without_the_onnx_package_it_says_what_to_install(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModelError, match=r"pip install 'pose-app\[export\]'"):
        export(model, tmp_path / "net.onnx", "onnx")


@pytest.mark.parametrize("kind", ["onnx", "openvino", "safetensors"])
def test_a_file_that_answers_differently_is_not_kept(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """One weight off by a tenth while writing is found by the comparison."""
    name = {"onnx": "_write_onnx", "openvino": "_write_openvino", "safetensors": "save_native"}[
        kind
    ]
    write = getattr(export_module, name)

    def write_wrongly(path: Path, network: torch.nn.Module, spec: ModelSpec) -> None:
        with torch.no_grad():
            network.get_parameter("stacks.1.head.bias")[3] += 0.1
        write(path, network, spec)

    monkeypatch.setattr(export_module, name, write_wrongly)
    ending = {"onnx": "onnx", "openvino": "xml", "safetensors": "safetensors"}[kind]
    with pytest.raises(ModelError, match="differs from the model"):
        export(model, tmp_path / f"net.{ending}", kind)
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_weights_of_another_openvino_model_are_not_overwritten(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "net.bin"
    other.write_bytes(b"somebody's file")
    with pytest.raises(ModelError, match=r"net\.bin exists already"):
        export(model, tmp_path / "net.xml", "openvino")
    assert other.read_bytes() == b"somebody's file"


def test_names_and_places(model: Path, tmp_path: Path) -> None:
    assert format_of(Path("a.ONNX")) == "onnx"
    with pytest.raises(ModelError, match="does not say which format"):
        format_of(Path("a.pt"))
    with pytest.raises(ModelError, match="must be called"):
        export(model, tmp_path / "net.xml", "onnx")
    with pytest.raises(ModelError, match="exists already"):
        export(model, model, "safetensors")
    with pytest.raises(ModelError, match="cannot be written"):
        export(model, tmp_path / "nowhere" / "net.onnx", "onnx")
    with pytest.raises(ModelError, match="no model"):
        export("nobody", tmp_path / "net.onnx", "onnx")
