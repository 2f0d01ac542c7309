"""How the frames of a source travel: decided once, when the source is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sources.base import SourceInfo
    from .options import SessionOptions


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """What may be waited for, and what is dropped; every captured frame carries it.

    Attributes:
        live: The source does not wait. Reading it is waiting for it, its timestamps are compared
            with our clock, and while the session is paused its frames are dropped.
        lossless: Frames wait for room in the queue, for a model, and for slow files, and those
            after the present one may be looked at early. Otherwise the newest frame wins, a frame
            without a model passes by, and files drop what they are too slow for.
        paced: Frames are shown at the speed of their timestamps, with pause, step and speed.
        after_model: The first results are those of a model; otherwise pictures are shown before
            there is one.
        resumes: A session whose source has ended goes on with another source, or after a seek.
    """

    live: bool
    lossless: bool
    paced: bool
    after_model: bool
    resumes: bool

    @classmethod
    def of(cls, options: SessionOptions, source: SourceInfo) -> DeliveryPolicy:
        """The policy for one source in one session."""
        return cls(
            live=source.live,
            lossless=options.lossless and not source.live,
            paced=options.paced and not source.live,
            after_model=options.lossless,
            resumes=not options.lossless,
        )
