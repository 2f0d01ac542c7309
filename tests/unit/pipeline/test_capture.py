"""When a paced file's frames are delivered: pause, speed, steps and the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from pose_app.errors import PoseAppError
from pose_app.pipeline.capture import CaptureThread
from pose_app.pipeline.options import Controls, SessionOptions
from pose_app.types import Frame
from tests.scripted import ScriptedSource

OPTIONS = SessionOptions(loop=True)


class Recipient:
    """Counts what a capture thread delivers."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.ends = 0
        self.once: Callable[[], None] | None = None  # called within the next delivery

    def take_over(self, reader: CaptureThread) -> bool:
        return True

    def deliver(
        self, reader: CaptureThread, frame: Frame, discontinuity: bool, read_ms: float
    ) -> bool:
        self.seen.append(frame.index)
        once, self.once = self.once, None
        if once is not None:
            once()
        return True

    def ended(self, reader: CaptureThread) -> None:
        self.ends += 1

    def failed(self, reader: CaptureThread, error: PoseAppError) -> None:
        raise error


class Capture:
    """A capture thread of three pictures that are a minute and a half apart."""

    def __init__(self, source: ScriptedSource) -> None:
        self.source = source
        self.controls = Controls(OPTIONS)
        self.recipient = Recipient()
        self.thread = CaptureThread(lambda: source, self.recipient, self.controls, OPTIONS)

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, self.recipient.seen
            time.sleep(0.003)

    def sees(self, *expected: int) -> None:
        """Wait until these frames were delivered, and none besides."""
        self.until(lambda: len(self.recipient.seen) >= len(expected))
        time.sleep(0.1)
        assert self.recipient.seen == list(expected)


@pytest.fixture
def capture() -> Iterator[Capture]:
    made = Capture(ScriptedSource(3, fps=1 / 90))
    yield made
    made.thread.stop()
    made.thread.thread.join(10)


def test_neither_a_pause_nor_a_slower_speed_brings_the_next_frame_early(capture: Capture) -> None:
    capture.thread.start()
    capture.sees(0)
    capture.controls.paused = True
    capture.controls.paused = False
    capture.controls.speed = 0.5
    capture.sees(0)
    capture.controls.speed = 100_000.0
    capture.until(lambda: len(capture.recipient.seen) >= 4)


def test_a_step_does_not_wait_until_the_frame_is_due(capture: Capture) -> None:
    capture.controls.paused = True
    capture.thread.start()
    for expected in ((0,), (0, 1)):
        capture.thread.step()
        capture.sees(*expected)


def test_a_seek_that_replaces_another_shows_one_frame(capture: Capture) -> None:
    capture.controls.paused = True
    capture.thread.start()
    for expected in ((0,), (0, 1)):
        capture.thread.step()
        capture.sees(*expected)
    seek = capture.source.seek

    def slow_seek(seconds: float) -> None:
        capture.source.seek = seek  # type: ignore[method-assign]
        seek(seconds)
        capture.thread.seek(seconds)  # the key was pressed again

    capture.source.seek = slow_seek  # type: ignore[method-assign]
    capture.thread.seek(0.0)
    capture.sees(0, 1, 0)


def test_a_step_back_counts_from_a_frame_whose_delivery_has_not_returned_yet(
    capture: Capture,
) -> None:
    capture.controls.paused = True
    capture.thread.start()
    for expected in ((0,), (0, 1), (0, 1, 2)):
        capture.thread.step()
        capture.sees(*expected)
    capture.recipient.once = capture.thread.step_back  # pressed as soon as the frame is seen
    capture.thread.step_back()
    capture.sees(0, 1, 2, 1, 0)


def test_two_steps_back_at_once_go_two_frames_back(capture: Capture) -> None:
    capture.controls.paused = True
    capture.thread.start()
    for expected in ((0,), (0, 1), (0, 1, 2)):
        capture.thread.step()
        capture.sees(*expected)
    capture.thread.step_back()
    capture.thread.step_back()
    capture.until(lambda: capture.recipient.seen[-1] != 2)
    time.sleep(0.2)
    assert capture.recipient.seen[-1] == 0


def test_a_jump_takes_the_place_of_a_step_back_that_is_still_to_come(capture: Capture) -> None:
    capture.source.count, period = 100, 90.0
    capture.controls.paused = True
    capture.thread.start()
    for expected in ((0,), (0, 1)):
        capture.thread.step()
        capture.sees(*expected)

    def back_and_away() -> None:
        capture.thread.step_back()
        capture.thread.seek(50 * period)

    capture.recipient.once = back_and_away
    capture.thread.step()
    capture.sees(0, 1, 2, 50)
    capture.thread.step_back()
    capture.sees(0, 1, 2, 50, 49)


def test_the_last_frame_of_a_loop_is_shown_as_long_as_any_other(capture: Capture) -> None:
    capture.controls.paused = True
    capture.thread.start()
    for expected in ((0,), (0, 1), (0, 1, 2)):  # no first frame by itself after the last
        capture.thread.step()
        capture.sees(*expected)
    capture.controls.paused = False
    capture.sees(0, 1, 2)
    capture.controls.speed = 100_000.0
    capture.until(lambda: capture.recipient.seen.count(0) >= 2)
    assert capture.recipient.ends == 0
