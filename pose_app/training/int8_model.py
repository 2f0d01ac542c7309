"""Quantizes a model: writes the folder with its graphs, in floats and in 8 bits."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..engines import graphs
from ..engines.convert import float_graph
from ..engines.fused import FusedNetwork
from ..engines.graphs import Graphs
from ..engines.openvino_engine import OpenVINOEngine
from ..errors import DataError, ModelError, PoseAppError
from ..network.native import load_native
from ..pose.crop import crop
from ..pose.finder import whole_frame
from ..spec import ModelSpec
from ..types import Image, Region
from ..whole_files import replace_folder
from .calibration import with_scores
from .data import split
from .evaluate import evaluate
from .int8_calibration import find_corrections, find_entries
from .int8_graph import int8_graph
from .loading import load, load_scenes
from .predict import region_around
from .scenes import split_scenes

_SEED = 0
# Random errors of the crops, as large as those of the app's regions.
_ZOOM, _SHIFT = (0.8, 1.25), 0.1


def quantize(
    model: Path,
    data: Sequence[str | Path],
    out: Path,
    crops: int = 192,
    floats: tuple[str, ...] = (),
    say: Callable[[str], None] = lambda text: None,
) -> None:
    """Write the graphs of a model file to a folder.

    Args:
        model: A native model file.
        data: Files as for `pose-app train`; their held-out pictures calibrate only the scores.
        out: The folder; one with graphs is replaced.
        crops: How many crops the activations are calibrated with.
        floats: Prefixes of the names of convolutions that stay in floats.
        say: Called with lines of progress.

    Raises:
        PoseAppError: The data or the model cannot be used, or `out` cannot be written.
    """
    if out.exists() and not _replaceable(out):
        raise PoseAppError(
            f"{out} exists and is not a folder of graphs, so it is not replaced: choose another "
            "--out."
        )
    network, spec = load_native(model)
    fused = FusedNetwork(network, spec)
    pictures = calibration_crops(data, spec, crops)
    say(f"{len(pictures)} crops of {', '.join(Path(path).stem for path in data)}")
    entries = {
        name: entry
        for name, entry in find_entries(fused, pictures).items()
        if not name.startswith(floats)
    }
    corrections, ratios = find_corrections(fused, entries, pictures[-max(8, crops // 6) :])
    worst = sorted(ratios.items(), key=lambda item: item[1])[:5]
    say("noisiest: " + ", ".join(f"{name} {ratio:.1f} dB" for name, ratio in worst))
    quantized = int8_graph(fused, spec, entries, corrections)
    whole, reference = float_graph(model, spec)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix="new-") as name:
            first, final = Path(name, "first"), Path(name, "final")
            made = {"f32": (whole, spec), "int8": (quantized, spec)}
            for folder in (first, final):
                folder.mkdir()
                graphs.write(folder, model, made, reference, small=True)
                if folder == first:
                    found = graphs.read(folder, folder)
                    assert found is not None
                    made["int8"] = quantized, _calibrated(found, data)
            replace_folder(final, out)
    except OSError as error:
        raise PoseAppError(f"{out} cannot be written: {error.strerror}.") from None
    size = sum(path.stat().st_size for path in out.iterdir())
    say(f"{out}: {size / 1e6:.1f} MB")


def _replaceable(out: Path) -> bool:
    """Whether it is a folder of graphs, or an empty one: anything else may be somebody's files."""
    return out.is_dir() and ((out / graphs.MANIFEST).is_file() or not any(out.iterdir()))


def calibration_crops(data: Sequence[str | Path], spec: ModelSpec, count: int) -> Image:
    """At most `count` crops (n, H, W, 3) uint8 BGR of training pictures, as the app takes them.

    The same number is taken of each file.
    """
    random = np.random.default_rng(_SEED)
    share = -(-count // len(data))
    found: list[Image] = []
    for path in data:
        made = _frames if spec.output == "boxes" else _crops
        found += made(path, spec, share, random)
    if not found:
        raise DataError("There is no picture to calibrate with.")
    order = random.permutation(len(found))[:count]
    return np.stack([found[index] for index in order])


def _crops(
    path: str | Path, spec: ModelSpec, count: int, random: np.random.Generator
) -> list[Image]:
    data, _ = split(load(path))
    rows = random.permutation(len(data))[:count]
    made = []
    for row in rows:
        picture = data.read(int(row))
        keypoints = data.keypoints[row]
        points = keypoints[keypoints[:, 2] > 0, :2]
        if not len(points):
            height, width = picture.shape[:2]
            points = np.array([[0.15, 0.15], [0.85, 0.85]], np.float32) * (width - 1, height - 1)
        around = region_around(points)
        zoom = random.uniform(*_ZOOM)
        x, y = random.uniform(-_SHIFT, _SHIFT, 2) + (1 - zoom) / 2
        side = around.side
        region = Region(around.x + x * side, around.y + y * side, zoom * side)
        made.append(crop(picture, region, spec.input_size))
    return made


def _frames(
    path: str | Path, spec: ModelSpec, count: int, random: np.random.Generator
) -> list[Image]:
    scenes, _ = split_scenes(load_scenes(path))
    made = []
    for row in random.permutation(len(scenes))[:count]:
        picture = scenes.read(int(row))
        height, width = picture.shape[:2]
        made.append(crop(picture, whole_frame(width, height), spec.input_size))
    return made


def _calibrated(found: Graphs, data: Sequence[str | Path]) -> ModelSpec:
    """The spec with scores calibrated on the 8-bit graph's output for held-out pictures.

    Unchanged where there are too few, and for a finder.
    """
    spec = found.specs["int8"]
    if spec.output == "boxes":
        return spec
    engine = OpenVINOEngine(found, "CPU", "int8")
    try:
        scores = with_scores(engine, [split(load(path))[1] for path in data])
        return spec if scores is None else replace(spec, calibration=scores.calibration)
    finally:
        engine.close()


def compare(folder: Path, data: Sequence[str | Path]) -> None:
    """Print PCK of the limbs of every stack: in floats, and the difference in 8 bits."""
    compiled = tempfile.TemporaryDirectory(prefix="pose-app-")
    found = graphs.read(folder, Path(compiled.name))
    if found is None or found.specs["f32"].output == "boxes":
        raise ModelError(f"{folder} has no pose network to compare.")
    engines = {name: OpenVINOEngine(found, "CPU", name) for name in ("f32", "int8")}
    try:
        for path in data:
            held_out = split(load(path))[1]
            if not held_out.somebody.any():
                continue
            shares = {}
            for name, engine in engines.items():
                per_stack = evaluate(engine, held_out)["per_stack"]
                shares[name] = [one["pck_limbs"] for one in per_stack]
            if None in shares["f32"]:
                continue
            pairs = zip(shares["f32"], shares["int8"], strict=True)
            text = "  ".join(f"{a:.4f} {b - a:+.4f}" for a, b in pairs)
            print(f"{held_out.name:12} {text}", flush=True)
    finally:
        for engine in engines.values():
            engine.close()
        compiled.cleanup()
