"""Pictures under one running number."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch

from pose_app.training.loading import load
from pose_app.training.store import CANVAS, Store, has_room
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


def test_pictures_stay_on_the_device_where_they_fill_less_than_half_of_it_and_of_main_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = {"device": 0, "main": 0}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free["device"], 10**15))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free["main"]))
    cuda, needed = torch.device("cuda"), 100 * 3 * CANVAS**2
    for device, main, room in ((3, 3, True), (2, 3, False), (3, 2, False)):
        free.update(device=device * needed, main=main * needed)
        assert has_room(100, cuda) is room
    free.update(device=9 * needed, main=9 * needed)
    for other in ("cpu", "mps"):
        assert not has_room(100, torch.device(other))
