"""`pose-app run --draw`: real files of the demo clip, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose_app.drawing.stacks_picture import StacksLayout
from pose_app.paths import bundled
from pose_app.recording.keypoint_log import LogReader
from pose_app.recording.verify import verify
from tests.e2e.test_run import command, joints_of, pose_app
from tests.unit.recording.test_video_writer import read_back

FRAMES = 6
SIZE = (640, 480)


def recorded(folder: Path, *options: object) -> tuple[np.ndarray, np.ndarray, LogReader]:
    """The last frame as it was drawn and as it was captured, and the log."""
    files = {"--record": folder / "a.mp4", "--raw": folder / "r.mp4", "--log": folder / "a.jsonl"}
    named = [word for pair in files.items() for word in pair]
    pose_app("run", "demo", "--frames", FRAMES, *named, *options)
    assert all(verify(path).good for path in files.values())
    drawn, raw = (read_back(files[kind]) for kind in ("--record", "--raw"))
    assert len(drawn) == len(raw) == FRAMES
    return drawn[-1][1].astype(int), raw[-1][1].astype(int), LogReader(files["--log"])


def test_the_heatmap_of_one_joint_of_one_stack(tmp_path: Path) -> None:
    options = ("--draw", "heatmap", "--stack", 1, "--joint", "Head top")
    drawn, raw, log = recorded(tmp_path, *options)
    joint = log.joints.index("head_top")
    (x, y, *_) = joints_of(list(log)[-1])[joint]
    assert x is not None
    assert y is not None
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    away = np.hypot(rows - y, columns - x)
    change = np.abs(drawn - raw).sum(axis=2)
    assert change[(away > 12) & (away < 25)].mean() > 20  # around the disc
    assert drawn.shape == raw.shape


def test_the_stacks_side_by_side(tmp_path: Path) -> None:
    drawn, raw, _ = recorded(tmp_path, "--draw", "stacks")
    layout = StacksLayout.natural(SIZE, 4)
    assert drawn.shape[1::-1] == layout.size
    for x, y, w, h in layout.tiles:
        tile = drawn[y + h // 5 : y + h, x : x + w]
        assert (tile[..., 2] - tile[..., 0] > 60).mean() > 0.005
    assert raw.shape[1::-1] == SIZE


@pytest.mark.parametrize("draw", ["skeleton", "raw"])
def test_the_background_is_blurred_or_black_and_raw_is_sharp(tmp_path: Path, draw: str) -> None:
    def sharpness(image: np.ndarray) -> float:
        return float(np.abs(np.diff(image[:, : SIZE[0] // 4], axis=1)).mean())

    drawn, raw, _ = recorded(tmp_path, "--draw", draw, "--background", "blur")
    assert sharpness(drawn) < 0.25 * sharpness(raw)
    black = tmp_path / "black.mp4"
    pose_app("run", "demo", "--frames", 3, "--draw", draw, "--background", "black",
             "--record", black)  # fmt: skip
    image = read_back(black)[-1][1]
    assert np.median(image) < 3
    assert (image.max() > 150) == (draw == "skeleton")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--draw", "heatmap"), "name its file with --record"),
        (("--background", "blur", "--raw", "r.mp4"), "name its file with --record"),
        (("--show-text",), "--show-text is for the annotated video"),
        (("--record", "a.mp4", "--draw", "raw", "--show-region"), "no effect with --draw raw"),
        (("--record", "a.mp4", "--joint", "left_wrist"), "--joint is for heatmaps"),
        (("--record", "a.mp4", "--draw", "heatmap", "--joint", "tail"), "has no joint 'tail'"),
        (("--record", "a.mp4", "--stack", "9"), "use --stack 1 to 4"),
        (("--record", "a.mp4", "--stack", "0"), "use --stack 1 to 4"),
        (("--record", "a.mp4", "--stacks", "2", "--stack", "3"), "use --stack 1 to 2"),
        (("--record", "a.mp4", "--draw", "everything"), "invalid choice"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    import subprocess

    done = subprocess.run(
        command("run", bundled("assets", "demo.mp4"), *options),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*.mp4"))
