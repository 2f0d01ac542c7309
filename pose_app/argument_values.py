"""Parsers of command line values, each with its error message."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any


def _value(sentence: str) -> Callable[[Callable[[str], Any]], Callable[[str], Any]]:
    def made(convert: Callable[[str], Any]) -> Callable[[str], Any]:
        def checked(text: str) -> Any:
            try:
                return convert(text)
            except ValueError:
                raise argparse.ArgumentTypeError(f"{text!r} is {sentence}") from None

        return checked

    return made


@_value("not a whole number above 0")
def count(text: str) -> int:
    """A whole number above 0."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


@_value("not a number of people from 1 to 8")
def people(text: str) -> int:
    """A number of people, 1 to 8."""
    value = int(text)
    if not 1 <= value <= 8:
        raise ValueError
    return value


@_value("neither auto nor a number of stacks")
def stacks(text: str) -> int | str:
    """`auto`, or a number of stacks."""
    if text != "auto" and int(text) < 1:
        raise ValueError
    return text if text == "auto" else int(text)


@_value("not a number above 0")
def positive(text: str) -> float:
    """A finite number above 0."""
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise ValueError
    return value


@_value("not a score between 0 and 1")
def share(text: str) -> float:
    """A score, 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError
    return value


@_value("not a region X,Y,SIDE in pixels, like 100,50,300")
def region(text: str) -> tuple[float, float, float]:
    """X, y and side of a square, in pixels."""
    x, y, side = (float(part) for part in text.split(","))
    if not all(map(math.isfinite, (x, y, side))) or side <= 0:
        raise ValueError
    return x, y, side


@_value("not a size WIDTHxHEIGHT in pixels, like 1280x720")
def size(text: str) -> tuple[int, int]:
    """Width and height in pixels."""
    width, height = (int(part) for part in text.lower().split("x"))
    if width < 1 or height < 1:
        raise ValueError
    return width, height
