"""From images to poses: finder, crop, engine, decoding, tracks and smoothing in one class.

from pose_app import PoseEstimator

poses = PoseEstimator.open().estimate(image_bgr)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING

import numpy as np

from ..errors import PoseAppError
from ..skeletons import Skeleton
from ..types import Box, Frame, Image, Pose, Region
from .crop import check_image
from .crop_predictor import CropPrediction, CropPredictor, StageClock
from .in_front import seen_of
from .opening import PersonFinder, open_both
from .people import FinderSchedule
from .speculative import SpeculativeFinder, SpeculativeInference
from .track import Track
from .tracks import FAINT, Tracks

if TYPE_CHECKING:
    from ..engines.base import Engine

PEOPLE = 4  # default of how many people are tracked at most
MOST_PEOPLE = 8

_BOXES = 2 * MOST_PEOPLE  # of the finder, the surest first; the largest of them are tracked


class PoseEstimator:
    """The poses of the people in single images (`estimate`) or in a video (`track`).

    Not thread-safe; the poses that it returns may be read from any thread.

    Attributes:
        threshold: Score 0..1 from which a joint is present. May be set at any time.
        smoothing: Whether `track` smooths joints over time. May be set at any time.
        people: How many people are tracked at most (1 to 8), the largest first. May be set at any
            time.
        steady: Whether the finder runs at fixed intervals of the video's time instead of by the
            time that it takes, so that the same frames always give the same poses. May be set at
            any time.
        timings: Milliseconds per stage (find, crop, network, decode, track) of the last call.
    """

    def __init__(
        self,
        engine: Engine,
        finder: PersonFinder | None = None,
        *,
        threshold: float | None = None,
        smoothing: bool = False,
        stacks: int | None = None,
        people: int = PEOPLE,
    ) -> None:
        """Use opened engines; see `open` for the arguments.

        Without a `finder`, every call needs a region.
        """
        self.engine = engine
        self.finder = finder
        self.spec = engine.spec
        self.skeleton: Skeleton = engine.spec.skeleton
        self.threshold = engine.spec.threshold if threshold is None else threshold
        self.smoothing = smoothing
        self.timings: Mapping[str, float] = MappingProxyType({})
        self._stacks = self._checked_stacks(stacks)
        self._enough = 0.0 if finder is None else finder.engine.spec.threshold
        self._tracks = Tracks(self.spec, people, self._enough)
        self._schedule = FinderSchedule()
        self._predictor = CropPredictor(engine)
        self._speculative = SpeculativeInference(engine)
        self._finding = SpeculativeFinder(self._find)

    @classmethod
    def open(
        cls,
        model: str | Path = "default",
        engine: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        *,
        threshold: float | None = None,
        smoothing: bool = False,
        stacks: int | None = None,
        people: int = PEOPLE,
        first: int | None = None,
    ) -> PoseEstimator:
        """Load a model by name or file on the fastest engine, or on the one asked for.

        The bundled person finder is opened on the same kind of engine.

        Args:
            model: Name or file of a pose network.
            engine: auto, openvino or torch.
            device: auto, cpu, gpu, npu, cuda or mps.
            precision: auto, f32, bf16, fp16, int8 or int8+bf16.
            threshold: Score 0..1 from which a joint is present; default the model's own.
            smoothing: Whether `track` smooths joints over time.
            stacks: How many stacks to run; default all.
            people: How many people are tracked at most, the largest first.
            first: How many stacks must be ready at once, see `engines.choose.open_engine`.

        Raises:
            ModelError: There is no such model, or it is no pose network.
            EngineError: Nothing here runs the model or the person finder.
        """
        opened, finder = open_both(model, engine, device, precision, first)
        try:
            return cls(
                opened,
                finder,
                threshold=threshold,
                smoothing=smoothing,
                stacks=stacks,
                people=people,
            )
        except PoseAppError:
            opened.close()
            finder.engine.close()
            raise

    @property
    def people(self) -> int:
        return self._tracks.limit

    @people.setter
    def people(self, most: int) -> None:
        self._tracks.limit = most

    @property
    def steady(self) -> bool:
        return self._schedule.steady

    @steady.setter
    def steady(self, steady: bool) -> None:
        self._schedule.steady = steady

    def estimate(self, image: Image, region: Region | None = None) -> list[Pose]:
        """Find everybody in a single image.

        The network looks at each person twice, first in the finder's box, then nearer to the joints
        that it found there; a joint is taken from the look that is surer of it. Where the first
        look found somebody else, that person is painted over for the second. The heatmaps are
        those of the second look.

        Args:
            image: (H, W, 3) uint8 BGR.
            region: Run only on this square, without the finder. The result is at most one pose;
                none where fewer than three joints are found.

        Returns:
            One pose per person.

        Raises:
            PoseAppError: The image is not valid, or the region is outside it.
            EngineError: The device failed.
        """
        image = check_image(image)
        clock = self._clock()
        tracks = Tracks(self.spec, self.people, self._enough)
        tracks.begin((image.shape[1], image.shape[0]), 0.0)
        if region is not None:
            tracks.only(self._predictor.predict(image, [region], self._stacks, clock)[0], 0.0)
        else:
            self._search(tracks, image, 0.0, self._stacks, clock)
            tracks.settle(0.0, True)
            self._look_again(tracks, image, self._stacks, clock)
        return [self._pose(track, None, 0.0, smoothing=False) for track in tracks.visible]

    def track(
        self,
        frame: Frame,
        *,
        stacks: int | None = None,
        shown: int | None = None,
        region: Region | None = None,
        following: Sequence[Frame] = (),
        twice: bool = False,
    ) -> list[Pose]:
        """Track everybody in the next frame of a video.

        Call `reset` before another video and after a jump.

        Args:
            frame: The next frame; its `seconds` increase.
            stacks: How many stacks to run for this frame; default as opened.
            shown: The stack (0 = first) that the joints of the poses come from; default and at
                most the last that ran.
            region: Run only on this square, without finder and tracks. The result is at most one
                pose; none where fewer than three joints are found.
            following: The frames of the next calls, if they are known. Some engines are faster on
                several frames in parallel; `timings` of these calls then overlap.
            twice: Look at everybody anew and twice, as `estimate` does, because the frame is a
                picture of its own. Seen again, the same picture gives the same poses and ids.

        Returns:
            One pose per visible person, in the order of their `track_id`, which a person keeps
            from frame to frame.

        Raises:
            PoseAppError: The image is not valid, or the region is outside it.
            EngineError: The device failed.
        """
        image, seconds = check_image(frame.image), frame.seconds
        count = self._stacks if stacks is None else self._checked_stacks(stacks)
        clock = self._clock()
        if twice:
            self.reset(same_video=True)
        tracks = self._tracks
        tracks.begin(frame.size, seconds)
        if region is not None:
            predictions = self._predict(frame, [region], count, following, clock)
            with clock.stage("track"):
                tracks.only(predictions[0], seconds)
                return self._poses(shown, seconds)
        predictions = self._predict(frame, tracks.regions, count, following, clock, tracks.in_front)
        with clock.stage("track"):
            tracks.follow(predictions, seconds)
        searched = self._schedule.due(seconds, tracks.unsettled)
        if searched:
            self._search(tracks, image, seconds, count, clock)
            self._schedule.searched(seconds, clock.timings["find"])
        with clock.stage("track"):
            tracks.settle(seconds, searched)
        if twice:
            self._look_again(tracks, image, count, clock)
        with clock.stage("track"):
            poses = self._poses(shown, seconds)
        self._schedule.spent(sum(clock.timings.values()) - clock.timings["find"])
        return poses

    def reset(self, same_video: bool = False) -> None:
        """Forget all tracks: for another source, or (`same_video`) after a jump in a video.

        After a jump, people at the same place as before keep their `track_id`.
        """
        self._tracks.reset(same_video)
        self._schedule.reset()

    def continue_from(self, other: PoseEstimator) -> None:
        """Take over the tracks of another estimator of the same network, which must not go on."""
        self._tracks = other._tracks

    def close(self) -> None:
        """Release the engines' devices. Poses that were returned stay valid."""
        self._speculative.close()
        self._finding.close()
        self.engine.close()
        if self.finder is not None:
            self.finder.engine.close()

    def __enter__(self) -> PoseEstimator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _checked_stacks(self, stacks: int | None) -> int:
        most = self.spec.network.stacks
        if stacks is not None and not 1 <= stacks <= most:
            raise PoseAppError(f"The model {self.spec.name} has stacks 1 to {most}, not {stacks}.")
        return most if stacks is None else stacks

    def _clock(self) -> StageClock:
        clock = StageClock()
        self.timings = MappingProxyType(clock.timings)
        return clock

    def _predict(
        self,
        frame: Frame,
        regions: list[Region],
        stacks: int,
        following: Sequence[Frame],
        clock: StageClock,
        in_front: Sequence[Sequence[CropPrediction]] = (),
    ) -> list[CropPrediction]:
        """Run the network on regions of a frame, and start it on the following frames.

        Not on those while somebody is hidden in part: by whom changes with every frame.
        """
        if any(in_front):
            return self._predictor.predict(frame.image, regions, stacks, clock, in_front)
        started = self._speculative.take(frame, regions, stacks)
        if self._speculative.active and following and self._searches_next(frame, following[0]):
            self._finding.begin(following[0].image)
        same_size = (other for other in following if other.size == frame.size)
        self._speculative.begin(same_size, regions, stacks)
        if started is None:
            return self._predictor.predict(frame.image, regions, stacks, clock)
        predictions, spent = started.result()
        clock.add(spent)
        return predictions

    def _search(
        self, tracks: Tracks, image: Image, seconds: float, stacks: int, clock: StageClock
    ) -> None:
        """Run the finder, and the pose network on the people who are not tracked yet."""
        boxes, spent = self._finding.find(image)
        clock.add(spent)
        with clock.stage("track"):
            candidates = tracks.match(boxes, seconds)
        regions = [candidate.region for candidate in candidates]
        in_front = [seen_of(candidate.in_front) for candidate in candidates]
        predictions = self._predictor.predict(image, regions, stacks, clock, in_front)
        with clock.stage("track"):
            tracks.admit(candidates, predictions, seconds)

    def _find(self, image: Image) -> list[Box]:
        if self.finder is None:
            raise PoseAppError("Without a person finder, give the region of the person.")
        return self.finder.find(image, _BOXES, FAINT * self._enough)

    def _searches_next(self, frame: Frame, following: Frame) -> bool:
        """Whether the finder is to run on the `following` frame, while everybody is tracked.

        Where it runs on every frame, doing it ahead of its turn only takes cores from the halves.
        """
        due = self._schedule.due
        return (
            not self._tracks.unsettled
            and due(following.seconds, urgent=False)
            and not due(frame.seconds, urgent=False)
        )

    def _look_again(self, tracks: Tracks, image: Image, stacks: int, clock: StageClock) -> None:
        """Run the network nearer to the joints that were found, and take those it is surer of.

        Where somebody else's joints were found, once more on the whole region, with that person
        painted over.
        """
        people = tracks.doubtful
        regions = [one.region if one.in_front else one.nearer for one in people]
        in_front = [seen_of(one.in_front) for one in people]
        looks = self._predictor.predict(image, regions, stacks, clock, in_front)
        tracks.add(looks, 0.0)

    def _poses(self, shown: int | None, seconds: float) -> list[Pose]:
        people = sorted(self._tracks.visible, key=lambda track: track.id)
        return [self._pose(track, shown, seconds, self.smoothing) for track in people]

    def _pose(self, track: Track, shown: int | None, seconds: float, smoothing: bool) -> Pose:
        prediction = track.prediction
        assert prediction is not None
        last = len(prediction.joints) - 1
        stack = last if shown is None else min(shown, last)
        scores = np.where(track.foreign, np.float32(0), prediction.scores[stack])
        return Pose(
            skeleton=self.skeleton,
            joints=track.smoothed(stack, scores >= self.threshold, seconds)
            if smoothing
            else prediction.joints[stack],
            scores=scores,
            present=scores >= self.threshold,
            region=prediction.region,
            stack=stack,
            stack_joints=prediction.joints,
            stack_scores=prediction.scores,
            threshold=self.threshold,
            track_id=track.id,
            score=min(max(track.score, 0.0), 1.0),
            box=track.box,
            manual=track.manual,
            maps=prediction.maps,
            item=prediction.item,
        )
