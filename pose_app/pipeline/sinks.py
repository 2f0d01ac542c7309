"""The interface of sinks, and what is passed to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..types import Frame, FrameResult
from .delivery import DeliveryPolicy

if TYPE_CHECKING:
    from ..sources.base import SourceInfo


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """A captured frame.

    Attributes:
        frame: The frame.
        stamp: Seconds on the session's timeline, strictly increasing.
        stretch: Counts from 0; frames of the same stretch follow each other. It increases with
            every change of source or position, and with every still.
        source: Of the frame; the session may have another source by the time of the result.
        policy: How it is delivered.
        read_ms: Milliseconds that reading it took.
    """

    frame: Frame
    stamp: float
    stretch: int
    source: SourceInfo
    policy: DeliveryPolicy
    read_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class ProcessedFrame:
    """A frame with its result.

    Attributes:
        captured: The frame.
        result: Its poses; not `estimated` where there was no model.
        model: The log's header fields about the model; None where there was none.
        stacks: How many stacks are used at the moment; 0 where none ran.
        age_ms: Milliseconds from capture to result; None where the frame waited for a model to
            load, so that this is not a measure of the pipeline.
        repeated: The frame was processed before, and again after a change of controls. Only to be
            shown, not to be recorded or counted.
    """

    captured: CapturedFrame
    result: FrameResult
    model: dict[str, Any] | None = None
    stacks: int = 0
    age_ms: float | None = None
    repeated: bool = False


class Sink:
    """Receives every frame and result of a session. All methods do nothing by default.

    They must not wait, except in writers of lossless recordings.
    """

    def on_frame(self, captured: CapturedFrame) -> None:
        """A frame was captured; on the capture thread."""

    def on_inference(self, captured: CapturedFrame) -> None:
        """The network starts on a frame; on the inference thread, before `on_result`."""

    def on_result(self, processed: ProcessedFrame) -> None:
        """A frame is done; on the inference thread, in the order of capture."""


class LatestResult(Sink):
    """Keeps the newest result, to be polled."""

    def __init__(self) -> None:
        self.result: FrameResult | None = None

    def on_result(self, processed: ProcessedFrame) -> None:
        """Keep the result."""
        self.result = processed.result
