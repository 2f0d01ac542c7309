"""Values that tell when they change, without Qt and without a window."""

from __future__ import annotations

import ast
import dataclasses
import gc
import subprocess
import sys
from pathlib import Path

import pytest

import pose_app
from pose_app.drawing.options import DrawOptions
from pose_app.ui.state.observable import Signal
from pose_app.ui.state.playback_state import PlaybackState
from pose_app.ui.state.view_state import ViewState


def test_another_value_is_told_once() -> None:
    view, told = ViewState(), []
    view.changed.connect(told.append)
    view.heatmap = True
    view.heatmap = True
    view.stack = 1
    assert told == ["heatmap", "stack"]


def test_a_recording_draws_what_is_looked_at() -> None:
    """Every wish that both know has the same value; a new one that is forgotten is found here."""
    view = ViewState()
    chosen = {
        "stack": 1, "compare": 0, "solo": 3, "joint": 4, "combine": "sum", "heatmap": True,
        "visible": frozenset({1}), "skeleton": False, "region": False, "colour_map": "turbo",
        "opacity": 0.25,
    }  # fmt: skip
    for name, value in chosen.items():
        setattr(view, name, value)
    view.background = "blurred"
    view.person = 7
    options = view.drawing("stacks")
    assert (options.what, options.background, options.selected) == ("stacks", "blur", 7)
    fields = {field.name for field in dataclasses.fields(options)}
    assert {name: getattr(options, name) for name in chosen} == chosen
    shared = {name for name in fields if hasattr(view, name)} - {"background"}
    assert shared == set(chosen)
    view.background = "black"
    assert view.drawing().background == "black"
    assert ViewState().drawing() == DrawOptions(region=True)


def test_states_do_not_share_their_values() -> None:
    first, second = PlaybackState(), PlaybackState()
    first.paused = True
    assert not second.paused


def test_a_misspelt_attribute_is_refused() -> None:
    with pytest.raises(AttributeError, match="heat_map"):
        ViewState().heat_map = True  # type: ignore[attr-defined]


def test_what_nobody_holds_is_not_called_any_more() -> None:
    class Listener:
        def __init__(self, told: list[str]) -> None:
            self.told = told

        def hear(self, word: str) -> None:
            self.told.append(word)

    signal, told = Signal(), []
    listener = Listener(told)
    signal.connect(listener.hear)
    signal.emit("a")
    del listener
    gc.collect()
    signal.emit("b")
    assert told == ["a"]


def test_states_need_no_qt() -> None:
    code = (
        "import sys, importlib\n"
        "for name in ('view_state', 'playback_state', 'recording_state'):\n"
        "    importlib.import_module(f'pose_app.ui.state.{name}')\n"
        "sys.exit(any(name.startswith('PySide6') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def imports_of(path: Path, package: Path) -> set[str]:
    """The modules of pose_app.ui that a file of it imports, for types only or late too."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = parts[: len(parts) - node.level] + tuple((node.module or "").split("."))
            name = ".".join(part for part in base if part)
            found |= {name} | {f"{name}.{alias.name}" for alias in node.names}
    return found


def test_no_two_files_of_the_window_need_each_other() -> None:
    package = Path(pose_app.__file__).parent
    modules = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts): path
        for path in (package / "ui").rglob("*.py")
    }
    needs = {name: imports_of(path, package) & set(modules) for name, path in modules.items()}
    assert len(needs["pose_app.ui.main_window"]) > 10
    done: set[str] = set()

    def follow(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for other in sorted(needs[name]):
                follow(other, (*way, name))
            done.add(name)

    for name in needs:
        follow(name, ())
