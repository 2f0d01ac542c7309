"""What atheris is given: every fuzz test of a parser, with inputs that mean what they meant."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz.coverage_guided import TARGETS, Inside, look_inside, mutated, seeds

FROM_TEXT = {"test_no_secret_of_any_address_is_shown"}  # its inputs are made around a secret


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize("name", TARGETS)
def test_inputs_survive_being_written(tmp_path: Path, name: str) -> None:
    target = TARGETS[name]
    tried = 0

    def act(found: Inside) -> None:
        nonlocal tried
        chance = random.Random(1)
        for case in [*found.corpus[:5], *(found.make(chance) for _ in range(20))]:
            data = target.form.write(case)
            assert target.form.write(target.form.read(data)) == data
            found.check(target.form.read(mutated(data, chance)))
            tried += 1
        assert seeds(target, found)

    look_inside(target, tmp_path, act)
    assert tried >= 20


def test_no_parser_is_forgotten() -> None:
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_fuzz_*.py"))
    tests = {line.split()[1].partition("(")[0] for line in text.splitlines() if line[:4] == "def "}
    asked = {test for test in tests if test.startswith("test_")} - FROM_TEXT
    assert asked == {target.test for target in TARGETS.values()}
