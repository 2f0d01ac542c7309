"""What a finder is shown, what its maps should be, and how it is judged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pose_app.cli import main
from pose_app.errors import DataError
from pose_app.network.native import build, save_native
from pose_app.pose.crop import crop
from pose_app.pose.finder import decode_boxes, whole_frame
from pose_app.spec import BOX_MAPS, ModelSpec, NetworkConfig, read_spec
from pose_app.training.finder_data import FinderTask, draw_frame, draw_sample, letterboxed
from pose_app.training.finder_metrics import best_threshold, figures, matched, overlap, search
from pose_app.training.finder_targets import finder_loss, finder_targets
from pose_app.training.loading import load_scenes
from pose_app.training.trainer import Options, Trainer
from tests.unit.training.scene_shards import write_scenes
from tests.unit.training.shards import write_shard

CPU = torch.device("cpu")
SPEC = ModelSpec(
    name="finder",
    family="pose-app",
    network=NetworkConfig(stacks=1, width=16, stem=(4, 8), stem_second=8, joints=5),
    joints=BOX_MAPS,
    limbs=(),
    flip=(0, 1, 2, 3, 4),
    mean=(0.45, 0.45, 0.45),
    output="boxes",
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def labels(
    *boxes: tuple[float, float, float, float], weight: float = 1.0, complete: bool = True
) -> tuple[torch.Tensor, ...]:
    """Labels of one input with these boxes (left, top, right, bottom)."""
    made = torch.zeros(1, 6, 4)
    counts = torch.zeros(1, 6)
    for row, box in enumerate(boxes):
        made[0, row] = torch.tensor(box)
        counts[0, row] = weight
    return made, counts, counts.clone(), torch.tensor([complete])


def maps_of(target_of: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The maps (1, 5, 64, 64) of a network that is right about these labels."""
    target = finder_targets(*target_of, (64, 64), 4)
    logit = torch.where(target.positive > 0, 8.0, -8.0)
    return torch.cat((logit[:, None], target.values), dim=1)


def test_a_network_that_is_right_finds_the_boxes_and_has_hardly_any_loss() -> None:
    boxes = ((20.0, 30.0, 90.0, 200.0), (120.0, 10.0, 250.0, 250.0), (100.0, 5.0, 110.0, 25.0))
    given = labels(*boxes)
    maps = maps_of(given)
    found = decode_boxes(maps[0].numpy(), SPEC, 8)
    found[:, 2:4] += found[:, :2]
    assert found[found[:, 0].argsort(), :4] == pytest.approx(np.array(sorted(boxes)), abs=1e-2)
    target = finder_targets(*given, (64, 64), 4)
    assert float(finder_loss(maps, target)) < 0.05
    wrong = maps.clone()
    wrong[:, 1] += 0.5
    assert float(finder_loss(wrong, target)) > 0.2
    wrong = maps.clone()
    wrong[:, 0] = -8
    assert float(finder_loss(wrong, target)) > 5
    wrong = maps.clone()
    wrong[:, 0, 50:, :20] = 8  # people where nobody is
    assert float(finder_loss(wrong, target)) > 5


def test_an_incomplete_picture_says_nobody_only_near_its_boxes() -> None:
    given = labels((100, 100, 140, 180), complete=False)
    target = finder_targets(*given, (64, 64), 4)
    maps = maps_of(given)
    elsewhere = maps.clone()
    elsewhere[:, 0, :10, :10] = 8
    assert float(finder_loss(elsewhere, target)) == pytest.approx(
        float(finder_loss(maps, target)), abs=1e-3
    )
    near = maps.clone()
    near[:, 0, 46, 28] = 8  # just below the box
    assert float(finder_loss(near, target)) > 1


def test_an_unsure_box_says_little_and_one_of_weight_0_nothing() -> None:
    sure = finder_targets(*labels((100, 100, 140, 180)), (64, 64), 4)
    unsure = finder_targets(*labels((100, 100, 140, 180), weight=0.3), (64, 64), 4)
    ignored = finder_targets(*labels((100, 100, 140, 180), weight=0.0), (64, 64), 4)
    assert float(sure.positive.sum()) == pytest.approx(1)
    assert float(unsure.positive.sum()) == pytest.approx(0.3)
    assert float(ignored.positive.sum()) == 0
    inside = ignored.negative[0, 25:45, 25:35]
    assert float(inside.sum()) == 0  # neither yes nor no
    assert float(ignored.negative[0, :20].min()) == 1


