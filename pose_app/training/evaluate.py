"""`pose-app evaluate`: measures the accuracy of a model, per joint and per stack."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .. import engine_words
from ..drawing.options import BACKGROUNDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Self

    from ..engines.base import Engine
    from ..types import Floats
    from .data import PoseData
    from .scenes import SceneData


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `pose-app evaluate`."""
    parser.add_argument(
        "data", nargs="+", help="shards (.npz), or MPII's or COCO's annotations (.mat, .json)"
    )
    parser.add_argument(
        "--pictures", metavar="FOLDER", help="where an annotation file's pictures are"
    )
    parser.add_argument(
        "--task",
        choices=tuple(_TASKS),
        default="pose",
        help="pose: joints in the crop of each person; finder: a person finder on whole pictures; "
        "people: finder and pose network together on whole pictures; newcomers: what tells people "
        "from things, fitted on the pictures to train on",
    )
    parser.add_argument("--model", help="name or file of a model (default: default, or finder)")
    parser.add_argument("--stacks", type=int, metavar="K", help="run only the first K stacks")
    engine_words.add_arguments(parser)
    parser.add_argument(
        "--flip", action="store_true", help="average with the mirrored picture (flip test)"
    )
    parser.add_argument(
        "--held-out", action="store_true", help="only the pictures that `pose-app train` holds out"
    )
    parser.add_argument(
        "--nobody", metavar="SHARD", help="pictures without people, to count false skeletons"
    )
    parser.add_argument("--named", metavar="TEXT", help="only pictures with this in their name")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N of each")
    parser.add_argument(
        "--no-presence", action="store_true", help="only crops, without the person finder"
    )
    parser.add_argument(
        "--sheets",
        metavar="FOLDER",
        help="with --task people: write contact sheets of all pictures and of the failures",
    )
    parser.add_argument(
        "--background",
        choices=BACKGROUNDS,
        default="picture",
        help="what is behind the skeletons on the sheets (default: picture)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from ..errors import DataError

    if arguments.sheets is not None and arguments.task != "people":
        raise DataError("--sheets needs --task people.")
    if arguments.task == "pose" and len(arguments.data) > 1:
        raise DataError("--task pose measures one data set at a time.")
    if arguments.task == "newcomers" and arguments.held_out:
        raise DataError("--task newcomers needs the pictures to train on: leave --held-out away.")
    return _TASKS[arguments.task](arguments)


def _print(arguments: argparse.Namespace, result: dict[str, Any], text: str) -> int:
    print(json.dumps(result, indent=1) if arguments.json else text)
    return 0


def _pose(arguments: argparse.Namespace) -> int:
    from ..engines.choose import open_engine
    from .data import split
    from .loading import load

    sets = _sets(arguments, load, lambda data: split(data)[1])
    model = arguments.model or "default"
    engine = open_engine(model, arguments.engine, arguments.device, arguments.precision)
    try:
        result = evaluate(engine, sets[0], stacks=arguments.stacks, flip=arguments.flip)
        if not arguments.no_presence:
            result.update(presence(engine, sets, arguments.stacks))
    finally:
        engine.close()
    return _print(arguments, result, _table(result))


def _finder(arguments: argparse.Namespace) -> int:
    from ..engines.choose import open_engine
    from .finder_metrics import table
    from .loading import load_scenes
    from .scenes import split_scenes

    sets = _sets(arguments, load_scenes, lambda scenes: split_scenes(scenes)[1])
    model = arguments.model or "finder"
    engine = open_engine(model, arguments.engine, arguments.device, arguments.precision)
    try:
        result = evaluate_finder(engine, sets)
    finally:
        engine.close()
    return _print(arguments, result, table(result))


def _people(arguments: argparse.Namespace) -> int:
    from ..pose.estimator import MOST_PEOPLE, PoseEstimator
    from .loading import load_scenes
    from .people import evaluate_people, table
    from .people_sheets import PeopleSheets
    from .scenes import split_scenes

    sheets = None
    if arguments.sheets is not None:
        sheets = PeopleSheets(Path(arguments.sheets), arguments.background)
    sets = _sets(arguments, load_scenes, lambda scenes: split_scenes(scenes)[1])
    opened = PoseEstimator.open(
        arguments.model or "default",
        arguments.engine,
        arguments.device,
        arguments.precision,
        stacks=arguments.stacks,
        people=MOST_PEOPLE,
    )
    with opened as estimator:
        result = {
            "model": estimator.spec.name,
            "data": ", ".join(scenes.name for scenes in sets),
            "engine": estimator.engine.info.badge(),
            "pictures": sum(len(scenes) for scenes in sets),
            "threshold": estimator.threshold,
            **evaluate_people(
                estimator.estimate, sets, judged=lambda one: sheets.add(one) if sheets else None
            ),
        }
    if sheets is not None:
        sheets.finish()
    return _print(arguments, result, table(result))


def _newcomers(arguments: argparse.Namespace) -> int:
    from ..pose.opening import open_both
    from .loading import load_scenes
    from .newcomers import evaluate_newcomers, table

    sets = _sets(arguments, load_scenes)
    engine, finder = open_both(
        arguments.model or "default", arguments.engine, arguments.device, arguments.precision, None
    )
    try:
        result = evaluate_newcomers(engine, finder, sets)
    finally:
        engine.close()
        finder.engine.close()
    return _print(arguments, result, table(result))


_TASKS = {"pose": _pose, "finder": _finder, "people": _people, "newcomers": _newcomers}


class _Pictures(Protocol):
    """Labelled pictures of any kind."""

    @property
    def pictures(self) -> tuple[str, ...]: ...

    def select(self, rows: Sequence[int]) -> Self: ...


_Data = TypeVar("_Data", bound=_Pictures)


def _sets(
    arguments: argparse.Namespace,
    load: Callable[[str, str | None], _Data],
    held_out: Callable[[_Data], _Data] | None = None,
) -> list[_Data]:
    """The data sets and the pictures without people, filtered by the options."""
    from ..errors import DataError

    if arguments.limit is not None and arguments.limit < 1:
        raise DataError("--limit must be at least 1.")
    sets = []
    for path in filter(None, (*arguments.data, arguments.nobody)):
        data = load(path, arguments.pictures)
        if held_out is not None and arguments.held_out:
            data = held_out(data)
        if arguments.named is not None and path in arguments.data:
            data = data.select(
                [i for i, name in enumerate(data.pictures) if arguments.named in name]
            )
            if not data.pictures:
                raise DataError(f"No picture of {path} has {arguments.named!r} in its name.")
        if arguments.limit is not None:
            data = data.select(range(min(len(data.pictures), arguments.limit)))
        sets.append(data)
    return sets


def evaluate_finder(engine: Engine, sets: Sequence[SceneData]) -> dict[str, Any]:
    """`finder_metrics.figures` of a person finder at its threshold, over all sets together.

    Raises DataError, or ModelError for a pose network.
    """
    from .finder_metrics import figures, of_engine, search

    found = search(of_engine(engine), sets)
    return {
        "model": engine.spec.name,
        "data": ", ".join(scenes.name for scenes in sets),
        "engine": engine.info.badge(),
        "pictures": sum(len(scenes) for scenes in sets),
        **figures(found, engine.spec.threshold),
    }


def evaluate(
    engine: Engine, data: PoseData, stacks: int | None = None, flip: bool = False
) -> dict[str, Any]:
    """The accuracy on rows with a labelled person. Raises DataError or ModelError.

    Returns:
        `metrics.accuracy` of the last stack that runs, and of each in `per_stack`;
        `metrics.upper_body` as `upper_body`, of `n_upper_body` persons.
    """
    import numpy as np

    from ..errors import ModelError
    from .metrics import accuracy, upper_body
    from .predict import of_engine, predict

    spec = engine.spec
    count = spec.network.stacks if stacks is None else stacks
    if not 1 <= count <= spec.network.stacks:
        raise ModelError(f"{spec.name} has stacks 1 to {spec.network.stacks}, not {count}.")
    data = data.with_skeleton(spec.skeleton)
    rows = np.flatnonzero(data.somebody)
    figures = []
    upper: tuple[float | None, int] = None, 0
    if len(rows):
        found = predict(of_engine(engine, count, flip), data, rows, spec)
        points, states = data.keypoints[rows][..., :2], data.states[rows]
        figures = [
            accuracy(found[:, s, :, :2], points, states, spec.skeleton) for s in range(count)
        ]
        upper = upper_body(found[:, -1, :, :2], data.keypoints[rows], spec.skeleton)
    empty: dict[str, Any] = {
        "n": 0,
        "pck_limbs": None,
        "pck_14": None,
        "pckh": None,
        "auc": None,
        "per_joint": {},
    }
    last = figures[-1] if figures else empty
    return {
        "model": spec.name,
        "data": data.name,
        "engine": engine.info.badge(count, spec.network.stacks),
        "flip": flip,
        **last,
        "upper_body": upper[0],
        "n_upper_body": upper[1],
        "per_stack": [{"stack": s + 1, **one} for s, one in enumerate(figures)],
    }


def presence(engine: Engine, sets: list[PoseData], stacks: int | None = None) -> dict[str, Any]:
    """What the app draws in whole pictures, including its person finder.

    Returns:
        `false_presence`, the share of pictures without people that have a skeleton;
        `presence_recall`, the share of pictures with people that have one; `upper_body_searched`,
        `metrics.upper_body` on those (a person that is not found is wrong). None where there are
        no such pictures.
    """
    import numpy as np

    from ..pose.estimator import PoseEstimator
    from ..pose.opening import open_finder
    from .metrics import upper_body

    finder = open_finder()
    nobody = np.zeros((len(engine.spec.joints), 2), np.float32)
    drawn: dict[bool, list[bool]] = {False: [], True: []}
    joints, truths = [], []
    try:
        estimator = PoseEstimator(engine, finder, stacks=stacks)
        for data in (one.with_skeleton(engine.spec.skeleton) for one in sets):
            # A picture without labels may still have people in it, unless its labels are complete.
            for row in np.flatnonzero(data.somebody | data.complete):
                poses = estimator.estimate(data.read(int(row)))
                drawn[bool(data.somebody[row])].append(any(pose.present.any() for pose in poses))
                if data.somebody[row]:
                    truth = data.keypoints[row]
                    near = sorted((_away(pose.joints, truth), i) for i, pose in enumerate(poses))
                    joints.append(
                        poses[near[0][1]].joints if near else np.full_like(nobody, np.inf)
                    )
                    truths.append(truth)
    finally:
        finder.engine.close()

    def share(values: list[bool]) -> float | None:
        return sum(values) / len(values) if values else None

    return {
        "false_presence": share(drawn[False]),
        "n_nobody": len(drawn[False]),
        "presence_recall": share(drawn[True]),
        "n_presence": len(drawn[True]),
        "upper_body_searched": (
            upper_body(np.stack(joints), np.stack(truths), engine.spec.skeleton)[0]
            if joints
            else None
        ),
    }


def _away(joints: Floats, truth: Floats) -> float:
    """Mean distance in pixels of a pose (K, 2) from the labelled joints of (K, 3)."""
    import numpy as np

    labelled = truth[:, 2] > 0
    return float(np.hypot(*(joints - truth[:, :2])[labelled].T).mean())


def _table(result: dict[str, Any]) -> str:
    from .metrics import percent

    lines = [f"{result['model']} on {result['data']}: {result['n']} persons, {result['engine']}"]
    lines.append("stack  PCK limbs   PCK 14   PCKh@0.5      AUC")
    for one in result["per_stack"]:
        values = (one["pck_limbs"], one["pck_14"], one["pckh"], one["auc"])
        lines.append(
            f"{one['stack']:5}     " + "   ".join(f"{percent(value):>6}" for value in values)
        )
    lines += [
        f"{joint.replace('_', ' '):16}{percent(value):>6}"
        for joint, value in result["per_joint"].items()
    ]
    lines.append(
        f"shoulders, elbows, neck and head all right, where they can be seen: "
        f"{percent(result['upper_body'])} of {result['n_upper_body']} persons"
    )
    if "false_presence" in result:
        lines.append(f"the same, searched by the app: {percent(result['upper_body_searched'])}")
        lines.append(
            f"a skeleton in {percent(result['false_presence'])} of "
            f"{result['n_nobody']} pictures of nobody, and in "
            f"{percent(result['presence_recall'])} of {result['n_presence']} of people"
        )
    return "\n".join(lines)
