"""`pose-app quantize`: a model's graphs for OpenVINO, in floats and in 8-bit integers.

The folder that it writes belongs beside the model file; the app then runs the model without
converting it, in 8 bits where that is faster. `weights/*.openvino` are made by it.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `pose-app quantize`."""
    parser.add_argument("model", help="name or file of a model of Newell's graph")
    parser.add_argument(
        "--data", nargs="+", required=True, metavar="SHARD", help="pictures to calibrate with"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="default: beside the model, NAME.openvino"
    )
    parser.add_argument(
        "--crops", type=_count, default=192, metavar="N", help="how many pictures (default: 192)"
    )
    parser.add_argument(
        "--floats",
        nargs="*",
        default=[],
        metavar="PART",
        help="parts that stay in floats, e.g. stem or stacks.0.after",
    )
    parser.add_argument(
        "--compare", action="store_true", help="print the accuracy on the pictures held out"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the command; the process's exit status."""
    from ..engines.graphs import beside
    from ..network import catalogue
    from .int8_model import compare, quantize

    path = catalogue.resolve(arguments.model)
    out = arguments.out or beside(path)
    quantize(path, arguments.data, out, arguments.crops, tuple(arguments.floats), print)
    if arguments.compare:
        compare(out, arguments.data)
    return 0


def _count(text: str) -> int:
    value = int(text)
    if value < 8:
        raise argparse.ArgumentTypeError(f"{value} crops are too few: 8 or more")
    return value
