"""The cache of converted models: warm without torch, rebuilt when damaged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from pose_app.engines import convert, fused, progress
from pose_app.engines.convert import converted
from pose_app.engines.graphs import Graphs
from pose_app.engines.openvino_engine import OpenVINOEngine
from pose_app.errors import EngineError
from pose_app.openvino_silently import openvino
from pose_app.paths import CACHE_VARIABLE
from pose_app.spec import ModelSpec

from .conftest import MakeModel


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(convert, "cache_folder", lambda: tmp_path)
    return tmp_path


def works(found: Graphs, spec: ModelSpec) -> bool:
    engine = OpenVINOEngine(found)
    try:
        engine.prepare(spec.network.stacks)  # checks it, too
    except EngineError:
        return False
    finally:
        engine.close()
    return True


@pytest.fixture(scope="module")
def pristine(make_model: MakeModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole conversion of make_model()'s file."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("pristine")
        patch.setattr(convert, "cache_folder", lambda: folder)
        return converted(*make_model()).compiled


def _no_conversion(*_: object) -> None:
    raise AssertionError("converted again")


def test_second_time_comes_from_the_cache(
    make_model: MakeModel, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, spec = make_model()
    first = converted(path, spec)
    assert works(first, spec)
    monkeypatch.setattr(convert, "_convert", _no_conversion)
    assert converted(path, spec).files == first.files
    assert [p.name for p in (cache / "openvino").iterdir()] == [first.compiled.name]


@pytest.mark.parametrize("name", ["f32.xml", "f32.bin", "reference.npz", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone"])
def test_damage_is_built_again(
    make_model: MakeModel,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    pristine: Path,
    name: str,
    damage: str,
) -> None:
    path, spec = make_model()
    built: list[Path] = []

    def build(model: Path, spec: ModelSpec, folder: Path) -> None:  # a real one takes seconds
        built.append(folder)
        shutil.copytree(pristine, folder, dirs_exist_ok=True)

    monkeypatch.setattr(convert, "_convert", build)
    victim = converted(path, spec).compiled / name
    built.clear()
    data = victim.read_bytes()
    middle = len(data) // 2
    if damage == "cut":
        victim.write_bytes(data[:middle])
    elif damage == "flip":
        victim.write_bytes(data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :])
    elif damage == "empty":
        victim.write_bytes(b"")
    else:
        victim.unlink()
    again = converted(path, spec)
    assert len(built) == 1
    assert works(again, spec)
    assert [p.name for p in (cache / "openvino").iterdir()] == [victim.parent.name]


def test_damage_is_really_built_again(make_model: MakeModel, cache: Path) -> None:
    path, spec = make_model()
    converted(path, spec).files["f32"].write_text("<net")
    assert works(converted(path, spec), spec)


@pytest.mark.parametrize("at", ["reference_maps", "trace"])
def test_a_conversion_that_nobody_wants_any_more_ends_at_its_next_step(
    make_model: MakeModel, cache: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    owner = fused if at == "reference_maps" else torch.jit
    real, wanted = getattr(owner, at), [True]

    def last_step(*arguments: object, **more: object) -> object:
        wanted.clear()
        return real(*arguments, **more)

    monkeypatch.setattr(owner, at, last_step)
    monkeypatch.setattr(openvino, "convert_model", lambda *_, **__: pytest.fail("it went on"))
    with progress.wanted(lambda: bool(wanted)), pytest.raises(progress.UnwantedError):
        converted(*make_model())
    assert list((cache / "openvino").iterdir()) == []
    assert progress.current() is None


def test_other_weights_or_size_are_another_conversion(make_model: MakeModel, cache: Path) -> None:
    path, spec = make_model()
    other, _ = make_model(mean=(0.1, 0.1, 0.1))
    folders = {
        converted(path, spec).compiled,
        converted(other, spec).compiled,
        converted(path, spec.with_input_size(64, 64)).compiled,
    }
    assert len(folders) == 3


def test_old_conversions_are_forgotten(
    make_model: MakeModel, cache: Path, monkeypatch: pytest.MonkeyPatch, pristine: Path
) -> None:
    def build(model: Path, spec: ModelSpec, folder: Path) -> None:
        shutil.copytree(pristine, folder, dirs_exist_ok=True)

    monkeypatch.setattr(convert, "_convert", build)
    ages = {"unused": 91, "recent": 89, "new-killed": 2, "new-running": 0}
    for name, days in ages.items():
        (cache / "openvino" / name).mkdir(parents=True)
        then = time.time() - days * 86400
        os.utime(cache / "openvino" / name, (then, then))
    mine = converted(*make_model()).compiled
    left = {folder.name for folder in mine.parent.iterdir()}
    assert left == {mine.name, "recent", "new-running"}
    # Using a conversion makes it young again.
    os.utime(mine, (0, 0))
    converted(*make_model())
    assert time.time() - mine.stat().st_mtime < 3600


def test_a_folder_that_cannot_be_written(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(convert, "cache_folder", lambda: tmp_path / "file")
    with pytest.raises(EngineError, match="cannot be written"):
        converted(*make_model())


def test_warm_cache_needs_no_torch(make_model: MakeModel, tmp_path: Path) -> None:
    """In a process of its own, where importing torch fails."""
    path, _ = make_model()
    code = (
        "import sys\n"
        "import numpy as np\n"
        "if sys.argv[2] == 'warm': sys.modules['torch'] = None\n"
        "from pose_app.engines.choose import open_engine\n"
        "engine = open_engine(sys.argv[1], engine='openvino')\n"
        "crops = np.zeros((1, *engine.spec.input_size, 3), np.uint8)\n"
        "print(engine.infer(crops, 3).stack(2).shape, engine.info.reason)\n"
        "engine.close()\n"
    )
    for state in ("cold", "warm"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(path), state],
            capture_output=True,
            text=True,
            env=os.environ | {CACHE_VARIABLE: str(tmp_path)},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split("\n")[0] == "(16, 16, 24) None"
