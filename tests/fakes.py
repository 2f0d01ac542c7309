"""A fake USB hub at the seam where the app meets camera drivers, for machines without a camera.

    def test_something(monkeypatch):
        with FakeCameras().install(monkeypatch) as hub:
            desk = hub.plug(FakeCamera("Desk camera"), index=0)
            source = open_source("Desk camera")
            ...
            hub.unplug(desk)                 # grabs fail
            hub.plug(desk, index=2)          # back again, elsewhere
            desk.mode = "blocked"            # its driver does not return from grab()

`install` replaces `cv2.VideoCapture`, the listing of `cv2_enumerate_cameras` and the device that
Video4Linux is asked through (`FakeDriver`); everything above is the app's own code. Leaving the
`with` lets blocked drivers go.
"""

from __future__ import annotations

import ctypes
import errno
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import cv2_enumerate_cameras
import numpy as np
from numpy.typing import NDArray

from pose_app.sources import discover, modes

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
    `moving_picture`. `grabbed` and `opened` count, `open_now` is how many have it open; `wishes`
    are the properties that each of them asked for. `driver` is what Video4Linux is asked through.
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
        listed = {size: [(1, round(fps))] for size in self.sizes}
        self.driver = FakeDriver(dict.fromkeys(self.formats, listed))
        self.wishes: list[dict[int, int]] = []
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


Range = tuple[int, int, int]  # least, most, step
Intervals = Sequence[tuple[int, int]]  # (numerator, denominator) of seconds


class FakeDriver:
    """Video4Linux's lists, filled in as the kernel fills them: format -> size -> intervals.

    A size is (width, height) or a range of each; a size may have no list of intervals. `error`,
    an errno, is what every request fails with; `ranges` gives intervals as a range, not one by one.
    """

    def __init__(
        self,
        formats: Mapping[str, Mapping[tuple[int, int] | tuple[Range, Range], Intervals]],
        *,
        error: int | None = None,
        ranges: bool = False,
    ) -> None:
        self.formats = {
            int.from_bytes(name.ljust(4).encode(), "little"): sizes
            for name, sizes in formats.items()
        }
        self.error = error
        self.ranges = ranges

    def __call__(self, request: int, structure: ctypes.Structure) -> None:
        if self.error is not None:
            raise OSError(self.error, "the driver fell over")
        fill = {
            modes.ENUM_FORMATS: self._format,
            modes.ENUM_SIZES: self._size,
            modes.ENUM_INTERVALS: self._interval,
        }[request]
        try:
            fill(structure)
        except (IndexError, KeyError):
            raise OSError(errno.EINVAL, "Invalid argument") from None

    def _format(self, entry: Any) -> None:
        if entry.type != 1:  # V4L2_BUF_TYPE_VIDEO_CAPTURE
            raise KeyError(entry.type)
        entry.pixel_format = list(self.formats)[entry.index]
        entry.description = b"a format"

    def _size(self, entry: Any) -> None:
        width, height = list(self.formats[entry.pixel_format])[entry.index]
        if isinstance(width, int):
            entry.type, entry.numbers[:2] = 1, (width, height)
        else:
            entry.type, entry.numbers[:] = 3, (*width, *height)

    def _interval(self, entry: Any) -> None:
        sizes = self.formats[entry.pixel_format]
        of_ranges = [listed for (width, _), listed in sizes.items() if not isinstance(width, int)]
        intervals = sizes.get((entry.width, entry.height)) or of_ranges[0]
        if self.ranges:
            if entry.index > 0:
                raise IndexError(entry.index)
            shortest, longest = intervals[0], intervals[-1]
            entry.type, entry.numbers[:] = 2, (*shortest, *longest, 1, 1)
        else:
            entry.type, entry.numbers[:2] = 1, intervals[entry.index]


class FakeCameras:
    """The hub that cameras are plugged into; index -> camera.

    `drivers_tell`: the drivers list what they can do, as on Linux. `asked` are the indices of the
    cameras whose drivers were asked for it, in order.
    """

    def __init__(self) -> None:
        self.drivers_tell = True
        self.asked: list[int] = []
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
        monkeypatch.setattr(modes, "can_ask", lambda: self.drivers_tell)
        monkeypatch.setattr(modes, "_device", self._device)
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

    @contextmanager
    def _device(self, path: str) -> Iterator[modes.Ask]:
        index = int(path.removeprefix("/dev/fake"))
        if index not in self.plugged:
            raise FileNotFoundError(errno.ENOENT, "No such device", path)
        self.asked.append(index)
        yield self.plugged[index].driver

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
        self._camera.wishes.append(asked)
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
