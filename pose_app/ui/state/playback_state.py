"""How the source plays: shared by the seek bar, the commands and the sources controller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .observable import Observable

if TYPE_CHECKING:
    from ...sources.base import SourceInfo

SPEEDS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0)


class PlaybackState(Observable):
    """`info` describes the source that delivers pictures, None before the first.

    `ended`: a file is at its end; `paused` is true then, too. `speed` is one of SPEEDS. `slides`:
    the source is several pictures to look at one after the other.
    """

    info: SourceInfo | None = None
    slides: bool = False
    paused: bool = False
    ended: bool = False
    speed: float = 1.0
