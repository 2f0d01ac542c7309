"""The thread that turns frames into poses."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from ..errors import EngineError, PoseAppError
from ..types import Frame, FrameResult, Pose
from .anytime import StackController
from .capture import CapturedFrame
from .estimator_supervisor import EstimatorSupervisor, close
from .events import EventList
from .frame_queue import FrameQueue
from .metrics import MetricsCollector
from .options import Controls, SessionOptions

if TYPE_CHECKING:
    from ..pose.estimator import PoseEstimator

log = logging.getLogger(__name__)

AHEAD = 2  # frames that are looked at early: one for each half of an engine
IDLE_SECONDS = 0.05  # how often an idle thread looks whether it is over


@dataclass(frozen=True)
class Post:
    """What the thread works with and whom it hands its results to.

    `lossless()`: frames wait for a model; `exhausted()`: no more of them will come;
    `take(captured)` is called before a frame's first try, `publish(result, captured, estimator)`
    for every frame, with or without a pose; `idle()` when there is nothing to do; `on_end(error)`
    where something ends the session, `finish()` when the wanted number of frames is done.
    """

    inbox: FrameQueue[CapturedFrame]
    engines: EstimatorSupervisor
    controls: Controls
    options: SessionOptions
    account: MetricsCollector
    events: EventList
    source_fps: Callable[[], float | None]
    lossless: Callable[[], bool]
    exhausted: Callable[[], bool]
    take: Callable[[CapturedFrame], None]
    publish: Callable[[FrameResult, CapturedFrame, PoseEstimator | None], None]
    idle: Callable[[], None]
    on_end: Callable[[PoseAppError | None], None]
    finish: Callable[[], None]


class InferenceWorker:
    """Takes frames out of the inbox until told to stop. One that hangs can be abandoned."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._stopping = False
        self._abandoned = False
        self._lock = threading.Lock()
        self._estimator: PoseEstimator | None = None
        self._controller: StackController | None = None
        self._own_threshold = 0.0
        self._ready_ns = 0
        self._last_stacks: int | None = None
        self._asked_stacks = 1  # for the frame at hand
        self._discontinuity = True
        self.busy_since: float | None = None
        self.thread = threading.Thread(target=self._run, name="inference", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self._stopping = True

    def abandon(self) -> PoseEstimator | None:
        """Leave a hanging thread behind: what it says later counts no more."""
        with self._lock:
            if self.busy_since is None:
                return None
            self._abandoned = self._stopping = True
            self._post.account.frame_dropped("engine hung")
            return self._estimator

    def _run(self) -> None:
        post = self._post
        import cv2  # late: it takes a while, and the window is to be there first

        # OpenCV's own threads gain nothing on a crop and take cores from the network.
        cv2.setNumThreads(1)
        try:
            while not self._stopping:
                post.engines.close_retired()
                item = post.inbox.get(IDLE_SECONDS)
                if item is None:
                    post.idle()
                else:
                    self._take(item)
        except Exception as error:
            log.exception("the inference thread failed")
            post.on_end(PoseAppError(f"The pipeline broke ({type(error).__name__}: {error})."))

    def _take(self, item: CapturedFrame) -> None:
        """Finish one frame: with a pose, without one, or (lossless) as soon as there is one."""
        post = self._post
        self._discontinuity |= item.discontinuity
        while not self._stopping:
            estimator = post.engines.current
            if estimator is not None:
                post.take(item)
                poses = self._infer(estimator, item.frame, self._following())
                if self._abandoned:  # it has answered after all, and nobody else will close it
                    close(estimator)
                    return
                if poses is not None:
                    self._done(item, estimator, poses)
                    return
            if not post.lossless():
                # A run of a camera begins with its model; everything else is shown without.
                if not post.options.lossless or self._estimator is not None:
                    nobody = FrameResult(item.frame, (), time.perf_counter_ns(), estimated=False)
                    post.publish(nobody, item, None)
                post.account.frame_dropped("no model")
                return
            if estimator is None:
                post.engines.close_retired()
                time.sleep(IDLE_SECONDS / 5)
        post.account.frame_dropped("stopped")

    def _following(self) -> list[Frame]:
        """The next frames, where they may be looked at early: in files read at full speed.

        They are waited for, because the result must not depend on who was quicker.
        """
        post = self._post
        if post.options.paced or post.controls.stacks == "auto":
            return []
        while True:
            if not post.lossless():  # or not any more: a camera has taken over
                return []
            over = self._stopping or post.exhausted()  # before looking: no frame comes in between
            items = post.inbox.peek(AHEAD, 0 if over else IDLE_SECONDS)
            if over or len(items) == AHEAD:
                break
        return [item.frame for item in takewhile(lambda item: not item.discontinuity, items)]

    def _infer(
        self, estimator: PoseEstimator, frame: Frame, following: list[Frame]
    ) -> list[Pose] | None:
        """None where the engine failed (somebody else was told) or the wish made no sense."""
        post = self._post
        if estimator is not self._estimator:
            self._adopt(estimator)
        controls = post.controls
        estimator.threshold = (
            self._own_threshold if controls.threshold is None else controls.threshold
        )
        estimator.smoothing = controls.smoothing
        if self._discontinuity:
            estimator.reset()
            self._discontinuity = False
        region = controls.region
        with self._lock:
            self.busy_since = time.monotonic()
        poses: list[Pose] | None = None
        try:
            self._asked_stacks = self._stacks(estimator)
            poses = estimator.track(
                frame,
                stacks=self._asked_stacks,
                shown=controls.shown,
                region=region,
                following=following,
            )
            if not all(np.isfinite(p.joints).all() and np.isfinite(p.scores).all() for p in poses):
                poses = None
                raise EngineError("it answered with values that are not finite")
        except Exception as error:
            with self._lock:
                self.busy_since = None
            if self._abandoned:
                return None
            if isinstance(error, PoseAppError) and not isinstance(error, EngineError):
                self._refused(error)
            else:
                log.warning("the engine failed", exc_info=error)
                post.engines.failed(estimator, error)
        with self._lock:
            self.busy_since = None
        return poses

    def _refused(self, error: PoseAppError) -> None:
        """The frame or the region makes no sense; a region chosen by hand is forgotten."""
        post = self._post
        if post.controls.region is not None and post.options.region is None:
            post.controls.region = None
            post.events.add("warning", str(error), error)
        else:
            post.events.add("source_failed", str(error), error)
            post.on_end(error)
            self._stopping = post.options.lossless

    def _adopt(self, estimator: PoseEstimator) -> None:
        self._estimator = estimator
        self._own_threshold = estimator.threshold
        self._ready_ns = time.perf_counter_ns()
        self._controller = StackController(estimator.spec.network.stacks, None)
        self._last_stacks = None
        self._discontinuity = True

    def _stacks(self, estimator: PoseEstimator) -> int:
        """How many stacks this frame gets: as asked, or as many as keep up with the source."""
        post, most = self._post, estimator.spec.network.stacks
        wanted = post.controls.stacks
        if wanted == "all":
            return most
        if wanted != "auto":
            return max(1, min(int(wanted), most))
        assert self._controller is not None
        self._controller.target = post.options.target_fps or post.source_fps()
        self._controller.fewest = post.controls.fewest
        stacks = self._controller.stacks
        # A number of stacks that is still being prepared would cost a hitch.
        if self._last_stacks is not None and not estimator.engine.ready(stacks):
            return self._last_stacks
        return stacks

    def _done(self, item: CapturedFrame, estimator: PoseEstimator, poses: list[Pose]) -> None:
        post, now = self._post, time.perf_counter_ns()
        timings = estimator.timings
        stacks = poses[0].stacks if poses else self._asked_stacks
        self._last_stacks = stacks
        # Crops of a search are no measure of what following a person costs.
        if self._controller is not None and poses:
            network = timings.get("network", 0.0)
            other = sum(timings.values()) - network
            self._controller.update(stacks, network / 1e3, other / 1e3)
        # A frame that waited for the model to load says nothing about the pipeline's speed.
        captured = item.frame.captured_ns
        age = (now - captured) / 1e6 if captured >= self._ready_ns else None
        post.account.frame_processed(timings, age, stacks)
        post.publish(FrameResult(item.frame, tuple(poses), now, timings), item, estimator)
        if post.options.frames is not None and post.account.processed >= post.options.frames:
            self._stopping = True
            post.finish()
