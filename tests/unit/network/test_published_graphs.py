"""Every published layout answers what its own graph answers, stack by stack, within 1e-4 (and the
rounding of large values: eight stacks of random weights answer with hundreds).
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from pose_app.network import load_checkpoint
from tests.unit.network import reference_graphs as reference

SMALL_CHANNELS = (16, 16, 24, 24, 24, 32)
TOLERANCE, ROUNDING = 1e-4, 1e-5


def picture(height: int = 64, width: int = 64) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(5)) - 0.4


def check(path: Path, x: Tensor, expected: list[Tensor]) -> None:
    network, spec = load_checkpoint(path)
    assert not network.training
    with torch.no_grad():
        found = network(x)
    assert found.shape[1] == len(expected) == spec.network.stacks
    for stack, truth in enumerate(expected):
        assert truth.std() > 0.1, "the reference must say something"
        torch.testing.assert_close(found[:, stack], truth, atol=TOLERANCE, rtol=ROUNDING)
    with torch.no_grad():  # stopping early is the same answer
        torch.testing.assert_close(network(x, stacks=1), found[:, :1], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("stacks", "width", "increase"),
    [(1, 16, 0), (2, 24, 8), (4, 16, 16), (8, 16, 0), (2, 256, 128)],
)
def test_princeton(tmp_path: Path, stacks: int, width: int, increase: int) -> None:
    weights = reference.princeton(stacks, width, increase=increase)
    torch.save({"state_dict": weights, "epoch": 3}, tmp_path / "net.pt")
    x = picture(64, 128)
    check(tmp_path / "net.pt", x, reference.run_princeton(weights, x))


@pytest.mark.parametrize(("stacks", "blocks", "joints"), [(1, 1, 16), (2, 4, 16), (8, 1, 14)])
def test_bearpaw_and_anibali(tmp_path: Path, stacks: int, blocks: int, joints: int) -> None:
    weights = reference.bearpaw(stacks, blocks, width=32, stem=16, joints=joints)
    torch.save(weights, tmp_path / "net.pth")
    x = picture()
    check(tmp_path / "net.pth", x, reference.run_bearpaw(weights, x, blocks))


def test_full_size_bearpaw(tmp_path: Path) -> None:
    weights = reference.bearpaw(2)
    torch.save({"state_dict": {f"module.{k}": v for k, v in weights.items()}}, tmp_path / "net.pth")
    x = picture(128, 64)
    check(tmp_path / "net.pth", x, reference.run_bearpaw(weights, x))


def test_fpd_scaled_stem(tmp_path: Path) -> None:
    weights = reference.bearpaw(4, width=128, stem=32)
    torch.save(weights, tmp_path / "net.pth")
    x = picture()
    check(tmp_path / "net.pth", x, reference.run_bearpaw(weights, x))


def test_mobile_fpd_depthwise(tmp_path: Path) -> None:
    weights = reference.bearpaw(2, depthwise=True)
    torch.save(weights, tmp_path / "net.pth")
    x = picture()
    check(tmp_path / "net.pth", x, reference.run_bearpaw(weights, x, depthwise=True))


@pytest.mark.parametrize(
    ("stacks", "head", "height", "width"),
    [(1, "keypoint_head", 128, 128), (2, "keypoint_head", 256, 128), (3, "head", 128, 256)],
)
def test_mmpose_small(tmp_path: Path, stacks: int, head: str, height: int, width: int) -> None:
    weights = reference.mmpose(stacks, SMALL_CHANNELS, stem=8, head=head)
    torch.save({"meta": {}, "state_dict": weights}, tmp_path / "net.pth")
    x = picture(height, width)
    check(tmp_path / "net.pth", x, reference.run_mmpose(weights, x, head=head))


def test_mmpose_full_size(tmp_path: Path) -> None:
    weights = reference.mmpose(1, joints=16)
    torch.save({"state_dict": weights}, tmp_path / "hourglass52_mpii_256x256.pth")
    x = picture(128, 128)[:1]
    check(tmp_path / "hourglass52_mpii_256x256.pth", x, reference.run_mmpose(weights, x))
