"""Fuzzing led by coverage: `python -m tests.fuzz.coverage_guided TARGET -runs=100000`.

Atheris takes the place of Hypothesis in one fuzz test: the test's own check says what a finding is,
its inputs are where atheris begins. It has to be installed by hand (`pip install atheris`: Linux
and macOS, not every Python has a wheel). Whatever follows the target goes to libFuzzer; a file
there is tried alone. Corpus and findings stay in the system's temporary folder, under `pose-app-
fuzz`, and a later run goes on from there.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import logging
import random
import shutil
import struct
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tests.fuzz.fuzzing import damaged, nonsense

SEEDS = 300  # inputs of the test's own making to begin with
LONGEST_SEED = 200_000  # bytes: a whole network takes most of the time and shows little more


@dataclass(frozen=True)
class Form:
    """How the case of a test is written as bytes, and read from any bytes."""

    write: Callable[[Any], bytes]
    read: Callable[[bytes], Any]


def _as_bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _as_text(data: bytes) -> str:
    try:
        return data.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _words(data: bytes) -> list[str]:
    from pose_app.cli import COMMANDS

    command, *words = _as_text(data).split("\x1f")
    return [command if command in COMMANDS else list(COMMANDS)[len(data) % len(COMMANDS)], *words]


def _with_description(data: bytes) -> tuple[bytes, str]:
    beside, _, model = data.partition(b"\x00")
    return model, _as_text(beside)


RAW = Form(bytes, bytes)
TEXT = Form(_as_bytes, _as_text)
# A model's bytes and its description, which are mutated only where the test makes one.
MODEL = Form(lambda case: case[0], lambda data: (data, None))
DESCRIBED = Form(lambda case: _as_bytes(case[1] or "") + b"\x00" + case[0], _with_description)
# A body, and the length of the pieces that it comes in.
PIECES = Form(
    lambda case: struct.pack("<H", case[1] - 1) + case[0],
    lambda data: (data[2:], int.from_bytes(data[:2], "little") + 1),
)
WORDS = Form(lambda words: _as_bytes("\x1f".join(words)), _words)


@dataclass(frozen=True)
class Target:
    """A fuzz test: its module here, its name, the kind of input where it has several."""

    module: str
    test: str
    form: Form = RAW
    kind: str | None = None


MODELS = "checkpoints", "test_any_model_file_is_read_or_refused"
VIDEOS = "videos", "test_any_recording_is_checked_repaired_and_played_or_refused"
ANNOTATIONS = "annotations", "test_any_annotations_are_read_or_refused"
TARGETS = {
    "settings": Target("settings", "test_any_settings_file_gives_settings"),
    "logs": Target("recordings", "test_any_log_is_read_or_refused"),
    "boxes": Target("recordings", "test_any_structure_of_an_mp4_is_walked_through"),
    "mp4": Target(*VIDEOS, kind="mp4"),
    "mkv": Target(*VIDEOS, kind="mkv"),
    "specs": Target("specs", "test_any_description_is_read_or_refused", TEXT),
    "headers": Target("specs", "test_any_header_is_read_or_refused"),
    "models-ours": Target(*MODELS, MODEL, "ours"),
    "models-zip": Target(*MODELS, MODEL, "zip"),
    "models-old": Target(*MODELS, MODEL, "old"),
    "models-described": Target(*MODELS, DESCRIBED, "described"),
    "coco": Target(*ANNOTATIONS, kind="coco"),
    "mpii": Target(*ANNOTATIONS, kind="mpii"),
    "shards": Target("annotations", "test_any_shard_is_read_or_refused"),
    "mjpeg": Target("streams", "test_any_body_gives_pictures_or_nothing", PIECES),
    "cameras": Target("answers", "test_any_answer_of_a_camera_gives_pictures_or_a_sentence"),
    "downloads": Target("answers", "test_any_answer_to_a_download_gives_a_file_or_a_sentence"),
    "command-line": Target("command_line", "test_any_words_are_understood_or_refused", WORDS),
}


@dataclass
class Inside:
    """What a fuzz test hands to `fuzz`."""

    make: Callable[[random.Random], Any]
    check: Callable[[Any], object]
    corpus: Sequence[Any]


def look_inside(target: Target, folder: Path, act: Callable[[Inside], None]) -> None:
    """Import the test and run it in `folder` with `act` in the place of Hypothesis."""
    module = importlib.import_module(f"tests.fuzz.test_fuzz_{target.module}")

    def instead(
        make: Callable[[random.Random], Any],
        check: Callable[[Any], object],
        examples: int,
        corpus: Sequence[Any] = (),
    ) -> None:
        act(Inside(make, check, corpus))

    test = getattr(module, target.test)
    given = {"tmp_path": folder, "kind": target.kind, "examples": 0}
    usual, module.fuzz = module.fuzz, instead  # type: ignore[attr-defined]
    try:
        test(**{name: given[name] for name in inspect.signature(test).parameters})
    finally:
        module.fuzz = usual  # type: ignore[attr-defined]


def seeds(target: Target, found: Inside) -> list[bytes]:
    """Written inputs to begin with: the test's corpus and some that it makes."""
    cases = [*found.corpus, *(found.make(random.Random(number)) for number in range(SEEDS))]
    written = [target.form.write(case) for case in cases]
    return [data for data in written if len(data) <= LONGEST_SEED]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Damage as in the tests: to the JSON inside, where there is some, or to the bytes."""
    text = data.decode("latin-1")
    starts = [place for place in (text.find("{"), text.find("[")) if place >= 0]
    lines = [place + 1 for place in range(len(text)) if text[place : place + 2] == "\n{"]
    if not starts or chance.random() < 0.4:
        return damaged([data], chance) if data else data
    start = chance.choice([min(starts), *lines])
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
        written = json.dumps(nonsense([value], chance)).encode()
    except (ValueError, RecursionError):
        return damaged([data], chance)
    before = data[:start]
    if start == 8 and before == struct.pack("<Q", end - start):  # the header of a safetensors file
        before = struct.pack("<Q", len(written))
    return before + written + data[end:]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz.coverage_guided", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("target", choices=TARGETS)
    arguments, options = parser.parse_known_args()
    import atheris

    target = TARGETS[arguments.target]
    folder = Path(tempfile.gettempdir(), "pose-app-fuzz", arguments.target)
    work, corpus, findings = (folder / name for name in ("work", "corpus", "findings"))
    shutil.rmtree(work, ignore_errors=True)
    for each in (work, corpus, findings):
        each.mkdir(parents=True, exist_ok=True)
    logging.disable()  # FFmpeg has something to say about every damaged byte

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.5:
            return cast(bytes, atheris.Mutate(data, len(data)))
        return mutated(data, chance)[:most]

    def run(found: Inside) -> None:
        for number, data in enumerate(seeds(target, found)):
            (corpus / f"seed-{number}").write_bytes(data)
        files = [] if any(Path(option).exists() for option in options) else [str(corpus)]
        defaults = [f"-artifact_prefix={findings}/", "-rss_limit_mb=8192", "-timeout=300"]
        atheris.Setup(
            [parser.prog, *defaults, *options, *files],
            lambda data: found.check(target.form.read(data)),
            custom_mutator=mutate,
        )
        atheris.Fuzz()  # which ends the process

    # Around all of it: the app imports most of its modules where they are used.
    with atheris.instrument_imports(include=["pose_app"]):
        look_inside(target, work, run)


if __name__ == "__main__":
    main()
