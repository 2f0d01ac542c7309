"""The session meets Qt here, and only through what the UI's thread fetches."""

from __future__ import annotations

import pytest

from pose_app.errors import SourceError
from pose_app.pipeline.session import Session
from pose_app.ui.bridge import Bridge
from pose_app.ui.tasks import TaskRunner
from tests.ui.conftest import WAIT_MS


def failing_source():
    raise SourceError("This source is made to fail.")


def failing_estimator():
    from pose_app.errors import ModelError

    raise ModelError("This model is made to fail.")


@pytest.fixture
def bridge(qtbot):
    tasks = TaskRunner()
    made = Bridge(Session(failing_source, failing_estimator), tasks)
    made.start()
    yield made
    reports = []
    made.stopped.connect(reports.append)
    made.stop()
    qtbot.waitUntil(lambda: made.last_report is not None, timeout=WAIT_MS)
    assert len(reports) <= 1
    qtbot.waitUntil(lambda: not tasks.busy, timeout=WAIT_MS)
    tasks.close()


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


class StubbornSession:
    """Cannot be stopped without an exception that nobody thought of."""

    def stop(self) -> None:
        raise ZeroDivisionError

    def events(self) -> list[object]:
        return []


def test_a_window_goes_even_where_stopping_raises(qtbot, qapp):
    tasks = TaskRunner()
    bridge = Bridge(StubbornSession(), tasks)
    reports = []
    bridge.stopped.connect(reports.append)
    with qtbot.capture_exceptions() as caught:
        bridge.stop()
        qtbot.waitUntil(lambda: len(caught) == 1, timeout=WAIT_MS)
    tasks.close()
    assert reports == [None]
    assert caught[0][0] is ZeroDivisionError
