"""Motion JPEG over HTTP: extracts the JPEG images from `multipart/x-mixed-replace`.

Many cameras violate the format: Content-Length missing or wrong, a boundary that is missing, quoted
or has extra dashes in the header, bare line feeds, images without parts around them. So the parser
ignores boundaries and lengths: the markers of the JPEG itself tell where it begins and ends, and
everything between two images is skipped.
"""

from __future__ import annotations

import re

_START = b"\xff\xd8\xff"
_END = b"\xff\xd9"
_MARKER = 0xFF
# Markers without a length behind them: TEM, RST0..RST7, a stuffed zero, a fill byte.
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
_START_OF_IMAGE = 0xD8
_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA
# In a scan, FF is followed by 00 (a real FF), RSTn or FF (filling); anything else is a marker.
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)

# A 4K image at the best quality has about 15 MB.
MOST_PICTURE_BYTES = 32 * 2**20


class MjpegParser:
    """Takes the bytes of a body as they come and returns the complete JPEG images.

    `lost` counts images that are not valid or longer than `most_bytes`, which bounds the memory.
    """

    def __init__(self, most_bytes: int = MOST_PICTURE_BYTES) -> None:
        self.lost = 0
        self._most_bytes = most_bytes
        self._buffer = bytearray()
        self._in_picture = False
        self._at = 0  # the next byte of the picture to look at
        self._in_scan = False

    @property
    def buffered(self) -> int:
        """Bytes of the incomplete image."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The images that `data` completes, oldest first."""
        self._buffer += data
        pictures: list[bytes] = []
        while self._find_start():
            end = self._find_end()
            if end is None:
                if len(self._buffer) > self._most_bytes:
                    self._give_up()
                    continue
                break
            if end == 0:
                continue
            pictures.append(bytes(self._buffer[:end]))
            del self._buffer[:end]
            self._in_picture = False
        return pictures

    def _find_start(self) -> bool:
        """Drop the bytes before the next image; returns whether an image has begun."""
        if self._in_picture:
            return True
        start = self._buffer.find(_START)
        if start < 0:
            # Keep the last two bytes, which may be the first ones of the start.
            del self._buffer[: max(0, len(self._buffer) - len(_START) + 1)]
            return False
        del self._buffer[:start]
        self._in_picture, self._at, self._in_scan = True, 2, False
        return True

    def _find_end(self) -> int | None:
        """The end of the image; None: not received yet; 0: it was invalid and is dropped."""
        buffer = self._buffer
        while True:
            if self._in_scan:
                found = _SCAN_END.search(buffer, self._at)
                if found is None:
                    self._at = max(self._at, len(buffer) - 1)
                    return None
                self._at, self._in_scan = found.start(), False
            if len(buffer) < self._at + 2:
                return None
            if buffer[self._at] != _MARKER:
                self._give_up()
                return 0
            marker = buffer[self._at + 1]
            if marker == _MARKER:
                self._at += 1
            elif marker == _END_OF_IMAGE:
                return self._at + 2
            elif marker in _BARE:
                self._at += 2
            elif marker in (0x00, _START_OF_IMAGE):
                self._give_up()
                return 0
            else:
                if len(buffer) < self._at + 4:
                    return None
                length = int.from_bytes(buffer[self._at + 2 : self._at + 4], "big")
                if length < 2:
                    self._give_up()
                    return 0
                self._at += 2 + length
                self._in_scan = marker == _START_OF_SCAN

    def _give_up(self) -> None:
        """Drop an invalid image up to where it was parsed, so that no byte is parsed twice."""
        self.lost += 1
        del self._buffer[: max(2, self._at)]
        self._in_picture = False
