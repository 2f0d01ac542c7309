"""Turns events of the session into notices, and removes them when they are settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from ...sources.base import SourceInfo

if TYPE_CHECKING:
    from ...pipeline.events import Event
    from ...pipeline.metrics import FrameMetrics
    from ..context import AppContext

# What is good news for these topics.
_SETTLING = {
    "source_opened": ("source", "note"),
    "source_back": ("source", "note"),
    "model_loaded": ("model",),
    "recording_started": ("recording",),
}


class MessagesController(QObject):
    """Makes the notices; banner, toast and status bar show them."""

    def __init__(self, context: AppContext, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._notices = context.notices
        self._opened_with: str | None = None  # the note that the source has from its start
        context.settings.failed.connect(self._not_saved)

    def happened(self, event: Event) -> None:
        """Show what an event tells, and settle the errors that it ends."""
        if event.kind in ("source_opened", "source_back"):
            self._opened_with = event.data.note
        if event.kind == "warning" and isinstance(event.data, SourceInfo):
            self._source_changed(event.data, event.message)
        elif event.bad:
            self._notices.error(event.topic, event.message)
        elif event.kind == "engine_improved":
            self._notices.tell(event.topic, event.message)
        for topic in _SETTLING.get(event.kind, ()):
            self._notices.settle(topic)

    def show_stats(self, stats: FrameMetrics) -> None:
        """Settle the error about a source once its state is good again."""
        if stats.source is not None and not stats.source.note:
            self._notices.settle("note")

    def _source_changed(self, info: SourceInfo, sentence: str) -> None:
        """Show what is notable about a source: from its start as a fact, later as an error.

        Another picture size in an image folder is not notable.
        """
        if sentence != info.note:
            if info.kind != "images":
                self._notices.tell("source", sentence)
        elif sentence == self._opened_with:
            self._notices.tell("source", sentence)
        elif info.live:
            self._notices.error("note", sentence)

    def _not_saved(self, sentence: str) -> None:
        self._notices.error("settings", sentence)
