"""Fixtures of the pipeline's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.pipeline.session_run import Run


@pytest.fixture
def run() -> Iterator[Run]:
    made = Run()
    yield made
    for session in made.sessions:
        report = session.stop()
        assert report.conserved
        assert report.stuck == ()
