"""Files as people have them: every wrapping is unwrapped, everything else refused in a sentence."""

from __future__ import annotations

import contextlib
import json
import pickle
import random
import zipfile
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, load_file, save_file

from pose_app.errors import ModelError
from pose_app.network import load_checkpoint
from pose_app.network.native import build, save_native
from pose_app.paths import bundled
from tests.faults import files_limited
from tests.unit.network import reference_graphs as reference
from tests.unit.network.small import small_spec


def refused(path: Path, match: str) -> None:
    with pytest.raises(ModelError, match=match) as caught:
        load_checkpoint(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")


def check_answers(path: Path, weights: reference.Weights) -> None:
    network, _ = load_checkpoint(path)
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = network(x)[:, -1]
    truth = reference.run_princeton(weights, x)[-1]
    torch.testing.assert_close(found, truth, atol=1e-4, rtol=0)


# --- wrappings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "module.", "model.module."])
@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("modern", [True, False])
def test_prefixes_and_wrappers(tmp_path: Path, prefix: str, wrapped: bool, modern: bool) -> None:
    weights = reference.princeton(1, 16)
    named = {prefix + key: value for key, value in weights.items()}
    content = {"state_dict": named, "epoch": 200, "optimizer": {"state": {0: 1}}}
    torch.save(
        content if wrapped else named,
        tmp_path / "net.pt",
        _use_new_zipfile_serialization=modern,
    )
    check_answers(tmp_path / "net.pt", weights)


def test_a_prefix_that_not_all_keys_have_stays(tmp_path: Path) -> None:
    weights = reference.princeton(1, 16)
    named = {f"module.{key}": value for key, value in weights.items()}
    named["pre.0.conv.weight"] = named.pop("module.pre.0.conv.weight")
    torch.save(named, tmp_path / "net.pt")
    refused(tmp_path / "net.pt", "no stacked hourglass of a known layout")


def test_old_file_with_cuda_tensors_and_optimizer(tmp_path: Path) -> None:
    """As PyTorch 0.4 wrote it on a machine with a graphics card: pre-zip, storages on cuda:0."""
    weights = reference.princeton(1, 16)
    moments = {i: {"step": 5, "exp_avg": value} for i, value in enumerate(weights.values())}
    named = OrderedDict((f"model.module.{key}", value) for key, value in weights.items())
    named._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
    content = {
        "state_dict": named,
        "optimizer": {"state": moments, "param_groups": [{"lr": 2.5e-4}]},
        "epoch": 200,
    }
    path = tmp_path / "checkpoint.pt"
    torch.save(content, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    # The storage's class and place are written once and then referred to.
    on_card = data.replace(b"ctorch\nFloatStorage\n", b"ctorch.cuda\nFloatStorage\n")
    on_card = on_card.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    assert on_card.count(b"cuda") >= 2
    path.write_bytes(on_card)
    check_answers(path, weights)


def test_half_precision_and_safetensors(tmp_path: Path) -> None:
    weights = reference.princeton(1, 16)
    save_file({key: value.half() for key, value in weights.items()}, tmp_path / "net.safetensors")
    network, spec = load_checkpoint(tmp_path / "net.safetensors")
    assert next(network.parameters()).dtype == torch.float32
    assert spec.family == "princeton"


def test_description_beside_a_file_without_spec(tmp_path: Path) -> None:
    save_file(reference.princeton(2, 16), tmp_path / "start.safetensors")
    description = {
        "name": "start",
        "input_size": 192,
        "mean": [0.45, 0.45, 0.45],
        "std": [1, 1, 1],
        "output": "logits: with one extra",
        "sigma": 1.2,
    }
    (tmp_path / "start.json").write_text(json.dumps(description))
    _, spec = load_checkpoint(tmp_path / "start.safetensors")
    assert (spec.output, spec.score, spec.decode.subpixel) == ("logits", "window", "centroid")
    assert (spec.input_size, spec.mean, spec.sigma) == ((192, 192), (0.45,) * 3, 1.2)
    # x_input = (x_map + 0.5) * 4 - 0.5
    assert (7 + spec.decode.offset) * 4 == (7 + 0.5) * 4 - 0.5
    (tmp_path / "start.json").write_text("{")
    refused(tmp_path / "start.safetensors", "not readable")
    (tmp_path / "start.json").write_text('{"mean": [1]}')
    refused(tmp_path / "start.safetensors", "not usable")


def test_our_own_file_comes_back_as_it_was(tmp_path: Path) -> None:
    spec = small_spec(stacks=2)
    network = build(spec)
    save_native(tmp_path / "net.safetensors", network, spec)
    loaded, read = load_checkpoint(tmp_path / "net.safetensors")
    assert read == spec
    for key, value in network.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[key])
    loaded.train()(torch.rand(2, 3, 64, 64)).sum().backward()  # and can be trained on


def test_a_write_that_fails_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_native(path, build(small_spec()), small_spec())
    before = path.read_bytes()
    with files_limited(len(before) // 2), pytest.raises(OSError, match="large"):
        save_native(path, build(small_spec()), small_spec())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_default_model_loads() -> None:
    network, spec = load_checkpoint(bundled("weights", "default.safetensors"))
    height, width = spec.input_size
    with torch.no_grad():
        maps = network(torch.zeros(1, 3, height, width))
    assert maps.shape == (1, spec.network.stacks, len(spec.joints), *spec.map_size)
    assert "Leeds" in spec.provenance
    assert "MPII" in spec.provenance


# --- refusals ------------------------------------------------------------------------------------


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("executed"),)  # type: ignore[return-value]


@pytest.mark.parametrize("modern", [True, False])
def test_a_pickle_with_code_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modern: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    content = {"state_dict": reference.princeton(1, 16), "extra": Malicious()}
    torch.save(content, "net.pt", _use_new_zipfile_serialization=modern)
    refused(tmp_path / "net.pt", "objects or code")
    assert not (tmp_path / "executed").exists()


def test_a_whole_pickled_network_and_a_bare_pickle_are_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Conv2d(1, 1, 1), tmp_path / "module.pt")
    refused(tmp_path / "module.pt", "objects or code")
    (tmp_path / "bare.pt").write_bytes(pickle.dumps({"a": Malicious()}))
    with pytest.raises(ModelError):
        load_checkpoint(tmp_path / "bare.pt")


