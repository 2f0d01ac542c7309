"""What is being recorded."""

from __future__ import annotations

from .observable import Observable


class RecordingState(Observable):
    """`kind` is `annotated`, `raw` or `both`, None while nothing is recorded."""

    kind: str | None = None
