"""The sizes and rates of a camera: listed by its driver, or found by opening it."""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ..errors import SourceError

if TYPE_CHECKING:
    from .discover import CameraInfo

log = logging.getLogger(__name__)

# Sizes to offer of a camera that accepts any size within limits.
_USUAL_SIZES = (
    (3840, 2160),
    (2560, 1440),
    (1920, 1080),
    (1600, 1200),
    (1280, 960),
    (1280, 720),
    (1024, 768),
    (800, 600),
    (640, 480),
    (640, 360),
    (320, 240),
)
_TRIED_SIZES = ((1920, 1080), (1280, 720), (800, 600), (640, 480), (320, 240))  # by `probe_modes`
_MOST_SIZES = 12
_MOST_FAILURES = 2  # in a row, after which the camera itself must be the cause
# Formats that OpenCV's capture converts to images; not H.264, raw sensor data or depth.
_READABLE = frozenset(
    ("MJPG", "JPEG", "YUYV", "UYVY", "NV12", "NV21", "YU12", "YV12", "BGR3", "RGB3", "GREY")
)
_FIRST_FORMAT = "MJPG"  # what `CameraSource` asks for first
_MOST_ENTRIES = 256  # of one list; a broken driver's list may be endless


@dataclass(frozen=True, slots=True)
class CameraMode:
    """A size in pixels with the camera's highest rate for it in one pixel format.

    `fps` and `pixel_format` (four letters, such as MJPG) are None where they are unknown.
    """

    width: int
    height: int
    fps: float | None = None
    pixel_format: str | None = None


def can_ask() -> bool:
    """Whether drivers of this system list their modes without opening the camera."""
    return sys.platform == "linux"


def modes(camera: CameraInfo) -> tuple[CameraMode, ...]:
    """The modes that the camera's driver lists and this app can read, largest first.

    Works while another program uses the camera. Empty where there is no such list; a driver's
    failure is only logged.
    """
    if not can_ask():
        return ()
    try:
        with _device(camera.path or f"/dev/video{camera.index}") as ask:
            return read_modes(ask)
    except OSError as error:
        log.warning("The sizes of %s cannot be read: %s", camera.name, error)
        return ()


def probe_modes(
    camera: CameraInfo, stopped: Callable[[], bool] = lambda: False
) -> tuple[CameraMode, ...]:
    """Find a camera's modes by opening it at common sizes; takes seconds.

    For systems whose drivers do not list them (`can_ask`).

    Args:
        camera: Which one; no other program may use it meanwhile.
        stopped: Polled between two sizes; True ends the search early.

    Returns:
        What the camera really delivers, largest first. After two failures in a row, the remaining
        sizes are not tried.

    Raises:
        SourceError: The camera cannot be opened at any size.
    """
    from .camera import CameraSource

    found: list[CameraMode] = []
    failures = 0
    for size in _TRIED_SIZES:
        if stopped() or failures == _MOST_FAILURES:
            break
        try:
            source = CameraSource(camera, size=size)
        except SourceError as error:
            failures += 1
            if not found and failures == _MOST_FAILURES:
                raise
            log.info("%s does not open at %d x %d: %s", camera.name, *size, error)
            continue
        failures = 0
        source.close()
        info = source.info
        found.append(CameraMode(*info.size, info.fps, info.identity.get("given_format")))
    return _in_order(found)


def best_modes(listed: Iterable[CameraMode]) -> tuple[CameraMode, ...]:
    """The mode with the highest rate of each size, largest first.

    Of equal rates motion JPEG is taken, which needs the least bandwidth. At most twelve sizes,
    preferably common ones.
    """
    best: dict[tuple[int, int], CameraMode] = {}
    for mode in listed:
        size = mode.width, mode.height
        if size not in best or _merit(mode) > _merit(best[size]):
            best[size] = mode
    sizes = sorted(best, key=lambda size: (size not in _USUAL_SIZES, -size[0] * size[1]))
    return _in_order(best[size] for size in sizes[:_MOST_SIZES])


def _merit(mode: CameraMode) -> tuple[int, bool]:
    return round(mode.fps or 0), mode.pixel_format == _FIRST_FORMAT


def _in_order(listed: Iterable[CameraMode]) -> tuple[CameraMode, ...]:
    """Without duplicates, largest and fastest first; equal ones in the driver's order."""
    return tuple(
        sorted(
            dict.fromkeys(listed),
            key=lambda mode: (mode.width * mode.height, mode.width, *_merit(mode)),
            reverse=True,
        )
    )


