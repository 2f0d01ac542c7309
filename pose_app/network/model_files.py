"""Suffixes of model files, for dialogs, dropped files and names."""

from __future__ import annotations

from pathlib import PurePath

SUFFIX = ".safetensors"  # of our own files
# Ours and those of published checkpoints. A name may have several of them (net.pth.tar).
SUFFIXES = (SUFFIX, ".pt", ".pth", ".tar", ".pkl", ".bin", ".ckpt")


def is_model_name(name: str) -> bool:
    """Whether a name, path or address has the suffix of a model file."""
    return name.lower().endswith(SUFFIXES)


def name_of(path: PurePath) -> str:
    """The file name without its model suffixes: `net` for `net.pth.tar`."""
    name = path.name
    while is_model_name(name) and name.rpartition(".")[0]:
        name = name.rpartition(".")[0]
    return name


def patterns() -> str:
    """Patterns for a file dialog: `*.safetensors *.pt ...`."""
    return " ".join(f"*{suffix}" for suffix in SUFFIXES)
