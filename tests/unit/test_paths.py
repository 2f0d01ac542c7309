"""The app's own folders: on their usual places, or where two environment variables say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

from pose_app import paths

OWN = {
    "settings": paths.settings_file,
    "models": paths.models_folder,
    "logs": paths.log_folder,
    "recordings": paths.recordings_folder,
}


def test_a_test_sees_no_folder_of_the_person(own_folders: Path, shared_cache: Path) -> None:
    for folder in OWN.values():
        assert own_folders in folder().parents
    assert paths.cache_folder() == shared_cache


def test_a_process_that_a_test_starts_sees_none_either(
    own_folders: Path, shared_cache: Path
) -> None:
    code = (
        "import json; from pose_app import paths; print(json.dumps([str(f()) for f in ("
        "paths.settings_file, paths.models_folder, paths.log_folder, paths.recordings_folder, "
        "paths.cache_folder)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *own, cache = map(Path, json.loads(done.stdout))
    assert all(own_folders in path.parents for path in own)
    assert cache == shared_cache


def test_one_folder_for_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path))
    monkeypatch.delenv(paths.CACHE_VARIABLE)
    assert paths.cache_folder() == tmp_path / "cache"
    assert paths.settings_file() == tmp_path / "config" / "settings.json"


def test_without_them_the_systems_own_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(paths.HOME_VARIABLE)
    monkeypatch.delenv(paths.CACHE_VARIABLE)
    cache = platformdirs.user_cache_dir("pose-app", appauthor=False)
    assert paths.cache_folder() == Path(cache)
    assert paths.recordings_folder() == Path(platformdirs.user_videos_dir()) / "pose-app"
