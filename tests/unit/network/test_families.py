"""Each family's feeding and reading, written out once more as its authors' evaluation does it.

Every rule is checked against every other family: swapping it for a neighbour's must show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pose_app.engines.fused import normalised
from pose_app.network import load_checkpoint
from pose_app.network.families import FAMILIES, spec_for
from pose_app.network.protocol import (
    flip_average,
    flip_back,
    region_of_box,
    region_of_person,
)
from pose_app.pose.crop import to_picture
from pose_app.pose.decode import decode
from pose_app.skeletons import COCO_17, MPII_16
from pose_app.spec import ModelSpec, NetworkConfig
from tests.unit.network import reference_graphs as reference

Array = NDArray[np.float64]
NAMES = sorted(FAMILIES)


def spec_of(family: str, joints: int = 16) -> ModelSpec:
    return spec_for(family, NetworkConfig(stacks=1, width=256, joints=joints), family)


def meta(config: str) -> dict[str, object]:
    return {"meta": {"config": config}}


# --- recognition, from the file alone ------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "make"),
    [
        ("princeton", lambda: reference.princeton(1, 16)),
        ("bearpaw", lambda: reference.bearpaw(1)),
        ("bearpaw", lambda: reference.bearpaw(1, width=128, stem=64)),
        ("fpd", lambda: reference.bearpaw(1, width=128, stem=32)),
        ("mobile-fpd", lambda: reference.bearpaw(1, depthwise=True)),
        ("mmpose", lambda: reference.mmpose(1, (16, 16, 24, 24, 24, 32), stem=8)),
    ],
)
def test_recognised_by_keys_and_shapes(
    tmp_path: Path, expected: str, make: Callable[[], reference.Weights]
) -> None:
    torch.save(make(), tmp_path / "model_best.pth.tar")
    _, spec = load_checkpoint(tmp_path / "model_best.pth.tar")
    assert spec.family == expected
    assert spec.name == "model_best"


def test_wide_fpd_is_recognised_by_what_lies_beside_its_tensors(tmp_path: Path) -> None:
    weights = reference.bearpaw(1)
    torch.save(
        {"state_dict": weights, "best_state_dict": weights, "perf": 90.5}, tmp_path / "a.pth"
    )
    assert load_checkpoint(tmp_path / "a.pth")[1].family == "fpd"
    torch.save({"state_dict": weights, "best_acc": 88.0}, tmp_path / "b.pth")
    assert load_checkpoint(tmp_path / "b.pth")[1].family == "bearpaw"
    assert load_checkpoint(tmp_path / "b.pth", family="fpd")[1].colour == "BGR"


@pytest.mark.parametrize(
    ("file", "beside", "size", "joints", "sigma"),
    [
        ("hourglass52_coco_256x256-4ec713ba_20200709.pth", {}, (256, 256), 17, 2.0),
        ("hourglass52_coco_384x384-be91ba2b_20200812.pth", {}, (384, 384), 17, 3.0),
        ("hourglass52_mpii_384x384-04090bc3_20200812.pth", {}, (384, 384), 16, 2.0),
        ("a.pth", meta("x\ndata_cfg = dict(\n image_size=[128, 256])"), (256, 128), 17, 2.0),
        ("b.pth", meta("codec = dict(input_size=(384, 384), sigma=3)"), (384, 384), 17, 3.0),
        ("td-hm_hourglass52_coco-384x256.pth", {}, (384, 256), 17, 3.0),
        ("shot_640x480.pth", {}, (256, 256), 17, 2.0),
        ("c.pth", {}, (256, 256), 17, 2.0),
    ],
)  # fmt: skip
def test_the_size_mmpose_trained_at(
    tmp_path: Path,
    file: str,
    beside: dict[str, object],
    size: tuple[int, int],
    joints: int,
    sigma: float,
) -> None:
    weights = reference.mmpose(1, (16, 16, 24, 24, 24, 32), stem=8, joints=joints)
    torch.save({**beside, "state_dict": weights}, tmp_path / file)
    _, spec = load_checkpoint(tmp_path / file)
    assert spec.input_size == size
    assert spec.sigma == sigma
    assert spec.skeleton is (COCO_17 if joints == 17 else MPII_16)


# --- feeding -------------------------------------------------------------------------------------

RGB_MEAN = np.array([0.485, 0.456, 0.406])
RGB_STD = np.array([0.229, 0.224, 0.225])

FED: dict[str, Callable[[Array], Array]] = {  # (H, W, 3) BGR 0..255 as cv2 reads it -> (H, W, 3)
    "princeton": lambda bgr: bgr[..., ::-1] / 255,
    "bearpaw": lambda bgr: bgr[..., ::-1] / 255 - [0.4404, 0.4440, 0.4327],
    "mobile-fpd": lambda bgr: bgr[..., ::-1] / 255 - [0.4404, 0.4440, 0.4327],
    "fpd": lambda bgr: (bgr / 255 - RGB_MEAN) / RGB_STD,
    "mmpose": lambda bgr: (bgr[..., ::-1] / 255 - RGB_MEAN) / RGB_STD,
}
SAME_FEED = {frozenset(("bearpaw", "mobile-fpd"))}


def fed_by_the_app(bgr: Array, spec: ModelSpec) -> Array:
    crops = torch.from_numpy(bgr.astype(np.uint8))[None]
    return normalised(crops, spec)[0].permute(1, 2, 0).double().numpy()


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("other", NAMES)
def test_feeding(family: str, other: str) -> None:
    bgr = np.random.default_rng(1).integers(0, 256, (4, 5, 3)).astype(np.float64)
    agree = np.allclose(FED[other](bgr), fed_by_the_app(bgr, spec_of(family)), atol=1e-5)
    assert agree == (family == other or frozenset((family, other)) in SAME_FEED)


# --- reading -------------------------------------------------------------------------------------


def read_princeton(heatmap: Array) -> tuple[float, float]:
    """Quarter pixel right if the right neighbour is higher, else left; neighbours clamped."""
    height, width = heatmap.shape
    y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
    if heatmap[y, x] <= 0:
        return 0.0, 0.0
    px, py = x + 0.5, y + 0.5
    px += 0.25 if heatmap[y, min(x + 1, width - 1)] > heatmap[y, max(x - 1, 0)] else -0.25
    py += 0.25 if heatmap[min(y + 1, height - 1), x] > heatmap[max(y - 1, 0), x] else -0.25
    return px * 4, py * 4


def read_with_sign(offset: float) -> Callable[[Array], tuple[float, float]]:
    """Quarter pixel by the sign of the difference, in the interior only."""

    def read(heatmap: Array) -> tuple[float, float]:
        height, width = heatmap.shape
        y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
        px, py = float(x), float(y)
        if 0 < x < width - 1 and 0 < y < height - 1:
            px += 0.25 * np.sign(heatmap[y, x + 1] - heatmap[y, x - 1])
            py += 0.25 * np.sign(heatmap[y + 1, x] - heatmap[y - 1, x])
        return (px + offset) * 4, (py + offset) * 4

    return read


READ = {
    "princeton": read_princeton,
    "bearpaw": read_with_sign(0.5),
    "mobile-fpd": read_with_sign(0.5),
    "fpd": read_with_sign(0.0),
    "mmpose": read_with_sign(0.0),
}
SAME_READ = {frozenset(("bearpaw", "mobile-fpd")), frozenset(("fpd", "mmpose"))}


def telling_maps() -> dict[str, Array]:
    """One map per rule that the families disagree about."""
    slope = np.zeros((64, 64))
    slope[20, 30], slope[20, 31], slope[21, 30] = 1.0, 0.6, 0.3
    tie = np.zeros((64, 64))
    tie[20, 30] = 1.0
    border = np.zeros((64, 64))
    border[20, 63], border[20, 62], border[21, 63] = 1.0, 0.5, 0.4
    nobody = np.full((64, 64), -0.2)
    nobody[20, 30] = -0.1
    return {"slope": slope, "tie": tie, "border": border, "nobody": nobody}


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("other", NAMES)
def test_reading(family: str, other: str) -> None:
    maps = np.stack(list(telling_maps().values())).astype(np.float32)
    spec = replace(spec_of(family), joints=("a", "b", "c", "d"), limbs=(), flip=(0, 1, 2, 3))
    found = decode(maps, spec)[:, :2]
    truth = np.array([READ[other](heatmap) for heatmap in maps])
    agree = np.allclose(found, truth, atol=1e-6)
    assert agree == (family == other or frozenset((family, other)) in SAME_READ)


@pytest.mark.parametrize(
    ("rule", "change", "telling"),
    [
        ("offset", {"offset": 0.0}, "slope"),
        ("tie", {"tie": 0.0}, "tie"),
        ("border", {"border": "interior"}, "border"),
        ("positive_only", {"positive_only": False}, "nobody"),
    ],
)
def test_each_reading_rule_shows_by_itself(
    rule: str, change: dict[str, object], telling: str
) -> None:
    heatmap = telling_maps()[telling]
    spec = replace(spec_of("princeton"), joints=("a",), limbs=(), flip=(0,))
    swapped = replace(spec, decode=replace(spec.decode, **change))
    maps = heatmap[None].astype(np.float32)
    assert getattr(spec.decode, rule) != change[rule]
    np.testing.assert_allclose(decode(maps, spec)[0, :2], read_princeton(heatmap))
    assert not np.allclose(decode(maps, swapped)[0, :2], read_princeton(heatmap))


# --- flip test -----------------------------------------------------------------------------------

MPII_PAIRS = ((0, 5), (1, 4), (2, 3), (10, 15), (11, 14), (12, 13))


def flipped_plain(maps: Array, shift: bool) -> Array:
    """Mirror, exchange the pairs one by one, then move right by one pixel where it is the rule."""
    back = maps[:, :, ::-1].copy()
    for a, b in MPII_PAIRS:
        back[[a, b]] = back[[b, a]]
    if shift:
        back[:, :, 1:] = back[:, :, :-1].copy()
    return back


@pytest.mark.parametrize("family", NAMES)
def test_flip_rule(family: str) -> None:
    shift = {"princeton": 0, "bearpaw": 0, "mobile-fpd": 0, "fpd": 1, "mmpose": 1}[family]
    maps = np.random.default_rng(2).random((16, 6, 8)).astype(np.float32)
    found = flip_back(maps, spec_of(family))
    np.testing.assert_array_equal(found, flipped_plain(maps, bool(shift)))
    assert not np.array_equal(found, flipped_plain(maps, not shift))


def test_flip_average_of_a_symmetric_answer_changes_nothing() -> None:
    spec = spec_of("princeton")
    maps = np.random.default_rng(3).random((2, 16, 6, 8)).astype(np.float32)
    mirrored = flip_back(maps, spec)  # a network that answers mirror images exactly mirrored
    np.testing.assert_allclose(flip_average(maps, mirrored, spec), maps, atol=1e-7)


# --- the crop of the person ----------------------------------------------------------------------


@pytest.mark.parametrize("family", [name for name in NAMES if FAMILIES[name].crop == "centre"])
def test_the_crop_of_an_mpii_annotation(family: str) -> None:
    """The crop's corners and middle are where the authors' transform puts them."""
    spec = spec_of(family)
    region = region_of_person(spec, (300.0, 200.0), 2.0)
    assert region.side == pytest.approx(500)  # 200 x 2 x 1.25
    half, centre_y = 250.0, 230.0  # 15 x 2 lower
    inputs = np.array([[0.0, 0.0], [128.0, 128.0], [64.0, 192.0]])
    if family == "fpd":  # affine: input pixel 128 is the centre, 256 pixels make up the side
        truth = np.array([300.0, centre_y]) + (inputs - 128) * 500 / 256
    else:  # the picture's pixels [left, left + side) are cut out and resized
        truth = np.array([300.0 - half, centre_y - half]) - 0.5 + (inputs + 0.5) * 500 / 256
    np.testing.assert_allclose(to_picture(inputs, region, spec.input_size), truth, atol=1e-9)


def test_the_crop_of_a_box() -> None:
    spec = replace(spec_of("mmpose", 17), input_size=(256, 128))
    tall = region_of_box(spec, (10.0, 20.0, 40.0, 200.0))
    assert tall.side == pytest.approx(250)  # height leads
    wide = region_of_box(spec, (10.0, 20.0, 200.0, 40.0))
    assert wide.side == pytest.approx(500)  # 200 wide at aspect 1:2, times 1.25
    inputs = np.array([[64.0, 128.0]])  # the middle of 128 x 256, by mmpose's affine
    np.testing.assert_allclose(to_picture(inputs, tall, (256, 128)), [[30.0, 120.0]], atol=1e-9)
    np.testing.assert_allclose(to_picture(inputs, wide, (256, 128)), [[110.0, 40.0]], atol=1e-9)


def test_sigma_and_crop_of_every_family() -> None:
    rules = {name: (family.sigma, family.crop) for name, family in FAMILIES.items()}
    assert rules == {
        "princeton": (1.0, "centre"),
        "bearpaw": (1.0, "centre"),
        "mobile-fpd": (1.0, "centre"),
        "fpd": (2.0, "centre"),
        "mmpose": (2.0, "box"),
    }
    assert all(spec_of(name).extra["crop"] == family.crop for name, family in FAMILIES.items())
