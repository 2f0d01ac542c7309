"""Motion JPEG over HTTP: pictures cut out of `multipart/x-mixed-replace`.

Cameras take liberties with the format: no Content-Length or a wrong one, a boundary that the header
gives with two dashes too many, in quotes or not at all, bare line feeds, pictures back to back
without any part. So the parser looks at the JPEG itself: its markers tell where it begins and ends,
and everything between two pictures is passed over. A boundary or length that is there and right
changes nothing; one that is wrong does no harm.
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

# A 4K picture at the best quality has about 15 MB.
MOST_PICTURE_BYTES = 32 * 2**20


class MjpegParser:
    """Feed it the bytes of a body as they come; it gives the JPEG pictures that are complete.

    `lost` counts pictures that began and never ended as a JPEG should: cut off, or longer than
    `most_bytes`, which also bounds the memory used.
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
        """Bytes kept for the picture that is under way."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The pictures that `data` completed, oldest first."""
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
        """Whether the buffer begins with a picture; throws away what stands before it."""
        if self._in_picture:
            return True
        start = self._buffer.find(_START)
        if start < 0:
            # The start itself may be cut: its first two bytes can be the last ones here.
            del self._buffer[: max(0, len(self._buffer) - len(_START) + 1)]
            return False
        del self._buffer[:start]
        self._in_picture, self._at, self._in_scan = True, 2, False
        return True

    def _find_end(self) -> int | None:
        """Where the picture ends; None: not here yet; 0: it is none, and has been thrown away."""
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
        """This is no whole picture: look for a start behind what has been looked at.

        Never earlier: no byte is looked at twice, whatever is sent.
        """
        self.lost += 1
        del self._buffer[: max(2, self._at)]
        self._in_picture = False
