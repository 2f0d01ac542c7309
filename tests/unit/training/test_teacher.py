"""The teacher: its share of the loss, whom it teaches, and what it cannot teach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pose_app.cli import main
from pose_app.errors import ModelError
from pose_app.network import load_checkpoint
from pose_app.skeletons import MPII_16, MPII_21
from pose_app.training.loading import load
from pose_app.training.tasks import PoseTask
from pose_app.training.teacher import SHARE, Lesson, Teacher, taught_total
from tests.unit.training.shards import write_shard
from tests.unit.training.test_average import written
from tests.unit.training.test_trainer import SPEC

CPU = torch.device("cpu")
WIDER = replace(
    SPEC,
    joints=MPII_21.joints,
    limbs=MPII_21.limbs,
    flip=MPII_21.flip,
    network=replace(SPEC.network, joints=21),
)


def test_it_teaches_its_own_joints_in_the_rows_it_looks_at(tmp_path: Path) -> None:
    teacher = Teacher(written(tmp_path, 1), WIDER, ("mpii",), CPU)
    images = torch.rand(3, 3, 64, 64)
    lesson = teacher.lesson(images, torch.tensor([2]))
    assert lesson.target.shape == (3, 21, 16, 16)
    assert lesson.taught[:2].sum() == 0
    assert lesson.target[:2].sum() == 0
    own = torch.tensor([joint in MPII_16.joints for joint in MPII_21.joints])
    assert torch.equal(lesson.taught[2] > 0, own)
    # The network's own answer: of its last stack, as chances, in the place of the same joint.
    network, _ = load_checkpoint(tmp_path / "1.safetensors")
    maps = network.forward_stacks(images[2:] - 0.45)[-1][0].flatten(1)  # type: ignore[operator]
    odds = maps.exp()
    wanted = (odds / (1 + odds.sum(dim=1, keepdim=True))).reshape(16, 16, 16)
    assert torch.allclose(lesson.target[2][own], wanted, rtol=0.05, atol=1e-4)  # bfloat16
    nobody = teacher.lesson(images, torch.zeros(0, dtype=torch.long))
    assert nobody.taught.sum() == 0


def test_shares_of_label_and_teacher() -> None:
    logits = torch.zeros(1, 3, 4, 4)
    target = torch.zeros(1, 3, 4, 4)
    target[:, :, 0, 0] = 1
    lesson = Lesson(target, torch.tensor([[1.0, 1.0, 0.0]]))
    labels = torch.tensor([[[10.0, 20.0, 30.0]]])  # of one stack
    weight = torch.tensor([[1.0, 0.0, 1.0]])  # the second joint has no label
    learnt = np.log(17)  # of 16 pixels and "absent", all alike
    wanted = ((1 - SHARE) * 10 + SHARE * learnt + SHARE * learnt + 30) / (1 + SHARE + 1)
    assert float(taught_total([logits], labels, weight, lesson)) == pytest.approx(wanted)


def test_the_lesson_goes_with_the_pictures_of_the_sets_it_knows(tmp_path: Path) -> None:
    write_shard(tmp_path / "mpii.npz", 12)
    write_shard(tmp_path / "own.npz", 12, seed=1)
    parts = [load(tmp_path / name) for name in ("mpii.npz", "own.npz")]
    teacher = Teacher(written(tmp_path, 1), SPEC, ("own",), CPU)
    for mix, share in (((1, 0), 0), ((0, 1), 1)):
        task = PoseTask(parts, SPEC, mix, CPU, teacher=teacher)
        _, labels = task.batch(np.random.default_rng(0), 4, 64)
        assert labels[-1].mean() == share
        maps = [torch.randn(4, 16, 16, 16)]
        plain = PoseTask(parts, SPEC, mix, CPU).loss(maps, labels[:4], 0, False)
        assert (task.loss(maps, labels, 0, False) == plain) == (share == 0)


def test_what_cannot_teach_is_told(tmp_path: Path) -> None:
    heatmaps = written(tmp_path, 1, replace(SPEC, output="heatmap", score="peak"))
    with pytest.raises(ModelError, match="another meaning"):
        Teacher(heatmaps, SPEC, ("mpii",), CPU)


def test_command_takes_a_teacher(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_shard(tmp_path / "mpii.npz", 24)
    model = str(written(tmp_path, 1))
    words = ["train", str(tmp_path / "mpii.npz"), "--from", model, "--steps", "1", "--size", "64"]
    words += ["--batch", "2", "--device", "cpu", "--teacher"]
    assert main([*words, model, "--out", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "model.safetensors").is_file()
    assert main([*words, "nobody-knows", "--out", str(tmp_path / "other")]) == 2
    assert "nobody-knows" in capsys.readouterr().err
