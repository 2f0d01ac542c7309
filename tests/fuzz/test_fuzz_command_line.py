"""Any words after `pose-app`: understood, or refused in one line with status 2."""

from __future__ import annotations

import argparse
import contextlib
import io
import random

import pytest

from pose_app import cli
from tests.fuzz.fuzzing import EXAMPLES, NONSENSE, fuzz

PARSERS: dict[str, argparse.ArgumentParser] = {}
WORDS = [
    *("demo", "0", "-1", "1e9", "nan", "-inf", "a.mp4", "--", "-", "-h", "--version", "=", "--=1"),
    *(words for words in NONSENSE if isinstance(words, str)),
]


def parser_of(command: str) -> argparse.ArgumentParser:
    """The real parser, made once per command: making it takes longer than parsing."""
    if command not in PARSERS:
        PARSERS[command] = cli._parser(command, cli._load(command))
    return PARSERS[command]


def options_of(command: str) -> list[str]:
    choices = parser_of(command)._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    assert isinstance(choices, dict)
    return list(choices[command]._option_string_actions)


def make(chance: random.Random) -> list[str]:
    command = chance.choice(list(cli.COMMANDS))
    options = options_of(command)
    words = []
    for _ in range(chance.randint(0, 5)):
        word = chance.choice(options) if chance.random() < 0.6 else chance.choice(WORDS)
        if word.startswith("--") and chance.random() < 0.4:
            word += f"={chance.choice(WORDS)}"
        words.append(word)
    return [command, *words]


def check(words: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    status = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            parser_of(words[0]).parse_args(words)
        except SystemExit as end:
            status = end.code
    assert status in (None, 0, 2)
    assert (status == 2) == bool(err.getvalue())
    assert "Traceback" not in err.getvalue()


@pytest.mark.parametrize("examples", EXAMPLES)
def test_any_words_are_understood_or_refused(examples: int) -> None:
    corpus = [["run"], ["run", "--size=x"], ["models", "--x=nan"], ["bench", "--seconds=nan"]]
    fuzz(make, check, examples, corpus)
