"""Pictures to poses: the crop, the engine, the decode rule, the tracker and the smoothing in one.

from pose_app import PoseEstimator
poses = PoseEstimator.open().estimate(image_bgr)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING

from ..errors import PoseAppError
from ..skeletons import Skeleton
from ..types import Floats, Frame, Image, Pose, Region
from .crop import check_image
from .crop_predictor import CropPrediction, CropPredictor, StageClock
from .smoothing import OneEuro
from .speculative import SpeculativeInference
from .tracking import (
    BETTER,
    PROMISING,
    SQUARE_TRUST,
    Tracker,
    agreement,
    search_squares,
    whole_frame,
)

if TYPE_CHECKING:
    from ..engines.base import Engine


class PoseEstimator:
    """Poses of the people in pictures (`estimate`) or in a video (`track`): at present of one.

    Not for use from several threads at a time; the poses it hands out may be read from any.
    `threshold` (calibrated score 0..1 from which a joint is present) and `smoothing` may be set at
    any time. `timings` are the milliseconds per stage (crop, network, decode, track) that the last
    call took.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        threshold: float | None = None,
        smoothing: bool = False,
        stacks: int | None = None,
    ) -> None:
        self.engine = engine
        self.spec = engine.spec
        self.skeleton: Skeleton = engine.spec.skeleton
        self.threshold = engine.spec.threshold if threshold is None else threshold
        self.smoothing = smoothing
        self.timings: Mapping[str, float] = MappingProxyType({})
        self._stacks = self._checked_stacks(stacks)
        self._track_id = 0  # of the person who is followed, or was last
        self._tracker = Tracker(self.spec)
        self._filter = OneEuro(len(self.spec.joints))
        self._filtered: int | None = None  # the stack whose joints the filter knows
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
    ) -> PoseEstimator:
        """Load a model by name or file on the fastest engine, or on the one asked for.

        `stacks` runs only that many (default all). Raises ModelError or EngineError.
        """
        from ..engines.choose import open_engine

        opened = open_engine(model, engine, device, precision)
        return cls(opened, threshold=threshold, smoothing=smoothing, stacks=stacks)

    def estimate(self, image: Image, region: Region | None = None) -> list[Pose]:
        """Everybody in one picture.

        Without a region people are searched: in the whole picture, then in squares of two scales;
        what seems to be somebody is looked at once more, closer.

        Args:
            image: (H, W, 3) uint8 BGR.
            region: The square of the picture to look at; then the answer is of one person or none.

        Returns:
            One pose for each person; nobody: an empty list.

        Raises:
            PoseAppError: What is no picture, or a region outside it.
            EngineError: The device failed.
        """
        image = check_image(image)
        clock = StageClock()
        if region is not None:
            best = self._predictor.predict(image, [region], self._stacks, clock)[0]
            presence = best.score
        else:
            best, presence = self._search(image, clock, self.spec.person_threshold)
        self.timings = MappingProxyType(clock.timings)
        if presence < self.spec.person_threshold:
            return []
        stack = len(best.joints) - 1
        return [self._pose(best, best.joints[stack], stack, presence, 1, region is not None)]

    def presence(self, image_bgr: Image) -> float:
        """How sure it is that somebody is in the picture, 0..1: for choosing `person_threshold`.

        `estimate` finds somebody exactly where this reaches the threshold.
        """
        return self._search(check_image(image_bgr), StageClock(), None)[1]

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
            region: Overrides the tracker: the answer is of one person or none.
            following: The frames of the calls after this one. Some engines get more done with
                several at a time, and then `timings` of several calls overlap.

        Returns:
            One pose for each person who is there, with the `track_id` of the frames before.

        Raises:
            PoseAppError: What is no picture, or a region outside it.
            EngineError: The device failed.
        """
        image = check_image(frame.image)
        size = frame.size
        count = self._stacks if stacks is None else self._checked_stacks(stacks)
        clock = StageClock()
        self.timings = MappingProxyType(clock.timings)
        ahead = self._seen_ahead(frame, following, region or self._tracker.region, count, clock)
        if region is not None:
            best = ahead or self._predictor.predict(image, [region], count, clock)[0]
            presence = best.score
        else:
            best, presence = self._follow(image, size, count, clock, ahead)
        with clock.stage("track"):
            lost = self._tracker.region is None
            looked = region or self._tracker.region or best.region
            found = self._tracker.update(
                looked, best.joints[-1], best.scores[-1], presence, frame.seconds, size
            )
            stack = len(best.joints) - 1 if shown is None else min(shown, len(best.joints) - 1)
            joints = self._smoothed(best, stack, found, frame.seconds)
        if not found:
            return []
        self._track_id += lost or self._track_id == 0
        return [self._pose(best, joints, stack, presence, self._track_id, region is not None)]

    def reset(self) -> None:
        """Forget the person and the smoothing: for another source, or after a seek."""
        self._tracker.reset()
        self._filter.reset()

    def continue_from(self, other: PoseEstimator) -> None:
        """Go on with whom another estimator of the same network follows, which is done with it."""
        self._tracker, self._track_id = other._tracker, other._track_id
        self._filter, self._filtered = other._filter, other._filtered

    def close(self) -> None:
        """Release the engine's device. Poses handed out stay valid."""
        self._speculative.close()
        self.engine.close()

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

    def _search(
        self, image: Image, clock: StageClock, threshold: float | None
    ) -> tuple[CropPrediction, float]:
        """(who is in one picture, how sure that is): the whole picture, then the squares.

        It ends where the threshold is reached; None looks everywhere.
        """
        size = image.shape[1], image.shape[0]
        whole = self._predictor.predict(
            image, [whole_frame(size, self._tracker.aspect)], self._stacks, clock
        )
        best, presence = self._closer(image, whole, clock, threshold)
        if threshold is None or presence < threshold:
            squares = self._predictor.predict(image, search_squares(size), self._stacks, clock)
            closer, sure = self._closer(image, squares, clock, threshold)
            if sure > presence:
                best, presence = closer, sure
        return best, presence

    def _seen_ahead(
        self,
        frame: Frame,
        following: Sequence[Frame],
        region: Region | None,
        stacks: int,
        clock: StageClock,
    ) -> CropPrediction | None:
        """What was seen in the frame before its turn, if it counts; the following are begun."""
        if region is None:
            return None
        answer = self._speculative.take(frame, region, stacks)
        alike = (other for other in following if other.size == frame.size)
        self._speculative.begin(alike, region, stacks)
        if answer is None:
            return None
        look, spent = answer.result()
        clock.add(spent)
        return look

    def _follow(
        self,
        image: Image,
        size: tuple[int, int],
        stacks: int,
        clock: StageClock,
        ahead: CropPrediction | None,
    ) -> tuple[CropPrediction, float]:
        """(who is in a video's next frame, how sure that is), where the tracker says to look.

        `ahead` is what was already seen in the first of its regions.
        """
        regions = self._tracker.propose_regions(size)
        tracked = self._tracker.region is not None
        known = [ahead] if ahead is not None and tracked else []
        looks = known + self._predictor.predict(image, regions[len(known) :], stacks, clock)
        threshold = self.spec.person_threshold
        if not tracked:
            return self._closer(image, looks, clock, threshold)
        best, presence = looks[0], looks[0].score
        if len(looks) > 1:
            other, sure = self._closer(image, looks[1:], clock, threshold)
            if sure >= max(threshold, BETTER * presence):
                self.reset()
                return other, sure
        return best, presence

    def _closer(
        self, image: Image, looks: list[CropPrediction], clock: StageClock, threshold: float | None
    ) -> tuple[CropPrediction, float]:
        """(the best of the candidates seen once more around its joints, how sure that is).

        Somebody is seen alike in both looks; what the network imagines in a shelf or in clothes is
        mostly elsewhere in the second. Squares are believed less, because there are so many.
        Where no candidate comes near somebody, or the closer look sees nobody, it is the first.
        """
        size = image.shape[1], image.shape[0]
        whole = whole_frame(size, self._tracker.aspect)
        trusts = [1.0 if look.region == whole else SQUARE_TRUST for look in looks]
        best, trust = max(zip(looks, trusts, strict=True), key=lambda pair: pair[0].score * pair[1])
        joints, scores = best.joints[-1], best.scores[-1]
        if threshold is not None and best.score < PROMISING * threshold:
            return looks[0], 0.0
        region = self._tracker.region_from_keypoints(joints, scores, size)
        closer = self._predictor.predict(image, [region], len(best.joints), clock)[0]
        presence = trust * agreement(
            joints, scores, closer.joints[-1], closer.scores[-1], closer.region.side
        )
        seen = threshold is None or presence >= threshold
        return closer if seen else looks[0], presence

    def _smoothed(self, look: CropPrediction, stack: int, found: bool, seconds: float) -> Floats:
        """Joints (K, 2) of one stack; smoothed where that is wanted."""
        if not self.smoothing or not found or stack != self._filtered:
            self._filter.reset()
        self._filtered = stack
        if not self.smoothing or not found:
            value: Floats = look.joints[stack]
            return value
        present = look.scores[stack] >= self.threshold
        return self._filter(look.joints[stack], present, seconds, look.region.side)

    def _pose(
        self,
        look: CropPrediction,
        joints: Floats,
        stack: int,
        score: float,
        track_id: int,
        manual: bool,
    ) -> Pose:
        scores = look.scores[stack]
        return Pose(
            skeleton=self.skeleton,
            joints=joints,
            scores=scores,
            present=scores >= self.threshold,
            region=look.region,
            stack=stack,
            stack_joints=look.joints,
            stack_scores=look.scores,
            threshold=self.threshold,
            track_id=track_id,
            score=min(max(score, 0.0), 1.0),
            manual=manual,
            maps=look.maps,
            item=look.item,
        )
