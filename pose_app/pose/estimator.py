"""Pictures to poses: finder, crop, engine, decode rule, tracks and smoothing in one.

from pose_app import PoseEstimator
poses = PoseEstimator.open().estimate(image_bgr)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..errors import EngineError, ModelError, PoseAppError
from ..skeletons import Skeleton
from ..types import Box, Floats, Frame, Image, Pose, Region
from .crop import check_image
from .crop_predictor import CropPrediction, CropPredictor, StageClock
from .people import FinderSchedule
from .speculative import SpeculativeInference
from .track import Track
from .tracks import STAY, Tracks

if TYPE_CHECKING:
    from ..engines.base import Engine

PEOPLE = 4  # at most, unless something else is wanted
MOST_PEOPLE = 8

_BOXES = 2 * MOST_PEOPLE  # of the finder: some of those who are not followed are larger than others


class PersonFinder(Protocol):
    """What says where people are: `pose.finder.Finder`."""

    @property
    def engine(self) -> Engine: ...

    def find(self, image: Image, most: int = ..., threshold: float | None = ...) -> list[Box]: ...


class PoseEstimator:
    """The poses of the people in pictures (`estimate`) or in a video (`track`).

    Not for use from several threads at a time; the poses it hands out may be read from any.
    `threshold` (calibrated score 0..1 from which a joint is present), `smoothing`, `people` (1 to
    8: so many at most, the largest first) and `steady` may be set at any time. `steady`: the finder
    looks as often as the video's own time says, never by how long anything took; so that the same
    frames give the same poses. `timings` are the milliseconds per stage (find, crop, network,
    decode, track) that the last call took.
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
        """`finder` says where people are; without one every call needs a region."""
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
    ) -> PoseEstimator:
        """Load a model by name or file on the fastest engine, or on the one asked for.

        The bundled person finder is opened on the same kind of engine.

        Args:
            model: Name or file of a pose network.
            engine: auto, openvino or torch.
            device: auto, cpu, gpu, npu, cuda or mps.
            precision: auto, f32, bf16 or fp16.
            threshold: Score 0..1 from which a joint is present; default the model's own.
            smoothing: Whether `track` steadies the joints over time.
            stacks: Run only that many; default all.
            people: How many people are followed at most, the largest first.

        Raises:
            ModelError: There is no such model, or it is no pose network.
            EngineError: Nothing here runs the model or the person finder.
        """
        from ..engines.choose import open_engine

        opened = open_engine(model, engine, device, precision)
        try:
            if opened.spec.output == "boxes":
                raise ModelError(
                    f"{opened.spec.name} finds people but no joints: choose a pose network."
                )
            finder = open_finder(engine, device, precision)
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
        """Everybody in one picture, the largest first.

        Args:
            image: (H, W, 3) uint8 BGR.
            region: The square of the picture to look at; then the answer is of one person, or of
                nobody where hardly a joint is in it.

        Returns:
            One pose for each person; nobody: an empty list.

        Raises:
            PoseAppError: What is no picture, or a region outside it.
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
        return [self._pose(track, None, 0.0, smoothing=False) for track in tracks.visible]

    def track(
        self,
        frame: Frame,
        *,
        stacks: int | None = None,
        shown: int | None = None,
        region: Region | None = None,
        following: Sequence[Frame] = (),
    ) -> list[Pose]:
        """Everybody in the next frame of a video, looking where they were.

        Call `reset` before another video or after a seek.

        Args:
            frame: The next one; its `seconds` increase.
            stacks: Run only that many for this frame; default as opened.
            shown: The stack (0 = first) whose joints the poses have; default and at most the last
                that ran.
            region: Overrides finder and tracks: the answer is of one person, or of nobody where
                hardly a joint is in it.
            following: The frames of the calls after this one. Some engines get more done with
                several at a time, and then `timings` of several calls overlap.

        Returns:
            One pose for each person who is there, with the `track_id` of the frames before, in the
            order of their ids.

        Raises:
            PoseAppError: What is no picture, or a region outside it.
            EngineError: The device failed.
        """
        image, seconds = check_image(frame.image), frame.seconds
        count = self._stacks if stacks is None else self._checked_stacks(stacks)
        clock = self._clock()
        tracks = self._tracks
        tracks.begin(frame.size, seconds)
        if region is not None:
            seen = self._seen(frame, [region], count, following, clock)
            with clock.stage("track"):
                tracks.only(seen[0], seconds)
                return self._poses(shown, seconds)
        seen = self._seen(frame, tracks.regions, count, following, clock)
        with clock.stage("track"):
            tracks.follow(seen, seconds)
        searched = self._schedule.due(seconds, tracks.unsettled)
        if searched:
            self._search(tracks, image, seconds, count, clock)
            self._schedule.looked(seconds, clock.timings["find"])
        with clock.stage("track"):
            tracks.settle(seconds, searched)
            poses = self._poses(shown, seconds)
        self._schedule.spent(sum(clock.timings.values()) - clock.timings["find"])
        return poses

    def reset(self) -> None:
        """Forget everybody and the smoothing: for another source, or after a seek."""
        self._tracks.reset()
        self._schedule.reset()

    def continue_from(self, other: PoseEstimator) -> None:
        """Go on with whom another estimator of the same network follows, which is done with it."""
        self._tracks = other._tracks

    def close(self) -> None:
        """Release the engines' devices. Poses handed out stay valid."""
        self._speculative.close()
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

    def _seen(
        self,
        frame: Frame,
        regions: list[Region],
        stacks: int,
        following: Sequence[Frame],
        clock: StageClock,
    ) -> list[CropPrediction]:
        """What the network sees in these regions; the following frames are begun."""
        answer = self._speculative.take(frame, regions, stacks)
        alike = (other for other in following if other.size == frame.size)
        self._speculative.begin(alike, regions, stacks)
        if answer is None:
            return self._predictor.predict(frame.image, regions, stacks, clock)
        seen, spent = answer.result()
        clock.add(spent)
        return seen

    def _search(
        self, tracks: Tracks, image: Image, seconds: float, stacks: int, clock: StageClock
    ) -> None:
        """Let the finder look at the picture; newcomers go through the network at once."""
        if self.finder is None:
            raise PoseAppError("Without a person finder the region of the person must be given.")
        with clock.stage("find"):
            boxes = self.finder.find(image, _BOXES, STAY * self._enough)
        with clock.stage("track"):
            candidates = tracks.match(boxes, seconds)
        regions = [candidate.region for candidate in candidates]
        seen = self._predictor.predict(image, regions, stacks, clock)
        with clock.stage("track"):
            tracks.admit(candidates, seen, seconds)

    def _poses(self, shown: int | None, seconds: float) -> list[Pose]:
        people = sorted(self._tracks.visible, key=lambda track: track.id)
        return [self._pose(track, shown, seconds, self.smoothing) for track in people]

    def _pose(self, track: Track, shown: int | None, seconds: float, smoothing: bool) -> Pose:
        seen = track.prediction
        assert seen is not None
        last = len(seen.joints) - 1
        stack = last if shown is None else min(shown, last)
        scores = np.where(track.foreign, np.float32(0), seen.scores[stack])
        return Pose(
            skeleton=self.skeleton,
            joints=self._smoothed(track, scores, stack, seconds)
            if smoothing
            else seen.joints[stack],
            scores=scores,
            present=scores >= self.threshold,
            region=seen.region,
            stack=stack,
            stack_joints=seen.joints,
            stack_scores=seen.scores,
            threshold=self.threshold,
            track_id=track.id,
            score=min(max(track.score, 0.0), 1.0),
            box=track.box,
            manual=track.manual,
            maps=seen.maps,
            item=seen.item,
        )

    def _smoothed(self, track: Track, scores: Floats, stack: int, seconds: float) -> Floats:
        """Joints (K, 2) of one stack; smoothing starts anew with another stack."""
        seen = track.prediction
        assert seen is not None
        if stack != track.smoothed_stack:
            track.smoothing.reset()
            track.smoothed_stack = stack
        present = scores >= self.threshold
        return track.smoothing(seen.joints[stack], present, seconds, seen.region.side)


def open_finder(
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
) -> PersonFinder:
    """The bundled person finder, on the engine that is asked for. Raises EngineError."""
    from ..engines.choose import open_engine
    from ..paths import bundled
    from .finder import Finder

    try:
        model = bundled("weights", "finder.safetensors")
        return Finder(open_engine(model, engine, device, precision, threads))
    except (EngineError, ModelError) as error:
        raise EngineError(f"The person finder cannot be opened: {error}") from error