def test_an_input_without_anybody_is_all_negative() -> None:
    target = finder_targets(*labels(), (64, 64), 4)
    assert float(target.negative.min()) == 1
    assert torch.isfinite(finder_loss(torch.zeros(1, 5, 64, 64), target))


@pytest.mark.parametrize("size", [(240, 320), (700, 300), (90, 90)])
def test_a_whole_frame_looks_as_the_app_letterboxes_it(size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    small = random.integers(0, 255, (size[0] // 8, size[1] // 8, 3)).astype(np.uint8)
    image = np.repeat(np.repeat(small, 8, axis=0), 8, axis=1)
    height, width = image.shape[:2]
    seen, matrix = letterboxed(image, np.array([0.0, 0.0, width, height]), False, 256)
    app = crop(image, whole_frame(width, height), (256, 256))
    assert np.abs(seen.astype(int) - app).mean() < 1.5
    corner = matrix[:, :2] @ (0, 0) + matrix[:, 2]
    scale = 256 / max(width, height)
    assert corner == pytest.approx([(256 - scale * width) / 2, (256 - scale * height) / 2])


@pytest.mark.parametrize("flip", [False, True])
def test_what_is_in_a_frame_lands_where_its_matrix_says(flip: bool) -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    image[100:180, 150:210] = 255
    seen, matrix = letterboxed(image, np.array([90.0, 60.0, 330.0, 220.0]), flip, 256)
    y, x = np.nonzero(seen[..., 0] > 127)
    corners = np.array([[150, 100], [210, 180]]) @ matrix[:, :2].T + matrix[:, 2]
    low, high = corners.min(axis=0), corners.max(axis=0)
    assert [x.min(), y.min()] == pytest.approx(low.tolist(), abs=1.01)
    assert [x.max() + 1, y.max() + 1] == pytest.approx(high.tolist(), abs=1.01)


def test_frames_lie_in_the_picture_and_come_in_all_kinds() -> None:
    random = np.random.default_rng(0)
    boxes = np.array([[100.0, 50.0, 200.0, 280.0]])
    face = np.array([[140.0, 80.0], [150.0, 75.0], [130.0, 75.0]])
    frames = np.array([draw_frame(random, (400, 300), boxes, [face]) for _ in range(500)])
    assert frames.min() >= 0
    assert (frames[:, 2] <= 400 + 1e-6).all()
    assert (frames[:, 3] <= 300 + 1e-6).all()
    sides = frames[:, 2:] - frames[:, :2]
    assert (sides >= 40).all()
    ratio = sides[:, 0] / sides[:, 1]
    for aspect in (16 / 9, 4 / 3, 1.0, 9 / 16):
        assert (np.abs(ratio - aspect) < 0.01).mean() > 0.02
    assert (sides[:, 1] < 150).mean() > 0.1  # close-ups
    assert (sides[:, 1] > 280).mean() > 0.1  # whole pictures


def test_some_frames_show_a_room_without_its_people() -> None:
    random = np.random.default_rng(0)

    def empty(left: float, right: float) -> float:
        """Share of frames of which people left .. right cover less than a tenth."""
        boxes = np.array([[left, 0.0, right, 300.0]])
        frames = np.array(
            [draw_frame(random, (400, 300), boxes, [np.zeros((0, 2))]) for _ in range(300)]
        )
        low, high = np.maximum(frames[:, :2], boxes[0, :2]), np.minimum(frames[:, 2:], boxes[0, 2:])
        covered = (high - low).clip(0).prod(axis=1)
        return float((covered < 0.101 * (frames[:, 2:] - frames[:, :2]).prod(axis=1)).mean())

    assert 0.05 < empty(0, 100) < 0.2
    assert empty(0, 400) == 0  # no room beside them: they stay in view


def test_samples_have_black_bars_and_boxes_that_end_at_the_frame(tmp_path: Path) -> None:
    write_scenes(tmp_path / "s.npz", 8, people=3)
    scenes = load_scenes(tmp_path / "s.npz")
    kept = 0
    for seed in range(60):
        one = draw_sample(np.random.default_rng(seed), scenes, seed % 8, 128)
        assert one.image.shape == (128, 128, 3)
        bars = (one.image == 0).all(axis=2)
        rows = np.flatnonzero(~bars.all(axis=1))
        columns = np.flatnonzero(~bars.all(axis=0))
        if len(one.boxes):
            assert one.boxes[:, 1].min() >= rows[0] - 1
            assert one.boxes[:, 3].max() <= rows[-1] + 2
            assert one.boxes[:, 0].min() >= columns[0] - 1
            assert one.boxes[:, 2].max() <= columns[-1] + 2
        kept += int((one.weight > 0).sum())
    assert kept > 60


def parts(folder: Path) -> list:
    write_scenes(folder / "webcam.npz", 12, people=2)
    write_shard(folder / "no_person.npz", 12, nobody=True)
    return [load_scenes(folder / "webcam.npz"), load_scenes(folder / "no_person.npz")]


def test_batches_repeat_with_their_seed_and_hold_mosaics(tmp_path: Path) -> None:
    task = FinderTask(parts(tmp_path), SPEC, (0.8, 0.2), CPU)
    one, mine = task.batch(np.random.default_rng(3), 64, 64)
    again, others = task.batch(np.random.default_rng(3), 64, 64)
    assert torch.equal(one, again)
    assert all(torch.equal(a, b) for a, b in zip(mine, others, strict=True))
    assert one.shape == (64, 3, 64, 64)
    boxes, weight, size_weight, complete = mine
    assert ((weight > 0).sum(dim=1) > 2).any()  # more people than any of the pictures has
    assert boxes.min() > -1e-3
    assert boxes.max() < 64 + 1e-3
    assert size_weight.shape == weight.shape
    assert complete.all()


def test_the_loop_trains_a_finder(tmp_path: Path) -> None:
    task = FinderTask(parts(tmp_path), SPEC, (0.8, 0.2), CPU)
    torch.manual_seed(0)
    options = Options(steps=24, batch=8, sizes=(64,), learning_rate=5e-3, warm_up=3)
    network = build(SPEC)
    made = Trainer(network, SPEC, task, options, CPU)  # type: ignore[arg-type]
    losses = [float(made.train_step()) for _ in range(24)]
    assert np.mean(losses[-6:]) < 0.8 * np.mean(losses[:3])


def test_data_that_teaches_nothing_is_told(tmp_path: Path) -> None:
    given = parts(tmp_path)
    with pytest.raises(DataError, match="mix"):
        FinderTask(given, SPEC, (1.0,), CPU)
    with pytest.raises(DataError, match="box"):
        FinderTask(given[1:], SPEC, (1.0,), CPU)


def test_overlap_of_boxes() -> None:
    one = np.array([[0.0, 0.0, 10.0, 10.0]], np.float32)
    others = np.array([[0, 0, 10, 10], [5, 0, 10, 10], [10, 0, 10, 10], [0, 0, 20, 20]], np.float32)
    assert overlap(one, others)[0] == pytest.approx([1, 1 / 3, 0, 0.25])


def test_everybody_is_found_once_and_guesses_do_not_count() -> None:
    boxes = np.array([[0, 0, 10, 10], [50, 0, 10, 10], [100, 0, 10, 10]], np.float32)
    sure = np.array([True, True, False])
    found = np.array(
        [
            [0, 0, 10, 9, 0.9],
            [0, 0, 10, 10, 0.8],  # somebody who was found already
            [50, 5, 10, 10, 0.7],  # overlap of a third
            [100, 0, 10, 10, 0.6],  # a guess of the labels
        ],
        np.float32,
    )
    got, kind = matched(found, boxes, sure)
    assert got == pytest.approx([0.9, 0, 0.6])
    assert kind.tolist() == [1, 0, 0, -1]


def test_figures_of_a_finder_that_finds_all_but_the_small(tmp_path: Path) -> None:
    write_scenes(tmp_path / "s.npz", 10, people=2, empty=10)
    scenes = load_scenes(tmp_path / "s.npz")
    scenes.boxes[1::2, 3] = 150
    scenes.boxes[::2, 3] = 20  # every other person is a twelfth of the picture
    rows = iter(range(len(scenes)))

    def find(image: np.ndarray) -> np.ndarray:
        index = next(rows)
        if not len(scenes.boxes[scenes.people(index)]):
            false = [[0, 0, 50, 50, 0.6]] if index == 10 else np.zeros((0, 5))
            return np.array(false, np.float32)
        boxes = scenes.boxes[scenes.people(index)][1:]
        wrong = np.array([[200, 200, 9, 9, 0.3]], np.float32)
        return np.concatenate((np.append(boxes, [[0.8]], axis=1), wrong)).astype(np.float32)

    found = search(find, [scenes])
    result = figures(found, 0.5)
    assert result["all"] == {"n": 20, "recall": 0.5}
    assert result["sizes"]["below 1/8"] == {"n": 10, "recall": 0.0}
    assert result["sizes"]["above 1/2"] == {"n": 10, "recall": 1.0}
    assert result["precision"] == pytest.approx(10 / 11)
    assert result["nobody_with_a_box"] == pytest.approx(0.1)
    assert result["n_nobody"] == 10
    assert result["average_precision"] == pytest.approx(0.5)
    # One in ten of the pictures of nobody is too many: the threshold is above its score.
    assert 0.6 < best_threshold(found) <= 0.8
    # Without such pictures it is where fewest are wrong and missed.
    alone = replace(found, nobody=np.zeros(0, np.float32))
    assert 0.3 < best_threshold(alone) <= 0.8


def test_command_trains_and_evaluates_a_finder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts(tmp_path)
    start = tmp_path / "start.safetensors"
    torch.manual_seed(0)
    save_native(start, build(SPEC), SPEC)
    data = [str(tmp_path / "webcam.npz"), str(tmp_path / "no_person.npz")]
    words = ["train", *data, "--task", "finder", "--from", str(start), "--steps", "2"]
    words += ["--size", "64", "--batch", "4", "--device", "cpu", "--out", str(tmp_path / "run")]
    assert main(words) == 0
    model = tmp_path / "run" / "model.safetensors"
    spec = read_spec(model)
    assert spec.output == "boxes"
    assert spec.input_size == (64, 64)
    assert (tmp_path / "run" / "sheet_0000002.jpg").is_file()
    capsys.readouterr()
    words = ["evaluate", data[0], "--nobody", data[1], "--task", "finder", "--model", str(model)]
    words += ["--engine", "torch", "--device", "cpu"]
    assert main([*words, "--held-out", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["pictures"] == 3 + 2
    assert result["all"]["n"] == 6
    assert result["threshold"] == spec.threshold
    assert 0 <= result["nobody_with_a_box"] <= 1
    assert main([*words, "--limit", "2"]) == 0
    assert "people found" in capsys.readouterr().out
    whole = ["evaluate", data[0], "--nobody", data[1], "--task", "people", "--held-out"]
    whole += ["--engine", "torch", "--device", "cpu", "--precision", "f32", "--stacks", "1"]
    assert main([*whole, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["pictures"] == 3 + 2
    assert result["people"]["n"] == 6
    assert result["nobody_drawn_upon"] == {"n": 2, "share": 0}
    assert main([*whole, "--limit", "1"]) == 0
    assert "person with the largest face" in capsys.readouterr().out
    pose = tmp_path / "pose.safetensors"
    network = replace(SPEC.network, stacks=1)
    joints = replace(SPEC, output="logits", joints=("a", "b", "c", "d", "e"), network=network)
    save_native(pose, build(joints), joints)
    words[words.index(str(model))] = str(pose)
    assert main(words) == 2
    assert "no person finder" in capsys.readouterr().err
