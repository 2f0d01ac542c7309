"""Several frames in the network at once, for files: cores that do not wait for each other.

Cores that share a frame wait for each other after every layer, and longer the more else they have
to do. Where each half of them has frames of its own nobody waits, but where people will be in the
next frames is known only after this one. So they are looked at where people are now; that counts if
the tracker, once it knows more, wants nearly that.
"""

from __future__ import annotations

import math
import queue
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..types import Frame, Region
from .crop_predictor import CropPrediction, CropPredictor, StageClock

if TYPE_CHECKING:
    from ..engines.base import Engine

# How far the expected region may be from the wanted one: its centre as a share of the side, and the
# logarithm of the ratio of their sides. A twentieth is less than networks are trained to bear.
NEAR = 0.05

_CLOSE_SECONDS = 5.0  # for an engine that is still at work

Answer = Future[tuple[list[CropPrediction], StageClock]]


class SpeculativeInference:
    """Looks at frames before it is their turn, on the halves of an engine.

    Where an engine has no halves nothing is ever begun. Not for use from several threads.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._begun: deque[_Task] = deque()
        self._worthwhile = True
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] | None = None

    def begin(self, frames: Iterable[Frame], regions: Sequence[Region], stacks: int) -> None:
        """Look at `regions` of the frames that come next, where that has not begun yet.

        Not right after a look that was for nothing: somebody moves too far from frame to frame.
        """
        if not self._worthwhile or not regions:
            return
        begun = {id(task.frame) for task in self._begun}
        for frame in frames:
            if self._threads is None:
                self._threads = [self._started(half) for half in self._engine.halves()]
            if self._threads and id(frame) not in begun:
                task = _Task(frame, tuple(regions), stacks)
                self._begun.append(task)
                self._tasks.put(task)

    def take(self, frame: Frame, regions: Sequence[Region], stacks: int) -> Answer | None:
        """What will be seen in the frame, where the look that was begun is what is wanted now."""
        self._worthwhile = True
        while self._begun:
            task = self._begun.popleft()
            if task.frame is frame:
                self._worthwhile = task.stacks == stacks and all_near(task.regions, regions)
                return task.answer if self._worthwhile else None
        return None

    def close(self) -> None:
        """End the threads as soon as their engines have answered."""
        threads, self._threads = self._threads or [], []
        for _ in threads:
            self._tasks.put(None)
        for thread in threads:
            thread.join(_CLOSE_SECONDS)
        self._begun.clear()

    def _started(self, half: Engine) -> threading.Thread:
        """A daemon, so that an engine that hangs keeps nobody from leaving."""
        thread = threading.Thread(
            target=self._run, args=(CropPredictor(half),), name="look ahead", daemon=True
        )
        thread.start()
        return thread

    def _run(self, predictor: CropPredictor) -> None:
        while (task := self._tasks.get()) is not None:
            clock = StageClock()
            try:
                looks = predictor.predict(task.frame.image, list(task.regions), task.stacks, clock)
            except Exception as error:  # noqa: BLE001 - for whoever waits for the answer
                task.answer.set_exception(error)
            else:
                task.answer.set_result((looks, clock))
            del task  # and its frame, while there is nothing to do


def all_near(regions: Sequence[Region], wanted: Sequence[Region]) -> bool:
    """Whether the network sees the same people alike in both, in the same order."""
    return len(regions) == len(wanted) and all(map(near, regions, wanted))


def near(region: Region, wanted: Region) -> bool:
    """Whether the network sees the same in both."""
    away = math.dist(region.centre, wanted.centre)
    return away <= NEAR * wanted.side and abs(math.log(region.side / wanted.side)) <= NEAR


@dataclass(frozen=True, eq=False)
class _Task:
    frame: Frame
    regions: tuple[Region, ...]
    stacks: int
    answer: Answer = field(default_factory=Future)
