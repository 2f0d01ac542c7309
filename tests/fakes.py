"""A fake USB hub at the seam where the app meets camera drivers, for machines without a camera.

    def test_something(monkeypatch):
        with FakeCameras().install(monkeypatch) as hub:
            desk = hub.plug(FakeCamera("Desk camera"), index=0)
            source = open_source("Desk camera")
            ...
            hub.unplug(desk)                 # grabs fail
            hub.plug(desk, index=2)          # back again, elsewhere
            desk.mode = "blocked"            # its driver does not return from grab()

`install` replaces `cv2.VideoCapture` and the listing of `cv2_enumerate_cameras`; everything above
is the app's own code. Leaving the `with` lets blocked drivers go.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import cv2_enumerate_cameras
import numpy as np
from numpy.typing import NDArray

from pose_app.sources import discover

Image = NDArray[np.uint8]


def moving_picture(number: int, size: tuple[int, int]) -> Image:
    """(H, W, 3) BGR with a bright bar that moves: no two neighbours are alike."""
    width, height = size
    image = np.full((height, width, 3), 60, np.uint8)
    left = number * 7 % width
    image[:, left : left + max(8, width // 20)] = (40, 200, 250)
    image[: height // 8, :, 1] = number % 200
    return image


class FakeCamera:
    """One camera: what it is, what it can do, and what goes wrong with it (`mode`).

    `mode`, settable at any time: `live`; `silent` (grab fails); `blocked` (grab does not return
    until the mode changes); `stale` (the same picture again and again); `black`; `broken` (grab
    works, retrieve does not); `raises` (cv2.error). `size` may be changed in mid-stream: the next
    picture has it, whatever was asked for. `fps` is kept in real time. `busy`: cannot be opened.
    No picture comes in `silent_formats`. `pictures` makes picture number n in a size; default
    `moving_picture`. `grabbed` and `opened` count, `open_now` is how many have it open.
    """

    def __init__(
        self,
        name: str = "Fake camera",
        *,
        vid: int | None = 0x046D,
        pid: int | None = 0x0825,
        sizes: Sequence[tuple[int, int]] = ((640, 480), (1280, 720)),
        fps: float = 30.0,
        formats: Sequence[str] = ("MJPG", "YUYV"),
        silent_formats: Sequence[str] = (),
        busy: bool = False,
        pictures: Callable[[int, tuple[int, int]], Image] = moving_picture,
    ) -> None:
        self.name = name
        self.vid = vid
        self.pid = pid
        self.sizes = tuple(sizes)
        self.fps = fps
        self.formats = tuple(formats)
        self.silent_formats = tuple(silent_formats)
        self.busy = busy
        self.pictures = pictures
        self.size: tuple[int, int] | None = None
        self.grabbed = 0
        self.opened = 0
        self.open_now = 0
        self._failing = 0
        self._mode = "live"
        self._changed = threading.Condition()

    @property
    def mode(self) -> str:
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        with self._changed:
            self._mode = mode
            self._changed.notify_all()

    def fail_next(self, grabs: int) -> None:
        """The next so many grabs fail; then all is well."""
        with self._changed:
            self._failing = grabs

    def fails(self) -> bool:
        """Whether this grab is one that `fail_next` spoke of."""
        with self._changed:
            failing, self._failing = self._failing > 0, max(0, self._failing - 1)
            return failing

    def wait_while_blocked(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._mode != "blocked")

    def nearest_size(self, wanted: tuple[int, int]) -> tuple[int, int]:
        return min(self.sizes, key=lambda size: abs(size[0] - wanted[0]) + abs(size[1] - wanted[1]))


class FakeCameras:
    """The hub that cameras are plugged into; index -> camera."""

    def __init__(self) -> None:
        self.plugged: dict[int, FakeCamera] = {}
        self._all: list[FakeCamera] = []

    def install(self, monkeypatch: Any) -> FakeCameras:
        """Put the hub in the place of the machine's cameras (pytest's monkeypatch)."""
        backend = discover.backend()
        monkeypatch.setattr(cv2_enumerate_cameras, "supported_backends", (backend,))
        monkeypatch.setattr(cv2_enumerate_cameras, "enumerate_cameras", self._listing)
        monkeypatch.setattr(
            cv2,
            "VideoCapture",
            lambda index, _backend=0, wish=(): FakeCapture(self, index, list(wish)),
        )
        return self

    def __enter__(self) -> FakeCameras:
        return self

    def __exit__(self, *_: object) -> None:
        for camera in self._all:
            camera.mode = "silent"

    def plug(self, camera: FakeCamera, index: int) -> FakeCamera:
        self.plugged[index] = camera
        self._all.append(camera)
        return camera

    def unplug(self, camera: FakeCamera) -> None:
        """Take it out: what has it open gets no picture any more."""
        self.plugged = {at: other for at, other in self.plugged.items() if other is not camera}

    def _listing(self, api: int = 0) -> list[cv2_enumerate_cameras.CameraInfo]:
        return [
            cv2_enumerate_cameras.CameraInfo(
                index, camera.name, f"/dev/fake{index}", camera.vid, camera.pid, api
            )
            for index, camera in self.plugged.items()
        ]


class FakeCapture:
    """What `cv2.VideoCapture(index, backend, params)` gives for a camera of the hub."""

    def __init__(self, hub: FakeCameras, index: int, wish: list[int]) -> None:
        self._hub = hub
        self._index = index
        self._camera = hub.plugged.get(index)
        self._open = self._camera is not None and not self._camera.busy
        self._number = 0
        self._next_at = time.monotonic()
        self._picture: Image | None = None
        if self._camera is None or not self._open:
            return
        asked = dict(zip(wish[::2], wish[1::2], strict=True))
        formats = {cv2.VideoWriter.fourcc(*name): name for name in self._camera.formats}
        fourcc = asked.get(cv2.CAP_PROP_FOURCC)
        self._format = formats.get(fourcc, self._camera.formats[-1])
        self._size = self._camera.nearest_size(
            (asked.get(cv2.CAP_PROP_FRAME_WIDTH, 640), asked.get(cv2.CAP_PROP_FRAME_HEIGHT, 480))
        )
        self._camera.opened += 1
        self._camera.open_now += 1

    def isOpened(self) -> bool:
        return self._open

    def get(self, key: int) -> float:
        assert self._camera is not None
        values = {
            cv2.CAP_PROP_FPS: self._camera.fps,
            cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*self._format),
            cv2.CAP_PROP_FRAME_WIDTH: self._size[0],
            cv2.CAP_PROP_FRAME_HEIGHT: self._size[1],
        }
        return float(values.get(key, 0))

    def grab(self) -> bool:
        camera = self._camera
        if not self._open or camera is None:
            return False
        self._next_at = max(self._next_at + 1 / camera.fps, time.monotonic() - 1)
        time.sleep(max(0.0, self._next_at - time.monotonic()))
        camera.wait_while_blocked()
        if self._hub.plugged.get(self._index) is not camera or camera.mode == "silent":
            return False
        if self._format in camera.silent_formats or camera.fails():
            return False
        if camera.mode == "raises":
            raise cv2.error("the driver fell over")
        size = camera.size or self._size
        if camera.mode == "black":
            self._picture = np.zeros((size[1], size[0], 3), np.uint8)
        elif camera.mode != "stale" or self._picture is None:
            self._picture = camera.pictures(self._number, size)
        self._number += 1
        camera.grabbed += 1
        return True

    def retrieve(self) -> tuple[bool, Image | None]:
        if self._camera is None or self._camera.mode == "broken":
            return False, None
        return True, self._picture

    def release(self) -> None:
        if self._open and self._camera is not None:
            self._camera.open_now -= 1
        self._open = False
