"""The loop: it learns, it resumes exactly, its command writes a model that the app can load."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from pose_app.cli import main
from pose_app.errors import DataError, ModelError
from pose_app.network.hourglass import StackedHourglass
from pose_app.pose import opening
from pose_app.skeletons import MPII_16
from pose_app.spec import DecodeRule, ModelSpec, NetworkConfig
from pose_app.training.data import PoseData
from pose_app.training.evaluate import presence
from pose_app.training.loading import load
from pose_app.training.tasks import PoseTask
from pose_app.training.trainer import Options, Trainer
from pose_app.types import Image
from tests.faults import files_limited
from tests.unit.pose.colour_engine import ColourEngine
from tests.unit.training.shards import write_shard

CONFIG = NetworkConfig(stacks=2, width=16, stem=(4, 8), stem_second=8)
SPEC = ModelSpec(
    name="tiny",
    family="pose-app",
    network=CONFIG,
    joints=MPII_16.joints,
    limbs=MPII_16.limbs,
    flip=MPII_16.flip,
    mean=(0.45, 0.45, 0.45),
    output="logits",
    score="window",
    decode=DecodeRule(subpixel="centroid", offset=0.375),
)
OPTIONS = Options(steps=4, batch=4, sizes=(64,), warm_up=2)
MIX = (0.8, 0.2)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def parts(tmp_path: Path) -> list[PoseData]:
    write_shard(tmp_path / "mpii.npz", 30)
    write_shard(tmp_path / "no_person.npz", 12, nobody=True)
    return [load(tmp_path / "mpii.npz"), load(tmp_path / "no_person.npz")]


def trainer(
    parts: list[PoseData],
    options: Options = OPTIONS,
    spec: ModelSpec = SPEC,
    mix: tuple[float, ...] = MIX,
    device: torch.device = CPU,
) -> Trainer:
    torch.manual_seed(3)
    task = PoseTask(parts, spec, mix, device)
    return Trainer(StackedHourglass(spec.network), spec, task, options, device)


def test_four_steps_are_two_and_two_more(tmp_path: Path, parts: list[PoseData]) -> None:
    whole = trainer(parts)
    for _ in range(4):
        whole.train_step()
    first = trainer(parts)
    for _ in range(2):
        first.train_step()
    first.save(tmp_path / "c.pt")
    second = trainer(parts)
    second.resume(tmp_path / "c.pt")
    assert second.step == 2
    losses = [second.train_step() for _ in range(2)]
    assert all(torch.isfinite(loss) for loss in losses)
    assert second.progress == 1
    for kind in ("network", "average"):
        mine = getattr(second, kind).state_dict()
        for key, value in getattr(whole, kind).state_dict().items():
            assert torch.equal(value, mine[key]), f"{kind} {key}"


def test_batches_repeat_by_step_and_differ_between_steps(parts: list[PoseData]) -> None:
    one, other = trainer(parts), trainer(parts)
    assert torch.equal(one.batch(5)[0], other.batch(5)[0])
    assert not torch.equal(one.batch(5)[0], one.batch(6)[0])


def test_loss_falls(parts: list[PoseData]) -> None:
    made = trainer(parts, replace(OPTIONS, steps=40, batch=8, learning_rate=5e-3, warm_up=5))
    losses = [float(made.train_step()) for _ in range(40)]
    assert np.mean(losses[-8:]) < np.mean(losses[:4]) - 0.4


def test_fine_tuning_keeps_the_statistics_of_the_norms(parts: list[PoseData]) -> None:
    def statistics(made: Trainer) -> list[torch.Tensor]:
        return [b.clone() for name, b in made.network.named_buffers() if "running" in name]

    for keep_norms in (True, False):
        made = trainer(parts, replace(OPTIONS, keep_norms=keep_norms))
        weights, before = made.network.stem.conv.weight.clone(), statistics(made)
        made.train_step()
        same = [torch.equal(a, b) for a, b in zip(before, statistics(made), strict=True)]
        assert all(same) if keep_norms else not any(same)
        assert not torch.equal(weights, made.network.stem.conv.weight)


def test_learning_rate_warms_up_and_ends_low(parts: list[PoseData]) -> None:
    made = trainer(parts, replace(OPTIONS, steps=100, warm_up=10))
    rates = []
    for made.step in range(101):
        rates.append(made.learning_rate)
    assert rates[0] < rates[5] < rates[9]
    assert max(rates) <= OPTIONS.learning_rate
    assert rates[100] < 0.01 * OPTIONS.learning_rate


def test_minutes_end_a_run_whatever_the_speed(parts: list[PoseData]) -> None:
    made = trainer(parts, replace(OPTIONS, steps=None, minutes=1.0))
    made.seconds = 30.0
    assert made.progress == pytest.approx(0.5)
    made.seconds = 61.0
    assert made.progress == 1


def test_inputs_grow_in_equal_parts_of_the_run(parts: list[PoseData]) -> None:
    made = trainer(parts, replace(OPTIONS, sizes=(64, 128), steps=4))
    sides = []
    for _ in range(4):
        sides.append(made.batch(made.step)[0].shape[-1])
        assert torch.isfinite(made.train_step())
    assert sides == [64, 64, 128, 128]
    assert made.size == 128
    assert made.spec.input_size == (128, 128)
    with pytest.raises(ModelError, match="multiples"):
        trainer(parts, replace(OPTIONS, sizes=(72, 128)))


def test_compiled_network_trains_the_same(
    parts: list[PoseData], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = [float(made.train_step()) for made in [trainer(parts)] for _ in range(2)]
    # The first half of the compiler: it needs no C++.
    real, compiled = torch.compile, []

    def half(what: Callable[..., object], **options: object) -> object:
        compiled.append(what)
        return real(what, **options, backend="aot_eager")

    monkeypatch.setattr(torch, "compile", half)
    made = trainer(parts, replace(OPTIONS, compile=True))
    assert [float(made.train_step()) for _ in range(2)] == pytest.approx(plain, rel=2e-2)
    assert len(compiled) == 2 + CONFIG.stacks  # the loss, the stem, every stack
    assert "torch.compile failed" not in capsys.readouterr().out


def test_training_goes_on_without_a_compiler(
    parts: list[PoseData], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: broken)
    plain, made = trainer(parts), trainer(parts, replace(OPTIONS, compile=True))
    assert float(made.train_step()) == float(plain.train_step())
    assert capsys.readouterr().out.count("torch.compile failed (RuntimeError)") == 1
    made.train_step()
    assert capsys.readouterr().out == ""


@pytest.mark.gpu
def test_graphics_card_trains_and_its_run_goes_on_there(
    tmp_path: Path, parts: list[PoseData]
) -> None:
    device = torch.device("cuda")
    made = trainer(parts, device=device)
    assert torch.isfinite(made.train_step())
    made.save(tmp_path / "c.pt")
    again = trainer(parts, device=device)
    again.resume(tmp_path / "c.pt")
    assert torch.isfinite(again.train_step())


def test_raw_heatmaps_train_too(parts: list[PoseData]) -> None:
    made = trainer(parts, spec=replace(SPEC, output="heatmap", score="peak"))
    assert torch.isfinite(made.train_step())


def test_checkpoint_of_another_run_is_refused(tmp_path: Path, parts: list[PoseData]) -> None:
    made = trainer(parts)
    made.save(tmp_path / "c.pt")
    with pytest.raises(ModelError, match="batch"):
        trainer(parts, replace(OPTIONS, batch=5)).resume(tmp_path / "c.pt")
    with pytest.raises(ModelError, match="other data"):
        trainer(parts, mix=(0.5, 0.5)).resume(tmp_path / "c.pt")
    with pytest.raises(ModelError, match="other data"):
        trainer([parts[0].select(range(5)), parts[1]]).resume(tmp_path / "c.pt")
    wider = replace(SPEC, network=replace(CONFIG, width=32))
    with pytest.raises(ModelError, match="shape"):
        trainer(parts, spec=wider).resume(tmp_path / "c.pt")


def test_mix_must_fit(parts: list[PoseData]) -> None:
    for mix in ((1.0,), (0.0, 0.0), (-1.0, 2.0)):
        with pytest.raises(DataError):
            trainer(parts, mix=mix)
    with pytest.raises(DataError, match="person"):
        trainer([parts[1]], mix=(1.0,))


def test_a_data_set_without_pictures_is_named(parts: list[PoseData]) -> None:
    empty = replace(parts[0].select([]), name="webcam")
    with pytest.raises(DataError, match="data set webcam has no picture"):
        trainer([empty, *parts], mix=(0.5, 0.4, 0.1))
    assert trainer([empty, *parts], mix=(0, 0.8, 0.2)).batch(0)[0].shape == (4, 3, 64, 64)


def command(folder: Path, *more: str) -> int:
    words = ["train", str(folder / "mpii.npz"), str(folder / "no_person.npz")]
    words += ["--out", str(folder / "run"), "--size", "64", "--batch", "4"]
    words += ["--stacks", "2", "--width", "16", "--stem", "4", "8", "--device", "cpu"]
    return main([*words, *more])


def test_command_trains_evaluates_and_resumes(
    tmp_path: Path, parts: list[PoseData], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(tmp_path, "--steps", "3") == 0
    run = tmp_path / "run"
    rows = list(csv.DictReader((run / "history.csv").open()))
    assert rows[-1]["step"] == "3.0"
    assert 0 <= float(rows[-1]["mpii_pck"]) <= 1
    assert cv2.imread(str(run / "history.png")) is not None
    assert cv2.imread(str(run / "sheet_0000003.jpg")) is not None
    # A second run in the same folder would overwrite the first.
    assert command(tmp_path, "--steps", "3") == 2
    assert "--resume" in capsys.readouterr().err
    assert command(tmp_path, "--steps", "5", "--resume") == 0
    rows = list(csv.DictReader((run / "history.csv").open()))
    assert [row["step"] for row in rows] == ["3.0", "5.0"]

    words = ["evaluate", str(tmp_path / "mpii.npz"), "--nobody", str(tmp_path / "no_person.npz")]
    words += ["--model", str(run / "model.safetensors"), "--engine", "torch", "--device", "cpu"]
    capsys.readouterr()
    assert main([*words, "--limit", "6", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["n"] == 6
    assert len(result["per_stack"]) == 2
    assert result["per_stack"][-1]["pck_limbs"] == result["pck_limbs"]
    assert set(result["per_joint"]) == set(MPII_16.joints)
    assert result["n_nobody"] == 6
    assert 0 <= result["false_presence"] <= 1
    assert 0 <= result["upper_body"] <= 1
    assert 0 <= result["upper_body_searched"] <= 1
    assert result["n_upper_body"] == 6
    assert main([*words, "--named", "no such name", "--json"]) == 2
    assert "no such name" in capsys.readouterr().err
    assert main([*words, "--named", parts[0].pictures[4], "--no-presence", "--json"]) == 0
    named = json.loads(capsys.readouterr().out)
    assert named["n"] == parts[0].pictures.count(parts[0].pictures[4])
    assert main([*words, "--limit", "3", "--stacks", "1", "--flip", "--no-presence"]) == 0
    assert "right wrist" in capsys.readouterr().out


def test_fine_tuning_keeps_the_weights_of_known_joints(
    tmp_path: Path, parts: list[PoseData]
) -> None:
    assert command(tmp_path, "--steps", "2") == 0
    model = tmp_path / "run" / "model.safetensors"
    words = ["train", str(tmp_path / "mpii.npz"), "--out", str(tmp_path / "tuned")]
    words += ["--from", str(model), "--steps", "1", "--size", "64", "--batch", "2"]
    assert main([*words, "--joints", "lsp-14", "--device", "cpu"]) == 0
    from pose_app.network import load_checkpoint

    network, spec = load_checkpoint(tmp_path / "tuned" / "model.safetensors")
    before, _ = load_checkpoint(model)
    assert len(spec.joints) == 14
    assert spec.network.width == 16
    stem = "stem.conv.weight"
    assert torch.allclose(network.state_dict()[stem], before.state_dict()[stem], atol=2e-3)


def test_a_model_is_made_wider(
    tmp_path: Path, parts: list[PoseData], capsys: pytest.CaptureFixture[str]
) -> None:
    from pose_app.network import load_checkpoint

    assert command(tmp_path, "--steps", "1") == 0
    words = ["train", str(tmp_path / "mpii.npz"), "--steps", "1", "--size", "64", "--batch", "2"]
    words += ["--from", str(tmp_path / "run" / "model.safetensors"), "--device", "cpu"]
    wider = str(tmp_path / "wider")
    assert main([*words, "--width", "24", "--increase", "8", "--out", wider]) == 0
    _, spec = load_checkpoint(tmp_path / "wider" / "model.safetensors")
    assert (spec.network.width, spec.network.increase) == (24, 8)
    assert main([*words, "--width", "8", "--out", str(tmp_path / "narrower")]) == 2
    assert "at least as many" in capsys.readouterr().err


def test_norms_follow_large_batches_alone(tmp_path: Path, parts: list[PoseData]) -> None:
    from pose_app.network import load_checkpoint

    def mean(run: str) -> torch.Tensor:
        network, _ = load_checkpoint(tmp_path / run / "model.safetensors")
        return network.state_dict()["stem.bn.running_mean"]

    assert command(tmp_path, "--steps", "1") == 0
    words = ["train", str(tmp_path / "mpii.npz"), "--from", str(tmp_path / "run/model.safetensors")]
    words += ["--steps", "1", "--size", "64", "--device", "cpu"]
    for run, batch in (("small", 4), ("large", 128)):
        assert main([*words, "--out", str(tmp_path / run), "--batch", str(batch)]) == 0
    assert torch.equal(mean("small"), mean("run"))
    assert not torch.equal(mean("large"), mean("run"))


@pytest.mark.parametrize("words", [["--steps", "0"], ["--minutes", "-1"], ["--width", "0"]])
def test_numbers_must_be_above_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit):
        command(tmp_path, *words)
    error = capsys.readouterr().err
    assert words[0] in error
    assert "above 0" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", "1", "--mix", "1"], "--mix"),
        (["--steps", "1", "--device", "abacus"], "device"),
        (["--steps", "1", "--resume"], "checkpoint"),
        (["--steps", "1", "--size", "64", "100"], "--size"),
    ],
)
def test_impossible_wishes_are_told(
    tmp_path: Path,
    parts: list[PoseData],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    assert command(tmp_path, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_folder_that_cannot_be_made_is_told(
    tmp_path: Path, parts: list[PoseData], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").write_text("a file")
    assert command(tmp_path, "--steps", "1") == 2
    assert f"{tmp_path / 'run'} cannot be made" in capsys.readouterr().err


@pytest.mark.parametrize("largest", [0, 1000, 20_000, 100_000])
def test_a_full_disk_is_told_and_leaves_nothing_half_written(
    tmp_path: Path, parts: list[PoseData], capsys: pytest.CaptureFixture[str], largest: int
) -> None:
    """In the figures, in their pictures, in the checkpoint."""
    with files_limited(largest):
        assert command(tmp_path, "--steps", "1") == 2
    error = capsys.readouterr().err
    assert f"pose-app: The folder {tmp_path / 'run'} cannot be written (File too large)" in error
    assert "--resume" in error
    assert "Traceback" not in error
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert left <= {"history.csv", "history.png", "sheet_0000001.jpg"}


def test_the_finder_is_closed_when_a_picture_cannot_be_read(
    parts: list[PoseData], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []
    engine = SimpleNamespace(spec=SPEC, close=lambda: closed.append(True))
    monkeypatch.setattr(opening, "open_finder", lambda: SimpleNamespace(engine=engine))

    def damaged(row: int) -> Image:
        raise DataError(f"Picture {row} is damaged.")

    with pytest.raises(DataError, match="is damaged"):
        presence(ColourEngine(), [replace(parts[0], read=damaged)])
    assert closed == [True]
