"""The rooms and their boundaries."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pose_app

PACKAGE = Path(pose_app.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 400

# Lower rooms know nothing of higher ones. Files of the package itself count by their own name.
LAYERS = [
    ("errors", "__version__"),
    ("paths", "skeletons"),
    ("settings", "spec", "types"),
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
HEIGHT = {room: height for height, rooms in enumerate(LAYERS) for room in rooms}
# Lists installed things for the report, so it looks into every room; loaded on request only.
QT = ("PySide6", "pyqtgraph", "shiboken6")
TORCH_FREE = ("pose", "sources", "drawing", "recording", "pipeline")


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, *, lazy: bool = True, typing: bool = False) -> Iterator[str]:
    """Absolute names of what a file imports; `lazy` = inside functions, too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
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


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_keep_to_their_room(path: Path) -> None:
    own = room(path)
    if own == "__init__":
        return
    assert own in HEIGHT, f"{own} has no place in the layers"
    for name in imports(path):
        top = name.split(".")[0]
        if own != "ui":
            assert top not in QT, f"{name} outside of ui"
        if own in TORCH_FREE:
            assert top != "torch", "torch in a room that runs without it"
        parts = name.split(".")
        if top == "pose_app" and len(parts) > 1 and parts[1] in HEIGHT:
            assert HEIGHT[parts[1]] <= HEIGHT[own], f"{own} imports the higher {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_is_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_exception_is_swallowed(path: Path) -> None:
    """A bare `except`, or one of everything with nothing but `pass` in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}"
            everything = isinstance(node.type, ast.Name) and node.type.id in (
                "Exception",
                "BaseException",
            )
            silent = all(isinstance(statement, ast.Pass) for statement in node.body)
            assert not (everything and silent), f"line {node.lineno}"


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
        ("import pose_app.pipeline.session, pose_app.pipeline.opening", ("torch", "PySide6")),
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
