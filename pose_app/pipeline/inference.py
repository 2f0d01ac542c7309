"""The thread that turns frames into results."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EngineError, PoseAppError
from ..types import Frame, FrameResult, Pose
from .anytime import StackController
from .context import SessionContext
from .estimator_supervisor import EstimatorSupervisor, close
from .frame_queue import FrameQueue
from .lifecycle import State
from .sinks import CapturedFrame, ProcessedFrame, Sink

if TYPE_CHECKING:
    from ..pose.estimator import PoseEstimator

log = logging.getLogger(__name__)

AHEAD = 2  # frames that are looked at early: one for each half of an engine
IDLE_SECONDS = 0.05  # how often an idle thread looks whether it is over


class InferenceWorker:
    """Takes frames out of the queue until told to stop. One that hangs can be abandoned."""

    def __init__(
        self,
        context: SessionContext,
        queue: FrameQueue[CapturedFrame],
        estimators: EstimatorSupervisor,
        sinks: Sequence[Sink],
    ) -> None:
        self._options = context.options
        self._controls = context.controls
        self._events = context.events
        self._metrics = context.metrics
        self._lifecycle = context.lifecycle
        self._queue = queue
        self._estimators = estimators
        self._sinks = sinks
        self._stopping = False
        self._abandoned = False
        self._lock = threading.Lock()
        self._estimator: PoseEstimator | None = None
        self._controller: StackController | None = None
        self._own_threshold = 0.0
        self._model: dict[str, Any] | None = None
        self._ready_ns = 0
        self._last_stacks: int | None = None
        self._asked_stacks = 1  # for the frame at hand
        self._usual_stacks: int | None = None  # where this frame gets all of them for once
        self._all_at = 0.0  # when all stacks ran last, of the monotonic clock
        self._stretch: int | None = None  # of the frame before; None: the estimator knows none
        self._held: CapturedFrame | None = None  # the newest that was shown
        self._held_wish: tuple[Any, ...] = ()  # what it was processed for
        self._again = False
        self.busy_since: float | None = None
        self.thread = threading.Thread(target=self._run, name="inference", daemon=True)

    def stop(self) -> None:
        """Take no more frames."""
        self._stopping = True

    def refresh(self) -> None:
        """Once more the frame that is held, when there is no newer one."""
        self._again = True

    def abandon(self) -> PoseEstimator | None:
        """Leave a hanging thread behind: what it says later counts no more."""
        with self._lock:
            if self.busy_since is None:
                return None
            self._abandoned = self._stopping = True
            self._metrics.frame_dropped("engine hung")
            return self._estimator

    def _run(self) -> None:
        import cv2  # late: it takes a while, and the window is to be there first

        # OpenCV's own threads gain nothing on a crop and take cores from the network.
        cv2.setNumThreads(1)
        try:
            while not self._stopping:
                self._estimators.close_retired()
                item = self._queue.get(IDLE_SECONDS)
                if item is not None:
                    self._take(item)
                elif self._lifecycle.state is State.DRAINING and not len(self._queue):
                    self._lifecycle.to(State.FINISHED, only_from=(State.DRAINING,))
                else:
                    self._keep_up_to_date()
        except Exception as error:
            log.exception("the inference thread failed")
            broken = PoseAppError(f"The pipeline broke ({type(error).__name__}: {error}).")
            self._lifecycle.to(State.FAILED, broken)

    def _take(self, item: CapturedFrame) -> None:
        """Finish one frame: with its people, without, or (lossless) as soon as a model is there."""
        policy = item.policy
        self._again = False
        while not self._stopping:
            estimator = self._estimators.current
            if estimator is not None:
                for sink in self._sinks:
                    sink.on_inference(item)
                poses = self._infer(estimator, item, self._following(item))
                if self._abandoned:  # it has answered after all, and nobody else will close it
                    close(estimator)
                    return
                if poses is not None:
                    self._done(item, estimator, poses)
                    if not policy.lossless:  # there every frame is to have the same engine
                        self._estimators.improve()
                    return
            if not policy.lossless:
                if not policy.after_model or self._estimator is not None:
                    now = time.perf_counter_ns()
                    self._publish(
                        ProcessedFrame(item, FrameResult(item.frame, (), now, estimated=False))
                    )
                self._metrics.frame_dropped("no model")
                return
            if estimator is None:
                self._estimators.close_retired()
                time.sleep(IDLE_SECONDS / 5)
        self._metrics.frame_dropped("stopped")

    def _keep_up_to_date(self) -> None:
        """A held picture stays alive: once more for wishes that came after it, with all stacks.

        It is held while the session is paused, and at a file's end.
        """
        held, estimator = self._held, self._estimators.current
        if held is None or estimator is None or not held.policy.resumes:
            return
        stays = self._controls.paused or self._lifecycle.exhausted
        outdated = stays and self._held_wish != self._wish(estimator, every_stack=True)
        if not (self._again or outdated):
            return
        self._again = False
        poses = self._infer(estimator, held, [], every_stack=True)
        if self._abandoned:
            close(estimator)
        elif poses is not None:
            now = time.perf_counter_ns()
            result = FrameResult(held.frame, tuple(poses), now, estimator.timings)
            self._publish(
                ProcessedFrame(
                    held, result, self._described(estimator), self._asked_stacks, repeated=True
                )
            )

    def _wish(self, estimator: PoseEstimator, every_stack: bool) -> tuple[Any, ...]:
        """Everything that the people in one frame depend on."""
        controls = self._controls
        return estimator, controls.threshold, controls.region, controls.shown, every_stack

    def _following(self, item: CapturedFrame) -> list[Frame]:
        """The next frames, where they may be looked at early: in files read at full speed.

        They are waited for, because the result must not depend on who was quicker.
        """
        if item.policy.paced or not item.policy.lossless or self._controls.stacks == "auto":
            return []
        while True:
            # Before looking: no frame comes in between.
            over = self._stopping or self._lifecycle.exhausted
            items = self._queue.peek(AHEAD, 0 if over else IDLE_SECONDS)
            same = list(takewhile(lambda other: other.stretch == item.stretch, items))
            # Frames of another source or position are never followed by more of this one.
            if over or len(items) == AHEAD or len(same) < len(items):
                return [other.frame for other in same]

    def _infer(
        self,
        estimator: PoseEstimator,
        item: CapturedFrame,
        following: list[Frame],
        every_stack: bool = False,
    ) -> list[Pose] | None:
        """None where the engine failed (somebody else was told) or the wish made no sense."""
        if estimator is not self._estimator:
            self._adopt(estimator)
        controls = self._controls
        estimator.threshold = (
            self._own_threshold if controls.threshold is None else controls.threshold
        )
        estimator.smoothing = controls.smoothing
        estimator.people = controls.people
        estimator.steady = item.policy.lossless  # the same file gives the same poses
        if item.stretch != self._stretch:
            estimator.reset()
            self._stretch = item.stretch
        with self._lock:
            self.busy_since = time.monotonic()
        poses: list[Pose] | None = None
        most = estimator.spec.network.stacks
        try:
            self._usual_stacks = None
            self._asked_stacks = most if every_stack else self._stacks(estimator, item)
            self._held_wish = self._wish(estimator, self._asked_stacks == most)
            poses = estimator.track(
                item.frame,
                stacks=self._asked_stacks,
                shown=self._shown(),
                region=controls.region,
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
                self._refused(error, item)
            else:
                log.warning("the engine failed", exc_info=error)
                self._estimators.failed(estimator, error)
        with self._lock:
            self.busy_since = None
        return poses

    def _refused(self, error: PoseAppError, item: CapturedFrame) -> None:
        """The frame or the region makes no sense; a region chosen by hand is forgotten."""
        if self._controls.region is not None and self._options.region is None:
            self._controls.region = None
            self._events.add("warning", str(error), error, topic="region")
        else:
            self._events.add("source_failed", str(error), error)
            self._lifecycle.to(State.FAILED, error)
            self._stopping = not item.policy.resumes

    def _adopt(self, estimator: PoseEstimator) -> None:
        before, self._estimator = self._estimator, estimator
        self._own_threshold = estimator.threshold
        self._ready_ns = time.perf_counter_ns()
        self._controller = StackController(estimator.spec.network.stacks, None)
        self._last_stacks = None
        if before is not None and _same_model(before, estimator):
            estimator.continue_from(before)
        else:
            self._stretch = None
        self._model = None

    def _stacks(self, estimator: PoseEstimator, item: CapturedFrame) -> int:
        """How many stacks this frame gets: as asked, or as many as keep up with the source."""
        most = estimator.spec.network.stacks
        wanted = self._controls.stacks
        if wanted == "all" or self._controls.paused:
            return most
        if wanted != "auto":
            return max(1, min(max(int(wanted), self._controls.fewest), most))
        assert self._controller is not None
        self._controller.target = self._options.target_fps or self._source_fps(item)
        self._controller.fewest = self._controls.fewest
        stacks = self._controller.stacks
        # A number of stacks that is still being prepared would cost a hitch.
        if self._last_stacks is not None and not estimator.engine.ready(stacks):
            stacks = self._last_stacks
        every = self._controls.all_every
        if every is None or stacks == most or time.monotonic() - self._all_at < every:
            return stacks
        if not estimator.engine.ready(most):
            return stacks
        self._usual_stacks = stacks
        return most

    def _shown(self) -> int | None:
        """The stack whose joints the poses have: the same for a frame that gets more stacks."""
        wanted = self._controls.shown
        if wanted is None and self._usual_stacks is not None:
            return self._usual_stacks - 1
        return wanted

    def _source_fps(self, item: CapturedFrame) -> float | None:
        """What to keep up with. A camera may give less than it says, in the dark for example."""
        measured = self._metrics.source_rate() if item.policy.live else 0.0
        nominal = item.source.fps or measured or None
        return min(nominal, measured) if nominal and measured else nominal

    def _done(self, item: CapturedFrame, estimator: PoseEstimator, poses: list[Pose]) -> None:
        now = time.perf_counter_ns()
        timings = estimator.timings
        stacks = poses[0].stacks if poses else self._asked_stacks
        if stacks == estimator.spec.network.stacks:
            self._all_at = time.monotonic()
        ran, stacks = stacks, self._usual_stacks or stacks
        self._last_stacks = stacks
        if self._controller is not None and poses:
            network, find = (timings.get(stage, 0.0) / 1e3 for stage in ("network", "find"))
            other = sum(timings.values()) / 1e3 - network - find
            self._controller.update(ran, network, other, len(poses), find)
        # A frame that waited for the model to load says nothing about the pipeline's speed.
        captured = item.frame.captured_ns
        age = (now - captured) / 1e6 if captured >= self._ready_ns else None
        result = FrameResult(item.frame, tuple(poses), now, timings)
        self._publish(ProcessedFrame(item, result, self._described(estimator), stacks, age))
        self._lifecycle.to(State.RUNNING, only_from=(State.LOADING,))
        if item.policy.resumes:  # another model after one that failed
            self._lifecycle.to(State.RUNNING, only_from=(State.FAILED,))
        limit = self._options.frames
        if limit is not None and self._metrics.processed >= limit:
            self._stopping = True
            self._lifecycle.to(State.FINISHED)

    def _described(self, estimator: PoseEstimator) -> dict[str, Any]:
        """What a log's header says, made anew only where it says something else."""
        model = self._model
        if model is None or model["threshold"] != estimator.threshold:
            model = self._model = _described(estimator)
        return model

    def _publish(self, processed: ProcessedFrame) -> None:
        self._held = processed.captured
        for sink in self._sinks:
            sink.on_result(processed)


def _described(estimator: PoseEstimator) -> dict[str, Any]:
    """What the header of a keypoint log says about the network."""
    spec, info = estimator.spec, estimator.engine.info
    return {
        "model": spec.name,
        "engine": info.engine,
        "device": info.device,
        "precision": info.precision,
        "stacks": spec.network.stacks,
        "joints": list(spec.joints),
        "limbs": [list(limb) for limb in spec.limbs],
        "threshold": estimator.threshold,
    }


def _same_model(one: PoseEstimator, other: PoseEstimator) -> bool:
    """Whether they differ in the engine or the precision alone."""
    return one.spec.name == other.spec.name and one.spec.network == other.spec.network
