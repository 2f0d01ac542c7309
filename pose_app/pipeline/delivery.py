"""How the frames of a source are delivered, decided once when it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sources.base import SourceInfo
    from .options import SessionOptions

SEQUENCE_FPS = 5.0  # pictures shown that fast are the frames of a video


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """What waits and what is dropped. Every captured frame has its policy.

    Attributes:
        live: The source does not wait for its reader. Time spent reading is not a cost, timestamps
            are compared with our clock, and frames are dropped while the session is paused.
        lossless: Frames wait for room in the queue, for a model and for slow files, and may be
            processed ahead of their turn. Otherwise the newest frame wins, frames are shown without
            poses while there is no model, and slow files drop frames.
        paced: Frames are shown at the speed of their timestamps, with pause, step and speed.
        after_model: There are no results before the first model is loaded; otherwise frames are
            shown before that.
        resumes: After the end of its source, a session goes on with another source or a seek.
        stills: The frames are single pictures, no video in pictures (`SEQUENCE_FPS`): nobody is
            followed from one to the next.
    """

    live: bool
    lossless: bool
    paced: bool
    after_model: bool
    resumes: bool
    stills: bool

    @property
    def looked_at(self) -> bool:
        """Whether the frames are stills that somebody looks at.

        Then each lasts as long as it is shown, by our clock. For a recording or a replay it is
        delivered again and again, so that the video lasts as long, and has every change of what is
        drawn.
        """
        return self.stills and self.paced

    @classmethod
    def of(cls, options: SessionOptions, source: SourceInfo) -> DeliveryPolicy:
        """The policy for one source in one session."""
        return cls(
            live=source.live,
            lossless=options.lossless and not source.live,
            paced=options.paced and not source.live,
            after_model=options.lossless,
            resumes=not options.lossless,
            stills=source.files != () and (source.fps or 1.0) < SEQUENCE_FPS,
        )
