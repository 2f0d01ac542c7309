"""Pictures under one running number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from pose_app.training.loading import load
from pose_app.training.store import Store
from tests.unit.training.shards import write_shard


def test_every_picture_of_a_part_is_drawn_and_no_other(tmp_path: Path) -> None:
    write_shard(tmp_path / "mpii.npz", 5)
    write_shard(tmp_path / "no_person.npz", 3, nobody=True)
    parts = [load(tmp_path / "mpii.npz"), load(tmp_path / "no_person.npz")]
    store = Store(parts, torch.device("cpu"))
    place = np.append(np.linspace(0, 1, 100), np.nextafter(1.0, 0.0))
    assert np.unique(store.row(np.zeros(101, dtype=np.intp), place)).tolist() == [0, 1, 2, 3, 4]
    assert np.unique(store.row(np.ones(101, dtype=np.intp), place)).tolist() == [5, 6, 7]
    assert len(store.fetch(store.row(np.array([0, 1]), np.array([0.5, 0.5]))).images) == 2
