"""Every way to draw a recording: really encoded, read back frame by frame, looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose_app.drawing import colours
from pose_app.drawing.options import BACKGROUNDS, DRAWINGS, DrawOptions
from pose_app.engines.base import HostHeatmaps
from pose_app.recording.active import ActiveRecording
from pose_app.recording.recording import RecordingRequest
from pose_app.recording.verify import verify
from pose_app.types import Frame, FrameResult, Pose
from tests.poses import make_pose
from tests.unit.drawing.test_draw import scaled
from tests.unit.recording.test_verify import MODEL
from tests.unit.recording.test_video_writer import _until, read_back

WIDTH, HEIGHT = 480, 360
FRAMES = 4
JOINT = 4  # of the left side: its colour is blue, that of heat is not


def person() -> Pose:
    """In the middle, with a heatmap for each joint at its place in each of four stacks."""
    pose = scaled(make_pose((80, 60), stacks=4), 3.0)
    places = (pose.stack_joints + 0.5 - (pose.region.x, pose.region.y)) * 64 / pose.region.side
    grid = np.arange(64) + 0.5
    away = (grid[None, None, None, :] - places[..., 0, None, None]) ** 2
    away = away + (grid[None, None, :, None] - places[..., 1, None, None]) ** 2
    maps = np.exp(-away / (2 * 3.0**2)).astype(np.float32)
    return replace(pose, maps=HostHeatmaps(maps[:, None]))


PERSON = person()


def stripes() -> np.ndarray:
    """Fine grey stripes: sharp, and without a colour of their own."""
    image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    image[:, ::4] = image[:, 1::4] = 160
    return image


def record(folder: Path, shown: list[DrawOptions]) -> list[np.ndarray]:
    """The frames of an annotated file, one for each of the options."""
    path = folder / "a.mp4"
    active = ActiveRecording(RecordingRequest(path, drawing=shown[0]))
    active.begin("test", 10.0, True)
    active.describe({**MODEL, "stacks": 4})
    for number, options in enumerate(shown):
        active.drawing = options
        frame = Frame(number, 0, number / 10, stripes())
        active.offer_result(FrameResult(frame, (PERSON,), 0), number / 10)
        _until(lambda n=number + 1: active._annotated._written == n)  # drawn with these options
    active.close()
    assert verify(path).good
    return [image.astype(int) for _, image in read_back(path)]


def has_skeleton(image: np.ndarray) -> bool:
    x, y = (round(float(v)) for v in PERSON.joints[JOINT])
    return bool(np.abs(image[y, x] - colours.bgr(colours.SIDES["left"])).max() < 50)


def has_heat(image: np.ndarray) -> bool:
    """Beside the joint, where no limb and no disc is, the picture is as red as heat is."""
    x, y = PERSON.joints[JOINT] + (PERSON.joints[JOINT] - (WIDTH / 2, HEIGHT / 2)) * 0.14
    blue, _, red = image[round(float(y)), round(float(x))]
    return bool(red - blue > 30)


def background(image: np.ndarray) -> str:
    corner = image[HEIGHT // 3 : HEIGHT // 2, 10 : WIDTH // 8].mean(axis=2)
    if corner.max() < 12:
        return "black"
    return "picture" if np.abs(np.diff(corner, axis=1)).mean() > 15 else "blur"


@pytest.mark.parametrize("shown", BACKGROUNDS)
@pytest.mark.parametrize("heatmap", [True, False])
@pytest.mark.parametrize("what", ["as_shown", "skeleton", "raw"])
def test_a_recording_shows_what_was_chosen(
    tmp_path: Path, what: str, heatmap: bool, shown: str
) -> None:
    frames = record(tmp_path, [DrawOptions(what, shown, heatmap=heatmap, opacity=0.9)] * FRAMES)
    assert len(frames) == FRAMES
    for image in frames:
        assert image.shape == (HEIGHT, WIDTH, 3)
        assert has_skeleton(image) == (what != "raw")
        assert has_heat(image) == (what == "as_shown" and heatmap)
        assert background(image) == shown


@pytest.mark.parametrize("shown", BACKGROUNDS)
def test_a_recording_of_the_stacks_has_all_of_them(tmp_path: Path, shown: str) -> None:
    from pose_app.drawing.stacks_picture import StacksLayout

    frames = record(tmp_path, [DrawOptions("stacks", shown)] * FRAMES)
    layout = StacksLayout.natural((WIDTH, HEIGHT), 4)
    for image in frames:
        assert image.shape[1::-1] == layout.size
        x, y, w, h = layout.picture
        picture = image[y : y + h : 2, x : x + w : 2]  # the frame's own size again
        assert has_skeleton(picture)
        assert not has_heat(picture)
        assert background(picture) == shown
        for x, y, w, h in layout.tiles:
            lower = image[y + h // 4 : y + h, x : x + w]
            assert (lower[..., 2] - lower[..., 0] > 60).mean() > 0.02
            fine = np.abs(np.diff(lower[-20:, : w // 4].mean(axis=2), axis=1)).mean()
            assert (fine > 4) == (shown == "picture")


def test_what_is_drawn_changes_while_it_is_recorded(tmp_path: Path) -> None:
    """The file keeps the size of its first frame: another shape is made to fit into it."""
    plain = DrawOptions()
    shown = [
        plain,
        replace(plain, heatmap=True, opacity=0.9),
        DrawOptions("raw"),
        replace(plain, background="black"),
        DrawOptions("stacks"),
        replace(plain, background="blur"),
    ]
    frames = record(tmp_path, shown)
    assert {image.shape for image in frames} == {(HEIGHT, WIDTH, 3)}
    assert [has_heat(image) for image in frames[:4]] == [False, True, False, False]
    assert [has_skeleton(image) for image in frames[:4]] == [True, True, False, True]
    assert [background(image) for image in (*frames[:4], frames[5])] == [
        "picture", "picture", "picture", "black", "blur",
    ]  # fmt: skip
    left, middle = frames[4][:, : WIDTH // 20], frames[4][HEIGHT * 2 // 3 + 20 :]
    assert left.max() < 20  # beside the smaller picture
    assert (middle[..., 2] - middle[..., 0] > 60).any()  # the tiles below it


@pytest.mark.parametrize("shown", ["blur", "black"])
@pytest.mark.parametrize("what", DRAWINGS)
def test_no_sharp_pixel_is_in_a_file(tmp_path: Path, what: str, shown: str) -> None:
    """The stripes stand upright: encoded or not, they would be steps from column to column."""
    (image,) = record(tmp_path, [DrawOptions(what, shown, skeleton=what != "as_shown")])
    empty = image[HEIGHT // 3 : HEIGHT // 2, : WIDTH // 8].mean(axis=2)
    assert np.abs(np.diff(empty, axis=1)).mean() < 1.0
    (sharp,) = record_again(tmp_path, DrawOptions(what))
    edges = np.diff(sharp[HEIGHT // 3 : HEIGHT // 2, : WIDTH // 8].mean(axis=2), axis=1)
    assert np.abs(edges).mean() > 10


def record_again(folder: Path, options: DrawOptions) -> list[np.ndarray]:
    (folder / "again").mkdir()
    return record(folder / "again", [options])