# Video4Linux: the enumerations of <linux/videodev2.h>. All fields are 32 bits wide.

_U32 = ctypes.c_uint32
_VIDEO_CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
_DISCRETE = 1  # V4L2_FRMSIZE_TYPE_DISCRETE and V4L2_FRMIVAL_TYPE_DISCRETE; others are ranges


class FormatDescription(ctypes.Structure):
    """`struct v4l2_fmtdesc`."""

    _fields_ = (
        ("index", _U32),
        ("type", _U32),
        ("flags", _U32),
        ("description", ctypes.c_char * 32),
        ("pixel_format", _U32),
        ("bus_code", _U32),
        ("reserved", _U32 * 3),
    )


class SizeEntry(ctypes.Structure):
    """`struct v4l2_frmsizeenum`, its union as an array.

    Discrete: width, height. A range: minimum, maximum and step of the width, then of the height.
    """

    _fields_ = (
        ("index", _U32),
        ("pixel_format", _U32),
        ("type", _U32),
        ("numbers", _U32 * 6),
        ("reserved", _U32 * 2),
    )


class IntervalEntry(ctypes.Structure):
    """`struct v4l2_frmivalenum`, its union as an array.

    Numerator and denominator of the seconds between two frames; of a range, the shortest first.
    """

    _fields_ = (
        ("index", _U32),
        ("pixel_format", _U32),
        ("width", _U32),
        ("height", _U32),
        ("type", _U32),
        ("numbers", _U32 * 6),
        ("reserved", _U32 * 2),
    )


def _request(number: int, structure: type[ctypes.Structure]) -> int:
    """The number of an ioctl request: `_IOWR` of <asm-generic/ioctl.h>."""
    return 3 << 30 | ctypes.sizeof(structure) << 16 | ord("V") << 8 | number


ENUM_FORMATS = _request(2, FormatDescription)
ENUM_SIZES = _request(74, SizeEntry)
ENUM_INTERVALS = _request(75, IntervalEntry)

Ask = Callable[[int, ctypes.Structure], object]
Entry = TypeVar("Entry", FormatDescription, SizeEntry, IntervalEntry)


def read_modes(ask: Ask) -> tuple[CameraMode, ...]:
    """Read the modes through `ask(request, structure)`, an ioctl that fills the structure.

    Raises OSError where the driver fails.
    """
    found = []
    for format_entry in _entries(ask, ENUM_FORMATS, FormatDescription(type=_VIDEO_CAPTURE)):
        code = format_entry.pixel_format
        name = code.to_bytes(4, "little").decode("latin-1").strip()
        if name not in _READABLE:
            continue
        for width, height in _sizes(ask, code):
            intervals = IntervalEntry(pixel_format=code, width=width, height=height)
            rates = [
                entry.numbers[1] / entry.numbers[0]
                for entry in _entries(ask, ENUM_INTERVALS, intervals)
                if entry.numbers[0]
            ]
            found.append(CameraMode(width, height, max(rates, default=None), name))
    return _in_order(found)


def _sizes(ask: Ask, pixel_format: int) -> Iterator[tuple[int, int]]:
    for entry in _entries(ask, ENUM_SIZES, SizeEntry(pixel_format=pixel_format)):
        if entry.type == _DISCRETE:
            width, height = entry.numbers[:2]
            if width and height:
                yield width, height
            continue
        least_width, most_width, step_x, least_height, most_height, step_y = entry.numbers
        widths = range(least_width, most_width + 1, step_x or 1)
        heights = range(least_height, most_height + 1, step_y or 1)
        yield from ((w, h) for w, h in _USUAL_SIZES if w in widths and h in heights)


def _entries(ask: Ask, request: int, entry: Entry) -> Iterator[Entry]:
    """The entries of a list, all in the same structure. A range is the only entry of its list."""
    for index in range(_MOST_ENTRIES):
        entry.index = index
        try:
            ask(request, entry)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY):  # the end of the list; no such list
                return
            raise
        yield entry
        if not isinstance(entry, FormatDescription) and entry.type != _DISCRETE:
            return


@contextmanager
def _device(path: str) -> Iterator[Ask]:
    import fcntl

    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield lambda request, structure: fcntl.ioctl(handle, request, structure)
    finally:
        os.close(handle)
