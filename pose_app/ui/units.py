"""Times, sizes and long names as people read them."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """E.g. 1:02 or 1:00:02."""
    whole = max(int(seconds), 0)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def exact_clock(seconds: float) -> str:
    """With hundredths, e.g. 1:02.07: every frame of a video has a time of its own."""
    hundredths = max(int(seconds * 100 + 1e-6), 0)
    return f"{clock(hundredths / 100)}.{hundredths % 100:02}"


def size_of(count: int) -> str:
    """E.g. 3.4 MB."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def on_button(text: str, length: int) -> str:
    """A name for a button or a menu, with its middle left out where it has more characters."""
    half = (length - 1) // 2
    short = text if len(text) <= length else f"{text[:half]}…{text[-half:]}"
    return short.replace("&", "&&")  # a single one would underline the next letter
