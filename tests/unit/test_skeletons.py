"""The tables of skeletons: each agrees with itself, and with nothing but its own rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pose_app.skeletons import MPII_16, SKELETONS, Skeleton, custom

each_skeleton = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)


@each_skeleton
def test_a_mirrored_picture_swaps_the_sides(skeleton: Skeleton) -> None:
    assert tuple(skeleton.flip[skeleton.flip[j]] for j in range(len(skeleton))) == tuple(
        range(len(skeleton))
    )
    assert {skeleton.flip[joint] for joint in skeleton.left} == set(skeleton.right)
    for joint in range(len(skeleton)):
        assert (skeleton.side(joint) == "centre") == (skeleton.flip[joint] == joint)


@each_skeleton
def test_every_joint_is_in_one_part_and_has_the_side_of_its_name(skeleton: Skeleton) -> None:
    members = [joint for _, part in skeleton.parts for joint in part]
    assert sorted(members) == list(range(len(skeleton)))
    for joint, name in enumerate(skeleton.joints):
        told = name.partition("_")[0]
        assert skeleton.side(joint) == (told if told in ("left", "right") else "centre")


def test_a_side_is_data_and_not_a_name() -> None:
    renamed = replace(MPII_16, joints=tuple(f"point {j}" for j in range(16)))
    assert [renamed.side(j) for j in (0, 5, 6)] == ["right", "left", "centre"]


def test_a_file_says_the_sides_in_the_names_of_its_joints() -> None:
    found = custom(("left_toe", "right_toe", "tail", "leftover"), (), (1, 0, 2, 3))
    assert [found.side(joint) for joint in range(4)] == ["left", "right", "centre", "centre"]
