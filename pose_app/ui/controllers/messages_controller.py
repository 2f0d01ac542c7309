"""Which news of the session is worth a sentence, and when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

if TYPE_CHECKING:
    from ...pipeline.events import Event
    from ..context import AppContext

_SETTLING = ("source_opened", "source_back", "model_loaded")


class MessagesController(QObject):
    """Turns events of the session into notices; banner, toast and status line show them."""

    def __init__(self, context: AppContext, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._notices = context.notices
        context.settings.failed.connect(self._not_saved)

    def happened(self, event: Event) -> None:
        """Tell what went wrong, and take it away when that is over."""
        topic = event.kind.partition("_")[0]
        if event.bad:
            self._notices.error(topic, event.message)
        elif event.kind in _SETTLING:
            self._notices.settle(topic)

    def _not_saved(self, sentence: str) -> None:
        self._notices.error("settings", sentence)
