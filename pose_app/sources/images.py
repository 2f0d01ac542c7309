"""A source of image files: one, a folder, or the files that match a pattern."""

from __future__ import annotations

import glob
import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from ..errors import SourceError
from ..types import Frame, Image
from .base import SourceInfo
from .names import redact

# fmt: off
SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".jp2",
    ".ppm", ".pgm", ".pbm", ".pnm", ".sr", ".ras",
})
# fmt: on
_DEFAULT_FPS = 1.0


def is_image_name(path: Path) -> bool:
    """Whether the file name has the suffix of a readable image format."""
    return path.suffix.lower() in SUFFIXES


def natural_order(path: Path) -> list[tuple[int, int, str]]:
    """A sort key that puts `frame2` before `frame10`."""
    parts = re.split(r"([0-9]+)", str(path).casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def find_images(location: str | Path) -> list[Path]:
    """The image files of a path, folder or glob pattern, in natural order; may be empty.

    Raises SourceError where a folder cannot be read.
    """
    path = Path(location)
    if path.is_dir():
        try:
            found = [entry for entry in path.iterdir() if entry.is_file() and is_image_name(entry)]
        except OSError as error:
            raise SourceError(
                f"The folder {redact(path.name)} cannot be read ({error.strerror}): check its "
                "permissions."
            ) from error
    elif path.exists():
        found = [path]
    else:
        matches = (Path(match) for match in glob.glob(str(location), recursive=True))  # noqa: PTH207 - of any root
        found = [entry for entry in matches if entry.is_file() and is_image_name(entry)]
    return sorted(found, key=natural_order)


def read_image(path: Path) -> Image:
    """(H, W, 3) uint8 BGR, rotated upright by its EXIF data. Raises SourceError."""
    try:
        data = np.fromfile(path, dtype=np.uint8)  # cv2.imread fails for some names on Windows
    except OSError as error:
        raise SourceError(
            f"{redact(path.name)} cannot be read ({error.strerror}): check its permissions."
        ) from error
    try:
        image = _decode(data)
    except cv2.error as error:
        if "CV_IO_MAX_IMAGE" in str(error):
            raise SourceError(
                f"{redact(path.name)} is too large a picture: make it smaller, or choose another "
                "file."
            ) from error
        image = None
    if image is None:
        raise SourceError(
            f"{redact(path.name)} is not an image that can be read: choose another file."
        )
    return image


def decode_image(data: bytes | np.ndarray) -> Image | None:
    """(H, W, 3) uint8 BGR of an encoded image; None where it cannot be decoded."""
    try:
        return _decode(np.frombuffer(data, dtype=np.uint8) if isinstance(data, bytes) else data)
    except cv2.error:  # a header that promises an absurd size
        return None


def _decode(encoded: np.ndarray) -> Image | None:
    """As `decode_image`; cv2.error where the size is over OpenCV's limits."""
    if encoded.size == 0:
        return None
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    return None if image is None else np.asarray(image, dtype=np.uint8)


class ImagesSource:
    """Image files as frames, each in its own size.

    Unreadable files are left out; `info.note` names them.
    """

    def __init__(
        self, location: str | Path, *, fps: float | None = None, loop: bool = False
    ) -> None:
        """Find the files and read the first one.

        Args:
            location: An image, a folder or a glob pattern.
            fps: Images per second; default 1.
            loop: Whether to start again at the end.

        Raises:
            SourceError: There is no image, or none can be read.
        """
        self.loop = loop
        self._fps = fps or _DEFAULT_FPS
        self._paths = find_images(location)
        self._closed = threading.Event()
        self._next = 0
        self._index = 0
        self._lap = 0
        self._unreadable: set[int] = set()
        name = redact(Path(location).name or str(location))
        if not self._paths:
            raise SourceError(f"There is no image in {redact(str(location))}: check the path.")
        first: Image | None = None
        for position, path in enumerate(self._paths):
            try:
                first = read_image(path)
                break
            except SourceError:
                if len(self._paths) == 1:
                    raise
                self._unreadable.add(position)
        if first is None:
            raise SourceError(
                f"None of the {len(self._paths)} images in {name} can be read: choose others."
            )
        self.info = SourceInfo(
            kind="images",
            name=name,
            size=(first.shape[1], first.shape[0]),
            fps=self._fps,
            seekable=True,
            frame_count=len(self._paths),
            duration=len(self._paths) / self._fps,
            files=tuple(redact(path.name) for path in self._paths),
            note=self._note(),
        )

    def read(self) -> Frame | None:
        while not self._closed.is_set():
            if self._next >= len(self._paths):
                if not self.loop or len(self._unreadable) == len(self._paths):
                    return None
                self._next, self._lap = 0, self._lap + 1
            position, self._next = self._next, self._next + 1
            index, self._index = self._index, self._index + 1
            try:
                image = read_image(self._paths[position])
            except SourceError:
                self._unreadable.add(position)
                self.info = replace(self.info, note=self._note())
                continue
            self._unreadable.discard(position)
            size = (image.shape[1], image.shape[0])
            if size != self.info.size:
                self.info = replace(self.info, size=size)
            seconds = (self._lap * len(self._paths) + position) / self._fps
            return Frame(index, time.perf_counter_ns(), seconds, image)
        return None

    def seek(self, seconds: float) -> None:
        wanted = max(0, int(seconds * self._fps + 1e-3))
        count = len(self._paths)
        self._lap = wanted // count if self.loop else 0
        self._next = wanted % count if self.loop else min(wanted, count - 1)

    def close(self) -> None:
        self._closed.set()

    def _note(self) -> str | None:
        if not self._unreadable:
            return None
        names = [redact(self._paths[position].name) for position in sorted(self._unreadable)]
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        return f"{len(names)} of {len(self._paths)} images cannot be read: {shown}."
