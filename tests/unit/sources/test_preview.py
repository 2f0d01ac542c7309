"""What a camera sees before it is chosen: opened, shown and let go on a thread of its own."""

from __future__ import annotations

import threading
import time

import numpy as np

from pose_app.errors import SourceError
from pose_app.sources.base import SourceInfo
from pose_app.sources.preview import Preview
from pose_app.types import Frame

WAIT = 20.0


class Camera:
    """Counts who has it open; `hangs` while its driver does not return after `close`."""

    info = SourceInfo(kind="camera", name="Desk camera", size=(64, 48), live=True)

    def __init__(self) -> None:
        self.open_now = 0
        self.most_open = 0
        self.hangs = threading.Event()
        self.number = 0

    @property
    def held(self) -> str | None:
        return "driver" if self.open_now else None

    def open(self) -> Camera:
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        return self

    def read(self) -> Frame:
        time.sleep(0.005)
        self.number += 1
        image = np.zeros((48, 64, 3), np.uint8)
        return Frame(self.number, time.perf_counter_ns(), self.number / 30, image)

    def close(self) -> None:
        if self.hangs.is_set():
            threading.Thread(target=self._let_go, daemon=True).start()
        else:
            self.open_now -= 1

    def _let_go(self) -> None:
        while self.hangs.is_set():
            time.sleep(0.005)
        self.open_now -= 1


def wait_for_frame(preview: Preview) -> None:
    end = time.monotonic() + WAIT
    while preview.frame is None and time.monotonic() < end:
        time.sleep(0.005)
    assert preview.frame is not None


def test_the_newest_frame_is_kept_until_it_is_stopped() -> None:
    camera = Camera()
    preview = Preview(camera.open)
    wait_for_frame(preview)
    assert preview.info is camera.info
    assert not preview.released.is_set()
    preview.stop()
    assert preview.released.wait(WAIT)
    assert camera.open_now == 0


def test_one_preview_opens_after_the_one_before_has_let_go() -> None:
    camera = Camera()
    first = Preview(camera.open)
    wait_for_frame(first)
    camera.hangs.set()
    first.stop()
    second = Preview(camera.open, first)
    assert not first.released.wait(0.2)
    assert second.frame is None
    camera.hangs.clear()
    wait_for_frame(second)
    assert camera.most_open == 1
    second.stop()
    assert second.released.wait(WAIT)


def test_a_camera_that_cannot_be_opened_is_told_and_free() -> None:
    def fail() -> Camera:
        raise SourceError("Desk camera cannot be opened: close other programs that use it.")

    preview = Preview(fail)
    assert preview.released.wait(WAIT)
    assert "close other programs" in str(preview.error)


def test_a_driver_with_a_mistake_is_told_and_the_camera_free() -> None:
    def fail() -> Camera:
        raise ZeroDivisionError("no rate")

    preview = Preview(fail)
    assert preview.released.wait(WAIT)
    assert "ZeroDivisionError" in str(preview.error)


def test_what_was_stopped_before_its_turn_opens_nothing() -> None:
    camera = Camera()
    first = Preview(camera.open)
    wait_for_frame(first)
    second = Preview(camera.open, first)
    second.stop()
    first.stop()
    assert second.released.wait(WAIT)
    assert camera.number > 0
    assert camera.most_open == 1
