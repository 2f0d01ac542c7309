"""`pose-app quantize`: the folder beside a model, and that the app runs from it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pose_app.cli import main
from pose_app.engines import choose, convert, graphs, measure, openvino_engine
from pose_app.engines.choose import open_engine
from pose_app.engines.selfcheck import TOLERANCE
from pose_app.errors import EngineError, PoseAppError
from pose_app.network.native import build, save_native
from pose_app.skeletons import MPII_16
from pose_app.spec import ModelSpec, NetworkConfig
from pose_app.training.int8_model import quantize
from pose_app.types import Floats
from tests.unit.engines.conftest import random_crops
from tests.unit.training.shards import write_shard

STACKS = 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model file with its graphs beside it, made by the command."""
    import torch

    spec = ModelSpec(
        name="small",
        family="pose-app",
        network=NetworkConfig(stacks=STACKS, width=32, stem=(16, 16), stem_second=16, depth=4),
        joints=MPII_16.joints,
        limbs=MPII_16.limbs,
        flip=MPII_16.flip,
        input_size=(128, 128),
        output="logits",
        score="window",
    )
    folder = tmp_path_factory.mktemp("quantized")
    torch.manual_seed(0)
    save_native(folder / "small.safetensors", build(spec), spec)
    for name, nobody in (("mpii", False), ("no_person", True)):
        write_shard(folder / f"{name}.npz", 30, nobody=nobody)
    shards = [str(folder / "mpii.npz"), str(folder / "no_person.npz")]
    model = str(folder / "small.safetensors")
    assert main(["quantize", model, "--data", *shards, "--crops", "24", "--compare"]) == 0
    return folder / "small.safetensors"


