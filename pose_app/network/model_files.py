"""What the names of model files end with: one list for dialogs, dropped files and names."""

from __future__ import annotations

from pathlib import PurePath

SUFFIX = ".safetensors"  # of our own files
# Ours, and what published checkpoints are called; several may follow each other (net.pth.tar).
SUFFIXES = (SUFFIX, ".pt", ".pth", ".tar", ".pkl", ".bin", ".ckpt")


def is_model_name(name: str) -> bool:
    """Whether a file of this name (or path or address) would be a model."""
    return name.lower().endswith(SUFFIXES)


def name_of(path: PurePath) -> str:
    """The model's name in its file's name: `net.pth.tar` is `net`."""
    name = path.name
    while is_model_name(name) and name.rpartition(".")[0]:
        name = name.rpartition(".")[0]
    return name


def patterns() -> str:
    """For a file dialog: `*.safetensors *.pt ...`."""
    return " ".join(f"*{suffix}" for suffix in SUFFIXES)
