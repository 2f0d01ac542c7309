"""The history of a run survives being resumed; its pictures show something."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pose_app.skeletons import MPII_16
from pose_app.training.report import History, contact_sheet, draw_joints, plot
from tests.unit.training.shards import FIGURE


def test_history_goes_on_from_the_step_of_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "h.csv"
    history = History(path, ["step", "loss"])
    for step in (10, 20, 30):
        history.add(step=step, loss=1 / step)
    again = History(path, ["step", "loss"], step=20)
    again.add(step=25, loss=None)
    assert path.read_text().split() == ["step,loss", "10.0,0.1", "20.0,0.05", "25.0,"]


def test_plot_draws_every_series() -> None:
    rows = [{"seen": s, "loss": 5 / (s + 1), "a": s / 10, "b": 0.5} for s in range(6)]
    with_b, without = plot(rows, "loss", ["a", "b"]), plot(rows, "loss", ["a"])
    assert with_b.shape == without.shape
    assert (with_b != without).any()
    assert plot([], "loss", []).shape == with_b.shape


def test_sheet_holds_all_tiles_and_joints_are_drawn() -> None:
    image = np.zeros((100, 60, 3), np.uint8)
    joints = np.concatenate((FIGURE * 60, np.ones((16, 1), np.float32)), axis=1)
    assert draw_joints(image, joints, MPII_16).any()
    joints[:, 2] = 0.1
    assert not draw_joints(image, joints, MPII_16).any()
    assert not image.any()
    sheet = contact_sheet([np.full((50, 80, 3), 200, np.uint8)] * 7, columns=3)
    assert sheet.shape == (3 * 224, 3 * 224, 3)
    assert (sheet == 200).any(axis=2).sum() > 7 * 200 * 100
