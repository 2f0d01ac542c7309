"""`pose-app quantize`: makes OpenVINO graphs of a model, in floats and in 8-bit integers.

With the folder beside its model file, the app runs the model without converting it, and in 8 bits
where that is faster. `weights/*.openvino` were made by this command.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `pose-app quantize`."""
    # The model comes first: after --data it would be one of the shards.
    parser.usage = "%(prog)s model --data SHARD [SHARD ...] [options]"
    parser.add_argument("model", help="name or file of a model of Newell's graph")
    parser.add_argument(
        "--data", nargs="+", required=True, metavar="SHARD", help="pictures for calibration"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="default: beside the model, NAME.openvino"
    )
    parser.add_argument(
        "--crops", type=_count, default=192, metavar="N", help="how many crops (default: 192)"
    )
    parser.add_argument(
        "--floats",
        nargs="*",
        default=[],
        metavar="PART",
        help="parts that stay in floats, e.g. stem or stacks.0.after",
    )
    parser.add_argument(
        "--compare", action="store_true", help="print the accuracy on held-out pictures"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
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
    if not text.isdecimal() or int(text) < 8:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of crops from 8 on")
    return int(text)
