"""The inference thread, which turns frames into results."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
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
    from ..sources.base import SourceInfo

log = logging.getLogger(__name__)

AHEAD = 2  # frames that are started early: one for each half of an engine
IDLE_SECONDS = 0.05  # poll interval of an idle thread


class InferenceWorker:
    """Processes frames from the queue until `stop`. If its engine hangs, it can be abandoned."""

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
        self._asked_stacks = 1  # for the current frame
        self._usual_stacks: int | None = None  # set if the current frame exceptionally gets all
        self._all_at = 0.0  # when all stacks ran last (`time.monotonic`)
        self._stretch: int | None = None  # of the last frame that the estimator tracked
        self._tracked: SourceInfo | None = None  # the source of that frame
        self._held: ProcessedFrame | None = None  # the newest one that was published
        self._held_inputs: tuple[Any, ...] = ()  # see `_inputs`, of that frame
        self._refresh = False
        self.busy_since: float | None = None
        self.thread = threading.Thread(target=self._run, name="inference", daemon=True)

    def stop(self) -> None:
        """Take no more frames."""
        self._stopping = True

    def refresh(self) -> None:
        """Process the held frame again, unless there is a newer one."""
        self._refresh = True

    def abandon(self) -> PoseEstimator | None:
        """Leave a hanging thread behind: its later results are ignored.

        Returns its estimator, or None where the engine is not busy any more.
        """
        with self._lock:
            if self.busy_since is None:
                return None
            self._abandoned = self._stopping = True
            self._metrics.frame_dropped("engine hung")
            return self._estimator

    def _run(self) -> None:
        import cv2  # late, because it delays the window

        # OpenCV's threads do not speed up crops, and take cores from the network.
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
                    self._update_held()
        except Exception as error:
            log.exception("the inference thread failed")
            broken = PoseAppError(
                f"The pipeline failed ({type(error).__name__}: {error}): please report this."
            )
            self._lifecycle.to(State.FAILED, broken)

    def _take(self, item: CapturedFrame) -> None:
        """Process one frame; without a model, wait for one (lossless) or publish it unprocessed."""
        policy = item.policy
        self._refresh = False
        while not self._stopping:
            estimator = self._estimators.current
            if estimator is not None:
                for sink in self._sinks:
                    sink.on_inference(item)
                if self._again(item, estimator):
                    return
                poses = self._infer(estimator, item, self._following(item))
                if self._abandoned:  # the engine has answered after all; nobody else will close it
                    close(estimator)
                    return
                if poses is not None:
                    self._done(item, estimator, poses)
                    if not policy.lossless:  # lossless frames should all have the same engine
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

    def _again(self, item: CapturedFrame, estimator: PoseEstimator) -> bool:
        """Publish a still that is shown already with the poses it has; False where it is not."""
        held = self._held
        if (
            held is None
            or not item.policy.looked_at
            or item.frame.image is not held.captured.frame.image
        ):
            return False
        if not held.result.estimated or self._held_inputs != self._inputs(estimator, True):
            return False
        result = replace(held.result, frame=item.frame, done_ns=time.perf_counter_ns())
        self._publish(replace(held, captured=item, result=result, age_ms=None, repeated=False))
        return True

    def _update_held(self) -> None:
        """Process a held frame again with all stacks, after `refresh` or a change of controls.

        A frame is held while the session is paused, at the end of a file, and where every frame is
        a picture to be looked at.
        """
        estimator = self._estimators.current
        held = None if self._held is None else self._held.captured
        if held is None or estimator is None or not held.policy.resumes:
            return
        stays = self._controls.paused or self._lifecycle.exhausted or held.source.files != ()
        outdated = stays and self._held_inputs != self._inputs(estimator, every_stack=True)
        if not (self._refresh or outdated):
            return
        self._refresh = False
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

    def _inputs(self, estimator: PoseEstimator, every_stack: bool) -> tuple[Any, ...]:
        """Everything besides the frame that its poses depend on."""
        controls = self._controls
        return estimator, controls.threshold, controls.region, controls.shown, every_stack

    def _following(self, item: CapturedFrame) -> list[Frame]:
        """The next frames, if they may be processed ahead of their turn: of lossless files.

        Waits for them, because the results must not depend on timing.
        """
        if item.policy.paced or not item.policy.lossless or self._controls.stacks == "auto":
            return []
        while True:
            # Evaluated before `peek`, so that no frame comes in between.
            over = self._stopping or self._lifecycle.exhausted
            items = self._queue.peek(AHEAD, 0 if over else IDLE_SECONDS)
            same = list(takewhile(lambda other: other.stretch == item.stretch, items))
            # After a frame of another stretch, no more of this one will come.
            if over or len(items) == AHEAD or len(same) < len(items):
                return [other.frame for other in same]

    def _infer(
        self,
        estimator: PoseEstimator,
        item: CapturedFrame,
        following: list[Frame],
        every_stack: bool = False,
    ) -> list[Pose] | None:
        """The poses of a frame; None where the engine failed or the request was not valid.

        Both have been reported then.
        """
        if estimator is not self._estimator:
            self._adopt(estimator)
        controls = self._controls
        estimator.threshold = (
            self._own_threshold if controls.threshold is None else controls.threshold
        )
        estimator.smoothing = controls.smoothing
        estimator.people = controls.people
        estimator.steady = item.policy.lossless  # so that the same file gives the same poses
        if item.stretch != self._stretch:
            estimator.reset(same_video=self._is_jump(item))
            self._stretch, self._tracked = item.stretch, item.source
        with self._lock:
            self.busy_since = time.monotonic()
        poses: list[Pose] | None = None
        most = estimator.spec.network.stacks
        try:
            self._usual_stacks = None
            self._asked_stacks = most if every_stack else self._stacks(estimator, item)
            self._held_inputs = self._inputs(estimator, self._asked_stacks == most)
            poses = estimator.track(
                item.frame,
                stacks=self._asked_stacks,
                shown=self._shown(),
                region=controls.region,
                following=following,
                twice=item.policy.stills,
            )
            if not all(np.isfinite(p.joints).all() and np.isfinite(p.scores).all() for p in poses):
                poses = None
                raise EngineError("it gave values that are not finite")
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

    def _is_jump(self, item: CapturedFrame) -> bool:
        """Whether a frame is from another place of the same video, not another source's."""
        pictures = item.source.files != ()  # each shows somebody else
        return item.source == self._tracked and not item.policy.live and not pictures

    def _refused(self, error: PoseAppError, item: CapturedFrame) -> None:
        """The frame or the region is not valid; a region chosen by hand is reset."""
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
        """How many stacks this frame gets: the requested number, or by the anytime control."""
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
        # Waiting for a number of stacks that is still being prepared would stall the video.
        if not estimator.engine.ready(stacks):
            stacks = self._last_stacks or 1
        every = self._controls.all_every
        if every is None or stacks == most or time.monotonic() - self._all_at < every:
            return stacks
        if not estimator.engine.ready(most):
            return stacks
        self._usual_stacks = stacks
        return most

    def _shown(self) -> int | None:
        """The stack that joints come from; the usual one if this frame exceptionally gets all."""
        wanted = self._controls.shown
        if wanted is None and self._usual_stacks is not None:
            return self._usual_stacks - 1
        return wanted

    def _source_fps(self, item: CapturedFrame) -> float | None:
        """The rate to keep up with: nominal, or measured where that is lower (a dark room).

        A file that is played has the rate at which its frames are shown. Where the source waits for
        the results, what is measured is not its rate.
        """
        policy = item.policy
        measured = 0.0 if policy.lossless else self._metrics.source_rate()
        speed = self._controls.speed if policy.paced else 1.0
        nominal = (item.source.fps or 0.0) * speed or measured or None
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
        # The age of a frame that waited for the model is not a measure of the pipeline.
        captured = item.frame.captured_ns
        age = (now - captured) / 1e6 if captured >= self._ready_ns else None
        result = FrameResult(item.frame, tuple(poses), now, timings)
        self._publish(ProcessedFrame(item, result, self._described(estimator), stacks, age))
        self._lifecycle.to(State.RUNNING, only_from=(State.LOADING,))
        if item.policy.resumes:  # after a model that failed
            self._lifecycle.to(State.RUNNING, only_from=(State.FAILED,))
        limit = self._options.frames
        if limit is not None and self._metrics.processed >= limit:
            self._stopping = True
            self._lifecycle.to(State.FINISHED)

    def _described(self, estimator: PoseEstimator) -> dict[str, Any]:
        """The log's header fields; the same object while they do not change."""
        model = self._model
        if model is None or model["threshold"] != estimator.threshold:
            model = self._model = _described(estimator)
        return model

    def _publish(self, processed: ProcessedFrame) -> None:
        self._held = processed
        for sink in self._sinks:
            sink.on_result(processed)


def _described(estimator: PoseEstimator) -> dict[str, Any]:
    """The header fields of a keypoint log that describe the model."""
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
    """Whether they differ at most in engine and precision."""
    return one.spec.name == other.spec.name and one.spec.network == other.spec.network
