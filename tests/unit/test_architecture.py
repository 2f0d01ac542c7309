"""The packages and what they may import."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pose_app

PACKAGE = Path(pose_app.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 400

# Lower packages import nothing from higher ones. Files of the package count by their own name.
LAYERS = [
    ("errors", "__version__"),
    ("argument_values", "engine_words", "openvino_silently", "paths", "process", "skeletons"),
    ("whole_files",),
    ("settings", "settings_table", "spec", "types"),
    ("network",),
    ("engines",),
    ("pose",),
    ("sources",),
    ("diagnostics",),
    ("drawing",),
    ("recording",),
    ("pipeline",),
    ("training",),
    ("bench", "doctor"),
    ("ui", "run_command", "window_command"),
    ("cli",),
    ("__main__",),
]
HEIGHT = {name: height for height, names in enumerate(LAYERS) for name in names}
# Lists installed things for the report, so it imports from every package; loaded on request only.
QT = ("PySide6", "pyqtgraph", "shiboken6")
TORCH_FREE = ("pose", "sources", "drawing", "recording", "pipeline")


def top_level(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path, *, lazy: bool = True, typing: bool = False) -> Iterator[str]:
    """Absolute names of what a file imports; `lazy` = inside functions, too."""
    tree = parsed(path)
    package = ["pose_app", *path.relative_to(PACKAGE).parts[:-1]]

    def walk(node: ast.AST) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test) and not typing:
                continue
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not lazy:
                continue
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else []
                module = ".".join([*base, *([child.module] if child.module else [])])
                yield module
                yield from (f"{module}.{alias.name}" for alias in child.names)
            yield from walk(child)

    yield from walk(tree)


def layer_problems(path: Path) -> Iterator[str]:
    own = top_level(path)
    if own == "__init__":
        return
    if own not in HEIGHT:
        yield f"{own} has no place in the layers"
        return
    for name in imports(path):
        top, *rest = name.split(".")
        if own != "ui" and top in QT:
            yield f"{name} outside of ui"
        if own in TORCH_FREE and top == "torch":
            yield "torch in a package that runs without it"
        if top == "pose_app" and rest and HEIGHT.get(rest[0], 0) > HEIGHT[own]:
            yield f"{own} imports the higher {name}"


def length_problems(path: Path) -> Iterator[str]:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if lines > LONGEST:
        yield f"{lines} lines"


def swallowing_problems(path: Path) -> Iterator[str]:
    """A bare `except`, or one of everything with nothing but `pass` in it."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ExceptHandler):
            everything = isinstance(node.type, ast.Name) and node.type.id in (
                "Exception",
                "BaseException",
            )
            silent = all(isinstance(statement, ast.Pass) for statement in node.body)
            if node.type is None or (everything and silent):
                yield f"line {node.lineno} swallows exceptions"


RULES = [layer_problems, length_problems, swallowing_problems]


@pytest.mark.parametrize("rule", RULES)
def test_files_keep_to_the_rules(rule: Callable[[Path], Iterator[str]]) -> None:
    assert len(FILES) > 100
    problems = [f"{path.relative_to(PACKAGE)}: {text}" for path in FILES for text in rule(path)]
    assert problems == []


@pytest.mark.parametrize(
    ("rule", "name", "code", "word"),
    [
        (layer_problems, "pose/x.py", "from ..ui import theme", "higher"),
        (layer_problems, "pose/x.py", "def f():\n    import torch", "torch"),
        (layer_problems, "recording/x.py", "from PySide6 import QtCore", "outside of ui"),
        (layer_problems, "new/x.py", "", "no place"),
        (length_problems, "x.py", "\n" * (LONGEST + 1), "lines"),
        (swallowing_problems, "x.py", "try:\n    f()\nexcept Exception:\n    pass", "line 3"),
        (swallowing_problems, "x.py", "try:\n    f()\nexcept:\n    raise", "line 3"),
    ],
)
def test_a_breach_of_the_rules_is_found(
    rule: Callable[[Path], Iterator[str]],
    name: str,
    code: str,
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(code)
    problems = list(rule(path))
    assert problems
    assert all(word in problem for problem in problems)


def test_no_files_import_each_other_in_a_circle() -> None:
    """Not even inside functions; only for types."""
    modules = {
        ".".join(("pose_app", *path.relative_to(PACKAGE).with_suffix("").parts)): path
        for path in FILES
        if path.name != "__init__.py"
    }
    below = {name: set(imports(path)) & modules.keys() for name, path in modules.items()}
    while free := {name for name, names in below.items() if not names & below.keys()}:
        below = {name: names for name, names in below.items() if name not in free}
    assert sorted(below) == []


def loaded_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import pose_app", ("torch", "PySide6", "cv2", "numpy", "av", "openvino")),
        ("import pose_app.cli", ("torch", "PySide6", "cv2", "numpy", "av", "openvino")),
        ("import pose_app.spec, pose_app.network.catalogue", ("torch", "PySide6", "cv2")),
        ("import pose_app.settings", ("torch", "PySide6", "cv2", "numpy")),
        ("from pose_app import PoseEstimator", ("torch", "PySide6")),
        ("import pose_app.pipeline.session, pose_app.pose.factory", ("torch", "PySide6")),
        ("import pose_app.engines.choose, pose_app.engines.openvino_engine", ("torch", "PySide6")),
        ("import pose_app.recording.verify, pose_app.sources.opening", ("torch", "PySide6")),
    ],
)
def test_what_an_import_loads(code: str, absent: tuple[str, ...]) -> None:
    loaded = loaded_after(code)
    assert not loaded & set(absent)


def test_a_pose_on_openvino_loads_no_torch() -> None:
    """With a warm cache; the first call warms it."""
    code = """
import numpy
from pose_app import PoseEstimator
with PoseEstimator.open(engine="openvino") as estimator:
    estimator.estimate(numpy.zeros((96, 96, 3), numpy.uint8))
"""
    loaded_after(code)
    assert "torch" not in loaded_after(code)
