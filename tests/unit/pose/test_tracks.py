"""Who is who: people and boxes made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from pose_app.pose.crop_predictor import CropPrediction
from pose_app.pose.tracks import LOST_SECONDS, WEAK_FRAMES, WEAK_SECONDS, Track, Tracks
from pose_app.types import Box, Region
from tests.unit.pose.colour_engine import dot_spec, person

SIZE = (640, 480)
RATE = 30
SURE, WEAK = np.full(16, 0.9, np.float32), np.zeros(16, np.float32)

Somebody = tuple[float, float, float]  # x and y of the head, height


def box_of(somebody: Somebody, score: float = 0.9) -> Box:
    places = person(*somebody)
    (left, top), (right, bottom) = places.min(axis=0), places.max(axis=0)
    pad = 0.05 * somebody[2]
    width, height = right - left + 2 * pad, bottom - top + 2 * pad
    return Box(float(left - pad), float(top - pad), float(width), float(height), score)


class World:
    """A made-up video: who is there, what the network sees in a region, what the finder finds.

    The network sees whoever of `people` is nearest to the middle of the region, as networks do;
    `hidden` people are seen by nobody. The finder looks at every frame unless told otherwise.
    """

    def __init__(self, limit: int = 4, threshold: float = 0.4) -> None:
        self.tracks = Tracks(dot_spec(), limit, threshold)
        self.people: dict[str, Somebody] = {}
        self.hidden: set[str] = set()
        self.unsure: set[str] = set()
        self.index = 0
        self.looks = 0

    @property
    def seconds(self) -> float:
        return self.index / RATE

    def seen(self, region: Region) -> CropPrediction:
        def away(name: str) -> float:
            middle = person(*self.people[name]).mean(axis=0)
            return float(np.hypot(*(middle - region.centre)))

        inside = [name for name in self.people if away(name) < 0.6 * region.side]
        inside = [name for name in inside if name not in self.hidden]
        if not inside:
            return prediction(region, np.zeros((16, 2)) + region.centre, WEAK)
        name = min(inside, key=away)
        return prediction(region, person(*self.people[name]), WEAK if name in self.unsure else SURE)

    def boxes(self) -> list[Box]:
        return [box_of(who) for name, who in self.people.items() if name not in self.hidden]

    def frame(self, boxes: Sequence[Box] | None = None, find: bool | None = True) -> list[Track]:
        """One more frame; `find` None: the finder looks where it is needed."""
        tracks, now = self.tracks, self.seconds
        tracks.begin(SIZE, now)
        tracks.follow([self.seen(region) for region in tracks.regions], now)
        searched = tracks.unsettled if find is None else find
        if searched:
            self.looks += 1
            candidates = tracks.match(self.boxes() if boxes is None else boxes, now)
            tracks.admit(candidates, [self.seen(c.region) for c in candidates], now)
        tracks.settle(now, searched)
        self.index += 1
        return tracks.visible

    def who(self, track: Track) -> str | None:
        """Whose joints a track has, if any."""
        assert track.prediction is not None
        if not (track.scores >= 0.3).any():
            return None
        joints = track.prediction.joints[-1]
        names = [n for n, who in self.people.items() if np.allclose(joints, person(*who))]
        return names[0] if names else None


def prediction(region: Region, joints: np.ndarray, scores: np.ndarray) -> CropPrediction:
    return CropPrediction(region, joints[None].astype(np.float32), scores[None], None)


@pytest.fixture
def world() -> World:
    return World()


def test_nobody_is_there(world: World) -> None:
    assert world.frame() == []
    assert world.tracks.unsettled
    assert world.tracks.regions == []


@pytest.mark.parametrize(
    ("box", "joints", "somebody"), [(0.3, 0.9, True), (0.5, 0.3, False), (0.8, 0.3, True)]
)
def test_box_and_joints_decide_together(box: float, joints: float, somebody: bool) -> None:
    tracks, who = Tracks(dot_spec(), 4, 0.4), (300.0, 60.0, 320.0)
    tracks.begin(SIZE, 0.0)
    candidates = tracks.match([box_of(who, box)], 0.0)
    scores = np.full(16, joints, np.float32)
    tracks.admit(candidates, [prediction(c.region, person(*who), scores) for c in candidates], 0.0)
    tracks.settle(0.0, True)
    assert bool(tracks.visible) is somebody


def test_who_has_hardly_a_joint_is_not_shown(world: World) -> None:
    """The finder is sure of something, such as a shirt on a hanger; the network sees nobody."""
    world.people = {"shirt": (150, 60, 300)}
    world.unsure = {"shirt"}
    for _ in range(20):
        assert world.frame() == []
    assert world.tracks.active == []
    world.people["b"] = (450, 80, 280)
    for _ in range(3):
        world.frame()
    assert [(world.who(track), track.id) for track in world.tracks.visible] == [("b", 1)]
    looks = world.looks
    for _ in range(20):  # the shirt is no reason to look for people in every frame
        world.frame(find=None)
    assert world.looks == looks
    world.unsure = set()  # somebody puts it on
    world.frame()
    assert {world.who(track) for track in world.frame()} == {"b", "shirt"}


def test_everybody_gets_a_number_and_keeps_it(world: World) -> None:
    world.people = {"a": (150, 60, 300), "b": (450, 80, 280)}
    first = {world.who(track): track.id for track in world.frame()}
    assert set(first) == {"a", "b"}
    assert sorted(first.values()) == [1, 2]
    for step in range(60):
        world.people = {"a": (150 + step, 60, 300), "b": (450, 80 + step / 2, 280)}
        found = world.frame(find=step % 6 == 0)
        assert {world.who(track): track.id for track in found} == first
    assert not world.tracks.unsettled


def test_who_walks_is_followed_without_the_finder(world: World) -> None:
    world.people = {"a": (150, 60, 300)}
    world.frame()
    for step in range(60):
        world.people = {"a": (150 + 5 * step, 60, 300)}
        (track,) = world.frame(find=False)
        assert world.who(track) == "a"
        assert abs(track.region.centre[0] - (150 + 5 * step)) < 0.2 * track.region.side


def test_less_is_enough_to_stay_than_to_come(world: World) -> None:
    # A sure pose alone keeps a person, but nobody comes without a box.
    world.people = {"a": (300, 60, 300)}
    assert world.frame(boxes=[]) == []
    assert len(world.frame()) == 1
    for _ in range(3 * RATE):
        (track,) = world.frame(boxes=[])
        assert track.id == 1


def test_a_box_alone_keeps_a_person_too(world: World) -> None:
    world.people = {"a": (300, 60, 300)}
    world.frame()
    world.unsure = {"a"}
    for _ in range(3 * RATE):
        (track,) = world.frame(find=None)
        assert track.id == 1
    assert world.looks > 2 * RATE  # who is uncertain is searched for in every frame


def test_who_has_neither_is_lost_after_some_frames_and_not_before(world: World) -> None:
    world.people = {"a": (300, 60, 300)}
    world.frame()
    patience = max(WEAK_FRAMES, round(WEAK_SECONDS * RATE))
    world.hidden = {"a"}
    for _ in range(patience - 1):
        assert len(world.frame(find=None)) == 1
    world.hidden = set()
    assert [track.id for track in world.frame(find=None)] == [1]  # back in time
    world.hidden = {"a"}
    for number in range(1, patience + 3):
        assert len(world.frame(find=None)) == (1 if number < patience else 0)
    assert world.tracks.regions == []


def test_at_a_low_frame_rate_one_weak_frame_is_not_enough() -> None:
    tracks = Tracks(dot_spec())
    somebody = (300.0, 60.0, 300.0)
    for index, there in enumerate((True, False, False, True)):
        now = index / 4  # a quarter of a second from frame to frame
        tracks.begin(SIZE, now)
        scores = SURE if there else WEAK
        tracks.follow([prediction(r, person(*somebody), scores) for r in tracks.regions], now)
        found = tracks.match([box_of(somebody)] if there else [], now)
        tracks.admit(found, [prediction(c.region, person(*somebody), SURE) for c in found], now)
        tracks.settle(now, True)
        assert [track.id for track in tracks.visible] == [1]


def test_who_is_back_within_a_moment_has_the_old_number(world: World) -> None:
    world.people = {"a": (200, 60, 300)}
    for _ in range(15):
        world.frame()
    world.hidden = {"a"}
    for _ in range(round(LOST_SECONDS * RATE * 0.8)):
        world.frame(find=None)
    assert world.tracks.visible == []
    world.people, world.hidden = {"a": (230, 70, 300)}, set()
    assert [track.id for track in world.frame(find=None)] == [1]


def test_who_is_away_for_long_is_somebody_new(world: World) -> None:
    world.people = {"a": (200, 60, 300)}
    for _ in range(15):
        world.frame()
    world.hidden = {"a"}
    for _ in range(round((LOST_SECONDS + 0.5) * RATE)):
        world.frame(find=None)
    world.hidden = set()
    assert [track.id for track in world.frame(find=None)] == [2]


def test_somebody_far_from_where_the_lost_one_was_is_somebody_new() -> None:
    world = World()
    world.people = {"a": (60, 300, 120)}
    for _ in range(15):
        world.frame()
    world.hidden = {"a"}
    for _ in range(10):
        world.frame(find=None)
    world.people["b"] = (560, 60, 120)
    assert [track.id for track in world.frame(find=None)] == [2]


def test_a_newcomer_is_there_with_the_first_look(world: World) -> None:
    world.people = {"a": (150, 60, 300)}
    for _ in range(20):
        world.frame()
    world.people["b"] = (480, 60, 300)
    assert [track.id for track in world.frame(find=False)] == [1]
    assert [track.id for track in world.frame()] == [1, 2]


def test_a_doubtful_newcomer_needs_a_second_look() -> None:
    world = World()
    world.frame()
    world.people = {"a": (300, 60, 300)}
    doubtful = [box_of(world.people["a"], 0.5)]
    assert world.frame(boxes=doubtful) == []
    assert world.tracks.unsettled
    assert world.frame(find=False) == []
    assert [track.id for track in world.frame(boxes=doubtful)] == [1]
    flash = World()
    flash.frame()
    flash.people = {"a": (300, 60, 300)}
    assert flash.frame(boxes=doubtful) == []
    assert flash.frame(boxes=[]) == []
    assert flash.tracks.active == []
    assert len(flash.frame()) == 1  # who is sure comes at once


def test_who_is_in_the_first_frame_is_there_at_once(world: World) -> None:
    world.people = {"a": (300, 60, 300)}
    assert len(world.frame(boxes=[box_of(world.people["a"], 0.45)])) == 1


def test_a_box_that_is_enough_for_somebody_known_brings_nobody_new(world: World) -> None:
    world.people = {"a": (150, 60, 300)}
    world.frame()
    world.people["b"] = (480, 60, 300)
    world.unsure = {"a"}
    for _ in range(RATE):
        faint = [box_of(who, 0.3) for who in world.people.values()]
        assert [track.id for track in world.frame(boxes=faint)] == [1]


def test_while_nobody_is_shown_faint_boxes_count_too(world: World) -> None:
    world.frame()
    world.people = {"a": (300, 60, 300)}
    faint = [box_of(world.people["a"], 0.3)]
    assert world.frame(boxes=faint) == []
    assert [track.id for track in world.frame(boxes=faint)] == [1]


def test_two_boxes_on_one_person_are_one_person(world: World) -> None:
    world.people = {"a": (300, 60, 320)}
    whole = box_of(world.people["a"])
    upper = Box(whole.x, whole.y, whole.width, whole.height * 0.5, 0.9)
    nearly = Box(whole.x + 8, whole.y - 5, whole.width, whole.height, 0.8)
    for _ in range(RATE):
        assert [track.id for track in world.frame(boxes=[upper, whole, nearly])] == [1]


def test_a_faint_box_around_a_sure_one_takes_nobody_away(world: World) -> None:
    world.people = {"a": (300, 60, 320)}
    sure = box_of(world.people["a"])
    faint = Box(sure.x - 10, sure.y - 10, sure.width + 20, sure.height + 20, 0.3)
    for boxes in ([sure, faint], [faint, sure]):
        world.tracks.reset()
        assert [world.who(track) for track in world.frame(boxes=boxes)] == ["a"]


def test_a_box_without_joints_inside_somebody_is_nobody(world: World) -> None:
    world.people = {"a": (300, 60, 320)}
    world.frame()
    hand = Box(300, 200, 60, 60, 0.9)
    world.hidden = {"a"}  # the network sees nothing in there
    candidates = world.tracks.match([box_of(world.people["a"]), hand], world.seconds)
    assert len(candidates) == 1
    world.tracks.admit(candidates, [world.seen(candidates[0].region)], world.seconds)
    assert [track.id for track in world.tracks.active] == [1]


def test_two_tracks_that_run_into_one_person_become_one(world: World) -> None:
    world.people = {"a": (200, 60, 300), "b": (440, 60, 300)}
    for _ in range(RATE):
        world.frame()
    del world.people["b"]  # gone, and the network sees "a" in both regions from now on
    tracks = world.tracks
    for _ in range(RATE):
        now = world.seconds
        tracks.begin(SIZE, now)
        seen = [prediction(r, person(200, 60, 300), SURE) for r in tracks.regions]
        tracks.follow(seen, now)
        there = [track for track in tracks.active if (track.scores > 0.3).any()]
        assert [track.id for track in there] == [1]  # no second skeleton, in no frame
        candidates = tracks.match(world.boxes(), now)
        tracks.admit(candidates, [world.seen(c.region) for c in candidates], now)
        tracks.settle(now, True)
        world.index += 1
    assert [track.id for track in tracks.visible] == [1]


@pytest.mark.parametrize("gap", [1, 6])
@pytest.mark.parametrize("height", [300, 220])
def test_people_who_cross_keep_their_numbers(gap: int, height: float) -> None:
    """One passes behind another who stands; the finder looks as often as it is needed."""
    world = World()
    met = False
    for step in range(110):
        x = 560 - 4.5 * step
        world.people = {"a": (320, 60, 301), "b": (x, 70, height)}
        world.hidden = {"b"} if abs(x - 320) < 70 else set()
        met = met or bool(world.hidden)
        needed = world.tracks.unsettled or step % gap == 0
        found = {track.id: world.who(track) for track in world.frame(find=needed)}
        if step == 0:
            first = found
        assert found[1] == "a"
        if abs(x - 320) > 110:
            assert found == first, step
    assert met


def test_two_who_walk_past_each_other_keep_their_numbers() -> None:
    world = World()
    for step in range(100):
        a, b = 100 + 4.5 * step, 545 - 4.5 * step
        world.people = {"a": (a, 60, 300), "b": (b, 60, 300)}
        world.hidden = {"b"} if abs(a - b) < 60 else set()
        found = {track.id: world.who(track) for track in world.frame(find=None)}
        if step == 0:
            first = found
        if abs(a - b) > 160:
            assert found == first, step


def test_only_so_many_are_followed_the_largest() -> None:
    world = World(limit=2)
    world.people = {"s": (80, 300, 100), "m": (240, 100, 200), "l": (480, 60, 320)}
    for _ in range(5):
        found = {world.who(track) for track in world.frame()}
        assert found == {"m", "l"}
    world.tracks.limit = 1
    assert {world.who(track) for track in world.frame()} == {"l"}
    world.tracks.limit = 4
    assert {world.who(track) for track in world.frame()} == {"s", "m", "l"}


def test_who_is_much_larger_takes_the_place_of_the_smallest() -> None:
    world = World(limit=1)
    world.people = {"far": (150, 200, 150)}
    assert {world.who(track) for track in world.frame()} == {"far"}
    world.people["alike"] = (350, 200, 165)
    for _ in range(5):  # hardly larger: no reason to change
        assert {world.who(track) for track in world.frame()} == {"far"}
    world.people["near"] = (500, 40, 400)
    assert {world.who(track) for track in world.frame()} == {"near"}
    assert {world.who(track) for track in world.frame()} == {"near"}


def test_the_box_moves_with_the_person_between_the_finder_s_looks(world: World) -> None:
    world.people = {"a": (150, 60, 300)}
    world.frame()
    for step in range(1, 20):
        world.people = {"a": (150 + 4 * step, 60, 300)}
        (track,) = world.frame(find=False)
    true = box_of(world.people["a"])
    assert track.box is not None
    assert track.box.x == pytest.approx(true.x, abs=2)
    assert track.box.width == pytest.approx(true.width, abs=2)


def test_another_frame_size_means_another_picture(world: World) -> None:
    world.people = {"a": (150, 60, 300)}
    world.frame()
    world.tracks.begin((1280, 720), world.seconds)
    assert world.tracks.regions == []
    assert world.tracks.unsettled


def test_the_same_frame_again_changes_nothing(world: World) -> None:
    world.people = {"a": (300, 60, 300)}
    for _ in range(10):
        world.frame()
    (before,) = world.tracks.regions
    world.hidden = {"a"}
    for _ in range(3 * RATE):
        world.index -= 1
        assert len(world.frame(find=False)) == 1
    (after,) = world.tracks.regions
    assert after.centre == pytest.approx(before.centre)
    assert after.side == pytest.approx(before.side)


def test_a_region_chosen_by_hand_is_one_person_s(world: World) -> None:
    world.people = {"a": (150, 60, 300), "b": (450, 60, 300)}
    ids = {world.who(track): track.id for track in world.frame()}
    region = Region(250, 0, 400)
    for _ in range(10):
        now = world.seconds
        world.tracks.begin(SIZE, now)
        track = world.tracks.only(world.seen(region), now)
        assert track is not None
        assert (track.id, track.manual) == (ids["b"], True)
        assert world.tracks.visible == [track]
        world.index += 1
    found = {world.who(track): track.id for track in world.frame()}
    assert found["b"] == ids["b"]
    assert set(found) == {"a", "b"}
    assert not any(track.manual for track in world.tracks.visible)


def test_after_a_region_chosen_by_hand_the_same_frame_is_searched(world: World) -> None:
    """Esc while a picture is held: no time passes in which the region could move."""
    world.people = {"a": (150, 60, 300)}
    (track,) = world.frame()
    number, own = track.id, track.region
    world.tracks.begin(SIZE, world.seconds)
    by_hand = Region(own.x + 60, own.y + 120, 0.6 * own.side)
    track = world.tracks.only(world.seen(by_hand), world.seconds)
    assert track is not None
    assert track.region.side < 0.7 * own.side
    (track,) = world.frame(find=None)
    assert (track.id, track.manual) == (number, False)
    assert track.region == world.tracks.rule.region_from_box(box_of(world.people["a"]), SIZE)
    looks = world.looks
    world.frame(find=None)
    assert world.looks == looks


def test_an_empty_region_chosen_by_hand_has_nobody(world: World) -> None:
    world.people = {"a": (150, 60, 300)}
    world.frame()
    world.tracks.begin(SIZE, world.seconds)
    assert world.tracks.only(world.seen(Region(500, 300, 120)), world.seconds) is None
    assert world.tracks.visible == []


def test_random_people_never_share_a_number_nor_a_skeleton() -> None:
    rng = np.random.default_rng(3)
    for trial in range(5):
        world = World()
        places = {name: rng.uniform((80, 40), (560, 120)) for name in "abc"}
        speeds = {name: rng.normal(0, 5, 2) for name in "abc"}
        for _ in range(90):
            for name in "abc":
                places[name] = np.clip(places[name] + speeds[name], (40, 30), (600, 160))
            world.people = {n: (float(p[0]), float(p[1]), 300.0) for n, p in places.items()}
            tracks = world.frame(find=None)
            assert len({track.id for track in tracks}) == len(tracks)
            whose = [name for name in map(world.who, tracks) if name is not None]
            assert len(whose) == len(set(whose)), trial


@pytest.mark.parametrize(("frames", "anew"), [(1, False), (RATE, True)])
def test_after_a_gap_a_person_is_looked_at_in_the_new_box(
    world: World, frames: int, anew: bool
) -> None:
    """As in a folder of pictures: who stands elsewhere now is not cut off by the old region."""
    world.people = {"a": (300, 60, 300)}
    world.frame()
    world.people = {"a": (290, 40, 380)}
    world.index += frames - 1
    (track,) = world.frame()
    assert track.id == 1
    assert track.prediction is not None
    expected = world.tracks.rule.region_from_box(box_of(world.people["a"]), SIZE)
    assert (track.prediction.region == expected) is anew


def test_reset_forgets_everybody_but_gives_no_number_twice(world: World) -> None:
    world.people = {"a": (150, 60, 300)}
    world.frame()
    world.tracks.reset()
    assert world.tracks.regions == []
    assert [track.id for track in world.frame()] == [2]


def test_after_a_jump_in_a_video_people_at_the_same_place_keep_their_numbers(world: World) -> None:
    world.people = {"a": (150, 60, 300), "b": (450, 60, 300)}
    numbers = {world.who(track): track.id for track in world.frame()}
    world.people = {"b": (460, 70, 290), "a": (160, 60, 300), "c": (300, 200, 120)}
    for _ in range(2):  # another jump before the next frame changes nothing
        world.tracks.reset(same_video=True)
    after = {world.who(track): track.id for track in world.frame()}
    assert after == {**numbers, "c": 3}


def test_a_jump_is_remembered_for_a_moment_and_only_in_the_same_video(world: World) -> None:
    world.people = {"a": (150, 60, 300)}
    for hidden, same, number in ((0.5, True, 1), (LOST_SECONDS + 0.5, True, 2), (0.5, False, 3)):
        world.people = {"a": (150, 60, 300)}
        world.frame()
        world.tracks.reset(same_video=same)
        world.people = {}
        for _ in range(round(hidden * RATE)):
            assert world.frame() == []
        world.people = {"a": (150, 60, 300)}
        assert [track.id for track in world.frame() + world.frame()][-1] == number


def test_a_newcomer_needs_two_boxes_that_are_sure_enough(world: World) -> None:
    """What is known stays with less, such as a raised arm that the finder takes for somebody."""
    world.people = {"a": (150, 60, 300)}
    world.frame()
    arm = {"arm": (450, 80, 280)}
    for scores in ((0.5, 0.2, 0.2), (0.3, 0.3)):
        for score in scores:
            world.people |= arm
            shown = world.frame([box_of(world.people["a"]), box_of(arm["arm"], score)])
            assert [world.who(track) for track in shown] == ["a"]
    for score in (0.5, 0.5, 0.2, 0.2):
        shown = world.frame([box_of(world.people["a"]), box_of(arm["arm"], score)])
    assert [(world.who(track), track.id) for track in shown] == [("a", 1), ("arm", 2)]


def first_looks(boxes: Sequence[Box], seen: Sequence[np.ndarray]) -> Tracks:
    """A single picture: what the network sees in each box, all joints of it surely."""
    tracks = Tracks(dot_spec(), 4, 0.4)
    tracks.begin(SIZE, 0.0)
    candidates = tracks.match(boxes, 0.0)
    assert [candidate.box for candidate in candidates] == list(boxes)
    looks = [prediction(c.region, joints, SURE) for c, joints in zip(candidates, seen, strict=True)]
    tracks.admit(candidates, looks, 0.0)
    tracks.settle(0.0, True)
    return tracks


def test_a_second_box_of_one_person_gets_no_skeleton_of_leftovers() -> None:
    who = person(300, 60, 320)
    whole = box_of((300, 60, 320))
    lower = Box(whole.x, whole.y + 0.4 * whole.height, whole.width, 0.95 * whole.height, 0.8)
    stray = who.copy()
    stray[:4] += 90
    (track,) = first_looks([whole, lower], [who, stray]).visible
    assert track.box == whole
    assert track.present.all()


def beside() -> tuple[list[Box], np.ndarray, np.ndarray]:
    """(boxes of somebody in front and of somebody half hidden, the joints of both)."""
    front, behind = (300.0, 60.0, 340.0), (375.0, 60.0, 300.0)
    return [box_of(front), box_of(behind)], person(*front), person(*behind)


@pytest.mark.parametrize("there", [True, False])
def test_who_is_hidden_is_shown_by_a_second_look(there: bool) -> None:
    boxes, front, behind = beside()
    tracks = first_looks(boxes, [front, front])
    assert [track.box for track in tracks.visible] == boxes[:1]
    first, hidden = tracks.doubtful
    assert hidden.in_front == [first]
    looks = [
        prediction(first.nearer, front, SURE),
        prediction(hidden.region, behind, SURE if there else WEAK),
    ]
    tracks.add(looks, 0.0)
    assert [track.box for track in tracks.visible] == boxes[: 2 if there else 1]
    assert [track.id for track in tracks.visible] == [1, 2][: 2 if there else 1]
    for track, joints in zip(tracks.visible, (front, behind), strict=False):
        assert track.present.all()
        assert track.prediction is not None
        assert np.allclose(track.prediction.joints[-1], joints)


def test_a_second_look_at_the_same_person_is_not_shown() -> None:
    boxes, front, _ = beside()
    tracks = first_looks(boxes, [front, front])
    first, hidden = tracks.doubtful
    tracks.add([prediction(one.region, front, SURE) for one in (first, hidden)], 0.0)
    assert tracks.visible == [first]


THING = Box(
    420.0, 100.0, 90.0, 200.0, 0.26
)  # below the threshold, above what counts while followed


@pytest.mark.parametrize("joints", [0, 6])
def test_a_thing_never_takes_the_number_of_somebody_lost(
    world: World, monkeypatch: pytest.MonkeyPatch, joints: int
) -> None:
    world.people = {"a": (330, 60, 300)}
    for _ in range(20):
        world.frame()
    world.hidden = {"a"}
    scores = np.where(np.arange(16) < joints, np.float32(0.4), np.float32(0))

    def seen(region: Region) -> CropPrediction:
        near = abs(region.centre[0] - 465) < 60
        return prediction(region, person(465, 110, 180), scores if near else WEAK)

    with monkeypatch.context() as patch:
        patch.setattr(world, "seen", seen)
        for _ in range(40):
            found = world.frame([THING])
    assert found == []
    world.hidden = set()
    assert [(world.who(track), track.id) for track in world.frame()] == [("a", 1)]


def test_an_empty_box_elsewhere_is_no_box_of_somebody_known(world: World) -> None:
    world.people = {"a": (150, 60, 300)}
    for _ in range(10):
        world.frame()
    (track,) = world.tracks.visible
    before = track.box
    world.frame([Box(500.0, 100.0, 90.0, 200.0, 0.8)])
    assert track.box == before
    world.unsure = {"a"}
    for _ in range(20):
        world.frame([Box(500.0, 100.0, 90.0, 200.0, 0.8)])
    assert world.tracks.visible == []


def test_a_second_region_chosen_by_hand_is_not_the_first_one_s_number() -> None:
    world = World(limit=4)
    world.people = {"a": (150, 60, 300), "b": (450, 80, 280)}
    ids = {world.who(track): track.id for track in world.frame()}
    now, chosen = world.seconds, {}
    for name in ("a", "b"):
        region = Region(world.people[name][0] - 180, 30, 360)
        for _ in range(3):
            now += 1 / RATE
            world.tracks.begin(SIZE, now)
            track = world.tracks.only(world.seen(region), now)
            assert track is not None
            assert world.who(track) == name
            assert track.present.all()
        chosen[name] = track.id
    assert chosen["a"] == ids["a"]
    assert chosen["b"] != chosen["a"]


def test_in_a_region_chosen_by_hand_no_joint_is_somebody_elses(world: World) -> None:
    """One walks behind the other, who is then chosen by hand."""
    world.people = {"b": (200, 60, 300), "a": (420, 60, 320)}
    ids = {world.who(track): track.id for track in world.frame()}
    for step in range(30):
        world.people["b"] = (200 + 7 * step, 60, 300)
        if abs(world.people["b"][0] - 420) < 60:
            world.hidden = {"b"}
        world.frame()
    region = Region(260, 20, 400)
    world.tracks.begin(SIZE, world.seconds)
    track = world.tracks.only(world.seen(region), world.seconds)
    assert track is not None
    assert (world.who(track), track.id) == ("a", ids["a"])
    assert track.present.all()
    assert not track.in_front


def test_a_flash_of_somebody_large_takes_nobody_away() -> None:
    world = World(limit=2)
    world.people = {"a": (120, 60, 300), "b": (320, 80, 150)}
    ids = {world.who(track): track.id for track in world.frame()}
    for _ in range(5):
        world.frame()
    world.people["c"] = (520, 60, 330)
    boxes = [box_of(who, 0.45 if name == "c" else 0.9) for name, who in world.people.items()]
    assert {world.who(track): track.id for track in world.frame(boxes)} == ids
    del world.people["c"]
    for _ in range(3):
        assert {world.who(track): track.id for track in world.frame()} == ids
