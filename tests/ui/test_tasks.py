"""Work on other threads: its outcome always arrives, on the UI's thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from pose_app.errors import SourceError
from pose_app.ui.tasks import TaskRunner, UnexpectedError
from tests.ui.conftest import WAIT_MS


@pytest.fixture
def tasks(qapp: object) -> Iterator[TaskRunner]:
    runner = TaskRunner()
    yield runner
    runner.close()


def fail() -> None:
    raise SourceError("This source is made to fail.")


def test_outcomes_arrive_on_the_uis_thread(tasks: TaskRunner, qtbot: QtBot) -> None:
    outcomes: list[tuple[Any, Any, bool]] = []
    main = threading.current_thread()

    def done(value: Any, error: Any) -> None:
        outcomes.append((value, error, threading.current_thread() is main))

    tasks.run(lambda: threading.current_thread() is main, done)
    qtbot.waitUntil(lambda: len(outcomes) == 1, timeout=WAIT_MS)
    assert outcomes == [(False, None, True)]
    tasks.run(fail, done)
    qtbot.waitUntil(lambda: len(outcomes) == 2, timeout=WAIT_MS)
    value, error, on_main = outcomes[1]
    assert value is None
    assert str(error) == "This source is made to fail."
    assert on_main


def test_a_mistake_is_told_to_who_waits_and_is_not_lost(tasks: TaskRunner, qtbot: QtBot) -> None:
    errors: list[Any] = []
    with qtbot.capture_exceptions() as caught:
        tasks.run(lambda: 1 / 0, lambda value, error: errors.append(error))
        qtbot.waitUntil(lambda: len(caught) == 1, timeout=WAIT_MS)
    assert caught[0][0] is ZeroDivisionError
    (error,) = errors
    assert isinstance(error, UnexpectedError)
    assert "ZeroDivisionError" in str(error)


def test_a_mistake_is_raised_once_where_nobody_waits(tasks: TaskRunner, qtbot: QtBot) -> None:
    with qtbot.capture_exceptions() as caught:
        tasks.run(lambda: 1 / 0)
        tasks.run(fail)
        qtbot.waitUntil(lambda: len(caught) == 2, timeout=WAIT_MS)
    assert {kind for kind, *_ in caught} == {ZeroDivisionError, SourceError}
