"""The graphs that the package carries are those of its weights, and all that a first start needs.

Made by `pose-app quantize default --data ...` and the same for `finder`: to be repeated with every
change of the weights.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pose_app.engines import convert, graphs
from pose_app.engines.choose import open_engine
from pose_app.engines.openvino_engine import OpenVINOEngine
from pose_app.engines.selfcheck import check_picture, deviation, failure
from pose_app.paths import bundled
from pose_app.spec import read_spec
from pose_app.whole_files import checksum

MODELS = ("default", "finder")


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> Path:
    return bundled("weights", f"{request.param}.safetensors")


def test_they_are_of_the_weights(model: Path, tmp_path: Path) -> None:
    manifest = graphs.manifest(graphs.beside(model))
    assert manifest["model"] == checksum(model)
    found = graphs.shipped(model, read_spec(model), tmp_path)
    assert found is not None
    assert found.files.keys() == {"f32", "int8"}
    assert found.specs["f32"] == read_spec(model)
    assert found.specs["int8"].network == read_spec(model).network


def test_the_reference_is_what_torch_answers(model: Path, tmp_path: Path) -> None:
    from pose_app.engines.torch_engine import reference

    spec = read_spec(model)
    found = graphs.shipped(model, spec, tmp_path)
    assert found is not None
    true = reference(model, spec, check_picture(spec))
    assert deviation(found.reference, true).error < 1e-3


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_they_answer_rightly(model: Path, tmp_path: Path, precision: str) -> None:
    found = graphs.shipped(model, read_spec(model), tmp_path)
    assert found is not None
    engine = OpenVINOEngine(found, "CPU", precision)
    stacks = engine.spec.network.stacks
    answer = engine.infer(check_picture(engine.spec), stacks)
    assert failure(answer, engine.info, found.reference) is None
    engine.close()


def test_they_are_small(model: Path) -> None:
    """No more than twice the weights: 16 bits, 8 bits and their descriptions."""
    size = sum(file.stat().st_size for file in graphs.beside(model).iterdir())
    assert size < 2.1 * model.stat().st_size


def test_the_first_start_imports_no_torch_and_converts_nothing(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from pose_app.engines.choose import open_engine\n"
        "for name in sys.argv[1:]:\n"
        "    engine = open_engine(name)\n"
        "    print(name, engine.info.engine, engine.info.reason)\n"
        "    engine.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *MODELS],
        capture_output=True,
        text=True,
        env=os.environ | {"POSE_APP_CACHE": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{name} OpenVINO None" for name in MODELS]
    assert not list(tmp_path.rglob("f32.xml"))


def test_the_finder_is_quantized_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "cache_folder", lambda: tmp_path)
    engine = open_engine("finder", precision="int8")
    assert (engine.info.precision, engine.info.reason) == ("int8", None)
    assert engine.spec.output == "boxes"
    engine.close()
