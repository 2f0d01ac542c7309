"""Names to files: published models from a real server, files added by hand, the default."""

from __future__ import annotations

import contextlib
import hashlib
import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pose_app.errors import ModelError
from pose_app.network import catalogue, download, load_checkpoint
from pose_app.network.cornernet import CornerNetHourglass
from pose_app.network.cost import cost
from pose_app.network.hourglass import StackedHourglass
from pose_app.network.native import build, save_native
from pose_app.network.published import LICENCES, METRICS, PUBLISHED, ModelEntry
from pose_app.paths import bundled, models_folder
from pose_app.spec import NetworkConfig, read_spec
from tests.unit.network import reference_graphs as reference
from tests.unit.network.file_server import FileServer
from tests.unit.network.small import small_spec


def checkpoint() -> bytes:
    buffer = io.BytesIO()
    torch.save({"state_dict": reference.princeton(2, 16), "epoch": 9}, buffer)
    return buffer.getvalue()


CONTENT = checkpoint()
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with FileServer(CONTENT) as running:
        yield running


@pytest.fixture
def entry(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """The catalogue's first model, published by our own server, without a hash."""
    made = replace(PUBLISHED[0], name="small-hg", url=server.url, page="http://page.invalid/")
    monkeypatch.setattr(catalogue, "PUBLISHED", (made,))
    return made


# --- names ---------------------------------------------------------------------------------------


def test_default_tells_its_accuracy() -> None:
    """The figure of the model card, with what it means."""
    entry = catalogue.find("default")
    assert entry.metric in METRICS
    card = bundled("weights", "README.md").read_text(encoding="utf-8")
    assert f"| 4 | **.750** | .769 | .759 | .472 | **.{entry.accuracy.replace('.', '')}" in card


def test_default_needs_no_torch() -> None:
    code = (
        "import sys; from pose_app.network import catalogue; catalogue.resolve('default'); "
        "catalogue.entries(); assert not {'torch', 'cv2', 'PySide6'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_published_file_is_converted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "cache_folder", lambda: tmp_path / "cache")
    path = tmp_path / "net.pt"
    path.write_bytes(CONTENT)
    made = catalogue.resolve(path)
    assert made.parent == tmp_path / "cache" / "converted"
    assert read_spec(made).family == "princeton"
    written = made.stat().st_mtime_ns
    assert catalogue.resolve(str(path)) == made
    assert made.stat().st_mtime_ns == written
    made.write_bytes(b"cut off")  # a damaged conversion is made again
    assert read_spec(catalogue.resolve(path)).family == "princeton"


def test_our_own_file_is_its_own_path(tmp_path: Path) -> None:
    save_native(tmp_path / "net.safetensors", build(small_spec()), small_spec())
    assert catalogue.resolve(tmp_path / "net.safetensors") == tmp_path / "net.safetensors"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody", "models list"),
        ("../etc/passwd", "models list"),
        ("", "models list"),
        ("bearpaw-hg2", "models download bearpaw-hg2"),
    ],
)
def test_unknown_names(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        catalogue.resolve(name)


# --- download ------------------------------------------------------------------------------------


def test_download_installs_a_converted_model(entry: ModelEntry, server: FileServer) -> None:
    steps: list[int] = []
    assert catalogue.needs_licence(entry)
    assert not catalogue.find("small-hg").installed
    got = catalogue.download("small-hg", progress=lambda done, total: steps.append(done))
    assert got.installed
    assert steps[-1] == len(CONTENT)
    assert not catalogue.needs_licence(entry)
    assert [e.name for e in catalogue.installed()] == ["default", "small-hg"]
    file = catalogue.resolve("small-hg")
    network, spec = load_checkpoint(file)
    assert (spec.name, spec.licence) == ("small-hg", "BSD-3-Clause")
    assert server.url in spec.provenance
    assert HASH in spec.provenance
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        truth = reference.run_princeton(reference.princeton(2, 16), x)
        torch.testing.assert_close(network(x)[:, 1], truth[1], atol=1e-4, rtol=0)
    assert {p.name for p in models_folder().iterdir()} == {
        "downloads",
        "seen.json",
        "small-hg.safetensors",
    }
    assert list((models_folder() / "downloads").iterdir()) == []


def test_the_hash_seen_first_is_pinned(entry: ModelEntry, server: FileServer) -> None:
    catalogue.download("small-hg")
    catalogue.remove("small-hg")
    assert not catalogue.find("small-hg").installed
    server.content = CONTENT[:-1] + b"\x01"
    with pytest.raises(ModelError, match="not the published one"):
        catalogue.download("small-hg")
    assert not catalogue.find("small-hg").installed
    server.content = CONTENT
    assert catalogue.download("small-hg").installed


@pytest.mark.parametrize("digits", [8, 64])
def test_a_known_hash_is_checked(
    entry: ModelEntry, monkeypatch: pytest.MonkeyPatch, digits: int
) -> None:
    monkeypatch.setattr(catalogue, "PUBLISHED", (replace(entry, sha256="0" * digits),))
    with pytest.raises(ModelError, match="not the published one"):
        catalogue.download("small-hg")
    monkeypatch.setattr(catalogue, "PUBLISHED", (replace(entry, sha256=HASH[:digits]),))
    assert catalogue.download("small-hg").installed


def test_a_dead_address_names_the_page_and_the_way_by_hand(
    entry: ModelEntry, server: FileServer, tmp_path: Path
) -> None:
    server.faults = [404]
    with pytest.raises(ModelError, match=r"http://page.invalid/ .*models add FILE") as caught:
        catalogue.download("small-hg")
    assert server.url in str(caught.value)
    (tmp_path / "checkpoint.pt").write_bytes(CONTENT)  # what a person then does
    assert catalogue.add(tmp_path / "checkpoint.pt", name="small-hg").installed


def test_a_file_that_is_no_model_is_not_installed(entry: ModelEntry, server: FileServer) -> None:
    server.content = b"not a model at all " * 100
    with pytest.raises(ModelError, match="text file"):
        catalogue.download("small-hg")
    assert not catalogue.find("small-hg").installed
    assert list((models_folder() / "downloads").iterdir()) == []
    assert catalogue.needs_licence(entry)  # and its hash is not pinned
    server.content = CONTENT
    assert catalogue.download("small-hg").installed


def test_cancelled_downloads_go_on(entry: ModelEntry, server: FileServer) -> None:
    cancel = threading.Event()
    with pytest.raises(download.DownloadCancelledError):
        catalogue.download("small-hg", progress=lambda *_: cancel.set(), cancel=cancel)
    assert catalogue.download("small-hg").installed
    assert server.requests[-1][1]["Range"].startswith("bytes=")


def test_what_cannot_be_downloaded_says_so() -> None:
    with pytest.raises(ModelError, match=r"browser.*models add FILE"):
        catalogue.download("fpd-4x128")
    with pytest.raises(ModelError, match="There is no published model"):
        catalogue.download("default")


def test_an_unreadable_list_of_seen_files(entry: ModelEntry) -> None:
    models_folder().mkdir(parents=True)
    (models_folder() / "seen.json").write_text("[")
    with pytest.raises(ModelError, match="delete it"):
        catalogue.download("small-hg")


def test_a_hash_that_cannot_be_remembered_is_said(
    entry: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_text

    def no_room(path: Path, *args: Any, **options: Any) -> int:
        if path.name.startswith("seen.json"):
            raise OSError(28, "No space left on device")
        return write(path, *args, **options)

    monkeypatch.setattr(Path, "write_text", no_room)
    with pytest.raises(ModelError, match=r"seen\.json cannot be written"):
        catalogue.download("small-hg")


def test_two_processes_remember_both_of_their_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither reads the list while the other one is about to write it."""
    models_folder().mkdir(parents=True)
    both, pins = threading.Barrier(2), catalogue._pins

    def read_together() -> dict[str, str]:
        found = pins()
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.3)  # passed at once where both have read
        return found

    monkeypatch.setattr(catalogue, "_pins", read_together)
    urls = ("http://one.invalid/", "http://two.invalid/")
    threads = [threading.Thread(target=catalogue._pin, args=(url, "0")) for url in urls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(pins()) == set(urls)


# --- add, remove, list ---------------------------------------------------------------------------


def test_add_recognises_a_published_file_by_its_hash(
    entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "PUBLISHED", (replace(entry, sha256=HASH[:8]),))
    (tmp_path / "whatever.pth").write_bytes(CONTENT)
    got = catalogue.add(tmp_path / "whatever.pth")
    assert got.name == "small-hg"
    assert read_spec(got.file or "").licence == "BSD-3-Clause"


def test_add_names_and_families(tmp_path: Path) -> None:
    path = tmp_path / "model_best.pth.tar"
    torch.save(reference.bearpaw(1), path)
    got = catalogue.add(path, family="fpd")
    assert (got.name, got.family, got.stacks, got.joints) == ("model_best", "fpd", 1, "mpii-16")
    assert got.parameters == pytest.approx(3.587, abs=0.001)
    with pytest.raises(ModelError, match="already"):
        catalogue.add(path)
    for name in ("default", "", "a/b", "..", "a b"):
        with pytest.raises(ModelError, match="cannot be a model's name"):
            catalogue.add(path, name=name or ".")
    spec = replace(small_spec(), provenance="trained at home")
    save_native(tmp_path / "mine.safetensors", build(spec), spec)
    assert read_spec(catalogue.add(tmp_path / "mine.safetensors").file or "") == spec
    with pytest.raises(ModelError, match="cannot be read"):
        catalogue.add(tmp_path / "nothing.pt")


def test_remove() -> None:
    for name in ("default", "nobody", "../settings"):
        with pytest.raises(ModelError):
            catalogue.remove(name)
    assert bundled("weights", "default.safetensors").is_file()


def test_a_broken_installed_file_is_listed_with_its_problem() -> None:
    models_folder().mkdir(parents=True)
    for name in ("mine", "bearpaw-hg1"):
        (models_folder() / f"{name}.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{broken")
    problems = {e.name: e.problem for e in catalogue.entries() if e.problem}
    assert set(problems) == {"mine", "bearpaw-hg1"}
    assert len({e.name for e in catalogue.entries()}) == len(catalogue.entries())


# --- the table of published models ---------------------------------------------------------------


def config_of(entry: ModelEntry) -> NetworkConfig:
    joints = 17 if entry.joints == "coco-17" else 16
    if entry.family == "mmpose":
        return NetworkConfig(
            graph="cornernet", stacks=entry.stacks, width=256, joints=joints, stem=(128, 256),
            stem_second=256, depth=5, level_channels=(256, 256, 384, 384, 384, 512),
            level_blocks=(2, 2, 2, 2, 2, 4),
        )  # fmt: skip
    width = 128 if entry.family == "fpd" else 256
    stem = width // 4
    return NetworkConfig(
        stacks=entry.stacks,
        width=width,
        stem=(stem, stem * 2),
        stem_second=128 if entry.family == "princeton" else width,
        depthwise=entry.family == "mobile-fpd",
    )


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.name)
def test_parameters_and_gmac_of_the_table(entry: ModelEntry) -> None:
    """Counted on the graph itself, without memory for its weights."""
    config = config_of(entry)
    with torch.device("meta"):
        kind = CornerNetHourglass if config.graph == "cornernet" else StackedHourglass
        network = kind(config).eval()
    macs = 0

    def count(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> None:
        nonlocal macs
        weight = module.get_parameter("weight")
        macs += output.numel() * weight[0].numel()

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    network(torch.empty(1, 3, *entry.input_size, device="meta"))
    assert entry.parameters == pytest.approx(
        sum(p.numel() for p in network.parameters()) / 1e6, abs=0.006
    )
    assert entry.gmac == pytest.approx(macs / 1e9, abs=0.006)


@pytest.mark.parametrize("graph", ["newell", "cornernet"])
@pytest.mark.parametrize("stacks", [None, 1, 2])
def test_cost_of_a_file(tmp_path: Path, graph: str, stacks: int | None) -> None:
    spec = small_spec(stacks=2)
    if graph == "cornernet":
        config = NetworkConfig(
            graph=graph, stacks=2, width=8, stem=(8, 8), stem_second=8, depth=2,
            level_channels=(8, 8, 12), level_blocks=(1, 2, 2),
        )  # fmt: skip
        spec = replace(spec, network=config)
    network = build(spec)
    save_native(tmp_path / "net.safetensors", network, spec)
    used: dict[int, tuple[int, int]] = {}

    def count(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> None:
        own = sum(p.numel() for p in module.parameters())
        is_conv = isinstance(module, torch.nn.Conv2d)
        macs = output.numel() * module.get_parameter("weight")[0].numel() if is_conv else 0
        used[id(module)] = (own, macs)

    for module in network.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.BatchNorm2d)):
            module.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, 3, *spec.input_size), stacks=stacks)
    parameters, gmac = cost(tmp_path / "net.safetensors", spec, stacks)
    assert parameters * 1e6 == pytest.approx(sum(own for own, _ in used.values()))
    assert gmac * 1e9 == pytest.approx(sum(macs for _, macs in used.values()))


def test_every_published_model_can_be_shown() -> None:
    assert len({entry.name for entry in PUBLISHED}) == len(PUBLISHED)
    for entry in PUBLISHED:
        assert entry.licence in LICENCES
        assert entry.page.startswith("https://")
        assert not entry.metric or entry.metric in METRICS
        text = catalogue.licence_text(entry)
        assert entry.licence in text
        assert entry.page in text
        if entry.sha256:  # the file's name carries the digits
            assert entry.sha256 in (entry.url or "")


def test_a_description_beside_a_checkpoint_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "cache_folder", lambda: tmp_path / "cache")
    path = tmp_path / "net.pt"
    path.write_bytes(CONTENT)
    before = catalogue.resolve(path)
    path.with_suffix(".json").write_text("{}")
    described = catalogue.resolve(path)
    assert described != before
    renamed = path.rename(tmp_path / "other_384x384.pt")
    assert catalogue.resolve(renamed) not in (before, described)
    path.with_suffix(".json").unlink()
    renamed.rename(path)
    assert catalogue.resolve(path) == before
