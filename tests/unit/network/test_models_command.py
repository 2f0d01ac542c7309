"""`pose-app models` as a person types it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pose_app.cli import main
from pose_app.network import catalogue
from pose_app.network.published import METRICS, PUBLISHED
from tests.unit.network import reference_graphs as reference
from tests.unit.network.file_server import FileServer


def content() -> bytes:
    buffer = io.BytesIO()
    torch.save(reference.princeton(1, 16), buffer)
    return buffer.getvalue()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with FileServer(content()) as running:
        digest = hashlib.sha256(running.content).hexdigest()
        entry = replace(PUBLISHED[0], name="small-hg", url=running.url, sha256=digest[:8])
        monkeypatch.setattr(catalogue, "PUBLISHED", (entry, PUBLISHED[-1]))
        yield running


def models(*words: str) -> int:
    return main(["models", *words])


def test_list_says_what_there_is_and_what_the_figures_mean(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert models("list") == 0
    text = capsys.readouterr().out
    for entry in PUBLISHED:
        (line,) = [row for row in text.splitlines() if row.startswith(f"{entry.name} ")]
        assert entry.licence in line
        assert entry.accuracy in line
        assert ("by hand" in line) == (entry.url is None)
    assert "installed" in next(row for row in text.splitlines() if row.startswith("default"))
    assert all(meaning in text for meaning in METRICS.values())


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert models("list", "--json") == 0
    entries = json.loads(capsys.readouterr().out)
    assert [e["name"] for e in entries if e["installed"]] == ["default"]
    assert {e.name for e in PUBLISHED} < {e["name"] for e in entries}


def test_info_of_names_and_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert models("info", "default") == 0
    assert "right_wrist" in capsys.readouterr().out
    assert models("info", "bearpaw-hg2") == 0
    text = capsys.readouterr().out
    assert "GPL-3.0" in text
    assert "86.95" in text
    torch.save(reference.bearpaw(1, width=128, stem=32), tmp_path / "net.pth")
    assert models("info", str(tmp_path / "net.pth"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["spec"]["family"] == "fpd"


@pytest.mark.parametrize("answer", ["n", "", "yes"])
def test_the_licence_comes_before_the_first_download(
    server: FileServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
) -> None:
    asked: list[str] = []

    def reply(question: str) -> str:
        asked.append(capsys.readouterr().out)
        assert server.requests == []
        return answer

    monkeypatch.setattr("builtins.input", reply)
    agreed = answer == "yes"
    assert models("download", "small-hg") == (0 if agreed else 1)
    assert "BSD-3-Clause" in asked[0]
    assert bool(server.requests) == agreed
    assert catalogue.find("small-hg").installed == agreed


def test_download_use_remove(server: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert models("download", "small-hg", "--yes") == 0
    assert "BSD-3-Clause" in capsys.readouterr().out
    assert models("download", "small-hg") == 0
    assert "already" in capsys.readouterr().out
    assert len(server.requests) == 1
    assert models("info", "small-hg") == 0
    assert "offset 0.5, tie -0.25, border clamp" in capsys.readouterr().out
    assert models("remove", "small-hg") == 0
    assert models("remove", "small-hg") == 2
    assert "no installed model" in capsys.readouterr().err


def test_mistakes_are_one_sentence_and_status_2(
    server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.pth").write_text("<html>not found</html>")
    server.faults = [404]
    for words in (
        ("info", "nobody"),
        ("download", "nobody"),
        ("download", "default-2"),
        ("download", "small-hg", "--yes"),
        ("download", PUBLISHED[-1].name),
        ("add", str(tmp_path / "page.pth")),
        ("add", str(tmp_path / "nothing.pth")),
        ("remove", "default"),
        ("export", "default", str(tmp_path / "net.pt")),
        ("export", "nobody", str(tmp_path / "net.onnx")),
    ):
        assert models(*words) == 2, words
        error = capsys.readouterr().err
        assert error.startswith("pose-app: ")
        assert error.count("\n") == 1
        assert "Traceback" not in error


def test_add_and_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(reference.bearpaw(1, width=32, stem=16), tmp_path / "net.pth")
    assert models("add", str(tmp_path / "net.pth"), "--name", "mine", "--family", "fpd") == 0
    assert "mine is installed (fpd)" in capsys.readouterr().out
    assert models("export", "mine", str(tmp_path / "mine.safetensors")) == 0
    assert (tmp_path / "mine.safetensors").is_file()
    assert "differ" in capsys.readouterr().out
