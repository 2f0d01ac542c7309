"""Hostile inputs: good ones that were damaged, and JSON with nonsense in it.

Hypothesis draws numbers, each of which makes some inputs, so that 100,000 of them cost little more
than the parser itself; a failure names the number and shows the input. `coverage_guided.py` gives
the same checks to atheris.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

T = TypeVar("T")

MANY = 100_000
BATCH = 50  # inputs made from one number of Hypothesis, whose own work would take most of the time
# Few inputs always, many with --slow.
EXAMPLES = [
    pytest.param(500, id="some"),
    pytest.param(
        MANY, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(7200, method="thread")]
    ),
]

NONSENSE: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63), 10**400, 0.5, -0.0, 1e-320, 1e308),
    *(float("nan"), float("inf"), float("-inf")),
    *("", "0", "1e9", "nan", "auto", "x" * 3000, "\x00", "\n\r\x1b[2J", "\ud800", "ä 漢 🦩"),
    *("../../etc/passwd", "/", "C:\\", "con", "http://user:password@host/"),
    *([], {}, [[]], [None], {"": None}, [0] * 50, [[[[[[[[]]]]]]]]),
]
NUMBERS = [b"\x00" * 8, b"\xff" * 8, b"\x7f", b"\x80", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x01"]


def fuzz(
    make: Callable[[random.Random], T],
    check: Callable[[T], object],
    examples: int,
    corpus: Sequence[T] = (),
) -> None:
    """Give `check` the corpus and so many inputs made from random numbers."""
    for case in corpus:
        check(case)

    @settings(
        max_examples=max(1, examples // BATCH),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**64 - 1))
    def run(number: int) -> None:
        chance = random.Random(number)
        for _ in range(BATCH):
            case = make(chance)
            try:
                check(case)
            except Exception as error:
                raise AssertionError(f"this input is a finding: {case!r:.10000}") from error

    run()


def damaged(good: Sequence[bytes], chance: random.Random) -> bytes:
    """One of these byte strings with up to eight kinds of damage, most of them near its ends."""
    data = bytearray(chance.choice(good))
    for _ in range(chance.randint(1, 8)):
        if not data:
            break
        where = _place(len(data), chance)
        kind = chance.randrange(7)
        if kind == 0:
            data[where] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[where] = chance.randrange(256)
        elif kind == 2:
            number = chance.choice(NUMBERS)
            data[where : where + len(number)] = number
        elif kind == 3:
            del data[where : where + chance.choice([1, 2, 8, 100])]
        elif kind == 4:
            data[where:where] = data[where : where + chance.choice([1, 4, 60])]
        elif kind == 5:
            other = chance.choice(good)
            start = _place(len(other), chance)
            data[where : where + 40] = other[start : start + 40]
        elif chance.random() < 0.3:
            del data[where:]
    return bytes(data)


def _place(length: int, chance: random.Random) -> int:
    near = chance.random()
    if near < 0.4:
        return chance.randrange(min(length, 300))
    if near < 0.7:
        return length - 1 - chance.randrange(min(length, 300))
    return chance.randrange(length)


def nonsense(good: Sequence[Any], chance: random.Random) -> Any:
    """One of these JSON values in which up to four places are not what they should be."""
    whole = [copy.deepcopy(chance.choice(good))]
    for _ in range(chance.randint(1, 4)):
        places = list(_places(whole))
        parent, key = chance.choice(places)
        kind = chance.randrange(6)
        if kind == 0 and parent is not whole:
            del parent[key]
        elif kind == 1:
            other_parent, other_key = chance.choice(places)
            parent[key] = copy.deepcopy(other_parent[other_key])
        elif kind == 2 and isinstance(parent, list) and parent is not whole:
            parent.insert(key, copy.deepcopy(parent[key]))
        elif kind == 3 and isinstance(parent, dict):
            parent[str(chance.choice(NONSENSE))] = parent.pop(key)
        else:
            parent[key] = copy.deepcopy(chance.choice(NONSENSE))
    return whole[0]


def _places(parent: Any) -> Any:
    """(container, key) of everything inside."""
    keys = parent.keys() if isinstance(parent, dict) else range(len(parent))
    for key in list(keys):
        yield parent, key
        if isinstance(parent[key], dict | list):
            yield from _places(parent[key])


def one_sentence(error: Exception, longest: int = 1500) -> None:
    """What people may be shown: something, and no novel, whatever the file has in it."""
    assert str(error).strip()
    assert len(str(error)) < longest
