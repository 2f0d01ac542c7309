"""With a blurred or black background nothing of the picture itself is left that tells who it is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pose_app.drawing.privacy import BLOCKS, averaged, backdrop, region_picture
from pose_app.drawing.stacks_picture import grey_region
from pose_app.types import Region

SIZES = [(640, 480), (1280, 720), (1920, 1080), (480, 640), (641, 359), (320, 240)]


def room(size: tuple[int, int]) -> np.ndarray:
    """A picture (H, W, 3) of large, soft shapes."""
    width, height = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    planes = [
        128 + 90 * np.sin(4 * x / width + phase) * np.cos(3 * y / height + phase)
        for phase in (0.0, 1.0, 2.0)
    ]
    return np.stack(planes, axis=-1).astype(np.uint8)


def face(size: tuple[int, int], person: int, part: float = 0.25) -> np.ndarray:
    """The same room and head for every `person`, but their own eyes, brows, nose and mouth.

    The head is `part` of the shorter side high. Features are as dark for one person as for another:
    what tells people apart is where they are.
    """
    image = room(size)
    high = part * min(size)
    cx, cy = size[0] / 2 + 7.3, size[1] / 2 - 3.7
    cv2.ellipse(
        image, (round(cx), round(cy)), (round(high * 0.37), round(high / 2)), 0, 0, 360,
        (150, 180, 220), -1, cv2.LINE_AA,
    )  # fmt: skip
    chance = np.random.default_rng(person)
    for x, y in ((-0.17, -0.1), (0.17, -0.1), (-0.17, -0.17), (0.17, -0.17), (0, 0.06), (0, 0.26)):
        dx, dy = chance.uniform(-0.035, 0.035, 2)
        place = round(cx + (x + dx) * high), round(cy + (y + dy) * high)
        cv2.ellipse(
            image, place, (max(round(high * 0.07), 1), max(round(high * 0.025), 1)), 0, 0, 360,
            (30, 40, 60), -1, cv2.LINE_AA,
        )  # fmt: skip
    return image


def checkerboard(size: tuple[int, int], cell: int) -> np.ndarray:
    y, x = np.mgrid[: size[1], : size[0]]
    cells: np.ndarray = np.where((x // cell + y // cell) % 2, 255, 0).astype(np.uint8)
    return np.repeat(cells[..., None], 3, axis=2)


def sharpness(image: np.ndarray) -> float:
    """The mean step from a pixel to its neighbours."""
    values = image.astype(float)
    steps = np.abs(np.diff(values, axis=0)).mean() + np.abs(np.diff(values, axis=1)).mean()
    return float(steps)


@pytest.mark.parametrize("size", SIZES)
def test_a_blurred_picture_has_no_edge(size: tuple[int, int]) -> None:
    cell = max(min(size) // 60, 2)
    sharp = checkerboard(size, cell)
    out = backdrop(sharp, "blur")
    assert out.shape == sharp.shape
    assert out.dtype == np.uint8
    assert sharpness(sharp) > 10
    assert sharpness(out) < 0.3
    assert np.abs(out.astype(int) - 127).max() < 12  # grey: the pattern itself is gone


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("part", "most"), [(0.25, 4), (0.5, 8), (1.0, 16)])
def test_faces_are_all_the_same(size: tuple[int, int], part: float, most: int) -> None:
    """Who it is cannot be read where every face gives the same picture, however close it is."""
    people = [face(size, person, part) for person in range(4)]
    blurred = [backdrop(image, "blur").astype(float) for image in people]
    for other in range(1, 4):
        sharp = np.abs(people[0].astype(float) - people[other]).max()
        left = np.abs(blurred[0] - blurred[other]).max()
        assert sharp > 100
        assert left < most  # of 255, and without an edge


@pytest.mark.parametrize("part", [0.25, 0.5, 0.75, 1.0])
def test_sharpening_does_not_bring_a_face_back(part: float) -> None:
    """The best that a linear filter can do with the blurred picture says no more who it is than
    the blur did: the same person's face is not nearer than other people's, beyond their mean.
    """
    size = (640, 480)
    people = np.stack([face(size, person, part).astype(float) for person in range(8)])
    restored = []
    for image in people:
        soft = backdrop(image.astype(np.uint8), "blur").astype(np.float32)
        wide = cv2.GaussianBlur(soft, (0, 0), 0.7 * 480 / BLOCKS)
        restored.append(np.clip(soft + 3 * (soft - wide), 0, 255))
    mean = people.mean(axis=0)
    for person, image in enumerate(restored):
        own = people[person] - mean
        found = image - np.mean(restored, axis=0)
        likeness = (own * found).sum() / max(np.sqrt((own**2).sum() * (found**2).sum()), 1e-9)
        assert likeness < 0.35


def test_the_blur_depends_on_few_numbers() -> None:
    small = averaged(face((1280, 720), 1))
    assert min(small.shape[:2]) < 100
    window = np.outer(np.hanning(small.shape[0]), np.hanning(small.shape[1]))
    spectrum = np.abs(np.fft.fft2((small[..., 1] - small[..., 1].mean()) * window))
    rows = np.abs(np.fft.fftfreq(small.shape[0])) * small.shape[0]
    columns = np.abs(np.fft.fftfreq(small.shape[1])) * small.shape[1]
    # Enlarged and blurred, hardly anything is finer than the grid of blocks.
    fine = (rows[:, None] > BLOCKS) | (columns[None] > BLOCKS * small.shape[1] / small.shape[0])
    assert (spectrum[fine] ** 2).sum() < 0.002 * (spectrum**2).sum()


def test_the_room_stays_what_it_was() -> None:
    """Large shapes and colours are the point of a blurred background."""
    image = room((1280, 720))
    out = backdrop(image, "blur").astype(int)
    assert np.abs(out - image).mean() < 10


@pytest.mark.parametrize("background", ["blur", "black"])
def test_the_part_under_a_heatmap_is_of_the_same_background(background: str) -> None:
    size = (640, 480)
    seen = Region(250.0, 150.0, 160.0)
    tiles = [
        grey_region(face(size, person), seen, (200, 200), background).astype(int)
        for person in range(4)
    ]
    sharp = [grey_region(face(size, person), seen, (200, 200), "picture") for person in range(4)]
    assert np.abs(sharp[0].astype(int) - sharp[1]).max() > 40
    for tile in tiles:
        assert np.abs(tile - tiles[0]).max() < 6
        assert sharpness(tile) < 0.6


@pytest.mark.parametrize("size", [(640, 480), (1920, 1080)])
@pytest.mark.parametrize("seen", [(0.2, 0.1, 0.6), (-0.2, -0.1, 0.8), (0.9, 0.8, 0.01)])
def test_the_blurred_part_is_the_blurred_pictures(
    size: tuple[int, int], seen: tuple[float, float, float]
) -> None:
    image = room(size)
    region = Region(*(size[1] * value for value in seen))
    part = region_picture(image, region, (96, 96), "blur").astype(int)
    whole = region_picture(backdrop(image, "blur"), region, (96, 96), "picture").astype(int)
    inside = region_picture(np.full_like(image, 255), region, (96, 96), "picture").min(axis=2) > 250
    assert np.abs(part - whole)[inside].max(initial=0) < 3


def test_the_blurred_part_has_no_edge_where_the_picture_ends() -> None:
    white = np.full((480, 640, 3), 255, np.uint8)
    part = region_picture(white, Region(-100.0, 40.0, 400.0), (100, 100), "blur")
    assert (part[:, :25] == 0).all()
    assert (part[:, 25:] == 255).all()


def test_black_is_black_and_the_picture_is_a_copy() -> None:
    image = room((64, 48))
    assert not backdrop(image, "black").any()
    out = backdrop(image, "picture")
    np.testing.assert_array_equal(out, image)
    assert not np.shares_memory(out, image)


@pytest.mark.parametrize("background", ["picture", "blur", "black"])
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (7, 3)])
def test_tiny_pictures(background: str, size: tuple[int, int]) -> None:
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    assert backdrop(image, background).shape == image.shape
    assert backdrop(image, background, (20, 10)).shape == (10, 20, 3)


def test_another_background_is_refused() -> None:
    with pytest.raises(ValueError, match="no background"):
        backdrop(room((8, 8)), "blurred")
