"""The width of a joint's target: the one asked for, a start model's, or that of new networks."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pose_app.cli import main
from pose_app.network.native import build, save_native
from pose_app.spec import ModelSpec, read_spec
from pose_app.training import train
from tests.unit.training.shards import write_shard
from tests.unit.training.test_trainer import CPU, SPEC

WORDS = ["--steps", "1", "--batch", "2", "--size", "64", "--device", "cpu"]
NEW = ["--stacks", "1", "--width", "16", "--stem", "4", "8"]


@pytest.fixture
def data(tmp_path: Path) -> str:
    torch.set_num_threads(1)
    write_shard(tmp_path / "mpii.npz", 12)
    return str(tmp_path / "mpii.npz")


def first_step(data: str, *words: str) -> tuple[float, ModelSpec]:
    """The loss of a run's first step, and the spec of what it writes."""
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    trainer, _ = train._pose(parser.parse_args([data, "--out", "run", *WORDS, *words]), CPU)
    return float(trainer.train_step()), trainer.spec


@pytest.mark.parametrize("output", ["logits", "heatmap"])
def test_a_model_is_trained_with_the_sigma_asked_for_or_its_own(
    tmp_path: Path, data: str, output: str
) -> None:
    spec = replace(SPEC, output=output, score="window" if output == "logits" else "peak", sigma=2.0)
    torch.manual_seed(0)
    save_native(tmp_path / "start.safetensors", build(spec), spec)
    start = ["--from", str(tmp_path / "start.safetensors")]
    own, kept = first_step(data, *start)
    same, _ = first_step(data, *start, "--sigma", "2")
    wide, asked = first_step(data, *start, "--sigma", "4")
    assert (kept.sigma, asked.sigma) == (2.0, 4.0)
    assert own == same
    assert abs(wide - own) > 1e-3


def test_a_new_network_has_a_sigma_of_its_own(data: str) -> None:
    usual, spec = first_step(data, *NEW)
    same, _ = first_step(data, *NEW, "--sigma", "1.2")
    wide, _ = first_step(data, *NEW, "--sigma", "4")
    assert spec.sigma == 1.2
    assert usual == same != wide


def test_the_model_file_says_the_sigma(tmp_path: Path, data: str) -> None:
    out = str(tmp_path / "run")
    assert main(["train", data, "--out", out, *WORDS, *NEW, "--sigma", "3"]) == 0
    assert read_spec(tmp_path / "run" / "model.safetensors").sigma == 3.0
