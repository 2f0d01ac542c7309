"""The names of engines, devices and precisions on the command line and in the window."""

from __future__ import annotations

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """`word` is what users type, `label` what the window shows, `help` a short explanation."""

    word: str
    label: str
    help: str


ENGINES = (
    Word("openvino", "OpenVINO", "for processors, Intel graphics and NPUs"),
    Word("torch", "PyTorch", "for NVIDIA and Apple graphics; slow on processors"),
)
DEVICES = (
    Word("cuda", "CUDA", "NVIDIA graphics"),
    Word("mps", "Apple graphics", "Apple's Metal"),
    Word("gpu", "Intel graphics", "through OpenVINO"),
    Word("npu", "Intel NPU", "through OpenVINO, only on request"),
    Word("cpu", "CPU", "the processor"),
)
PRECISIONS = (
    Word("int8", "8 bit", "for models that were quantized"),
    Word("int8+bf16", "8 bit, the rest 16 bit", "for some newer processors"),
    Word("f32", "32 bit", "as trained"),
    Word("bf16", "16 bit (bf16)", "for some newer processors and graphics"),
    Word("fp16", "16 bit (fp16)", "for graphics"),
)
ROWS = (*ENGINES, *DEVICES, *PRECISIONS)


def words(rows: tuple[Word, ...]) -> tuple[str, ...]:
    """All words, without `auto`."""
    return tuple(row.word for row in rows)


def choices(rows: tuple[Word, ...]) -> tuple[str, ...]:
    """`auto` and all words."""
    return "auto", *words(rows)


def explained(rows: tuple[Word, ...]) -> str:
    """All explanations on one line, such as `CUDA: NVIDIA graphics; CPU: the processor.`."""
    return "; ".join(f"{row.label}: {row.help}" for row in rows) + "."


def add_arguments(parser: argparse._ActionsContainer, default: str | None = "auto") -> None:
    """Add `--engine`, `--device` and `--precision`, with a common default."""
    for name, rows in (("engine", ENGINES), ("device", DEVICES), ("precision", PRECISIONS)):
        parser.add_argument(
            f"--{name}", default=default, metavar=name[0].upper(), help=", ".join(choices(rows))
        )