@pytest.mark.parametrize("key", ["bn1.running_mean", "bn1.running_var", "fc.0.1.running_mean"])
def test_group_normalisation_is_refused_by_name(tmp_path: Path, key: str) -> None:
    weights = reference.bearpaw(1, width=32, stem=16)
    without = {k: v for k, v in weights.items() if "running" not in k}
    torch.save(without, tmp_path / "net.pth")
    refused(tmp_path / "net.pth", "GroupNorm")
    missing = {k: v for k, v in weights.items() if k != key}  # one missing is no variant
    torch.save(missing, tmp_path / "net.pth")
    refused(tmp_path / "net.pth", "incomplete")


def test_text_is_refused(tmp_path: Path) -> None:
    for name, content in {
        "page.pth": "<!DOCTYPE html><html><body>Not found</body></html>" * 30,
        "pointer.pt": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "words.pt": "Stundenglas für Köpfe " * 60,
    }.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        refused(tmp_path / name, "text file")


@pytest.mark.parametrize(
    ("name", "start", "told"),
    [
        ("net.onnx", b"\x08\x08\x12\x07pytorch", "an export for other programs"),
        ("net.XML", b'<?xml version="1.0"?><net name="net">', "an export for other programs"),
        ("net.bin", b"\x00\x3c\xff\xbe", "an export for other programs"),
        ("net.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF", "no model file"),
    ],
)
def test_files_of_other_programs_are_called_what_they_are(
    tmp_path: Path, name: str, start: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(start * 99)
    refused(tmp_path / name, f"{name} is {told}: pose-app runs .safetensors files and PyTorch")


def test_a_checkpoint_may_be_called_bin_and_a_web_page_is_told_there_too(tmp_path: Path) -> None:
    torch.save(reference.princeton(1, 16), tmp_path / "net.bin")
    load_checkpoint(tmp_path / "net.bin")
    (tmp_path / "page.bin").write_text("<!DOCTYPE html><html></html>")
    refused(tmp_path / "page.bin", "text file")


def test_missing_empty_folder_and_damaged_files_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "nothing.pt", "cannot be read")
    refused(tmp_path, "cannot be read")
    (tmp_path / "empty.pt").touch()
    refused(tmp_path / "empty.pt", "empty")
    (tmp_path / "zeros.pt").write_bytes(bytes(5000))
    refused(tmp_path / "zeros.pt", "no model file")
    with zipfile.ZipFile(tmp_path / "archive.pt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(tmp_path / "archive.pt", "damaged or no PyTorch")
    for modern in (True, False):
        path = tmp_path / "cut.pt"
        torch.save(reference.princeton(1, 16), path, _use_new_zipfile_serialization=modern)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        refused(path, "damaged|no PyTorch")


def test_what_holds_no_tensors_is_refused(tmp_path: Path) -> None:
    for content in ([1, 2], {"a": 1}, {}, {"state_dict": {}}, torch.zeros(3), {3: torch.zeros(1)}):
        torch.save(content, tmp_path / "net.pt")
        refused(tmp_path / "net.pt", "no tensors by name")


def test_other_networks_and_variants_are_refused(tmp_path: Path) -> None:
    torch.save(
        {"layer4.0.conv1.weight": torch.zeros(1), "bn.running_mean": torch.zeros(1)},
        tmp_path / "a.pt",
    )
    refused(tmp_path / "a.pt", "no stacked hourglass")
    weights = reference.bearpaw(1, width=32, stem=16)
    torch.save({**weights, "hg.0.attention.weight": torch.zeros(1)}, tmp_path / "b.pt")
    refused(tmp_path / "b.pt", "does not have")
    weights = reference.princeton(1, 16)
    torch.save({**weights, "hgs.0.0.low2.se.weight": torch.zeros(1)}, tmp_path / "c.pt")
    refused(tmp_path / "c.pt", "does not have")
    weights = reference.mmpose(1, (16, 16, 24, 24, 24, 32), stem=8)
    torch.save({**weights, "backbone.neck.weight": torch.zeros(1)}, tmp_path / "d.pt")
    refused(tmp_path / "d.pt", "does not have")
    torch.save(reference.princeton(1, 16), tmp_path / "e.pt")
    with pytest.raises(ModelError, match="no family"):
        load_checkpoint(tmp_path / "e.pt", family="alphapose")
    with pytest.raises(ModelError, match="mmpose"):
        load_checkpoint(tmp_path / "e.pt", family="mmpose")


@pytest.mark.parametrize("layout", ["princeton", "bearpaw", "mmpose"])
def test_any_missing_tensor_is_named(tmp_path: Path, layout: str) -> None:
    weights = {
        "princeton": lambda: reference.princeton(2, 16),
        "bearpaw": lambda: reference.bearpaw(2, width=16, stem=8),
        "mmpose": lambda: reference.mmpose(2, (8, 8, 8, 8, 8, 8), stem=8),
    }[layout]()
    needed = [
        key for key in sorted(weights) if "num_batches" not in key and "skip_layer" not in key
    ]
    for key in random.Random(1).sample(needed, 15):
        torch.save({k: v for k, v in weights.items() if k != key}, tmp_path / "net.pt")
        with pytest.raises(ModelError):
            load_checkpoint(tmp_path / "net.pt")


def test_wrong_shapes_and_infinite_values_are_refused(tmp_path: Path) -> None:
    weights = reference.princeton(2, 16)
    for change in (
        {"outs.1.conv.weight": torch.zeros(15, 16, 1, 1)},
        {"features.0.1.bn.running_var": torch.zeros(17)},
        {"pre.0.conv.bias": torch.zeros(64, dtype=torch.int64)},
        {"pre.0.conv.bias": torch.full((64,), float("nan"))},
        {"outs.0.conv.weight": torch.zeros(3)},
        {"outs.0.conv.weight": torch.zeros(0, 16, 1, 1)},
    ):
        torch.save({**weights, **change}, tmp_path / "net.pt")
        with pytest.raises(ModelError):
            load_checkpoint(tmp_path / "net.pt")


def test_a_file_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    weights = reference.princeton(1, 16)
    weights["pre.0.conv.bias"] = torch.zeros(1).expand(10**12)
    torch.save(weights, tmp_path / "net.pt")
    refused(tmp_path / "net.pt", "claims to hold more")


def test_a_spec_that_lies_about_the_network_is_refused(tmp_path: Path) -> None:
    spec = small_spec()
    network = build(spec)
    for lie in (
        {"stacks": 64},
        {"width": 65536},
        {"blocks": 64},
        {"depth": 5},
        {"depthwise": True},
    ):
        lying = replace(spec, network=replace(spec.network, **lie), input_size=(128, 128))
        save_native(tmp_path / "net.safetensors", network, lying)
        refused(tmp_path / "net.safetensors", "do not fit")
    save_native(tmp_path / "net.safetensors", network, spec)
    tensors = load_file(tmp_path / "net.safetensors")
    del tensors["stacks.0.head.bias"]
    save_file(tensors, tmp_path / "net.safetensors", metadata={"spec": spec.to_json()})
    refused(tmp_path / "net.safetensors", "incomplete")


# --- fuzzing -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One good file of each container."""
    folder = tmp_path_factory.mktemp("good")
    weights = reference.princeton(1, 8)
    torch.save({"state_dict": weights, "epoch": 1}, folder / "zip.pt")
    torch.save(weights, folder / "old.pt", _use_new_zipfile_serialization=False)
    save_native(folder / "ours.safetensors", build(small_spec()), small_spec())
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_bytes_raise_nothing_but_model_errors(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name])
    head = data.draw(st.booleans())  # most of the file is weights; its structure is at the ends
    limit = min(len(content), 4000) if head else len(content)
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, limit - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    path = tmp_path_factory.getbasetemp() / f"fuzzed-{name}"
    path.write_bytes(content)
    with contextlib.suppress(ModelError):
        network, spec = load_checkpoint(path)  # only weights changed
        assert spec.network.joints == len(spec.joints)
        assert all(torch.isfinite(value).all() for value in network.state_dict().values())