@pytest.fixture
def model(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of both, with a cache of its own."""
    shutil.copytree(graphs.beside(made), tmp_path / "small.openvino")
    shutil.copy(made, tmp_path)
    monkeypatch.setattr(convert, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "small.safetensors"


def no_conversion(*_: object) -> None:
    raise AssertionError("converted")


def test_the_folder(made: Path) -> None:
    folder = graphs.beside(made)
    names = {path.name for path in folder.iterdir()}
    wanted = {"f32.xml", "f32.bin", "int8.xml", "int8.bin", "reference.npz", "manifest.json"}
    assert names == wanted
    assert not list(made.parent.glob("new-*"))
    weights = made.stat().st_size
    assert (folder / "f32.bin").stat().st_size < 0.6 * weights
    assert (folder / "int8.bin").stat().st_size < 0.5 * weights
    found = graphs.read(folder, folder)
    assert found is not None
    # The scores are those of the answers in 8 bits.
    assert len(found.specs["int8"].calibration) in (STACKS, STACKS * 16)
    assert found.specs["f32"].calibration == ()


def test_a_folder_with_somebody_elses_files_is_not_replaced(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(PoseAppError, match="not a folder of graphs"):
        quantize(model, [], folder)
    assert (folder / "thesis.txt").read_text() == "years of work"


def test_graphs_that_cannot_be_replaced_stay(
    model: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, replace = graphs.beside(model), Path.replace

    def no_room(path: Path, target: Path) -> Path:
        if target == folder and path.name == "final":
            raise OSError(28, "No space left on device")
        return replace(path, target)

    before = sorted((path.name, path.read_bytes()) for path in folder.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", no_room)
        with pytest.raises(PoseAppError, match="cannot be written: No space left"):
            quantize(model, [str(made.parent / "no_person.npz")], folder, 8)
    assert sorted((path.name, path.read_bytes()) for path in folder.iterdir()) == before
    assert {path.name for path in model.parent.iterdir()} == {folder.name, model.name}


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_it_runs_from_the_folder(
    model: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.setattr(convert, "_convert", no_conversion)
    engine = open_engine(model, precision=precision)
    assert (engine.info.precision, engine.info.reason) == (precision, None)
    crops = random_crops(engine.spec, 1)
    whole = engine.infer(crops, STACKS).all_stacks()
    part = engine.infer(crops, 1).all_stacks()
    np.testing.assert_allclose(part[0], whole[0], atol=1e-6)
    engine.close()
    # What was compiled is kept, but not in the package.
    assert list((model.parent / "cache").rglob("compiled-*.blob"))
    assert not list(graphs.beside(model).glob("compiled-*"))


def test_what_was_compiled_and_measured_of_other_graphs_is_not_used(
    model: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New graphs of the same weights, from another version or other options."""
    monkeypatch.setattr(measure, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(measure, "kept", type(measure.kept)())

    def answer() -> Floats:
        engine = open_engine(model, "openvino", "cpu", "int8")
        maps = engine.infer(random_crops(engine.spec, 1), STACKS).all_stacks()
        engine.close()
        return maps

    first, of_first = answer(), choose.measured(model)
    shard = str(made.parent / "no_person.npz")
    main(["quantize", str(model), "--data", shard, "--crops", "8", "--floats", "stem.res1"])
    second, of_second = answer(), choose.measured(model)
    assert abs(second - first).max() > 0
    assert of_second != of_first
    shutil.rmtree(tmp_path / "cache")
    np.testing.assert_array_equal(second, answer())


def test_eight_bits_are_tried_first(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "_convert", no_conversion)
    assert choose.timing.kept.get("") == ()
    engine = open_engine(model, engine="openvino", device="cpu")
    assert engine.info.precision == "int8"
    assert engine.spec.calibration
    engine.close()


def test_the_first_start_imports_no_torch(model: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from pose_app.engines.choose import open_engine\n"
        "engine = open_engine(sys.argv[1])\n"
        "print(engine.info.engine, engine.info.precision, engine.info.reason)\n"
        "engine.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model)],
        capture_output=True,
        text=True,
        env=os.environ | {"POSE_APP_CACHE": str(tmp_path / "fresh")},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "OpenVINO int8 None"


@pytest.mark.parametrize("damage", ["f32.bin", "int8.xml", "manifest.json", "reference.npz"])
def test_a_damaged_folder_is_not_used(
    model: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    victim = graphs.beside(model) / damage
    victim.write_bytes(victim.read_bytes()[:-7])
    assert converted_instead(model)
    assert "cannot be used" in caplog.text


def test_graphs_of_other_weights_are_not_used(
    model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    from pose_app.network.native import load_native

    network, spec = load_native(model)
    with torch.no_grad():
        next(network.parameters()).add_(1)
    save_native(model, network, spec)
    assert converted_instead(model)
    assert "other weights" in caplog.text


def test_another_input_size_is_converted(model: Path) -> None:
    assert converted_instead(model, input_size=(64, 64))


def test_an_openvino_that_cannot_read_them_converts(
    model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Too old or too new: OpenVINO says so when it reads a graph."""
    plain = openvino_engine.OpenVINOEngine._compiled

    def compiled(self: openvino_engine.OpenVINOEngine, stacks: int) -> object:
        if self._graph.parent == graphs.beside(model):
            raise RuntimeError("Unsupported opset version")
        return plain(self, stacks)

    monkeypatch.setattr(openvino_engine.OpenVINOEngine, "_compiled", compiled)
    assert converted_instead(model)
    assert "Unsupported opset version" in caplog.text


def converted_instead(model: Path, **wishes: object) -> bool:
    """Whether the engine that is opened runs a conversion in floats."""
    engine = open_engine(model, engine="openvino", device="cpu", **wishes)  # type: ignore[arg-type]
    try:
        assert isinstance(engine, openvino_engine.OpenVINOEngine)
        assert not engine.info.precision.startswith("int8")
        return engine._graph.parent.parent == model.parent / "cache" / "openvino"
    finally:
        engine.close()


def test_eight_bits_of_a_model_without_them(made: Path, tmp_path: Path) -> None:
    shutil.copy(made, tmp_path)
    with pytest.raises(EngineError, match="pose-app quantize"):
        open_engine(tmp_path / made.name, precision="int8")


def test_wrong_answers_in_eight_bits_fall_back(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TOLERANCE, "int8", 0.0)
    monkeypatch.setitem(TOLERANCE, "int8+bf16", 0.0)
    engine = open_engine(model, engine="openvino", device="cpu")
    assert not engine.info.precision.startswith("int8")
    assert "int8 failed its self-check" in (engine.info.reason or "")
    engine.close()


def test_bad_wishes_are_one_sentence(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shard = str(made.parent / "mpii.npz")
    assert main(["quantize", str(made), "--data", str(tmp_path / "none.npz")]) == 2
    (tmp_path / "file").write_text("")
    out = str(tmp_path / "file" / "out")
    assert main(["quantize", str(made), "--data", shard, "--crops", "8", "--out", out]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2
    assert "cannot be written" in lines[1]
    assert json.loads((graphs.beside(made) / "manifest.json").read_text())["schema"] == 4
