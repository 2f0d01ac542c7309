"""The words for engines, devices and precisions: one row each.

The command line, the settings and the preferences are made from these rows.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """`word` is what a person types, `label` what the window shows, `help` half a sentence."""

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
    """What may be asked for besides `auto`."""
    return tuple(row.word for row in rows)


def choices(rows: tuple[Word, ...]) -> tuple[str, ...]:
    """The same with `auto` before it."""
    return "auto", *words(rows)


def explained(rows: tuple[Word, ...]) -> str:
    """What each row is for, e.g. `CUDA: NVIDIA graphics; CPU: the processor.` as one line."""
    return "; ".join(f"{row.label}: {row.help}" for row in rows) + "."


def add_arguments(parser: argparse._ActionsContainer, default: str | None = "auto") -> None:
    """`--engine`, `--device` and `--precision`; `default` is what they are without being given."""
    for name, rows in (("engine", ENGINES), ("device", DEVICES), ("precision", PRECISIONS)):
        parser.add_argument(
            f"--{name}", default=default, metavar=name[0].upper(), help=", ".join(choices(rows))
        )
