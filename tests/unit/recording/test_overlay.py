"""What the drawing puts into a picture."""

from __future__ import annotations

import numpy as np
import pytest

from pose_app.recording.overlay import FADED, SIDES, draw
from pose_app.skeletons import MPII_16
from tests.poses import make_pose

GREY = 128


def picture(width: int = 320, height: int = 240) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)


def changed(image: np.ndarray) -> np.ndarray:
    return (image != GREY).any(axis=2)


def test_the_picture_itself_is_not_touched() -> None:
    image = picture()
    out = draw(image, [make_pose()], show_region=True, text=["2 stacks"])
    assert (image == GREY).all()
    assert changed(out).any()
    assert out.shape == image.shape
    assert out.dtype == np.uint8


def test_joints_have_the_colour_of_their_side_at_their_place() -> None:
    pose = make_pose((160, 120))
    out = draw(picture(), [pose])
    for joint, (x, y) in enumerate(pose.joints):
        pixel = out[round(y), round(x)].astype(int)
        assert np.abs(pixel - SIDES[MPII_16.side(joint)]).max() < 40, MPII_16.joints[joint]


def test_absent_joints_leave_no_trace() -> None:
    scores = np.full(16, 0.95)
    scores[0] = 0.0  # the ankle: only the shin ends in it
    pose = make_pose((160, 120), scores=scores)
    x, y = pose.joints[0]
    around = np.s_[round(y) - 6 : round(y) + 7, round(x) + 4 : round(x) + 12]
    assert not changed(draw(picture(), [pose]))[around].any()
    assert changed(draw(picture(), [make_pose((160, 120), scores=0.95)]))[round(y), round(x)]


def test_nobody_is_no_drawing() -> None:
    assert not changed(draw(picture(), [])).any()


def test_everybody_is_drawn() -> None:
    first, second = make_pose((80, 120), scores=0.95), make_pose((240, 120), scores=0.95)
    both = changed(draw(picture(), [first, second]))
    alone = changed(draw(picture(), [first])) | changed(draw(picture(), [second]))
    assert (both == alone).all()
    assert both[:, :140].any()
    assert both[:, 180:].any()


def test_uncertain_joints_are_faded() -> None:
    sure, unsure = make_pose((160, 120), scores=0.95), make_pose((160, 120), scores=0.35)
    full, faint = draw(picture(), [sure]).astype(float), draw(picture(), [unsure]).astype(float)
    assert (changed(full) == changed(faint)).mean() > 0.99
    strength = np.abs(faint - GREY).sum() / np.abs(full - GREY).sum()
    assert strength == pytest.approx(FADED, abs=0.05)


def test_lines_scale_with_the_picture() -> None:
    shares = []
    for scale in (2, 6):
        pose = make_pose((160 * scale, 120 * scale), scores=0.95)
        pose.joints[:] = (pose.joints - (160 * scale, 120 * scale)) * scale + (
            160 * scale,
            120 * scale,
        )
        shares.append(changed(draw(picture(320 * scale, 240 * scale), [pose])).mean())
    assert shares[1] == pytest.approx(shares[0], rel=0.3)  # the soft edges do not


@pytest.mark.parametrize("scores", [0.95, 0.35])
@pytest.mark.parametrize("centre", [(0, 0), (-200, 50), (5000, 5000), (1e9, -1e9)])
def test_poses_outside_the_picture(centre: tuple[float, float], scores: float) -> None:
    out = draw(picture(), [make_pose(centre, scores=scores)], show_region=True)
    assert out.shape == (240, 320, 3)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (16, 16)])
def test_tiny_pictures(size: tuple[int, int]) -> None:
    out = draw(picture(*size), [make_pose((1, 1), scores=0.35)], show_region=True, text=["x"])
    assert out.shape == (size[1], size[0], 3)


def test_the_region_is_drawn_on_its_edge() -> None:
    pose = make_pose((160, 120), scores=0.1)
    marks = changed(draw(picture(), [pose], show_region=True))
    assert marks[60, 150]
    assert marks[100, 100]
    assert not marks[120, 160]


def test_text_stays_in_the_corner() -> None:
    marks = changed(draw(picture(), [], text=["2 stacks  12 ms"]))
    assert marks[:40, :200].any()
    assert not marks[60:].any()
