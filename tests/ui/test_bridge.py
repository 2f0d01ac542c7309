"""Threads meet Qt here, and only through what the UI's thread fetches."""

from __future__ import annotations

import threading

import pytest

from pose_app.errors import SourceError
from pose_app.pipeline.session import Session
from pose_app.ui.bridge import Bridge
from tests.ui.conftest import WAIT_MS


def failing_source():
    raise SourceError("This source is made to fail.")


def failing_estimator():
    from pose_app.errors import ModelError

    raise ModelError("This model is made to fail.")


@pytest.fixture
def bridge(qtbot):
    made = Bridge(Session(failing_source, failing_estimator))
    made.start()
    yield made
    reports = []
    made.stopped.connect(reports.append)
    made.stop()
    qtbot.waitUntil(lambda: made.last_report is not None, timeout=WAIT_MS)
    assert len(reports) <= 1
    qtbot.waitUntil(lambda: not made.busy, timeout=WAIT_MS)


def test_outcomes_of_background_work_arrive_on_the_uis_thread(bridge, qtbot):
    outcomes = []
    main = threading.current_thread()

    def done(value, error) -> None:
        outcomes.append((value, error, threading.current_thread() is main))

    bridge.run(lambda: threading.current_thread() is main, done)
    qtbot.waitUntil(lambda: len(outcomes) == 1, timeout=WAIT_MS)
    assert outcomes == [(False, None, True)]
    bridge.run(failing_source, done)
    qtbot.waitUntil(lambda: len(outcomes) == 2, timeout=WAIT_MS)
    value, error, on_main = outcomes[1]
    assert value is None
    assert str(error) == "This source is made to fail."
    assert on_main


def test_a_mistake_in_background_work_is_not_lost(bridge, qtbot):
    with qtbot.capture_exceptions() as caught:
        bridge.run(lambda: 1 / 0)
        qtbot.waitUntil(lambda: len(caught) == 1, timeout=WAIT_MS)
    assert caught[0][0] is ZeroDivisionError


def test_events_of_the_session_arrive(bridge, qtbot):
    kinds = []
    bridge.happened.connect(lambda event: kinds.append(event.kind))
    qtbot.waitUntil(lambda: {"source_failed", "model_failed"} <= set(kinds), timeout=WAIT_MS)


def test_stopping_twice_is_stopping_once(bridge, qtbot):
    reports = []
    bridge.stopped.connect(reports.append)
    bridge.stop()
    bridge.stop()
    qtbot.waitUntil(lambda: reports != [], timeout=WAIT_MS)
    assert len(reports) == 1
    assert reports[0] is bridge.last_report
