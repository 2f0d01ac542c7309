"""What a run starts from: a trained model, widened or with more joints, or initial weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from ..network.hourglass import StackedHourglass
    from ..skeletons import Skeleton
    from ..spec import ModelSpec

WIDTH = 112  # channels of a new network's stacks
SIGMA = 1.2  # of a new network's targets, in map pixels


def start_network(
    arguments: argparse.Namespace, skeleton: Skeleton
) -> tuple[StackedHourglass, ModelSpec, bool]:
    """(network, spec, whether its heads are trained) from a model, or with initial weights."""
    import torch

    from ..network.hourglass import StackedHourglass
    from ..spec import DecodeRule, ModelSpec, NetworkConfig

    if arguments.start:
        from ..network import load_checkpoint
        from ..network.catalogue import resolve
        from ..network.heads import with_joints

        network, spec = load_checkpoint(resolve(arguments.start))
        trained = set(skeleton.joints) <= set(spec.joints)
        network, spec = with_joints(network, spec, skeleton)
        return *as_wide_as_wanted(arguments, network, spec), trained
    config = NetworkConfig(
        stacks=arguments.stacks,
        width=arguments.width or WIDTH,
        increase=arguments.increase or 0,
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
        sigma=SIGMA,
        output="logits",
        score="window",
        # Pixel centres: x_input = (x_map + 0.5) * 4 - 0.5.
        decode=DecodeRule(subpixel="mass", offset=0.375),
    )
    return StackedHourglass(config), spec, False


def as_wide_as_wanted(
    arguments: argparse.Namespace, network: StackedHourglass, spec: ModelSpec
) -> tuple[StackedHourglass, ModelSpec]:
    """The network and its spec with the width that the command's arguments ask for."""
    from ..network.widen import widened

    width = spec.network.width if arguments.width is None else arguments.width
    increase = spec.network.increase if arguments.increase is None else arguments.increase
    if (width, increase) == (spec.network.width, spec.network.increase):
        return network, spec
    return widened(network, spec, width, increase, arguments.seed)


def described(spec: ModelSpec, name: str, sizes: list[tuple[str, int]]) -> ModelSpec:
    """The spec with a name, and with the data sets (name, pictures) in its provenance."""
    from dataclasses import replace

    words = ", ".join(f"{part} ({pictures})" for part, pictures in sizes)
    before = f"{spec.name}, then " if spec.name != name else ""
    return replace(spec, name=name, provenance=f"{before}trained with pose-app on {words}")