@settings(max_examples=60, deadline=None)
@given(
    change=st.dictionaries(
        st.sampled_from(sorted(json.loads(small_spec().to_json()))),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.sampled_from(["stacks", "width", "offset", "raw", "x"]), inner)
            ),
            max_leaves=8,
        ),
        min_size=1,
        max_size=3,
    )
)
def test_any_description_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], change: dict[str, object]
) -> None:
    text = json.dumps({**json.loads(small_spec().to_json()), **change})
    path = tmp_path_factory.getbasetemp() / "described.safetensors"
    save_file(load(files["ours.safetensors"]), path, metadata={"spec": text})
    with contextlib.suppress(ModelError):
        _, spec = load_checkpoint(path)
        assert len(spec.flip) == spec.network.joints


def test_a_file_that_would_grow_in_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compressed archive: 100 KB on disk, 100 MB in memory."""
    torch.save({"weight": torch.zeros(25_000_000)}, tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as plain,
        zipfile.ZipFile(tmp_path / "net.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in plain.namelist():
            packed.writestr(entry, plain.read(entry))
    assert (tmp_path / "net.pt").stat().st_size < 200_000
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was read"))
    refused(tmp_path / "net.pt", "claims to hold more")


def test_an_archive_that_is_compressed_a_little_is_read(tmp_path: Path) -> None:
    weights = reference.princeton(1, 16)
    torch.save(weights, tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as plain,
        zipfile.ZipFile(tmp_path / "net.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in plain.namelist():
            packed.writestr(entry, plain.read(entry))
    check_answers(tmp_path / "net.pt", weights)
