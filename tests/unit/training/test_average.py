"""Averaged models: the mean of their weights, in a file that the app can load."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pose_app.cli import main
from pose_app.network import load_checkpoint
from pose_app.network.hourglass import StackedHourglass
from pose_app.network.native import save_native
from pose_app.spec import ModelSpec
from pose_app.training import average
from tests.unit.training.shards import write_shard
from tests.unit.training.test_trainer import SPEC


def written(folder: Path, seed: int, spec: ModelSpec = SPEC) -> Path:
    torch.manual_seed(seed)
    path = folder / f"{seed}.safetensors"
    save_native(path, StackedHourglass(spec.network), spec)
    return path


def test_every_weight_is_the_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [written(tmp_path, seed) for seed in (1, 2, 3)]
    write_shard(tmp_path / "mpii.npz", 30)
    out = tmp_path / "out.safetensors"
    words = ["average", *map(str, paths), "--out", str(out), "--name", "soup"]
    assert main([*words, "--data", str(tmp_path / "mpii.npz")]) == 0
    network, spec = load_checkpoint(out)
    states = [load_checkpoint(path)[0].state_dict() for path in paths]
    for key, value in network.named_parameters():
        mean = torch.stack([state[key] for state in states]).mean(dim=0)
        assert torch.allclose(value, mean, atol=1e-3), key  # half precision
    assert spec.name == "soup"
    assert spec.calibration
    assert spec.joints == SPEC.joints
    told = [line for line in capsys.readouterr().out.splitlines() if "PCK@0.2" in line]
    assert [line.rsplit(" ", 1)[1] for line in told] == [*map(str, paths), str(out)]


@pytest.mark.parametrize(("shares", "warned"), [((0.7, 0.8, 0.1), True), ((0.7, 0.8, 0.75), False)])
def test_an_average_worse_than_its_parts_is_told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    shares: tuple[float, ...],
    warned: bool,
) -> None:
    paths = [written(tmp_path, seed) for seed in (1, 2)]
    out = tmp_path / "out.safetensors"
    known = dict(zip((*paths, out), shares, strict=True))
    monkeypatch.setattr(average, "_pck", lambda path, _: known[path])
    assert main(["average", *map(str, paths), "--out", str(out)]) == 0
    assert ("worse than each model" in capsys.readouterr().out) == warned


def test_what_does_not_fit_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = written(tmp_path, 1)
    wide = replace(SPEC, network=replace(SPEC.network, width=24))
    other = written(tmp_path, 2, wide)
    out = tmp_path / "out.safetensors"
    for models, message in (([one], "two models"), ([one, other], "another graph")):
        assert main(["average", *map(str, models), "--out", str(out)]) == 2
        assert message in capsys.readouterr().err
        assert not out.exists()
    before = one.read_bytes()
    assert main(["average", str(one), str(one), "--out", str(one)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert one.read_bytes() == before
