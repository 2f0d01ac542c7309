"""`pose-app train`: train a network from scratch, or fine-tune one, and write a model file.

The run's folder holds `checkpoint.pt` (to resume), `model.safetensors` (the averaged weights with
their spec), `history.csv`, `history.png` and a contact sheet per evaluation.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import nn

    from ..skeletons import Skeleton
    from ..spec import ModelSpec
    from .data import PoseData
    from .report import History
    from .trainer import Options, Trainer

# Shares of the shards that the default weights were trained with.
_MIX = {"lspet": 0.46, "mpii": 0.18, "synthetic": 0.32, "no_person": 0.04}
_SHOWN = 18  # pictures on a contact sheet
_LEARNING_RATE, _FINE_TUNING_RATE = 2.5e-3, 5e-4
_STEADY_BATCH = 128  # pictures from which a batch has the statistics of the data
_SAVE_SECONDS = 300.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `pose-app train`."""
    parser.add_argument(
        "data", nargs="+", help="shards (.npz), or MPII's or COCO's annotations (.mat, .json)"
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where the run is kept")
    parser.add_argument(
        "--pictures", metavar="FOLDER", help="where an annotation file's pictures are"
    )
    parser.add_argument(
        "--mix", nargs="+", type=float, metavar="SHARE", help="share of each data set"
    )
    parser.add_argument("--joints", choices=("mpii-16", "coco-17", "lsp-14"), help="the skeleton")
    parser.add_argument("--from", dest="start", metavar="MODEL", help="start from a trained model")
    end = parser.add_mutually_exclusive_group(required=True)
    end.add_argument("--minutes", type=float, help="train for this long")
    end.add_argument("--steps", type=int, help="train for this many batches")
    parser.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--batch", type=int, help="pictures a step (24, on a graphics card 256)")
    parser.add_argument(
        "--size",
        type=int,
        nargs="+",
        default=(256,),
        help="input pixels, a multiple of 64; several: one after the other, in equal parts of the "
        "run (small ones are faster, the last one is the model's)",
    )
    parser.add_argument("--stacks", type=int, default=4)
    parser.add_argument("--width", type=int, default=112, help="channels of a stack")
    parser.add_argument("--stem", type=int, nargs=2, default=(32, 64), help="channels of the stem")
    parser.add_argument("--learning-rate", type=float, help="highest learning rate")
    parser.add_argument("--sigma", type=float, default=1.2, help="target width, heatmap pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluate-every", type=float, default=5, metavar="MINUTES")
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    parser.add_argument("--name", default="trained", help="the model's name")


def main(arguments: argparse.Namespace) -> int:
    """Run the command; the process's exit status."""
    from pathlib import Path

    import torch

    from ..errors import DataError
    from ..skeletons import SKELETONS
    from .data import load, split
    from .trainer import Options, Trainer

    device = _device(arguments.device)
    for name in ("minutes", "steps", "batch", "evaluate_every", "learning_rate", "sigma"):
        value = getattr(arguments, name)
        if value is not None and value <= 0:
            raise DataError(f"--{name.replace('_', '-')} must be more than 0.")
    if min(arguments.size) < 64 or any(size % 64 for size in arguments.size):
        raise DataError("--size must be a multiple of 64, such as 256.")
    loaded = [load(path, arguments.pictures) for path in arguments.data]
    skeleton = SKELETONS[arguments.joints] if arguments.joints else loaded[0].skeleton
    parts = [split(part.with_skeleton(skeleton)) for part in loaded]
    network, spec = _start(arguments, skeleton)
    spec = _described(spec, arguments.name, loaded)
    rate = _FINE_TUNING_RATE if arguments.start else _LEARNING_RATE
    batch = arguments.batch or (256 if device.type == "cuda" else 24)
    options = Options(
        mix=_mix(arguments.mix, loaded),
        steps=arguments.steps,
        minutes=arguments.minutes,
        keep_norms=arguments.start is not None and batch < _STEADY_BATCH,
        batch=batch,
        sizes=tuple(arguments.size),
        learning_rate=arguments.learning_rate or rate,
        sigma=arguments.sigma,
        seed=arguments.seed,
        compile=arguments.compile,
    )
    folder = Path(arguments.out)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(arguments.seed)
    trainer = Trainer(network, spec, [part for part, _ in parts], options, device)
    checkpoint = folder / "checkpoint.pt"
    if arguments.resume:
        trainer.resume(checkpoint)
    elif checkpoint.exists():
        raise DataError(f"{folder} holds a run already: add --resume or choose another folder.")
    held_out = [held for _, held in parts if len(held)]
    _run(trainer, held_out, folder, 60 * arguments.evaluate_every)
    return 0


def _device(name: str) -> torch.device:
    import torch

    from ..errors import EngineError

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda", "mps"):
        raise EngineError(
            f"There is no device {name!r} to train on: choose auto, cpu, cuda or mps."
        )
    if name == "cuda" and not torch.cuda.is_available():
        raise EngineError("PyTorch finds no CUDA device here: use --device cpu.")
    if name == "mps" and not torch.backends.mps.is_available():
        raise EngineError("PyTorch finds no Apple graphics here: use --device cpu.")
    if name == "cuda":
        torch.backends.cudnn.benchmark = True
    return torch.device(name)


def _start(arguments: argparse.Namespace, skeleton: Skeleton) -> tuple:
    """(network, spec) from a trained model or with PyTorch's initial weights."""
    import torch

    from ..network.hourglass import StackedHourglass
    from ..spec import DecodeRule, ModelSpec, NetworkConfig

    if arguments.start:
        from ..network import load_checkpoint
        from ..network.catalogue import resolve
        from ..network.heads import with_joints

        network, spec = load_checkpoint(resolve(arguments.start))
        return with_joints(network, spec, skeleton)
    config = NetworkConfig(
        stacks=arguments.stacks,
        width=arguments.width,
        joints=len(skeleton),
        stem=tuple(arguments.stem),
        stem_second=arguments.stem[1],
    )
    torch.manual_seed(arguments.seed)
    spec = ModelSpec(
        name=arguments.name,
        family="pose-app",
        network=config,
        joints=skeleton.joints,
        limbs=skeleton.limbs,
        flip=skeleton.flip,
        mean=(0.45, 0.45, 0.45),
        output="logits",
        score="window",
        # Pixel centres: x_input = (x_map + 0.5) * 4 - 0.5.
        decode=DecodeRule(subpixel="mass", offset=0.375),
    )
    return StackedHourglass(config), spec


def _described(spec: ModelSpec, name: str, parts: list[PoseData]) -> ModelSpec:
    from dataclasses import replace

    words = ", ".join(f"{part.name} ({len(part)})" for part in parts)
    before = f"{spec.name}, then " if spec.name != name else ""
    return replace(spec, name=name, provenance=f"{before}trained with pose-app on {words}")


def _mix(shares: list[float] | None, parts: list[PoseData]) -> tuple[float, ...]:
    from ..errors import DataError

    if shares is None:
        # Of unknown data, small sets a little more often than their size says.
        known = [_MIX.get(part.name) for part in parts]
        return tuple(
            share if share is not None and None not in known else len(part) ** 0.75
            for share, part in zip(known, parts, strict=True)
        )
    if len(shares) != len(parts):
        raise DataError(f"--mix has {len(shares)} shares for {len(parts)} data sets.")
    return tuple(shares)


def _run(trainer: Trainer, held_out: list[PoseData], folder: Path, every: float) -> None:
    """Train to the end, with a progress line, evaluations and checkpoints."""
    import math

    import torch

    from ..errors import DataError
    from .report import History

    columns = ["step", "seen", "hours", "learning_rate", "loss"]
    columns += [f"{data.name}_{key}" for data in held_out for key in ("pck", "pckh")]
    history = History(folder / "history.csv", columns, trainer.step)
    losses: list[torch.Tensor] = []
    evaluated = told = saved = time.monotonic()
    told_seen = trainer.seen
    loss = math.nan
    while trainer.progress < 1:
        losses.append(trainer.train_step())
        now = time.monotonic()
        done = trainer.progress >= 1
        if done or now - told > 10 or len(losses) >= 500:
            loss = float(torch.stack(losses).mean())
            if not math.isfinite(loss):
                raise DataError(
                    "The loss is not finite any more: resume the last checkpoint with a lower "
                    "--learning-rate."
                )
            speed = (trainer.seen - told_seen) / max(now - told, 1e-9)
            print(
                f"{100 * trainer.progress:5.1f}%  step {trainer.step}  {trainer.seen:,} pictures  "
                f"{speed:.0f}/s  loss {loss:.4f}  learning rate {trainer.learning_rate:.1e}",
                flush=True,
            )
            losses, told, told_seen = [], now, trainer.seen
        measured = done or now - evaluated > every
        if measured:
            _evaluate(trainer, held_out, folder, history, loss)
            evaluated = told = time.monotonic()
        if measured or now - saved > _SAVE_SECONDS:
            trainer.save(folder / "checkpoint.pt")
            saved = time.monotonic()
    write_model(trainer, held_out, folder / "model.safetensors")


def _evaluate(
    trainer: Trainer, held_out: list[PoseData], folder: Path, history: History, loss: float
) -> None:
    """Measure the averaged weights on the pictures held out; draw the plot and a contact sheet."""
    import cv2
    import numpy as np

    from .metrics import accuracy
    from .predict import of_network, predict
    from .report import contact_sheet, draw_joints, plot

    answer = of_network(trainer.average, trainer.spec, trainer.device)
    figures: dict[str, float | None] = {}
    tiles = []
    for data in held_out:
        rows = np.flatnonzero(data.somebody)
        shown = rows if len(rows) else np.arange(len(data))
        found = predict(answer, data, shown, trainer.spec)
        for row, joints in list(zip(shown, found, strict=True))[: _SHOWN // len(held_out) or 1]:
            tiles.append(draw_joints(data.read(int(row)), joints[-1], data.skeleton))
        if len(rows):
            points, states = data.keypoints[rows][..., :2], data.states[rows]
            last = accuracy(found[:, -1, :, :2], points, states, data.skeleton)
            figures[f"{data.name}_pck"] = last["pck_limbs"]
            figures[f"{data.name}_pckh"] = last["pckh"]
    history.add(
        step=trainer.step,
        seen=trainer.seen,
        hours=trainer.seconds / 3600,
        learning_rate=trainer.learning_rate,
        loss=loss,
        **figures,
    )
    names = [name for name in figures if name.endswith("_pck")]
    cv2.imwrite(str(folder / "history.png"), plot(history.rows, "loss", names))
    cv2.imwrite(str(folder / f"sheet_{trainer.step:07d}.jpg"), contact_sheet(tiles))
    values = [f"{name} {v:.3f}" for name, v in figures.items() if v is not None]
    print("held out: " + ", ".join(values), flush=True)


def write_model(trainer: Trainer, held_out: list[PoseData], path: Path) -> None:
    """The averaged weights in half precision, calibrated where enough is held out."""
    save_calibrated(trainer.average.cpu(), trainer.spec, held_out, path)
    trainer.average.to(trainer.device)


def save_calibrated(
    network: nn.Module, spec: ModelSpec, held_out: list[PoseData], path: Path
) -> None:
    """A model file in half precision, its scores calibrated where enough is held out."""
    import torch

    from ..network.native import save_native
    from .calibration import calibrated

    save_native(path, network, spec, torch.float16)
    fitted = calibrated(path, held_out)
    if fitted is not None:
        save_native(path, network, fitted, torch.float16)
    print(f"wrote {path}", flush=True)


__all__ = ["Options", "add_arguments", "main", "save_calibrated", "write_model"]
