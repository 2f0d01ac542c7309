"""Model files of every container, damaged: a network or a sentence, and nothing is executed."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from pose_app.errors import ModelError
from pose_app.network.checkpoints import load_checkpoint
from pose_app.network.native import build, save_native
from tests.fuzz.fuzzing import EXAMPLES, damaged, fuzz, nonsense, one_sentence
from tests.unit.network import reference_graphs as reference
from tests.unit.network.small import small_spec

KINDS = ["ours", "zip", "old", "described"]  # the inputs are shared out among them
# A whole network takes twenty times as long to read as a few tensors of it.
WHOLE = 0.03


def saved(weights: object, *, modern: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(weights, buffer, _use_new_zipfile_serialization=modern)
    return buffer.getvalue()


class Executed:
    """Unpickled as it wants to be, it would leave a file behind."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("examples", EXAMPLES)
def test_any_model_file_is_read_or_refused(tmp_path: Path, kind: str, examples: int) -> None:
    trace = tmp_path / "executed"
    weights = reference.princeton(1, 8)
    few = dict(list(weights.items())[:3])
    spec = small_spec()
    folder = tmp_path / "models"
    folder.mkdir()
    save_native(folder / "whole.safetensors", build(spec), spec)
    whole: dict[str, bytes] = {
        "ours": (folder / "whole.safetensors").read_bytes(),
        "zip": saved({"state_dict": weights, "epoch": 3}, modern=True),
        "old": saved(weights, modern=False),
        "described": save({key: value.contiguous() for key, value in weights.items()}),
    }
    parts = {
        "ours": [save(few, metadata={"spec": spec.to_json()})],
        "zip": [saved({"state_dict": few, "meta": {"config": "a"}}, modern=True)],
        "old": [saved(few, modern=False), saved({"a": Executed(trace)}, modern=False)],
        "described": [save(few)],
    }
    parts["zip"].append(saved({"state_dict": few, "b": Executed(trace)}, modern=True))
    parts["old"].append(pickle.dumps({"a": Executed(trace)}))
    description = {
        "name": "small",
        "input_size": 64,
        "mean": [0.5, 0.5, 0.5],
        "std": [1, 1, 1],
        "joints": list(spec.joints),
        "output": "logits",
        "sigma": 1.0,
    }
    suffix = {"ours": "safetensors", "described": "safetensors"}.get(kind, "pth")
    path = folder / f"fuzzed.{suffix}"

    def make(chance: random.Random) -> tuple[bytes, str | None]:
        good = [whole[kind]] if chance.random() < WHOLE else parts[kind]
        beside = None
        if kind == "described":
            beside = json.dumps(nonsense([description], chance))
            if chance.random() < 0.5:
                return chance.choice(good), beside
        return damaged(good, chance), beside

    def check(case: tuple[bytes, str | None]) -> None:
        data, beside = case
        path.write_bytes(data)
        if beside is not None:
            path.with_suffix(".json").write_text(beside, encoding="utf-8", errors="surrogatepass")
        try:
            network, found = load_checkpoint(path)
        except ModelError as error:
            one_sentence(error)
        else:
            assert len(found.joints) == found.network.joints
            assert all(torch.isfinite(value).all() for value in network.state_dict().values())
        assert not trace.exists()
        assert {file.stem for file in folder.iterdir()} <= {"whole", "fuzzed"}

    novel = json.dumps({"__metadata__": "x" * 3000}).encode()
    corpus = [
        (whole[kind], json.dumps(description)),
        (whole[kind], json.dumps({**description, "sigma": "x" * 3000})),
        (struct.pack("<Q", len(novel)) + novel, None),
        (b"", None),
    ]
    fuzz(make, check, examples // len(KINDS), corpus)
