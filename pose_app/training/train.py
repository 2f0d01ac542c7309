"""`pose-app train`: trains a network from scratch, or fine-tunes one, and writes a model file.

The run's folder has `checkpoint.pt` (to resume), `model.safetensors` (the averaged weights with
their spec), `history.csv`, `history.png` and a contact sheet per evaluation.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from typing import TYPE_CHECKING

from ..argument_values import count, positive
from ..skeletons import SKELETONS
from .start import SIGMA, WIDTH, as_wide_as_wanted, described, start_network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import torch

    from .trainer import Options, Trainer
    from .validation import Validation

# Shares of the shards that the default networks were trained with.
_MIX = {
    "webcam": 0.26,
    "coco": 0.24,
    "lspet": 0.24,
    "mpii": 0.12,
    "synthetic": 0.11,
    "no_person": 0.03,
}
_FINDER_MIX = {
    "webcam": 0.34,
    "coco": 0.27,
    "mpii_scenes": 0.13,
    "lspet": 0.07,
    "synthetic": 0.11,
    "no_person": 0.08,
}
_LEARNING_RATE, _FINE_TUNING_RATE = 2.5e-3, 2e-4
_FINDER_RATE = 6e-4
# Learning rate of heads / of the rest, in fine-tuning, with and without new joints.
_NEW_HEADS, _HEADS = 3.0, 1.5
_STEADY_BATCH = 128  # batch size from which batch statistics are those of the data
_SAVE_SECONDS = 180.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `pose-app train`."""
    parser.add_argument(
        "data", nargs="+", help="shards (.npz), or MPII's or COCO's annotations (.mat, .json)"
    )
    parser.add_argument(
        "--task",
        choices=("pose", "finder"),
        default="pose",
        help="pose: the joints of one person; finder: where people are (starts from a pose "
        "network, by default the default model)",
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="folder of the run")
    parser.add_argument(
        "--pictures", metavar="FOLDER", help="where an annotation file's pictures are"
    )
    parser.add_argument(
        "--mix", nargs="+", type=float, metavar="SHARE", help="share of each data set"
    )
    parser.add_argument("--joints", choices=tuple(SKELETONS), help="the skeleton")
    parser.add_argument("--from", dest="start", metavar="MODEL", help="start from a trained model")
    parser.add_argument(
        "--teacher", metavar="MODEL", help="a model that teaches, together with the labels"
    )
    parser.add_argument(
        "--taught",
        nargs="+",
        default=("lspet", "mpii"),
        metavar="NAME",
        help="the data sets that the teacher sees (default: lspet mpii)",
    )
    end = parser.add_mutually_exclusive_group(required=True)
    end.add_argument("--minutes", type=positive, help="train for this long")
    end.add_argument("--steps", type=count, help="train for this many batches")
    parser.add_argument("--resume", action="store_true", help="continue from the run's checkpoint")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--batch", type=count, help="pictures per step (default: 16, CUDA: 256)")
    parser.add_argument("--threads", type=count, help="processor threads of the network")
    parser.add_argument(
        "--size",
        type=int,
        nargs="+",
        default=(256,),
        help="side of the input in pixels, a multiple of 64; with several, each is used for an "
        "equal part of the run (small ones are faster; the last one is the model's)",
    )
    parser.add_argument("--stacks", type=int, default=4)
    parser.add_argument(
        "--width",
        type=count,
        help=f"channels of a stack (default: {WIDTH}, with --from the model's); a wider network "
        "starts with the model's answers",
    )
    parser.add_argument(
        "--increase",
        type=count,
        help="additional channels of the inner levels (default: 0, with --from the model's)",
    )
    parser.add_argument("--stem", type=int, nargs=2, default=(32, 64), help="channels of the stem")
    parser.add_argument("--learning-rate", type=positive, help="highest learning rate")
    parser.add_argument(
        "--sigma",
        type=positive,
        help="width of a joint's target in heatmap pixels, with --task pose "
        f"(default: {SIGMA}, with --from the model's)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluate-every", type=positive, default=5, metavar="MINUTES")
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    parser.add_argument("--name", default="trained", help="the model's name")


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from pathlib import Path

    import torch

    from ..errors import DataError, PoseAppError

    device = _device(arguments.device)
    if min(arguments.size) < 64 or any(size % 64 for size in arguments.size):
        raise DataError("--size must be a multiple of 64, such as 256.")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    prepare = _finder if arguments.task == "finder" else _pose
    trainer, validation = prepare(arguments, device)
    folder = Path(arguments.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PoseAppError(
            f"The folder {folder} cannot be made ({error.strerror}): choose another --out."
        ) from None
    checkpoint = folder / "checkpoint.pt"
    if arguments.resume:
        trainer.resume(checkpoint)
    elif checkpoint.exists():
        raise DataError(f"{folder} holds a run already: add --resume or choose another folder.")
    _run(trainer, validation, folder, 60 * arguments.evaluate_every)
    return 0


def _pose(arguments: argparse.Namespace, device: torch.device) -> tuple[Trainer, Validation]:
    """The trainer and the validation of a pose network."""
    from dataclasses import replace

    from ..network.catalogue import resolve
    from ..skeletons import SKELETONS
    from .data import split
    from .loading import load
    from .tasks import PoseTask
    from .teacher import Teacher
    from .trainer import Trainer
    from .validation import PoseValidation

    loaded = [load(path, arguments.pictures) for path in arguments.data]
    skeleton = (
        SKELETONS[arguments.joints]
        if arguments.joints
        else max((part.skeleton for part in loaded), key=len)
    )
    parts = [split(part.with_skeleton(skeleton)) for part in loaded]
    network, spec, trained = start_network(arguments, skeleton)
    if arguments.sigma is not None:
        spec = replace(spec, sigma=arguments.sigma)
    spec = described(spec, arguments.name, [(part.name, len(part)) for part in loaded])
    rate = _FINE_TUNING_RATE if arguments.start else _LEARNING_RATE
    heads = (_HEADS if trained else _NEW_HEADS) if arguments.start else 1.0
    options = _options(arguments, device, rate, heads)
    mix = _mix(arguments.mix, [(part.name, len(part)) for part in loaded], _MIX)
    teacher = None
    if arguments.teacher:
        teacher = Teacher(resolve(arguments.teacher), spec, arguments.taught, device)
    task = PoseTask([part for part, _ in parts], spec, mix, device, teacher=teacher)
    held_out = [held for _, held in parts if len(held)]
    return Trainer(network, spec, task, options, device), PoseValidation(held_out)


def _finder(arguments: argparse.Namespace, device: torch.device) -> tuple[Trainer, Validation]:
    """The trainer and the validation of a person finder."""
    from ..errors import ModelError
    from ..network import load_checkpoint
    from ..network.catalogue import resolve
    from ..network.heads import finder_from
    from ..network.hourglass import StackedHourglass
    from .finder_data import FinderTask
    from .loading import load_scenes
    from .scenes import split_scenes
    from .trainer import Trainer
    from .validation import FinderValidation

    parts = [split_scenes(load_scenes(path, arguments.pictures)) for path in arguments.data]
    network, spec = load_checkpoint(resolve(arguments.start or "default"))
    if spec.output == "heatmap":
        raise ModelError(f"{spec.name} has raw heatmaps: a finder starts from a model of pose-app.")
    if spec.output == "boxes" and isinstance(network, StackedHourglass):
        start = network
    else:
        start, spec = finder_from(network, spec)
    start, spec = as_wide_as_wanted(arguments, start, spec)
    sizes = [(train.name, len(train)) for train, _ in parts]
    spec = described(spec, arguments.name, sizes)
    options = _options(arguments, device, _FINDER_RATE, _NEW_HEADS)
    mix = _mix(arguments.mix, sizes, _FINDER_MIX)
    task = FinderTask([train for train, _ in parts], spec, mix, device)
    held_out = [held for _, held in parts if len(held)]
    return Trainer(start, spec, task, options, device), FinderValidation(held_out)


def _options(
    arguments: argparse.Namespace, device: torch.device, rate: float, heads: float
) -> Options:
    """The options of a run; `heads` is the factor of their learning rate, 1 for a new network."""
    from .trainer import Options

    batch = arguments.batch or (256 if device.type == "cuda" else 16)
    return Options(
        steps=arguments.steps,
        minutes=arguments.minutes,
        keep_norms=heads != 1 and batch < _STEADY_BATCH,
        batch=batch,
        sizes=tuple(arguments.size),
        learning_rate=arguments.learning_rate or rate,
        head_rate=heads,
        seed=arguments.seed,
        compile=arguments.compile,
    )


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
        raise EngineError("PyTorch finds no CUDA device: use --device cpu.")
    if name == "mps" and not torch.backends.mps.is_available():
        raise EngineError("PyTorch finds no Apple graphics: use --device cpu.")
    if name == "cuda":
        torch.backends.cudnn.benchmark = True
    return torch.device(name)


def _mix(
    shares: list[float] | None, sizes: list[tuple[str, int]], usual: dict[str, float]
) -> tuple[float, ...]:
    """The share of each data set (name, pictures): as given, else the usual one of its name."""
    from ..errors import DataError

    if shares is None:
        # Unknown data sets: small ones a little more often than in proportion to their size.
        known = [usual.get(name) for name, _ in sizes]
        return tuple(
            share if share is not None and None not in known else pictures**0.75
            for share, (_, pictures) in zip(known, sizes, strict=True)
        )
    if len(shares) != len(sizes):
        raise DataError(f"--mix has {len(shares)} shares for {len(sizes)} data sets.")
    return tuple(shares)


@contextlib.contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    """Turns an OSError into a sentence that says what to do."""
    from ..errors import PoseAppError

    try:
        yield
    except OSError as error:
        raise PoseAppError(
            f"The folder {folder} cannot be written ({error.strerror}): make room there, then add "
            "--resume to continue from the last checkpoint."
        ) from None


def _run(trainer: Trainer, validation: Validation, folder: Path, every: float) -> None:
    """Train to the end, with a progress line, evaluations and checkpoints."""
    import math

    import torch

    from ..errors import DataError
    from .report import History, contact_sheet, plot, write_image

    columns = ["step", "seen", "hours", "learning_rate", "loss", *validation.columns]
    with _writing_to(folder):
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
            figures, tiles = validation.measure(trainer)
            with _writing_to(folder):
                history.add(
                    step=trainer.step,
                    seen=trainer.seen,
                    hours=trainer.seconds / 3600,
                    learning_rate=trainer.learning_rate,
                    loss=loss,
                    **figures,
                )
                curves = [name for name in figures if name in validation.plotted]
                write_image(folder / "history.png", plot(history.rows, "loss", curves))
                write_image(folder / f"sheet_{trainer.step:07d}.jpg", contact_sheet(tiles))
            values = [f"{name} {v:.3f}" for name, v in figures.items() if v is not None]
            print("held out: " + ", ".join(values), flush=True)
            evaluated = told = time.monotonic()
        if measured or now - saved > _SAVE_SECONDS:
            with _writing_to(folder):
                trainer.save(folder / "checkpoint.pt")
            saved = time.monotonic()
    path = folder / "model.safetensors"
    network = trainer.average.cpu()
    with _writing_to(folder):
        validation.write(network, trainer.spec, path)
    print(f"wrote {path}", flush=True)
