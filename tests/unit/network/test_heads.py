"""Another joint set on a trained network keeps what the network knows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pose_app.errors import ModelError
from pose_app.network.heads import finder_from, with_joints
from pose_app.network.native import build
from pose_app.skeletons import COCO_17, LSP_14, MPII_16, MPII_21
from pose_app.spec import BOX_MAPS, Calibration, ModelSpec, NetworkConfig
from tests.unit.network.small import small_spec


def test_shared_joints_answer_as_before_and_the_trunk_is_kept() -> None:
    spec = replace(small_spec(stacks=2), calibration=(Calibration((0.0, 1.0), (0.0, 1.0)),) * 2)
    network = build(spec)
    made, changed = with_joints(network, spec, LSP_14)
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before, after = network(x, stacks=1), made(x, stacks=1)
    assert changed.joints == LSP_14.joints
    assert changed.network.joints == 14
    assert changed.flip == LSP_14.flip
    assert changed.calibration == ()
    for joint in LSP_14.joints:  # all 14 are among MPII's 16, in another order
        torch.testing.assert_close(
            after[:, :, LSP_14.index(joint)],
            before[:, :, MPII_16.index(joint)],
            atol=1e-5,
            rtol=1e-4,
        )


def test_new_joints_get_heads_of_their_own() -> None:
    spec = small_spec(stacks=2)
    network = build(spec)
    made, changed = with_joints(network, spec, COCO_17)
    with torch.no_grad():
        assert made(torch.rand(1, 3, 64, 64)).shape == (1, 2, 17, 16, 16)
    assert changed.skeleton is COCO_17
    assert network.config.joints == 16
    trunk = network.state_dict()["stacks.1.hourglass.up.0.conv2.weight"]
    assert torch.equal(made.state_dict()["stacks.1.hourglass.up.0.conv2.weight"], trunk)


def test_joints_of_the_face_change_nothing_about_the_others_and_start_at_the_head() -> None:
    spec = small_spec(stacks=3)
    network = build(spec)
    made, changed = with_joints(network, spec, MPII_21)
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before, after = network(x), made(x)
    torch.testing.assert_close(after[:, :, :16], before, atol=1e-5, rtol=1e-4)
    between = before[:, :, [MPII_16.index("upper_neck"), MPII_16.index("head_top")]].mean(dim=2)
    for joint in range(16, 21):
        torch.testing.assert_close(after[:, :, joint], between, atol=1e-5, rtol=1e-4)
    assert changed.skeleton is MPII_21


def test_a_finder_starts_with_the_first_stack_and_sees_nobody_yet() -> None:
    spec = small_spec(stacks=2)
    network = build(spec)
    made, changed = finder_from(network, spec)
    with torch.no_grad():
        maps = made(torch.rand(1, 3, 64, 64))
    assert maps.shape == (1, 1, 5, 16, 16)
    assert changed.output == "boxes"
    assert changed.joints == BOX_MAPS
    assert ModelSpec.from_json(changed.to_json()) == changed
    assert float(torch.sigmoid(maps[0, 0, 0]).mean()) == pytest.approx(0.1, abs=0.03)
    trunk = "stacks.0.hourglass.up.0.conv2.weight"
    assert torch.equal(made.state_dict()[trunk], network.state_dict()[trunk])


def test_the_other_graph_is_refused() -> None:
    config = NetworkConfig(
        graph="cornernet", stacks=1, width=8, stem=(8, 8), depth=1, stem_second=8,
        level_channels=(8, 8), level_blocks=(1, 1),
    )  # fmt: skip
    spec = replace(small_spec(), network=config)
    with pytest.raises(ModelError, match="CornerNet"):
        with_joints(build(spec), spec, COCO_17)
    with pytest.raises(ModelError, match="CornerNet"):
        finder_from(build(spec), spec)
