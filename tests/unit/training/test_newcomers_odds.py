"""What tells skeletons of people from those of things is learnt from pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pose_app.cli import main
from pose_app.errors import DataError, ModelError
from pose_app.pose.newcomers import NEEDED, ODDS
from pose_app.skeletons import MPII_16, MPII_21, Skeleton
from pose_app.spec import Calibration, ModelSpec
from pose_app.training.loading import load_scenes
from pose_app.training.newcomers import Looks, evaluate_newcomers, fit, look, table
from pose_app.training.scenes import SceneData
from pose_app.types import Box, Image
from tests.poses import make_spec
from tests.unit.training.scene_shards import FACE, shifted, write_scenes
from tests.unit.training.shards import FIGURE

CURVE = Calibration((0.0, 1.0), (0.0, 1.0))
THRESHOLD = 0.2


def spec(skeleton: Skeleton) -> ModelSpec:
    made = make_spec(stacks=1, skeleton=skeleton)
    return replace(made, input_size=(64, 64), calibration=(CURVE,), threshold=0.4)


class Finder:
    """Gives the labelled boxes of each picture, and one where nobody is."""

    engine = SimpleNamespace(spec=SimpleNamespace(threshold=THRESHOLD), close=lambda: None)

    def __init__(self, sets: Sequence[SceneData]) -> None:
        self.boxes = {
            scenes.read(i).tobytes(): scenes.boxes[scenes.people(i)]
            for scenes in sets
            for i in range(len(scenes))
        }

    def find(self, image: Image, most: int = 8, threshold: float | None = None) -> list[Box]:
        people = [Box(*(float(v) for v in box), 0.5) for box in self.boxes[image.tobytes()]]  # type: ignore[misc]
        return people or [Box(10.0, 10.0, 40.0, 40.0, 0.1)]


class Engine:
    """Answers with the drawn figure as it is in the region of its box; of things with low scores.

    `shift` moves all joints down, by a share of the region.
    """

    info = SimpleNamespace(badge=lambda: "test")

    def __init__(self, shift: float = 0.0, skeleton: Skeleton = MPII_21) -> None:
        self.shift = shift
        self.spec = spec(skeleton)

    def infer(self, crops: Image, stacks: int) -> Any:
        figure = np.concatenate((FIGURE, FACE))[: len(self.spec.joints)]
        low, high = figure.min(axis=0), figure.max(axis=0)
        points = (figure - (low + high) / 2) / (high - low).max() / 1.35 + 0.5 + (0, self.shift)
        peaks = np.empty((len(crops), stacks, len(figure), 3), np.float32)
        peaks[..., :2] = points * 64 - 0.5
        for item, picture in enumerate(crops):
            peaks[item, ..., 2] = 0.9 if picture.max() > 150 else 0.5
        return SimpleNamespace(peaks=lambda: peaks, stacks=stacks)

    def close(self) -> None: ...


@pytest.fixture
def scenes(tmp_path: Path) -> SceneData:
    write_scenes(tmp_path / "s.npz", 6, people=1, empty=4)
    return load_scenes(tmp_path / "s.npz")


def test_each_box_becomes_a_person_or_a_thing(scenes: SceneData) -> None:
    looks = look(Engine(), Finder([scenes]), [scenes])  # type: ignore[arg-type]
    assert looks.somebody.tolist() == [True] * 6 + [False] * 4
    assert looks.weight.tolist() == [1.0] * 10
    assert looks.evidence.shape == (10, len(ODDS))
    # One, box, surest joints, region / frame, present joints, those in the box.
    thing = [1.0, np.log(0.1 / THRESHOLD), np.log(0.5), np.log(52 / 240), 1.0]
    assert looks.evidence[-1][:5] == pytest.approx(thing, rel=1e-5)


def test_a_bad_pose_of_somebody_counts_less(scenes: SceneData) -> None:
    looks = look(Engine(0.3), Finder([scenes]), [scenes])  # type: ignore[arg-type]
    assert looks.somebody.tolist() == [True] * 6 + [False] * 4
    assert looks.weight.tolist() == [0.6] * 6 + [1.0] * 4


def test_a_bad_pose_without_a_face_is_still_somebodys(scenes: SceneData) -> None:
    part = shifted(scenes, (400, 300))
    looks = look(Engine(0.3, MPII_16), Finder([part]), [part])  # type: ignore[arg-type]
    assert looks.somebody.tolist() == [True] * 6 + [False] * 4
    assert looks.weight.tolist() == [0.6] * 6 + [1.0] * 4


def test_a_skeleton_in_an_incomplete_picture_says_nothing(scenes: SceneData) -> None:
    part = replace(scenes, complete=np.zeros(10, np.bool_))
    looks = look(Engine(), Finder([part]), [part])  # type: ignore[arg-type]
    assert looks.somebody.tolist() == [True] * 6


def test_scores_that_are_not_calibrated_are_refused(scenes: SceneData) -> None:
    engine = SimpleNamespace(spec=replace(spec(MPII_21), calibration=()))
    with pytest.raises(ModelError, match="not calibrated"):
        look(engine, Finder([scenes]), [scenes])  # type: ignore[arg-type]


def drawn(odds: np.ndarray, count: int = 20_000) -> Looks:
    """Skeletons whose odds are known."""
    random = np.random.default_rng(0)
    evidence = np.concatenate(
        (np.ones((count, 1)), random.normal(0, 1, (count, len(odds) - 1))), axis=1
    )
    somebody = random.random(count) < 1 / (1 + np.exp(-evidence @ odds))
    return Looks(evidence, somebody, np.ones(count))


def test_the_fit_finds_the_odds() -> None:
    odds = np.array([0.5, 1.0, 2.0, -1.5, 0.0, -0.3])
    assert fit(drawn(odds)) == pytest.approx(odds, abs=0.1)


def test_the_fit_heeds_the_weights() -> None:
    odds = np.array([0.5, 1.0, 2.0, -1.5, 0.0, -0.3])
    good = drawn(odds)
    wrong = ~good.somebody
    both = Looks(
        np.concatenate((good.evidence, good.evidence)),
        np.concatenate((good.somebody, wrong)),
        np.concatenate((good.weight, np.zeros(len(wrong)))),
    )
    assert fit(both) == pytest.approx(fit(good), abs=1e-6)


@pytest.mark.parametrize("somebody", [True, False])
def test_people_alone_have_no_odds(somebody: bool) -> None:
    looks = drawn(np.zeros(6), 10)
    with pytest.raises(DataError, match="give more pictures"):
        fit(Looks(looks.evidence, np.full(10, somebody), looks.weight))


def test_what_is_let_through_is_counted_on_held_out_pictures(scenes: SceneData) -> None:
    result = evaluate_newcomers(Engine(), Finder([scenes]), [scenes])  # type: ignore[arg-type]
    assert result["skeletons"] == 8
    assert (result["held_out"]["people"], result["held_out"]["things"]) == (2, 0)
    rows = result["held_out"]["fitted"]
    assert [row["from"] for row in rows] == [NEEDED - 1, NEEDED - 0.5, NEEDED, NEEDED + 0.5]
    assert rows[2] == {"from": NEEDED, "people": 1.0, "things": 0}
    assert "2 skeletons of people and 0 of things" in table(result)


def test_command(
    scenes: SceneData,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    data = str(tmp_path / "s.npz")
    monkeypatch.setattr("pose_app.pose.opening.open_both", lambda *_: (Engine(), Finder([scenes])))
    assert main(["evaluate", data, "--task", "newcomers", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["skeletons"] == 8
    assert main(["evaluate", data, "--task", "newcomers"]) == 0
    assert capsys.readouterr().out.count("the app's, from") == 4
    assert main(["evaluate", data, "--task", "newcomers", "--held-out"]) == 2
    assert "leave --held-out away" in capsys.readouterr().err
    assert main(["evaluate", data, data]) == 2
    assert "one data set at a time" in capsys.readouterr().err
