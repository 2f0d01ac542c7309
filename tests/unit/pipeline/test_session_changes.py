"""Sessions: another source, another model, a faster engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from pose_app.errors import (
    CameraError,
    EngineError,
    PoseAppError,
    SourceError,
)
from tests.poses import FakeEstimator
from tests.scripted import ScriptedSource
from tests.unit.pipeline.session_run import DESK, RUN, WINDOW, Run


def test_another_source_takes_over_with_its_first_picture(run: Run) -> None:
    opened = threading.Event()
    first = ScriptedSource(None, live=True, fps=100, name="first")
    second = ScriptedSource(None, live=True, fps=100, name="second", kind="stream")
    session = run(first, options=WINDOW)
    session.start()
    run.until(lambda: session.metrics().processed > 3)
    session.set_source(lambda: (opened.wait(10), second)[1])
    before = session.metrics().processed
    run.until(lambda: session.metrics().processed > before + 3)  # the first goes on
    assert not first.closed.is_set()
    opened.set()
    run.until(lambda: (info := session.metrics().source) is not None and info.name == "second")
    assert first.closed.wait(10)
    run.until(lambda: session.metrics().fps > 0)


def test_a_source_that_cannot_be_opened_changes_nothing(run: Run) -> None:
    def broken() -> Any:
        raise SourceError("There is no such file.")

    first = ScriptedSource(None, live=True, fps=100, kind="stream")
    session = run(first, options=WINDOW)
    session.start()
    run.until(lambda: session.metrics().processed > 3)
    session.set_source(broken)
    assert run.event("source_failed").message == "There is no such file."
    before = session.metrics().processed
    run.until(lambda: session.metrics().processed > before + 3)
    assert session.failure is None


def test_of_several_wishes_the_last_wins(run: Run) -> None:
    made: list[ScriptedSource] = []

    def opener(name: str, wait: float) -> Callable[[], ScriptedSource]:
        def work() -> ScriptedSource:
            time.sleep(wait)
            made.append(ScriptedSource(None, live=True, fps=100, name=name, kind="stream"))
            return made[-1]

        return work

    session = run(opener("first", 0), options=WINDOW)
    session.start()
    run.until(lambda: session.metrics().processed > 0)
    session.set_source(opener("slow", 0.3))
    session.set_source(opener("last", 0.1))
    run.until(lambda: (info := session.metrics().source) is not None and info.name == "last")
    run.until(lambda: len(made) == 3)
    run.until(lambda: all(s.closed.is_set() for s in made if s.info.name != "last"))
    info = session.metrics().source
    assert info is not None
    assert info.name == "last"


def test_a_camera_that_opens_only_once_is_let_go_first(run: Run) -> None:
    """The same camera in another size: the driver refuses a second opener."""
    holder: list[ScriptedSource] = []

    def opener(name: str) -> Callable[[], ScriptedSource]:
        def work() -> ScriptedSource:
            if any(not source.closed.is_set() for source in holder):
                raise CameraError("The camera is busy.", DESK)
            holder.append(ScriptedSource(None, live=True, fps=100, name=name))
            holder[-1].info = replace(holder[-1].info, identity={**DESK, "given_fps": "30"})
            return holder[-1]

        return work

    session = run(opener("small"), options=WINDOW)
    session.start()
    run.until(lambda: session.metrics().processed > 3)
    session.set_source(opener("large"))
    run.until(lambda: (info := session.metrics().source) is not None and info.name == "large")
    assert "source_failed" not in run.kinds()


@pytest.mark.parametrize(
    "error",
    [SourceError("There is no such file."), CameraError("It is busy.", {"name": "Roof camera"})],
)
def test_a_camera_is_kept_while_anything_else_cannot_be_opened(run: Run, error: Exception) -> None:
    camera, asked = ScriptedSource(None, live=True, fps=100), []
    camera.info = replace(camera.info, identity=DESK)

    def broken() -> Any:
        asked.append(1)
        raise error

    session = run(camera, options=WINDOW)
    session.start()
    run.until(lambda: session.metrics().processed > 3)
    session.set_source(broken)
    assert run.event("source_failed").message == str(error)
    before = session.metrics().processed
    run.until(lambda: session.metrics().processed > before + 3)
    assert asked == [1], "it is tried once"
    assert not camera.closed.is_set()
    assert "source_back" not in run.kinds()


def test_another_model_takes_over_when_it_is_loaded(run: Run) -> None:
    first, second = FakeEstimator("first"), FakeEstimator("second")
    session = run(ScriptedSource(None, live=True, fps=100), first, WINDOW)
    session.start()
    run.until(lambda: first.seen)
    session.set_estimator(lambda: second)
    run.until(lambda: second.seen)
    run.until(lambda: first.closed == 1)
    assert first.threads == {"inference", "close model"}
    assert session.metrics().model == "second"


@pytest.mark.parametrize("works", [True, False])
def test_another_model_takes_over_when_all_its_stacks_are_prepared(run: Run, works: bool) -> None:
    first, second, compiled = FakeEstimator("first"), FakeEstimator("second"), threading.Event()

    def infer(crops: Any, stacks: int) -> None:
        assert (crops.shape, stacks) == ((1, *second.spec.input_size, 3), 2)
        count = len(first.seen)
        run.until(lambda: len(first.seen) > count + 3)
        compiled.set()
        if not works:
            raise EngineError("It computes wrongly.")

    second.engine.ready = lambda stacks, batch=1: compiled.is_set()  # type: ignore[method-assign]
    second.engine.infer = infer  # type: ignore[attr-defined]
    session = run(ScriptedSource(None, live=True, fps=100), first, WINDOW)
    session.start()
    run.until(lambda: first.seen)
    session.set_estimator(lambda: second)
    if works:
        run.until(lambda: second.seen)
        return
    assert run.event("model_failed").message == "It computes wrongly."
    count = len(first.seen)
    run.until(lambda: len(first.seen) > count + 3)
    assert (second.seen, second.closed) == ([], 1)


def test_a_faster_engine_takes_over_with_the_people_it_finds(run: Run) -> None:
    """Nobody asks for it; no frame is lost to it; the same is tried once, not again and again."""
    opened: list[FakeEstimator] = []
    known = threading.Event()

    def opener() -> Any:
        opened.append(FakeEstimator(device="GPU" if opened else "CPU"))
        opened[-1].engine.search = SimpleNamespace(better=known.is_set)
        return opened[-1]

    session = run(ScriptedSource(None, live=True, fps=100), opener, WINDOW)
    session.start()
    run.until(lambda: len(opened[0].seen) > 3 if opened else False)
    assert len(opened) == 1
    known.set()
    run.until(lambda: len(opened) > 1 and len(opened[1].seen) > 3)
    assert opened[1].before is opened[0]
    assert opened[1].resets == 0
    assert opened[0].closed == 1
    told = run.event("engine_improved")
    assert told.message == "Now running on Fake · GPU · f32: measured to be faster here."
    assert not told.bad
    assert "no model" not in session.metrics().dropped


def test_in_a_file_every_frame_has_the_same_engine(run: Run) -> None:
    estimator = FakeEstimator()
    estimator.engine.search = SimpleNamespace(better=lambda: pytest.fail("asked"))
    session = run(ScriptedSource(30), estimator, RUN)
    session.start()
    assert session.finished.wait(20)
    assert len(estimator.seen) == 30


def test_frames_go_on_while_the_model_before_is_closed(run: Run) -> None:
    """An engine that compiles cannot be closed at once."""
    first, second, compiled = FakeEstimator(), FakeEstimator(), threading.Event()
    close = first.close
    first.close = lambda: (compiled.wait(60), close())[1]  # type: ignore[method-assign]
    session = run(ScriptedSource(None, live=True, fps=100), first, WINDOW)
    session.start()
    run.until(lambda: len(first.seen) > 3)
    session.set_estimator(lambda: second)
    try:
        run.until(lambda: len(second.seen) > 3)
        assert first.closed == 0
    finally:
        compiled.set()
    run.until(lambda: first.closed == 1)


def test_a_model_that_does_not_load_changes_nothing(run: Run) -> None:
    def broken() -> Any:
        raise PoseAppError("This is no model.")

    first = FakeEstimator()
    session = run(ScriptedSource(None, live=True, fps=100), first, WINDOW)
    session.start()
    run.until(lambda: first.seen)
    session.set_estimator(broken)
    assert run.event("model_failed").message == "This is no model."
    count = len(first.seen)
    run.until(lambda: len(first.seen) > count)
    assert session.failure is None


def test_a_wish_that_comes_before_anything_is_loaded_and_fails(run: Run) -> None:
    """What was asked for before it is loaded after all, instead of ending the session."""
    first, let_go = FakeEstimator("first"), threading.Event()

    def slow() -> Any:
        assert let_go.wait(20)
        return first

    def broken() -> Any:
        raise PoseAppError("This is no model.")

    session = run(ScriptedSource(None, live=True, fps=100), slow, WINDOW)
    session.start()
    session.set_estimator(broken)
    session.set_estimator(broken)
    run.event("model_failed")
    let_go.set()
    run.until(lambda: len(first.seen) > 5)
    assert session.failure is None
    assert session.metrics().model == "first"


def test_of_several_wishes_for_a_model_the_last_wins(run: Run) -> None:
    """Whichever is loaded first or last; what comes too late is closed and never runs."""
    first, made = FakeEstimator("first"), {}
    gates = {name: threading.Event() for name in ("slow", "slower", "last")}

    def opener(name: str) -> Callable[[], FakeEstimator]:
        def work() -> FakeEstimator:
            assert gates[name].wait(20)
            made[name] = FakeEstimator(name)
            return made[name]

        return work

    session = run(ScriptedSource(None, live=True, fps=100), first, WINDOW)
    session.start()
    run.until(lambda: first.seen)
    for name in gates:
        session.set_estimator(opener(name))
    gates["slow"].set()
    run.until(lambda: "slow" in made and made["slow"].closed)
    assert session.metrics().model == "first", "it goes on until the wanted one is there"
    gates["last"].set()
    run.until(lambda: session.metrics().model == "last" and len(made["last"].seen) > 3)
    gates["slower"].set()
    run.until(lambda: "slower" in made and made["slower"].closed)
    count = len(made["last"].seen)
    run.until(lambda: len(made["last"].seen) > count)
    assert session.metrics().model == "last"
    assert not made["slow"].seen
    assert not made["slower"].seen
    assert "model_failed" not in run.kinds()
