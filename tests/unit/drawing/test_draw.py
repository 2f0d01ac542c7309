"""What a drawing puts into a picture, and what it leaves out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose_app.drawing import colours
from pose_app.drawing.draw import Drawing, draw
from pose_app.drawing.options import COLOUR_MAPS, DrawOptions
from pose_app.drawing.skeletons import strength
from pose_app.drawing.stacks_picture import StacksLayout
from pose_app.engines.base import HostHeatmaps
from pose_app.errors import EngineError
from pose_app.skeletons import MPII_16, Skeleton
from pose_app.types import Frame, FrameResult, Pose, Region
from tests.poses import make_pose as small_pose

GREY = 128
SKELETON = DrawOptions("skeleton")
FACES = Skeleton(
    "faces",
    ("upper_neck", "head_top", "nose", "left_eye", "right_eye"),
    ((0, 1), (2, 3), (2, 4)),
    (0, 1, 2, 4, 3),
    (3,),
    (4,),
    (("head", (0, 1, 2, 3, 4)),),
    ((),) * 17,
    ((),) * 25,
)


def picture(width: int = 640, height: int = 480) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)


def scaled(pose: Pose, scale: float) -> Pose:
    region = Region(*(scale * v for v in (pose.region.x, pose.region.y, pose.region.side)))
    return replace(
        pose,
        joints=pose.joints * np.float32(scale),
        stack_joints=pose.stack_joints * np.float32(scale),
        region=region,
    )


def make_pose(centre: tuple[float, float] = (320, 240), **options: object) -> Pose:
    """Joints on a circle of 120 pixels in a region of 360."""
    return scaled(small_pose((centre[0] / 3, centre[1] / 3), **options), 3.0)  # type: ignore[arg-type]


def result(*poses: Pose, image: np.ndarray | None = None, **changes: object) -> FrameResult:
    frame = Frame(0, 1, 0.0, picture() if image is None else image)
    return FrameResult(frame, poses, 2, {"network": 12.0}, **changes)  # type: ignore[arg-type]


def with_maps(pose: Pose, spread: float = 1.0) -> Pose:
    """With a 32 x 32 heatmap for each joint at its place, the same in every stack."""
    places = (pose.stack_joints + 0.5 - (pose.region.x, pose.region.y)) * 32 / pose.region.side
    grid = np.arange(32) + 0.5
    away = (grid[None, None, None, :] - places[..., 0, None, None]) ** 2
    away = away + (grid[None, None, :, None] - places[..., 1, None, None]) ** 2
    maps = np.exp(-away / (2 * spread**2)).astype(np.float32)
    return replace(pose, maps=HostHeatmaps(maps[:, None]))


def changed(image: np.ndarray) -> np.ndarray:
    return (image != GREY).any(axis=2)


def at(image: np.ndarray, place: np.ndarray) -> np.ndarray:
    return image[round(float(place[1])), round(float(place[0]))].astype(int)


def near(pixel: np.ndarray, colour: colours.Colour) -> bool:
    return bool(np.abs(pixel - colours.bgr(colour)).max() < 40)


def test_the_frame_itself_is_not_touched() -> None:
    seen = result(with_maps(make_pose()))
    for what in ("as_shown", "skeleton", "raw", "stacks"):
        out = draw(seen, DrawOptions(what, heatmap=True, region=True, text=True))
        assert (seen.frame.image == GREY).all()
        assert not np.shares_memory(out, seen.frame.image)
        assert out.dtype == np.uint8


def test_joints_have_the_colour_of_their_side_at_their_place() -> None:
    pose = make_pose((320, 240))
    out = draw(result(pose), SKELETON)
    for joint, place in enumerate(pose.joints):
        assert near(at(out, place), colours.SIDES[MPII_16.side(joint)]), MPII_16.joints[joint]


def test_absent_and_hidden_joints_leave_no_trace() -> None:
    scores = np.full(16, 0.95)
    scores[0] = 0.0  # the ankle: only the shin ends in it
    absent = draw(result(make_pose((320, 240), scores=scores)), SKELETON)
    hidden = draw(result(make_pose((320, 240))), replace(SKELETON, visible=frozenset(range(1, 16))))
    x, y = make_pose((320, 240)).joints[0]
    around = np.s_[round(y) - 9 : round(y) + 10, round(x) + 6 : round(x) + 18]
    assert not changed(absent)[around].any()
    assert not changed(hidden)[around].any()
    assert changed(draw(result(make_pose((320, 240))), SKELETON))[round(y), round(x)]


def test_nobody_is_no_drawing() -> None:
    options = DrawOptions(heatmap=True, region=True, text=True)
    assert not changed(draw(result(), options)).any()
    assert not changed(draw(result(estimated=False), options)).any()


def test_uncertain_joints_are_faint() -> None:
    sure, unsure = make_pose((320, 240), scores=0.95), make_pose((320, 240), scores=0.35)
    for joint in (7,):  # the thorax: no limb ends in it
        full = at(draw(result(sure), SKELETON), sure.joints[joint])
        faint = at(draw(result(unsure), SKELETON), sure.joints[joint])
        wanted = GREY + strength(0.35, 0.3) * (full - GREY)
        assert np.abs(faint - wanted).max() < 12


@pytest.mark.parametrize("scale", [0.75, 1.5, 3])
def test_lines_scale_with_the_picture(scale: float) -> None:
    pose = make_pose(scores=0.95)
    share = changed(draw(result(pose), SKELETON)).mean()
    image = picture(round(640 * scale), round(480 * scale))
    large = draw(result(scaled(pose, scale), image=image), SKELETON)
    assert changed(large).mean() == pytest.approx(share, rel=0.2)  # the soft edges do not scale


@pytest.mark.parametrize("scores", [0.95, 0.35])
@pytest.mark.parametrize("centre", [(0, 0), (-200, 50), (5000, 5000), (1e9, -1e9), (np.nan, 9)])
def test_people_outside_the_picture(centre: tuple[float, float], scores: float) -> None:
    pose = with_maps(make_pose(centre, scores=scores)) if np.isfinite(centre[0]) else make_pose()
    if not np.isfinite(centre[0]):
        pose.joints[:] = np.nan
    for what in ("as_shown", "stacks"):
        options = DrawOptions(what, heatmap=True, region=True, compare=0, stack=1, solo=3, joint=3)
        other = make_pose((320, 240), track_id=2)
        out = draw(result(pose, other), options)
        assert out.ndim == 3


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (16, 16)])
@pytest.mark.parametrize("what", ["as_shown", "stacks", "raw"])
@pytest.mark.parametrize("background", ["picture", "blur", "black"])
def test_tiny_pictures(size: tuple[int, int], what: str, background: str) -> None:
    options = DrawOptions(what, background, region=True, heatmap=True, text=True)
    poses = with_maps(small_pose((1, 1), scores=0.35)), small_pose((2, 2), track_id=2)
    out = draw(result(*poses, image=picture(*size)), options)
    if what != "stacks":
        assert out.shape == (size[1], size[0], 3)


def test_the_region_is_drawn_on_its_edge() -> None:
    pose = make_pose((320, 240))
    options = DrawOptions(region=True, skeleton=False)
    marks = changed(draw(result(pose), options))
    assert marks[60, 300]
    assert marks[200, 140]
    assert not marks[240, 320]
    by_hand = draw(result(replace(pose, manual=True)), options)
    assert near(by_hand[60, 148].astype(int), colours.REGION)


def test_a_region_beyond_the_picture_is_closed_at_its_border() -> None:
    pose = replace(make_pose((320, 240)), region=Region(-100.0, 60.0, 900.0))
    marks = changed(draw(result(pose), DrawOptions(region=True, skeleton=False)))
    for side in (marks[60, 2:-2], marks[-1, 2:-2], marks[62:-2, 0], marks[62:-2, -1]):
        assert side.all()
    assert not marks[:58].any()
    assert not marks[64:-4, 4:-4].any()
    side = int(draw(result(pose), DrawOptions(region=True, skeleton=False))[60, 320, 0])
    assert side == pytest.approx(GREY + colours.REGION_OPACITY * (255 - GREY), abs=12)  # as shown
    away = replace(pose, region=Region(-500.0, 60.0, 300.0))
    assert not changed(draw(result(away), DrawOptions(region=True, skeleton=False))).any()


def test_text_stays_in_the_corner() -> None:
    options = DrawOptions(text=True, skeleton=False)
    marks = changed(draw(result(make_pose()), options))
    assert marks[:40, :200].any()
    assert not marks[60:].any()
    assert not marks[:, 300:].any()


# Heatmaps


def test_heat_is_where_the_chosen_joint_is() -> None:
    pose = with_maps(make_pose((320, 240)))
    options = DrawOptions(heatmap=True, skeleton=False, joint=5)
    marks = changed(draw(result(pose), options))
    rows, columns = np.nonzero(marks)
    assert (columns.mean(), rows.mean()) == pytest.approx(pose.joints[5], abs=2.5)
    everywhere = changed(draw(result(pose), replace(options, joint=None)))
    assert everywhere.sum() > 5 * marks.sum()
    some = changed(draw(result(pose), replace(options, joint=None, visible=frozenset({5, 6}))))
    assert marks.sum() < some.sum() < everywhere.sum() / 4


def test_opacity_and_colours_of_the_heat_are_the_chosen_ones() -> None:
    pose = with_maps(make_pose((320, 240), scores=1.0))
    options = DrawOptions(heatmap=True, skeleton=False, joint=5, opacity=1.0)
    for name in COLOUR_MAPS:
        pixel = at(draw(result(pose), replace(options, colour_map=name)), pose.joints[5])
        assert np.abs(pixel - colours.lookup(name)[255, ::-1].astype(int)).max() < 45, name
    assert not changed(draw(result(pose), replace(options, opacity=0.0))).any()


def test_another_stack_has_another_heatmap_and_another_skeleton() -> None:
    pose = make_pose((320, 240))
    moved = pose.stack_joints.copy()
    moved[0] += (60, 0)
    pose = with_maps(replace(pose, stack_joints=moved))
    first, last = DrawOptions(heatmap=True, joint=8, stack=0), DrawOptions(heatmap=True, joint=8)
    for options, away in ((first, 60), (last, 0)):
        skeleton = draw(result(pose), replace(options, heatmap=False))
        assert near(at(skeleton, pose.joints[8] + (away, 0)), colours.SIDES["centre"])
        marks = changed(draw(result(pose), replace(options, skeleton=False)))
        assert np.nonzero(marks)[1].mean() == pytest.approx(pose.joints[8, 0] + away, abs=2.5)
    assert (draw(result(pose), replace(last, stack=9)) == draw(result(pose), last)).all()


def test_two_stacks_are_compared() -> None:
    pose = make_pose((320, 240))
    moved = pose.stack_joints.copy()
    moved[0] += (72, 0)
    pose = replace(pose, stack_joints=moved)
    alone = draw(result(pose), DrawOptions())
    both = draw(result(pose), DrawOptions(compare=0))
    assert near(at(both, moved[0, 8]), colours.COMPARE_SIDES["centre"])
    assert near(at(both, pose.joints[8]), colours.SIDES["centre"])
    assert (both != alone).any()
    assert (draw(result(pose), DrawOptions(compare=1)) == alone).all()  # with itself


def test_one_joint_stands_out() -> None:
    pose = make_pose((320, 240))
    out = draw(result(pose), DrawOptions(solo=5))
    assert near(at(out, pose.joints[5]), colours.SIDES[MPII_16.side(5)])
    faint = at(out, pose.joints[13])
    assert not near(faint, colours.SIDES[MPII_16.side(13)])
    assert np.abs(faint - GREY).max() > 5


def test_maps_that_are_lost_are_no_heat_and_no_error() -> None:
    class Lost(HostHeatmaps):
        def stack(self, stack: int, item: int = 0) -> np.ndarray:
            raise EngineError("The device is gone.")

    pose = make_pose((320, 240))
    plain = draw(result(pose), DrawOptions())
    lost = replace(pose, maps=Lost(np.zeros((2, 1, 16, 8, 8), np.float32)))
    for person in (pose, lost):
        assert (draw(result(person), DrawOptions(heatmap=True)) == plain).all()
        draw(result(person), DrawOptions("stacks"))


def test_only_the_shown_stack_is_copied_out() -> None:
    class Counting(HostHeatmaps):
        def stack(self, stack: int, item: int = 0) -> np.ndarray:
            asked.append(stack)
            return super().stack(stack, item)

    asked: list[int] = []
    pose = make_pose((320, 240), stacks=4)
    pose = replace(pose, maps=Counting(np.ones((4, 1, 16, 8, 8), np.float32)))
    for options, wanted in (
        (DrawOptions(), []),
        (SKELETON, []),
        (DrawOptions("raw"), []),
        (DrawOptions(heatmap=True), [3]),
        (DrawOptions(heatmap=True, stack=1), [1]),
        (DrawOptions("stacks"), [0, 1, 2, 3]),
    ):
        asked.clear()
        draw(result(pose), options)
        assert asked == wanted, options


# People


def two(**options: object) -> tuple[np.ndarray, Pose, Pose]:
    first = with_maps(make_pose((140, 240), track_id=3))
    second = with_maps(make_pose((500, 240), track_id=7))
    return draw(result(first, second), DrawOptions(**options)), first, second  # type: ignore[arg-type]


def test_everybody_is_drawn_with_a_number_in_their_own_tint() -> None:
    out, first, second = two()
    for pose in (first, second):
        assert near(at(out, pose.joints[2]), colours.SIDES["right"])
        x = round(float(pose.joints[:, 0].mean()))
        above = out[: round(float(pose.joints[:, 1].min())), x - 60 : x + 60].reshape(-1, 3)
        tint = np.array(colours.bgr(colours.tint(pose.track_id)))
        assert (np.abs(above.astype(int) - tint).max(axis=1) < 8).sum() > 100
    plain, *_ = two(ids=False)
    assert not changed(plain)[:100].any()


def test_one_person_has_no_number() -> None:
    pose = make_pose((320, 240), track_id=3)
    options = DrawOptions()
    assert (draw(result(pose), options) == draw(result(pose), replace(options, ids=False))).all()


def test_the_selected_one_is_drawn_normal_and_the_others_thinner() -> None:
    alike, *_ = two(ids=False)
    chosen, *_ = two(ids=False, selected=3)
    left, right = np.s_[:, :320], np.s_[:, 320:]
    assert (alike[left] == chosen[left]).all()
    assert changed(chosen[right]).sum() < 0.85 * changed(alike[right]).sum()


def test_heat_is_the_selected_ones_or_everybodys() -> None:
    everybody, *_ = two(heatmap=True, skeleton=False)
    chosen, *_ = two(heatmap=True, skeleton=False, selected=7)
    assert changed(everybody[:, :320]).any()
    assert changed(everybody[:, 320:]).any()
    assert not changed(chosen[:, :320]).any()
    assert changed(chosen[:, 320:]).any()


def test_the_tiles_stay_with_one_person() -> None:
    """Whoever is selected, else the first, for as long as that one is there."""
    first, second = two()[1:]
    drawing, options = Drawing(stacks=2), DrawOptions("stacks", joint=3)

    def tile(options: DrawOptions, *people: Pose) -> np.ndarray:
        x, y, w, h = StacksLayout.natural((640, 480), 2).tiles[0]
        image = np.tile(np.linspace(0, 255, 640, dtype=np.uint8)[None, :, None], (480, 1, 3))
        return drawing.draw(result(*people, image=image), options)[y : y + h, x : x + w].astype(int)

    left, right = tile(options, first, second), tile(replace(options, selected=7), first, second)
    assert left.mean() < right.mean() - 20  # the picture is darker where the first one is
    drawing = Drawing(stacks=2)
    assert (tile(options, first, second) == left).all()
    assert (tile(options, second, first) == left).all()
    assert (tile(options, second) == right).all()
    assert (tile(options, first, second) == right).all()


def test_a_face_is_points_with_thin_lines() -> None:
    pose = make_pose((320, 240), skeleton=FACES)
    with_lines = draw(result(pose), SKELETON)
    without = draw(result(pose), replace(SKELETON, face=False))
    middle = (pose.joints[2] + pose.joints[3]) / 2
    assert changed(with_lines)[round(float(middle[1])), round(float(middle[0]))]
    assert not changed(without)[round(float(middle[1])), round(float(middle[0]))]
    for out in (with_lines, without):
        assert near(at(out, pose.joints[3]), colours.SIDES["left"])
    limb = (pose.joints[0] + pose.joints[1]) / 2

    def thickness(place: np.ndarray) -> int:
        x, y = round(float(place[0])), round(float(place[1]))
        return int(changed(with_lines)[y - 8 : y + 9, x - 8 : x + 9].sum())

    assert thickness(middle) < 0.75 * thickness(limb)


# Sizes


@pytest.mark.parametrize("stacks", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("frame", [(320, 240), (1280, 720), (720, 1280), (3840, 2160), (641, 359)])
def test_the_layout_of_stacks(frame: tuple[int, int], stacks: int) -> None:
    layout = StacksLayout.natural(frame, stacks)
    width, height = layout.size
    assert width % 2 == height % 2 == 0
    assert len(layout.tiles) == stacks
    taken = np.zeros((height, width), int)
    for x, y, w, h in (layout.picture, *layout.tiles):
        assert min(x, y) >= 0
        assert x + w <= width
        assert y + h <= height
        taken[y : y + h, x : x + w] += 1
    assert taken.max() == 1
    assert all(w == h and w >= 100 for *_, w, h in layout.tiles)
    _, _, w, h = layout.picture
    assert w / h == pytest.approx(frame[0] / frame[1], rel=0.01)
    half = layout.scaled((width // 2, height // 2))
    assert half.size == (width // 2, height // 2)
    for x, y, w, h in (half.picture, *half.tiles):
        assert x + w <= width // 2
        assert y + h <= height // 2


def test_every_stack_has_its_heat_in_its_tile() -> None:
    pose = make_pose((320, 240), stacks=4)
    moved = pose.stack_joints.copy()
    moved[:, :, 0] += np.arange(4)[:, None] * 15
    pose = with_maps(replace(pose, stack_joints=moved))
    out = draw(result(pose), DrawOptions("stacks", joint=3, stack=3)).astype(int)
    layout = StacksLayout.natural((640, 480), 4)
    colourful = []
    for x, y, w, h in layout.tiles:
        tile = out[y : y + h, x : x + w]
        rows, columns = np.nonzero(np.ptp(tile, axis=2) > 60)
        colourful.append((columns.mean() / w, rows.mean() / h))
    steps = np.diff([x for x, _ in colourful])
    assert steps == pytest.approx([15 / 360] * 3, abs=0.012)
    place = (pose.stack_joints[0, 3] - (pose.region.x, pose.region.y)) / pose.region.side
    assert colourful[0] == pytest.approx(tuple(place), abs=0.03)


def test_a_stack_that_did_not_run_is_dim_and_without_heat() -> None:
    pose = with_maps(make_pose((320, 240), stacks=2))
    drawing = Drawing(stacks=4)
    out = drawing.draw(result(pose), DrawOptions("stacks")).astype(int)
    layout = StacksLayout.natural((640, 480), 4)
    means, heats = [], []
    for x, y, w, h in layout.tiles:
        lower = out[y + h // 4 : y + h, x : x + w]
        means.append(lower.mean())
        heats.append((np.ptp(lower, axis=2) > 60).any())
    assert heats == [True, True, False, False]
    assert max(means[2:]) < 0.5 * min(means[:2])


def test_every_tile_has_its_caption() -> None:
    out = draw(result(make_pose((320, 240), stacks=4)), DrawOptions("stacks")).astype(int)
    captions = []
    for x, y, w, _ in StacksLayout.natural((640, 480), 4).tiles:
        caption = out[y : y + 30, x : x + w // 2]
        assert (caption.min(axis=2) > 200).sum() > 30  # letters
        captions.append(caption)
    assert not any((captions[0] == other).all() for other in captions[1:])


@pytest.mark.parametrize("first", ["as_shown", "stacks"])
def test_all_frames_of_a_file_have_one_size(first: str) -> None:
    drawing, pose = Drawing(), with_maps(make_pose((320, 240), stacks=4))
    shapes, fills = set(), {}
    for what in (first, "raw", "stacks", "skeleton", "as_shown", "stacks"):
        out = drawing.draw(result(pose), DrawOptions(what, heatmap=True))
        shapes.add(out.shape)
        fills[what] = float((out.max(axis=2) > 0).mean())
    # Other shapes of picture, another model with more stacks.
    shapes.add(drawing.draw(result(image=picture(200, 300)), DrawOptions()).shape)
    eight = with_maps(make_pose((320, 240), stacks=8))
    shapes.add(drawing.draw(result(eight), DrawOptions("stacks")).shape)
    assert len(shapes) == 1
    assert shapes == {draw(result(pose), DrawOptions(first)).shape}
    assert min(fills.values()) > 0.5  # nothing is made tiny


def test_what_is_drawn_may_change_with_every_frame() -> None:
    drawing, pose = Drawing(), with_maps(make_pose((320, 240)))
    for options in (DrawOptions(), DrawOptions(heatmap=True), DrawOptions("raw"), SKELETON):
        out = drawing.draw(result(pose), options)
        assert (out == draw(result(pose), options)).all()


# Privacy


@pytest.mark.parametrize("what", ["as_shown", "skeleton", "raw", "stacks"])
@pytest.mark.parametrize("background", ["blur", "black"])
def test_no_sharp_pixel_is_in_any_drawing(what: str, background: str) -> None:
    """Two pictures that differ in what is fine alone give the same drawing."""
    pose = with_maps(make_pose((320, 240)))
    board = np.indices((480, 640)).sum(axis=0) // 3 % 2
    outs: dict[str, list[np.ndarray]] = {"picture": [], background: []}
    for shown, drawn in outs.items():
        for phase in (0, 1):
            image = np.where(board == phase, 255, 0).astype(np.uint8)[..., None].repeat(3, axis=2)
            options = DrawOptions(what, shown, heatmap=True, region=True, joint=3)
            drawn.append(draw(result(pose, image=image), options).astype(int))
    assert np.abs(outs["picture"][0] - outs["picture"][1]).mean() > 30
    assert np.abs(outs[background][0] - outs[background][1]).max() < 8


@pytest.mark.parametrize(
    ("name", "value"),
    [("what", "all"), ("background", "blurred"), ("colour_map", "jet"), ("combine", "mean"),
     ("opacity", 1.5), ("opacity", float("nan"))],
)  # fmt: skip
def test_options_that_there_are_not(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{name} cannot be"):
        DrawOptions(**{name: value})  # type: ignore[arg-type]
