"""Speculative inference: several frames of a file in the network in parallel.

Cores that share a frame wait for each other after every layer. Two halves of them with a frame each
do not, but the regions of the next frames are known only after this one. So the network runs on the
next frames with the current regions; the result is used if the tracker then wants nearly the same
regions. The finder runs ahead of its turn, too, so that the halves need not wait for it.
"""

from __future__ import annotations

import math
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..types import Box, Frame, Image, Region
from .crop_predictor import CropPrediction, CropPredictor, StageClock

if TYPE_CHECKING:
    from ..engines.base import Engine

# How far the region that was used may be from the wanted one: the distance of their centres as a
# share of the side, and the logarithm of the ratio of their sides. Training varies regions more.
NEAR = 0.05

_CLOSE_SECONDS = 5.0  # to wait for an engine that is still running

Result = Future[tuple[list[CropPrediction], StageClock]]
Found = Future[tuple[list[Box], StageClock]]


class SpeculativeInference:
    """Runs the network on frames ahead of their turn, on the halves of an engine.

    Does nothing where an engine has no halves. Not thread-safe.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._begun: deque[_Task] = deque()
        self._worthwhile = True
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] | None = None

    @property
    def active(self) -> bool:
        """Whether the engine has halves that look ahead."""
        return bool(self._threads)

    def begin(self, frames: Iterable[Frame], regions: Sequence[Region], stacks: int) -> None:
        """Start on `regions` of the next frames, except those that were started before.

        Does nothing right after a result that could not be used: people move too fast.
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

    def take(self, frame: Frame, regions: Sequence[Region], stacks: int) -> Result | None:
        """The future result for a frame, if it was started with nearly these regions."""
        self._worthwhile = True
        while self._begun:
            task = self._begun.popleft()
            if task.frame is frame:
                self._worthwhile = task.stacks == stacks and all_near(task.regions, regions)
                return task.result if self._worthwhile else None
        return None

    def close(self) -> None:
        """End the threads after what they are computing; wait some seconds for them."""
        threads, self._threads = self._threads or [], []
        for _ in threads:
            self._tasks.put(None)
        for thread in threads:
            thread.join(_CLOSE_SECONDS)
        self._begun.clear()

    def _started(self, half: Engine) -> threading.Thread:
        """Start a daemon thread, so that an engine that hangs does not keep the process alive."""
        thread = threading.Thread(
            target=self._run, args=(CropPredictor(half),), name="look ahead", daemon=True
        )
        thread.start()
        return thread

    def _run(self, predictor: CropPredictor) -> None:
        while (task := self._tasks.get()) is not None:
            clock = StageClock()
            try:
                predictions = predictor.predict(
                    task.frame.image, list(task.regions), task.stacks, clock
                )
            except Exception as error:  # noqa: BLE001 - raised where the result is used
                task.result.set_exception(error)
            else:
                task.result.set_result((predictions, clock))
            del task  # frees its frame while the thread waits


class SpeculativeFinder:
    """Runs `find` on an image ahead of its turn. Not thread-safe; it never runs twice at once."""

    def __init__(self, find: Callable[[Image], list[Box]]) -> None:
        self._find = find
        self._begun: tuple[Image, Found] | None = None
        self._tasks: queue.SimpleQueue[tuple[Image, Found] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def begin(self, image: Image) -> None:
        """Start on an image, which takes the place of another that was not asked for."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="find ahead", daemon=True)
            self._thread.start()
        if self._begun is None or self._begun[0] is not image:
            self._begun = image, Future()
            self._tasks.put(self._begun)

    def find(self, image: Image) -> tuple[list[Box], StageClock]:
        """The boxes in an image, at once if it was started; raises what `find` raises."""
        if self._thread is None:
            return self._timed(image)
        self.begin(image)
        assert self._begun is not None
        (_, result), self._begun = self._begun, None
        return result.result()

    def close(self) -> None:
        """End the thread after what it is computing; wait some seconds for it."""
        thread, self._thread = self._thread, None
        self._begun = None
        if thread is not None:
            self._tasks.put(None)
            thread.join(_CLOSE_SECONDS)

    def _timed(self, image: Image) -> tuple[list[Box], StageClock]:
        clock = StageClock()
        with clock.stage("find"):
            return self._find(image), clock

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            image, result = task
            try:
                result.set_result(self._timed(image))
            except Exception as error:  # noqa: BLE001 - raised where the result is used
                result.set_exception(error)
            del task, image, result  # frees the image while the thread waits


def all_near(regions: Sequence[Region], wanted: Sequence[Region]) -> bool:
    """Whether both have the same number of regions and are pairwise near."""
    return len(regions) == len(wanted) and all(map(near, regions, wanted))


def near(region: Region, wanted: Region) -> bool:
    """Whether two regions are close enough to use one's prediction for the other."""
    away = math.dist(region.centre, wanted.centre)
    return away <= NEAR * wanted.side and abs(math.log(region.side / wanted.side)) <= NEAR


@dataclass(frozen=True, eq=False)
class _Task:
    frame: Frame
    regions: tuple[Region, ...]
    stacks: int
    result: Result = field(default_factory=Future)
