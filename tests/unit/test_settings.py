"""The settings file: what is written is read, what is broken is set aside."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pose_app.errors import SettingsError
from pose_app.settings import Settings
from pose_app.settings_table import SETTINGS


def another(setting):
    """A value that the setting allows and that is not its default."""
    if setting.choices:
        return next(choice for choice in setting.choices if choice != setting.default)
    kind = type(setting.default)
    if kind is bool:
        return not setting.default
    if kind is tuple:
        return ("one", "zwei")
    if kind is str:
        return "päth/with space"
    if kind is dict:
        return {"record": "Ctrl+Ä", "pause": ""}
    value = setting.low if setting.default != setting.low else setting.high
    return kind(value)


def test_every_default_is_allowed_and_every_shown_setting_explains_itself():
    assert len({setting.key for setting in SETTINGS}) == len(SETTINGS)
    for setting in SETTINGS:
        assert setting.check(setting.default) == setting.default
        if setting.group is not None:
            assert setting.label
            assert setting.help.endswith(".")


def test_every_setting_comes_back_from_the_file(tmp_path):
    path = tmp_path / "deep" / "settings.json"
    settings = Settings.load(path)
    wanted = {setting.key: another(setting) for setting in SETTINGS}
    for key, value in wanted.items():
        settings.set(key, value)
    settings.save()
    again = Settings.load(path)
    assert {key: again.get(key) for key in wanted} == wanted
    assert again.messages == []
    assert [p.name for p in path.parent.iterdir()] == ["settings.json"]  # nothing temporary left


def test_without_a_file_everything_has_its_default(tmp_path):
    settings = Settings.load(tmp_path / "settings.json")
    assert all(settings.get(setting.key) == setting.default for setting in SETTINGS)
    assert settings.messages == []


@pytest.mark.parametrize("content", [b"{", b"[1, 2]", b"\xff\xfe\x00", b"", b"[" * 100_000])
def test_a_damaged_file_is_set_aside_with_a_message(tmp_path, content):
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    settings = Settings.load(path)
    assert settings.get("appearance.theme") == "dark"
    assert len(settings.messages) == 1
    assert "damaged" in settings.messages[0]
    (aside,) = tmp_path.glob("settings.broken-*.json")
    assert aside.read_bytes() == content
    settings.set("appearance.theme", "light")
    settings.save()
    assert Settings.load(path).get("appearance.theme") == "light"


def test_one_bad_value_costs_only_itself(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"view.opacity": 7, "appearance.theme": "light", "model.stacks": 3}))
    settings = Settings.load(path)
    assert settings.get("view.opacity") == 0.6
    assert settings.get("appearance.theme") == "light"
    assert settings.get("model.stacks") == 3
    assert len(settings.messages) == 1
    assert "view.opacity" in settings.messages[0]


def test_keys_of_another_version_survive(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"future.thing": {"a": 1}}))
    settings = Settings.load(path)
    settings.set("view.heatmap", True)
    settings.save()
    assert json.loads(path.read_text())["future.thing"] == {"a": 1}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("view.opacity", 1.5),
        ("view.opacity", float("nan")),
        ("view.opacity", "0.5"),
        ("view.opacity", True),
        ("view.heatmap", 1),
        ("model.stacks", 2.0),
        ("model.stacks", -1),
        ("appearance.theme", "pink"),
        ("source.recent", "one"),
        ("source.recent", (1, 2)),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(tmp_path, key, value):
    settings = Settings.load(tmp_path / "settings.json")
    before = settings.get(key)
    with pytest.raises(SettingsError, match=key):
        settings.set(key, value)
    assert settings.get(key) == before


def test_an_unknown_key_is_a_programming_mistake(tmp_path):
    settings = Settings(tmp_path / "settings.json")
    with pytest.raises(KeyError):
        settings.get("view.nothing")
    with pytest.raises(KeyError):
        settings.set("view.nothing", 1)


def test_a_crash_while_writing_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "settings.json"
    settings = Settings.load(path)
    settings.set("appearance.theme", "light")
    settings.save()

    def full(source: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    settings.set("appearance.theme", "system")
    with pytest.raises(SettingsError, match="No space left"):
        settings.save()
    monkeypatch.undo()
    assert Settings.load(path).get("appearance.theme") == "light"
    assert [p.name for p in tmp_path.iterdir()] == ["settings.json"]


def test_reset_gives_the_default_back(tmp_path):
    settings = Settings(Path(tmp_path / "settings.json"))
    settings.set("view.opacity", 0.1)
    settings.reset("view.opacity")
    assert settings.get("view.opacity") == 0.6


def test_an_override_holds_for_one_run_and_is_not_written(tmp_path):
    path = tmp_path / "settings.json"
    settings = Settings.load(path)
    settings.set("model.engine", "openvino")
    settings.override("model.engine", "torch")
    settings.override("model.precision", "f32")
    assert settings.get("model.engine") == "torch"
    settings.save()
    assert Settings.load(path).get("model.engine") == "openvino"
    assert Settings.load(path).get("model.precision") == "auto"
    settings.set("model.engine", "auto")  # chosen in the window
    assert settings.get("model.engine") == "auto"
    settings.end_override("model.precision")
    assert settings.get("model.precision") == "auto"
    settings.end_override("model.precision")
    with pytest.raises(SettingsError, match="abacus"):
        settings.override("model.engine", "abacus")


def test_a_mapping_takes_texts_only_and_is_the_settings_own(tmp_path):
    settings = Settings(Path(tmp_path / "settings.json"))
    keys = {"record": "F8"}
    settings.set("window.shortcuts", keys)
    keys["pause"] = "P"
    assert settings.get("window.shortcuts") == {"record": "F8"}
    for bad in (["record"], {"record": 8}, {8: "record"}, "record"):
        with pytest.raises(SettingsError, match=r"window\.shortcuts"):
            settings.set("window.shortcuts", bad)
