"""Runs sessions with real threads and scripted sources and estimators."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pose_app.pipeline.events import Event
from pose_app.pipeline.options import SessionOptions
from pose_app.pipeline.session import Session
from tests.poses import FakeEstimator

RUN = SessionOptions(lossless=True, paced=False, stacks="all", loop=False, reconnect=False)
WINDOW = SessionOptions(stacks="all")
DESK = {"name": "Desk camera", "index": "0", "backend": "200"}


class Run:
    """A session that collects its events and always ends."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.events: list[Event] = []

    def __call__(
        self, source: Any, estimator: Any = None, options: SessionOptions = RUN, **more: Any
    ) -> Session:
        opens = source if callable(source) else lambda: source
        estimator = FakeEstimator() if estimator is None else estimator
        loads = estimator if not isinstance(estimator, FakeEstimator) else lambda: estimator
        session = Session(opens, loads, options, **more)
        self.sessions.append(session)
        return session

    def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.kinds()
            time.sleep(0.003)

    def kinds(self) -> list[str]:
        self.events += self.sessions[-1].events()
        return [event.kind for event in self.events]

    def event(self, kind: str) -> Event:
        self.until(lambda: kind in self.kinds())
        return next(event for event in self.events if event.kind == kind)


def then(estimator: FakeEstimator) -> Callable[[object], list[Callable[[], Any]]]:
    """What to go on with when an engine has failed."""
    return lambda failed: [lambda: estimator]
