"""What the canvas paints, on fixed input, against stored pictures; what the mouse does on it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage

from pose_app.drawing import colours
from pose_app.engines.base import HostHeatmaps
from pose_app.errors import EngineError
from pose_app.skeletons import MPII_16
from pose_app.types import Frame, FrameResult, Pose, Region
from pose_app.ui import theme
from pose_app.ui.canvas import painting
from pose_app.ui.canvas.canvas import Canvas
from pose_app.ui.state.view_state import ViewState

SNAPSHOTS = Path(__file__).parent / "snapshots"
# A standing person in a 160 x 120 picture, in the order of MPII_16.
PLACES = [
    (70, 110), (71, 90), (72, 70), (88, 70), (89, 90), (90, 110), (80, 70), (80, 42),
    (80, 34), (80, 16), (52, 62), (58, 50), (68, 38), (92, 38), (102, 50), (108, 30),
]  # fmt: skip


def picture() -> np.ndarray:
    """(120, 160, 3): a ramp with a red left edge and a grid, so that flips and scales show."""
    image = np.zeros((120, 160, 3), np.uint8)
    image[..., 0] = np.linspace(40, 160, 160)[None]
    image[..., 1] = np.linspace(60, 140, 120)[:, None]
    image[..., 2] = 60
    image[::20] = image[:, ::20] = (90, 110, 100)
    image[:, :8] = (0, 0, 220)
    return image


def blobs(places: np.ndarray, region: Region, sigma: float) -> np.ndarray:
    """(K, 64, 64) with a peak of 0.9 at each joint."""
    at = (places - (region.x - 0.5)) * [1, 1]
    at[:, 1] = places[:, 1] - (region.y - 0.5)
    at = at * 64 / region.side - 0.5
    grid = np.arange(64)
    away = (grid[None, None, :] - at[:, 0, None, None]) ** 2
    away = away + (grid[None, :, None] - at[:, 1, None, None]) ** 2
    return (0.9 * np.exp(-away / (2 * sigma**2))).astype(np.float32)


def result(**changes) -> FrameResult:
    """Two stacks: the first is 5 pixels off to the right; one joint absent, one uncertain."""
    region = Region(20.0, 4.0, 116.0)
    last = np.array(PLACES, np.float32)
    first = last + np.float32([5, 0])
    scores = np.full(16, 0.9, np.float32)
    scores[10], scores[15] = 0.1, 0.35
    maps = np.stack([blobs(first, region, 3.0), blobs(last, region, 1.5)])[:, None]
    pose = Pose(
        skeleton=MPII_16,
        joints=last,
        scores=scores,
        present=scores >= 0.3,
        region=region,
        stack=1,
        stack_joints=np.stack([first, last]),
        stack_scores=np.stack([scores * np.float32(0.9), scores]),
        threshold=0.3,
        track_id=1,
        score=0.9,
        maps=HostHeatmaps(maps),
    )
    return FrameResult(Frame(0, 1, 0.0, picture()), (replace(pose, **changes),), 2)


@pytest.fixture
def canvas(qtbot, qapp):
    theme.apply(qapp, "dark")
    made = Canvas(ViewState())
    qtbot.addWidget(made)
    made.resize(400, 240)
    made.show()
    made.show_result(result())
    return made


def painted(canvas: Canvas) -> np.ndarray:
    """(H, W, 3) of what is shown."""
    image = canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()


def check(canvas: Canvas, name: str) -> None:
    """Compare with the stored picture; antialiasing differs a little between Qt versions.

    `POSE_APP_SNAPSHOTS=write pytest tests/ui/test_canvas.py` stores them anew: look at them then.
    """
    path = SNAPSHOTS / f"{name}.png"
    if os.environ.get("POSE_APP_SNAPSHOTS") == "write":
        SNAPSHOTS.mkdir(exist_ok=True)
        assert canvas.grab().toImage().save(str(path))
    stored = QImage(str(path)).convertToFormat(QImage.Format.Format_RGB888)
    assert not stored.isNull(), f"{path} is missing"
    rows = np.frombuffer(stored.constBits(), np.uint8)
    rows = rows.reshape(stored.height(), stored.bytesPerLine())[:, : stored.width() * 3]
    wanted = rows.reshape(stored.height(), stored.width(), 3).astype(int)
    found = painted(canvas).astype(int)
    assert found.shape == wanted.shape
    away = np.abs(found - wanted).max(axis=2)
    allowed = 0.03 if canvas.view.solo is not None else 0.004  # its label: fonts differ
    assert np.mean(away > 40) < allowed, f"{np.mean(away > 40):.4f} of the pixels differ"
    assert away.mean() < 2.0


LOOKS = {
    "plain": {},
    "mirror": {"mirror": True},
    "fill": {"scale": "fill"},
    "actual": {"scale": "actual"},
    "black": {"background": "black"},
    "blurred": {"background": "blurred"},
    "heatmap": {"heatmap": True, "skeleton": False},
    "heatmap-first-stack": {"heatmap": True, "stack": 0, "skeleton": False},
    "heatmap-one-joint": {"heatmap": True, "joint": 9, "opacity": 1.0, "mirror": True},
    "compare": {"compare": 0},
    "solo": {"solo": 9, "heatmap": True, "joint": 9},
    "arms-only": {"visible": frozenset({10, 11, 12, 13, 14, 15}), "region": False},
}


@pytest.mark.parametrize("name", LOOKS)
def test_looks_like_the_stored_picture(canvas, name):
    for attribute, value in LOOKS[name].items():
        setattr(canvas.view, attribute, value)
    check(canvas, name)


def test_all_looks_differ():
    stored = [(SNAPSHOTS / f"{name}.png").read_bytes() for name in LOOKS]
    assert len(set(stored)) == len(stored)


def test_a_region_chosen_by_hand_looks_like_one(canvas):
    canvas.show_result(result(manual=True))
    check(canvas, "region-manual")


def test_a_region_beyond_the_picture_ends_with_it(canvas):
    """The square of somebody close by is larger than the picture: no line crosses its borders."""
    canvas.view.skeleton = False
    canvas.show_result(result(region=Region(-10.0, -30.0, 180.0)))
    drawn = painted(canvas)
    canvas.view.region = False
    canvas.update()
    changed = (drawn != painted(canvas)).any(axis=2)
    left, top, width, height = (round(v) for v in canvas.transform.rectangle)
    inside = np.zeros_like(changed)
    edge = 2  # half of the corners, which are stronger
    inside[max(top - edge, 0) : top + height + edge, left - edge : left + width + edge] = True
    assert changed[inside].any()
    assert not changed[~inside].any()


def test_a_region_chosen_by_hand_is_seen_while_nobody_is_found_in_it(canvas):
    somebody = result(manual=True)
    canvas.view.skeleton = False
    canvas.show_result(somebody)
    drawn = painted(canvas)
    canvas.show_result(replace(somebody, poses=()))
    bare = painted(canvas)
    assert (bare != drawn).any()
    canvas.show_region(somebody.person().region)
    np.testing.assert_array_equal(painted(canvas), drawn)
    canvas.show_result(somebody)  # found: not drawn twice
    np.testing.assert_array_equal(painted(canvas), drawn)
    canvas.show_result(replace(somebody, poses=()))
    canvas.show_region(None)
    np.testing.assert_array_equal(painted(canvas), bare)


def test_nobody_is_the_picture_alone(canvas):
    canvas.show_result(replace(result(), poses=()))
    alone = painted(canvas)
    assert canvas.joint_at(QPointF(*canvas.transform.to_widget(PLACES[0]))) is None
    canvas.view.skeleton = canvas.view.region = False
    assert np.array_equal(painted(canvas), alone)


def test_everybody_is_drawn(canvas):
    one = painted(canvas)
    first = result().poses[0]
    aside = replace(
        first,
        joints=first.joints + np.float32([70, 0]),
        region=replace(first.region, x=first.region.x + 70),
        track_id=2,
    )
    canvas.show_result(replace(result(), poses=(first, aside)))
    both = painted(canvas)
    changed = np.argwhere((one != both).any(axis=-1))
    left = canvas.transform.to_widget([first.region.x, 0])[0]
    assert len(changed)
    assert changed[:, 1].min() > left + 30, "the first person is painted as before"
    canvas.show_result(replace(result(), poses=(aside,)))
    assert not np.array_equal(painted(canvas), both)


@pytest.mark.parametrize("scale", ["fit", "fill", "actual"])
@pytest.mark.parametrize("background", ["blurred", "black"])
def test_no_sharp_pixel_is_painted_behind_the_skeleton(canvas, background, scale):
    """Two pictures that differ in what is fine alone are painted alike, without an edge."""
    canvas.view.skeleton = canvas.view.region = False
    canvas.view.background, canvas.view.scale = background, scale
    board = np.indices((240, 320)).sum(axis=0) // 4 % 2
    painted_of = []
    for phase in (0, 1):
        image = np.where(board == phase, 255, 0).astype(np.uint8)[..., None].repeat(3, axis=2)
        canvas.show_result(replace(result(), frame=Frame(phase, 1, 0.0, image)))
        painted_of.append(painted(canvas).astype(int))
    assert np.abs(painted_of[0] - painted_of[1]).max() < 8
    middle = painted_of[0][20:-20, 60:-60]
    assert np.abs(np.diff(middle, axis=1)).max() < 4
    assert np.abs(np.diff(middle, axis=0)).max() < 4
    canvas.view.background = "picture"
    assert np.abs(np.diff(painted(canvas).astype(int), axis=1)).max() > 100


def test_nothing_yet(canvas):
    before = painted(canvas)
    canvas.clear("No picture.")
    assert np.any(before != painted(canvas))
    words = painted(canvas)
    canvas.show_message("Opening the camera…")
    assert np.any(words != painted(canvas))


def doubled() -> np.ndarray:
    """The picture at twice its size: a canvas does not get as small as the picture itself."""
    return np.ascontiguousarray(picture().repeat(2, axis=0).repeat(2, axis=1))


def test_the_picture_is_painted_true_to_its_pixels(canvas):
    canvas.view.skeleton = canvas.view.region = False
    canvas.resize(320, 240)
    canvas.show_result(replace(result(), frame=Frame(1, 1, 0.0, doubled())))
    assert np.array_equal(painted(canvas), doubled()[..., ::-1])
    canvas.view.mirror = True
    assert np.array_equal(painted(canvas), doubled()[:, ::-1, ::-1])


def test_a_picture_with_rows_apart_is_shown_right(canvas):
    """A view into a larger array: strides are not what the width says."""
    large = np.zeros((260, 400, 3), np.uint8)
    large[5:245, 20:340] = doubled()
    canvas.view.skeleton = canvas.view.region = False
    canvas.resize(320, 240)
    canvas.show_result(replace(result(), frame=Frame(1, 1, 0.0, large[5:245, 20:340])))
    assert np.array_equal(painted(canvas), doubled()[..., ::-1])


@pytest.mark.parametrize("mirror", [False, True])
def test_hover_names_a_joint_and_click_solos_it(canvas, qtbot, mirror):
    canvas.view.mirror = mirror
    x, y = canvas.transform.to_widget(PLACES[9])
    plain = painted(canvas)
    qtbot.mouseMove(canvas, QPoint(round(x) + 2, round(y)))
    assert canvas.joint_at(QPointF(x, y)) == 9
    qtbot.waitUntil(lambda: np.any(painted(canvas) != plain))
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
    assert canvas.view.solo == 9
    assert canvas.view.joint == 9
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(3, 3))
    assert canvas.view.solo is None


def test_an_absent_joint_is_not_there_for_the_mouse(canvas):
    x, y = canvas.transform.to_widget(PLACES[10])
    assert canvas.joint_at(QPointF(x, y)) != 10


@pytest.mark.parametrize("mirror", [False, True])
def test_dragging_chooses_a_square_in_the_picture(canvas, qtbot, mirror):
    canvas.view.mirror = mirror
    corners = [canvas.transform.to_widget(at) for at in ((29.5, 19.5), (89.5, 69.5))]
    start, end = (QPoint(round(x), round(y)) for x, y in corners)
    with qtbot.waitSignal(canvas.region_chosen) as signal:
        qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start)
        qtbot.mouseMove(canvas, end)
        qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=end)
    region = signal.args[0]
    assert (region.x, region.y, region.side) == pytest.approx((30, 15, 60), abs=1)


def test_a_drag_can_be_cancelled(canvas, qtbot):
    chosen = []
    canvas.region_chosen.connect(chosen.append)
    assert not canvas.cancel_drag()
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(100, 50))
    qtbot.mouseMove(canvas, QPoint(180, 150))
    assert canvas.cancel_drag()
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(180, 150))
    assert chosen == []


def test_the_age_is_from_capture_to_paint(canvas, qtbot):
    painted(canvas)
    assert canvas.age_ms == pytest.approx((canvas.painted_ns - 1) / 1e6)


class LostHeatmaps(HostHeatmaps):
    """Maps on a device that was lost meanwhile."""

    def stack(self, stack: int, item: int = 0) -> np.ndarray:
        raise EngineError("the device is gone")


def test_lost_heatmaps_leave_picture_and_skeleton(canvas):
    plain = painted(canvas)
    canvas.view.heatmap = True
    canvas.show_result(result(maps=LostHeatmaps(np.zeros((2, 1, 16, 64, 64), np.float32))))
    assert np.array_equal(painted(canvas), plain)


def test_a_mistake_in_painting_leaves_no_painter_active(canvas, monkeypatch):
    painters = []

    def fail(painter, *arguments) -> None:
        painters.append(painter)  # as a traceback does, this keeps it alive
        raise KeyError("nobody thought of this")

    monkeypatch.setattr(painting, "paint_skeleton", fail)
    with pytest.raises(KeyError):
        canvas.grab()
    (painter,) = painters
    assert not painter.isActive()


def two_people() -> FrameResult:
    """The person of `result` (track 1) and the same one 50 pixels to the right (track 7)."""
    one = result().poses[0]
    shift = np.float32([50, 0])
    other = replace(
        one, track_id=7, joints=one.joints + shift, stack_joints=one.stack_joints + shift
    )
    return replace(result(), poses=(replace(one, track_id=1), other))


def test_a_click_selects_a_person_and_the_others_get_thinner(canvas, qtbot):
    canvas.show_result(two_people())
    alike = painted(canvas)
    x, y = canvas.transform.to_widget([PLACES[9][0] + 50, PLACES[9][1]])
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
    assert canvas.view.person == 7
    assert canvas.view.solo is None, "the first click is for the person"
    assert np.any(painted(canvas) != alike)
    assert canvas.view.drawing().selected == 7
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
    assert canvas.view.solo == 9, "the second one for the joint"


def test_tab_goes_from_person_to_person_and_then_on(canvas, qtbot):
    canvas.show_result(two_people())
    canvas.setFocus()
    seen = []
    for _ in range(3):
        canvas.focusNextPrevChild(True)
        seen.append(canvas.view.person)
    assert seen == [1, 7, None]
    canvas.show_result(result())
    canvas.focusNextPrevChild(True)
    assert canvas.view.person is None


def test_only_several_people_have_numbers(canvas):
    canvas.view.region = False
    one, two = result(), two_people()
    hidden = replace(two, poses=(two.poses[0],))
    canvas.show_result(hidden)
    alone = painted(canvas)
    canvas.show_result(one)
    assert np.array_equal(painted(canvas), alone)


def test_numbers_have_the_colours_of_a_recording(canvas):
    canvas.view.region = False
    both = two_people()
    canvas.show_result(both)
    shown = painted(canvas)[..., :3].astype(int)
    for pose in both.poses:
        away = np.abs(shown - colours.tint(pose.track_id)).max(axis=-1)
        assert (away < 12).sum() > 10, pose.track_id
