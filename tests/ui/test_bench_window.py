"""The window's own measurement, as `pose-app bench --ui` runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose_app.bench import startup
from pose_app.bench.clips import enlarged
from pose_app.bench.startup import window
from pose_app.network import catalogue

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("everything", [False, True])
def test_the_window_is_measured_in_a_process_of_its_own(tmp_path: Path, everything: bool) -> None:
    model: Path = catalogue.resolve("default")
    found = window(model, 0.5, enlarged(tmp_path) if everything else None)
    assert 0 < found["window_s"] <= found["first_picture_s"] <= found["first_skeleton_s"]
    assert found["painted_fps"] > 0
    assert 0 < found["ui_thread_ms_per_frame"] <= found["process_ms_per_frame"]
    for name in ("paint_ms", "age_ms"):
        assert 0 < found[name]["median"] <= found[name]["p95"]


def test_the_starts_of_the_window_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "_ROUNDS", 1)
    found = startup.window_starts(catalogue.resolve("default"), tmp_path)
    assert found["imports"] > 0
    assert 0 < found["window"] <= found["skeleton"]
    assert 0 < found["first_start_window"] <= found["first_start_skeleton"]
