"""Where frames and results go: the window's newest result, files, counts and times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..types import Frame, FrameResult
from .delivery import DeliveryPolicy

if TYPE_CHECKING:
    from ..sources.base import SourceInfo


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """A frame on its way.

    Attributes:
        frame: The picture.
        stamp: Seconds on the session's timeline, which never goes back.
        stretch: Counts from 0; frames of the same stretch follow each other. Another number means
            that the frames before were of another source or position.
        source: Where the frame comes from: by the time its result is there, the session may have
            another source.
        policy: How it travels.
        read_ms: How long reading it took, in milliseconds.
    """

    frame: Frame
    stamp: float
    stretch: int
    source: SourceInfo
    policy: DeliveryPolicy
    read_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class ProcessedFrame:
    """A frame that is through the network, or has passed it by.

    Attributes:
        captured: The frame.
        result: Who is in it; not `estimated` where no network saw it.
        model: What the log's header says about the network; None where it did not see the frame.
        stacks: How many stacks keep up with the source, or were asked for; 0 where none ran.
        age_ms: Milliseconds from capture to result; None where that says nothing about the
            pipeline's speed, because the frame waited for a model to load.
        repeated: The frame was processed before, and once more for a wish that came later: for
            whoever looks at it, not for files and counts.
    """

    captured: CapturedFrame
    result: FrameResult
    model: dict[str, Any] | None = None
    stacks: int = 0
    age_ms: float | None = None
    repeated: bool = False


class Sink:
    """Gets every frame and result of a session; each method does nothing unless overridden.

    None of them may wait, but for files of lossless frames, which wait for their disk.
    """

    def on_frame(self, captured: CapturedFrame) -> None:
        """A frame was captured; on the capture thread."""

    def on_inference(self, captured: CapturedFrame) -> None:
        """The network begins with a frame; on the inference thread, before `on_result`."""

    def on_result(self, processed: ProcessedFrame) -> None:
        """A frame is done; on the inference thread, in the order of capture."""


class LatestResult(Sink):
    """The newest result, for whoever polls it."""

    def __init__(self) -> None:
        self.result: FrameResult | None = None

    def on_result(self, processed: ProcessedFrame) -> None:
        """Keep it."""
        self.result = processed.result
