"""Somebody who passes behind somebody else: the one in front is painted over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from pose_app.pose.cover import Cover
from pose_app.pose.crop import to_input
from pose_app.pose.crop_predictor import CropPrediction
from pose_app.pose.in_front import seen_of
from pose_app.pose.regions import square
from pose_app.pose.tracks import Track
from pose_app.skeletons import SKELETONS
from pose_app.types import Box, Region
from tests.poses import make_spec
from tests.unit.pose.colour_engine import dot_spec, person
from tests.unit.pose.test_tracks import SIZE, SURE, WEAK, World, box_of, prediction

WOMAN = (330.0, 40.0, 420.0)  # close to the camera, in front of whoever passes


class Crossing(World):
    """The network sees the woman in every region that she is in, unless she is painted over.

    With `man_in_front`, it sees him, unless that is painted over him.
    """

    man_in_front = False

    def seen_behind(self, region: Region, in_front: Sequence[CropPrediction]) -> CropPrediction:
        painted = any(np.allclose(other.joints[-1], person(*WOMAN)) for other in in_front)
        if self.man_in_front and region.side < 0.9 * WOMAN[2]:  # his, not hers
            return prediction(region, person(*self.people["man"]), WEAK if painted else SURE)
        if painted:
            behind = {name: who for name, who in self.people.items() if name != "woman"}
            alone = World()
            alone.people, alone.hidden = behind, self.hidden
            return alone.seen(region)
        low, high = person(*WOMAN).min(axis=0), person(*WOMAN).max(axis=0)
        middle = np.array(region.centre)
        if ((low - 0.4 * region.side < middle) & (middle < high + 0.4 * region.side)).all():
            return prediction(region, person(*WOMAN), SURE)
        return self.seen(region)

    def step(self, boxes: Sequence[Box]) -> list[Track]:
        tracks, now = self.tracks, self.seconds
        tracks.begin(SIZE, now)
        pairs = zip(tracks.regions, tracks.in_front, strict=True)
        tracks.follow([self.seen_behind(*pair) for pair in pairs], now)
        candidates = tracks.match(boxes, now)
        seen = [self.seen_behind(c.region, seen_of(c.in_front)) for c in candidates]
        tracks.admit(candidates, seen, now)
        tracks.settle(now, True)
        self.index += 1
        return tracks.visible


WALK = (*[60] * 12, *range(60, 560, 4))  # the man's x: he stands, then passes behind her


def test_who_passes_behind_keeps_their_own_joints() -> None:
    world = Crossing()
    for x in WALK:
        world.people = {"woman": WOMAN, "man": (float(x), 100.0, 260.0)}
        shown = {track.id: world.who(track) for track in world.step(world.boxes())}
        # The frame in which the network changes over to her is the only one without his joints.
        if shown != {1: "woman", 2: "man"}:
            assert shown == {1: "woman", 2: None}
            assert x < 140


def test_who_comes_out_again_has_their_own_joints_at_once() -> None:
    world, back = Crossing(), []
    for x in WALK:
        world.people = {"woman": WOMAN, "man": (float(x), 100.0, 260.0)}
        world.hidden = {"man"} if 250 <= x < 330 else set()
        shown = {track.id: world.who(track) for track in world.step(world.boxes())}
        if x == 320:
            assert shown == {1: "woman"}
        if x >= 330:
            back.append(shown)
    assert back == [{1: "woman", 2: "man"}] * len(back)


def test_who_steps_in_front_of_whoever_hid_them_is_seen() -> None:
    """What is painted over then lies on themselves."""
    world = Crossing()
    for x in [x for x in WALK if x < 250]:
        world.people = {"woman": WOMAN, "man": (float(x), 100.0, 260.0)}
        shown = {track.id: world.who(track) for track in world.step(world.boxes())}
    assert shown == {1: "woman", 2: "man"}
    assert any(world.tracks.in_front)
    world.man_in_front = True
    for _ in range(4):
        shown = {track.id: world.who(track) for track in world.step(world.boxes())}
    assert shown == {1: "woman", 2: "man"}


def test_nobody_is_painted_over_who_has_their_own_joints() -> None:
    """Two people beside each other whose boxes overlap, each of whom the network sees."""
    world = World()
    world.people = {"left": (250, 60, 320), "right": (330, 60, 320)}
    for _ in range(20):
        world.frame()
        assert world.tracks.in_front == [[]] * len(world.tracks.active)


def test_a_person_is_painted_over_and_nothing_else() -> None:
    spec = dot_spec()
    who, region = (320.0, 60.0, 360.0), square(320.0, 240.0, 480.0)
    seen = prediction(region, person(*who), SURE)
    size = spec.input_size
    crop = np.full((*size, 3), 7, np.uint8)
    painted = Cover(spec).paint(crop, region, [seen])
    joints = np.rint(to_input(seen.joints[-1], region, size)).astype(int)
    assert painted[joints[:, 1], joints[:, 0]].all()
    assert (crop[~painted] == 7).all()
    assert len(np.unique(crop[painted])) == 1
    box = box_of(who)
    corners = np.array([[box.x, box.y], [box.x + box.width, box.y + box.height]], np.float32)
    (left, top), (right, bottom) = to_input(corners, region, size)
    rows, columns = np.nonzero(painted)
    pad = 0.15 * size[0]
    assert left - pad < columns.min() < columns.max() < right + pad
    assert top - pad < rows.min() < rows.max() < bottom + pad
    assert 0.02 < painted.mean() < 0.5


def test_what_is_painted_over_is_not_seen() -> None:
    spec = dot_spec()
    cover, region = Cover(spec), square(320.0, 240.0, 480.0)
    front = prediction(region, person(320.0, 60.0, 360.0), SURE)
    painted = cover.paint(np.zeros((*spec.input_size, 3), np.uint8), region, [front])
    behind = prediction(region, person(480.0, 60.0, 360.0), SURE)
    joints = np.rint(to_input(behind.joints, region, spec.input_size)).astype(int)
    inside = painted[joints[..., 1], joints[..., 0]]
    scores = cover.seen_scores(behind, painted)
    assert not inside.all()
    assert (scores[~inside] == behind.scores[~inside]).all()
    assert (cover.seen_scores(front, painted) == 0).all()


@pytest.mark.parametrize("scores", [WEAK, SURE])
@pytest.mark.parametrize("skeleton", sorted(SKELETONS))
def test_any_skeleton_can_be_painted(skeleton: str, scores: np.ndarray) -> None:
    spec = make_spec(skeleton=SKELETONS[skeleton])
    count = len(spec.joints)
    places = np.linspace((10, 10), (200, 220), count)
    somebody = prediction(square(128, 128, 256), places, np.resize(scores, count))
    crop = np.zeros((*spec.input_size, 3), np.uint8)
    painted = Cover(spec).paint(crop, somebody.region, [somebody])
    assert painted.any() == (scores is SURE)


def test_joints_far_outside_do_no_harm() -> None:
    spec = dot_spec()
    far = person(1e7, -1e7, 360.0)
    crop = np.zeros((*spec.input_size, 3), np.uint8)
    seen = prediction(square(0, 0, 1), far, SURE)
    assert Cover(spec).paint(crop, square(0, 0, 1), [seen]).shape == spec.input_size
