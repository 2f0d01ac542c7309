"""Command line options for what `pose-app run` draws into its video."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import PoseAppError
from .options import BACKGROUNDS, DrawOptions

if TYPE_CHECKING:  # the command line is parsed before anything large is loaded
    from ..spec import ModelSpec

_DRAWINGS = ("skeleton", "heatmap", "stacks", "raw")


def add_drawing_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a group of options for the video of `--record`."""
    group = parser.add_argument_group("what --record shows")
    group.add_argument(
        "--draw",
        choices=_DRAWINGS,
        help="skeleton (default), heatmap (with the skeleton), stacks (the picture and the heatmap "
        "of every stack side by side), raw (nothing)",
    )
    group.add_argument(
        "--stack",
        type=int,
        metavar="N",
        help="the stack whose skeleton and heatmap are drawn, 1 = first (default: the last)",
    )
    group.add_argument(
        "--joint", metavar="J", help="heatmap of only this joint, e.g. left_wrist (default: all)"
    )
    group.add_argument(
        "--background",
        choices=BACKGROUNDS,
        help="picture (default), blur (nobody can be recognised) or black; does not change the "
        "video of --raw",
    )
    group.add_argument(
        "--show-region", action="store_true", help="also draw the region that the network sees"
    )
    group.add_argument(
        "--show-text", action="store_true", help="also write the number of stacks and the time"
    )


def drawing_options(arguments: argparse.Namespace) -> DrawOptions:
    """The options that do not depend on the model; see `for_model`.

    Raises PoseAppError for options that have no effect, because no video is recorded.
    """
    names = ("draw", "stack", "joint", "background", "show_region", "show_text")
    given = [n for n in names if getattr(arguments, n) not in (None, False)]
    if given and arguments.record is None:
        raise PoseAppError(
            f"{_option(given[0])} is for the annotated video: name its file with --record FILE."
        )
    what = arguments.draw or "skeleton"
    useless = [n for n in ("stack", "show_region", "show_text") if n in given]
    if what == "raw" and useless:
        raise PoseAppError(
            f"{_option(useless[0])} has no effect with --draw raw: leave out one of them."
        )
    if arguments.joint is not None and what not in ("heatmap", "stacks"):
        raise PoseAppError(
            "--joint is for heatmaps: use it with --draw heatmap or with --draw stacks."
        )
    return DrawOptions(
        what if what in ("stacks", "raw") else "as_shown",
        arguments.background or "picture",
        heatmap=what == "heatmap",
        region=arguments.show_region,
        text=arguments.show_text,
    )


def for_model(options: DrawOptions, arguments: argparse.Namespace, spec: ModelSpec) -> DrawOptions:
    """The options with the stack and the joint of this model.

    Raises PoseAppError for a stack or joint that it does not have.
    """
    stack, joint = arguments.stack, arguments.joint
    if stack is not None:
        most = spec.network.stacks
        if isinstance(arguments.stacks, int):
            most = min(most, arguments.stacks)
        if not 1 <= stack <= most:
            raise PoseAppError(
                f"The model {spec.name} runs {most} stacks: use --stack 1 to {most}."
            )
        options = replace(options, stack=stack - 1)
    if joint is not None:
        name = joint.strip().lower().replace(" ", "_").replace("-", "_")
        if name not in spec.joints:
            raise PoseAppError(
                f"The model {spec.name} has no joint {joint!r:.40}: use one of "
                f"{', '.join(spec.joints)}."
            )
        options = replace(options, joint=spec.joints.index(name))
    return options


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
