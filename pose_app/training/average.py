"""`pose-app average`: averages the weights of models that were fine-tuned from the same one.

The average is mostly better than the best of them and costs nothing at run time (Wortsman et al.,
*Model soups*, ICML 2022). So two processor cores are best used by two runs of one thread each, with
different seeds. Runs with a high learning rate diverge too far to be averaged; with `--data` the
command reports that.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import nn

    from ..spec import ModelSpec
    from .data import PoseData


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `pose-app average`."""
    parser.add_argument("models", nargs="+", metavar="model", help="names or files, two or more")
    parser.add_argument("--out", required=True, metavar="FILE", help="the model file to write")
    parser.add_argument("--name", default="average", help="the model's name")
    parser.add_argument(
        "--data",
        nargs="+",
        default=[],
        metavar="DATA",
        help="the training data: its held-out pictures are used to calibrate the scores and to "
        "measure each model and the average",
    )
    parser.add_argument(
        "--pictures", metavar="FOLDER", help="where an annotation file's pictures are"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from dataclasses import replace
    from pathlib import Path

    from ..errors import ModelError
    from ..network.catalogue import resolve
    from .calibration import save_calibrated
    from .data import split
    from .loading import load

    out = Path(arguments.out)
    if out.exists():
        raise ModelError(f"{out} exists already: choose another name.")
    loaded = [load(path, arguments.pictures) for path in arguments.data]
    paths = [resolve(model) for model in arguments.models]
    network, spec = averaged(paths)
    spec = replace(spec, name=arguments.name)
    held_out = [split(data.with_skeleton(spec.skeleton))[1] for data in loaded]
    try:
        save_calibrated(network, spec, held_out, out)
    except OSError as error:
        raise ModelError(f"{out} cannot be written: {error.strerror}.") from None
    shares = [_pck(path, held_out) for path in (*paths, out)]
    for model, share in zip((*arguments.models, out), shares, strict=True):
        if share is not None:
            print(f"{share:6.1%} PCK@0.2 of the limbs on held-out pictures: {model}")
    known = [share for share in shares if share is not None]
    if known and known[-1] < min(known[:-1], default=0.0):
        print(f"The average is worse than each model: use the best of them instead of {out}.")
    return 0


def _pck(path: Path, held_out: Sequence[PoseData]) -> float | None:
    """PCK@0.2 of the limbs, the mean over the data sets with such labels; None without any."""
    from ..engines.choose import open_engine
    from .evaluate import evaluate

    engine = open_engine(path)
    try:
        shares = [evaluate(engine, data)["pck_limbs"] for data in held_out]
    finally:
        engine.close()
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known else None


def averaged(paths: Sequence[Path]) -> tuple[nn.Module, ModelSpec]:
    """(network with the mean of all weights in float32, spec of the first model).

    Raises ModelError for fewer than two models, or for different graphs or joints.
    """
    from ..errors import ModelError
    from ..network import load_checkpoint

    if len(paths) < 2:
        raise ModelError("An average needs at least two models.")
    network, spec = load_checkpoint(paths[0])
    total = {name: value.double() for name, value in network.state_dict().items()}
    for path in paths[1:]:
        other, its = load_checkpoint(path)
        if its.network != spec.network or its.joints != spec.joints:
            raise ModelError(
                f"{path.name} has another graph or other joints than {paths[0].name}: average "
                "models that were fine-tuned from the same one."
            )
        for name, value in other.state_dict().items():
            total[name] += value.double()
    network.load_state_dict({name: value / len(paths) for name, value in total.items()})
    return network, spec
