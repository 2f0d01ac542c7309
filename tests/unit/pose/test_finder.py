"""A finder's maps are read into boxes, in the pixels of the frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose_app.engines.base import EngineInfo, HostHeatmaps
from pose_app.errors import EngineError, ModelError
from pose_app.pose.crop import crop
from pose_app.pose.finder import Finder, decode_boxes, whole_frame
from pose_app.spec import BOX_MAPS, BOX_UNIT, ModelSpec, NetworkConfig
from pose_app.types import Floats, Image

SPEC = ModelSpec(
    name="finder",
    family="pose-app",
    network=NetworkConfig(stacks=1, width=16, joints=5),
    joints=BOX_MAPS,
    limbs=(),
    flip=(0, 1, 2, 3, 4),
    output="boxes",
    threshold=0.5,
)


def maps(*people: tuple[float, float, float, float, float]) -> Floats:
    """Maps (5, 64, 64) with a peak for each (x, y, width, height in input pixels, score)."""
    made = np.zeros((5, 64, 64), np.float32)
    made[0] = -6
    for x, y, width, height, score in people:
        column, row = (x + width / 2) / 4, (y + height / 2) / 4  # map pixel corners
        i, j = int(column), int(row)
        made[0, j, i] = np.log(score / (1 - score))
        made[1:3, j, i] = np.log(np.array([width, height]) / BOX_UNIT)
        made[3:, j, i] = column - i - 0.5, row - j - 0.5
    return made


def test_boxes_are_read_back_the_surest_first() -> None:
    small, large = (10.0, 20.5, 30.0, 77.0, 0.6), (60.0, 40.0, 150.0, 200.0, 0.9)
    boxes = decode_boxes(maps(small, large), SPEC, 8)
    assert boxes == pytest.approx(np.array([large, small]), abs=1e-3)
    assert decode_boxes(maps(small, large), SPEC, 1) == pytest.approx(np.array([large]), abs=1e-3)


def test_nobody_is_no_box() -> None:
    assert decode_boxes(maps(), SPEC, 8).shape == (0, 5)
    assert decode_boxes(maps((10, 10, 50, 50, 0.49)), SPEC, 8).shape == (0, 5)
    assert len(decode_boxes(maps((10, 10, 50, 50, 0.49)), replace(SPEC, threshold=0.4), 8)) == 1


def test_only_the_highest_of_neighbours_is_a_person_and_one_of_equal_ones() -> None:
    given = maps((100, 100, 60, 60, 0.9))
    row, column = np.unravel_index(given[0].argmax(), (64, 64))
    given[0, row - 1 : row + 2, column - 1 : column + 2] = 1.0
    given[0, row, column] = 2.0
    assert len(decode_boxes(given, SPEC, 8)) == 1
    given[0, row - 1 : row + 2, column - 1 : column + 2] = 2.0  # as half precision makes
    assert len(decode_boxes(given, SPEC, 8)) == 1
    two_pixels_apart = maps((100, 100, 60, 60, 0.9), (108, 100, 60, 60, 0.8))
    assert len(decode_boxes(two_pixels_apart, SPEC, 8)) == 2
    neighbours = maps((100, 100, 60, 60, 0.9), (104, 104, 60, 60, 0.8))
    assert len(decode_boxes(neighbours, SPEC, 8)) == 1


def test_a_peak_on_the_border_of_the_map_counts() -> None:
    given = maps((-20, -10, 42, 22, 0.9), (230, 240, 48, 30, 0.8))
    assert len(decode_boxes(given, SPEC, 8)) == 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", range(5))
def test_what_is_not_finite_is_nobody(which: int, value: float) -> None:
    given = maps((100, 100, 60, 60, 0.9), (20, 20, 40, 40, 0.8))
    row, column = np.unravel_index(given[0].argmax(), (64, 64))
    given[which, row, column] = value
    boxes = decode_boxes(given, SPEC, 8)
    assert np.isfinite(boxes).all()
    assert boxes == pytest.approx(np.array([[20, 20, 40, 40, 0.8]]), abs=1e-3)


def test_a_box_gone_wild_is_nobody() -> None:
    given = maps((100, 100, 60, 60, 0.9))
    row, column = np.unravel_index(given[0].argmax(), (64, 64))
    given[1, row, column] = 500.0
    assert not len(decode_boxes(given, SPEC, 8))


class WhiteEngine:
    """Finds the box around all white pixels of its input."""

    spec = SPEC
    info = EngineInfo("test", "none", "f32")

    def infer(self, crops: Image, stacks: int) -> HostHeatmaps:
        assert crops.shape == (1, 256, 256, 3)
        assert stacks == 1
        y, x = np.nonzero(crops[0, ..., 0] > 127)
        if not len(x):
            return HostHeatmaps(maps()[None, None])
        box = x.min(), y.min(), x.max() + 1 - x.min(), y.max() + 1 - y.min()
        return HostHeatmaps(maps((*(float(v) for v in box), 0.9))[None, None])


@pytest.mark.parametrize("size", [(720, 1280), (480, 360), (256, 256), (100, 90)])
def test_the_whole_frame_is_searched_and_boxes_are_in_its_pixels(size: tuple[int, int]) -> None:
    frame = np.zeros((*size, 3), np.uint8)
    height, width = size
    top, bottom, left, right = height // 5, height * 4 // 5, width // 4, width // 2
    frame[top:bottom, left:right] = 255
    (box,) = Finder(WhiteEngine()).find(frame)  # type: ignore[arg-type]
    pixel = max(size) / 256
    assert [box.x, box.y] == pytest.approx([left, top], abs=pixel + 1)
    assert [box.width, box.height] == pytest.approx([right - left, bottom - top], abs=2 * pixel + 1)
    assert box.score == pytest.approx(0.9, abs=1e-3)
    assert Finder(WhiteEngine()).find(np.zeros_like(frame)) == []  # type: ignore[arg-type]


def test_boxes_end_at_the_border_of_the_frame() -> None:
    frame = np.full((120, 200, 3), 255, np.uint8)
    (box,) = Finder(WhiteEngine()).find(frame)  # type: ignore[arg-type]
    assert [box.x, box.y] == pytest.approx([0, 0], abs=0.6)
    assert box.x + box.width <= 200
    assert box.y + box.height <= 120


def test_a_pose_network_is_no_finder() -> None:
    engine = WhiteEngine()
    engine.spec = replace(SPEC, output="heatmap", joints=("a", "b", "c", "d", "e"))
    with pytest.raises(ModelError, match="no person finder"):
        Finder(engine)  # type: ignore[arg-type]


def test_the_whole_frame_is_letterboxed_in_black() -> None:
    frame = np.full((100, 200, 3), 255, np.uint8)
    seen = crop(frame, whole_frame(200, 100), (256, 256))
    assert (seen[:60] == 0).all()
    assert (seen[-60:] == 0).all()
    assert (seen[70:186, 4:-4] == 255).all()


def test_an_engine_without_numbers_is_named_not_taken_for_an_empty_room() -> None:
    class Broken(WhiteEngine):
        def infer(self, crops: Image, stacks: int) -> HostHeatmaps:
            answer = super().infer(crops, stacks)
            answer.stack(0)[0] = np.nan
            return answer

    with pytest.raises(EngineError, match="not finite"):
        Finder(Broken()).find(np.full((48, 64, 3), 255, np.uint8))


def test_less_sure_boxes_are_given_where_they_are_asked_for() -> None:
    finder = Finder(WhiteEngine())
    image = np.full((48, 64, 3), 255, np.uint8)
    (box,) = finder.find(image)
    assert finder.find(image, threshold=box.score + 0.01) == []
    assert len(finder.find(image, threshold=box.score - 0.01)) == 1
