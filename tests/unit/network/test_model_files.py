"""One list of what model files end with."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose_app.network.model_files import SUFFIXES, is_model_name, name_of, patterns


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("net.pt", "net"),
        ("net.pth.tar", "net"),
        ("hg_s2_b1.bin", "hg_s2_b1"),
        ("my.net-2.1.ckpt", "my.net-2.1"),
        ("NET.PKL", "NET"),
        ("net.safetensors", "net"),
        (".pt", ".pt"),
    ],
)
def test_the_name_of_a_model(name: str, wanted: str) -> None:
    assert name_of(Path("folder.pt") / name) == wanted


def test_every_ending_is_a_models_in_every_place() -> None:
    for suffix in SUFFIXES:
        assert is_model_name(f"/somewhere/net{suffix.upper()}")
        assert f"*{suffix}" in patterns().split()
    assert not is_model_name("clip.mp4")
