"""Contact sheets of `pose-app evaluate --task people`: what is found on each picture, and what not.

Thin white lines are labels. The box of somebody who is missed is red, of everybody else green; the
box of a skeleton that is nobody's is magenta.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from ..drawing.draw import draw
from ..drawing.options import DrawOptions
from ..errors import PoseAppError
from ..skeletons import COCO_17
from ..types import Frame, FrameResult, Image
from .people import Verdict
from .report import contact_sheet, outline, write_image

_PAGE = 36  # pictures on a sheet
_FOUND, _MISSED, _NOBODY = (90, 200, 90), (60, 60, 240), (240, 60, 240)  # BGR
_LABEL = (235, 235, 235)


class PeopleSheets:
    """Writes `all-1.jpg`, `all-2.jpg`, ... and `failures-1.jpg`, ... into a folder.

    A failure is a picture with somebody missed, the person of the largest face included, or with a
    skeleton that is nobody's. `background` is that of `DrawOptions`: with black, the sheets show
    skeletons and labels alone.
    """

    def __init__(self, folder: Path, background: str = "picture") -> None:
        """The folder is made. Raises PoseAppError."""
        with _told(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._options = DrawOptions(background=background)
        self._pages: dict[str, list[Image]] = {"all": [], "failures": []}
        self._written = dict.fromkeys(self._pages, 0)

    def add(self, verdict: Verdict) -> None:
        """Add a picture. Raises PoseAppError."""
        tile = _tile(verdict, self._options)
        for name in ("all", "failures") if verdict.failed else ("all",):
            self._pages[name].append(tile)
            if len(self._pages[name]) == _PAGE:
                self._write(name)

    def finish(self) -> None:
        """Write the sheets that are not full. Raises PoseAppError."""
        for name, tiles in self._pages.items():
            if tiles:
                self._write(name)

    def _write(self, name: str) -> None:
        self._written[name] += 1
        path = self._folder / f"{name}-{self._written[name]}.jpg"
        with _told(self._folder):
            write_image(path, contact_sheet(self._pages[name]))
        self._pages[name].clear()


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PoseAppError(
            f"The sheets cannot be written to {folder} ({error.strerror}): choose another --sheets."
        ) from None


def _tile(verdict: Verdict, options: DrawOptions) -> Image:
    """A picture with labels, boxes, skeletons and the people's numbers."""
    frame = Frame(0, 0, 0.0, verdict.image)
    image = draw(FrameResult(frame, tuple(verdict.poses), 0), options)
    thin = max(1, max(image.shape[:2]) // 200)
    for joints in verdict.truth:
        known = joints[:, 2] > 0
        for a, b in COCO_17.limbs:
            if known[a] and known[b]:
                ends = [tuple(int(v) for v in np.rint(joints[k, :2])) for k in (a, b)]
                cv2.line(image, ends[0], ends[1], _LABEL, thin, cv2.LINE_AA)
    for row, box in enumerate(verdict.boxes):
        missed = row in verdict.missed
        colour = _MISSED if missed else _FOUND
        outline(image, box.tolist(), colour, thin * (1 + missed))
    for index in verdict.nobodys:
        found = verdict.poses[index].box
        if found is not None:
            outline(image, (found.x, found.y, found.width, found.height), _NOBODY, 2 * thin)
    return image
