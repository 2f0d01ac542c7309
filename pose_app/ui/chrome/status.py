"""The status bar: what goes on, in words and figures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QLabel, QSizePolicy, QStatusBar, QWidget

from ...skeletons import FACE

if TYPE_CHECKING:
    from ...pipeline.metrics import FrameMetrics
    from ...types import FrameResult, Pose

_HEAD = frozenset((*FACE, "upper_neck", "head_top"))
_SLOW_CAMERA = 0.75  # of its nominal rate
_SLOW_NETWORK = 0.6  # of what the camera gives
_NO_PICTURE = 3.0  # seconds after which the figures say so
_SETTLED = 60  # frames before a rate is judged


def tr(text: str) -> str:
    """The text in the language of the window."""
    return QCoreApplication.translate("status", text)


def describe(result: FrameResult, follow: str = "", selected: int | None = None) -> str:
    """What the network sees, in everyday words.

    `follow`: the key that ends a region set by hand, empty where there is none. `selected`: the
    track of the selected person.
    """
    if not result.estimated:
        return tr("The model is loading…")
    if not result.poses:
        if follow:
            words = tr("Nobody in the chosen region. {key} looks for the person again.")
            return words.format(key=follow)
        return tr("No person in view.")
    if len(result.poses) > 1:
        words = tr("{count} people in view.").format(count=len(result.poses))
        for pose in result.poses:
            if pose.track_id == selected:
                words += " " + tr("Person {number}:").format(number=selected)
                words += " " + describe_pose(pose)
        return words
    return describe_pose(result.poses[0])


def describe_pose(pose: Pose) -> str:
    """Which part of a person is in view."""
    names = {pose.skeleton.joints[j] for j, here in enumerate(pose.present) if here}
    if names and names <= _HEAD:
        return tr("The person is too close: only the head is visible.")
    lower = ("hip", "knee", "ankle")
    if names and not any(name.endswith(lower) for name in names):
        return tr("Upper body in view.")
    if names and not any(name.endswith(("knee", "ankle")) for name in names):
        return tr("The legs are out of view.")
    count = len(names)
    if count == len(pose.skeleton):
        return tr("The whole person is in view.")
    return tr("{count} of {all} joints in view.").format(count=count, all=len(pose.skeleton))


def describe_rates(stats: FrameMetrics) -> str:
    """What limits the frame rate; empty where nothing does."""
    source = stats.source
    if source is None or stats.captured < _SETTLED:
        return ""
    if source.live and source.fps and stats.source_fps < _SLOW_CAMERA * source.fps:
        return tr("The camera gives {now:.0f} of {all:.0f} fps: too dark?").format(
            now=stats.source_fps, all=source.fps
        )
    if source.live and 0 < stats.fps < _SLOW_NETWORK * stats.source_fps:
        words = tr("The network keeps up with {now:.0f} of {all:.0f} fps: run fewer stacks.")
        if stats.stacks_now == 1:
            words = tr("The network keeps up with {now:.0f} of {all:.0f} fps: try a faster model.")
        return words.format(now=stats.fps, all=stats.source_fps)
    return source.note or ""


def without_picture(result: FrameResult | None) -> float | None:
    """Seconds since the newest picture was captured, where that is long; None where it is not."""
    if result is None:
        return None
    seconds = (time.perf_counter_ns() - result.frame.captured_ns) / 1e9
    return seconds if seconds >= _NO_PICTURE else None


class StatusLine(QStatusBar):
    """The status bar: words on the left, figures on the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.words = QLabel()
        self.words.setObjectName("words")
        self.words.setAccessibleName(self.tr("State"))
        # Long words are cut, they never widen the window.
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.figures = QLabel()
        self.figures.setAccessibleName(self.tr("Frame rate and age of the picture"))
        self.figures.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        usual = self.tr("{fps:.0f} fps").format(fps=99) + "  ·  "
        usual += self.tr("{age:.0f} ms old").format(age=9999)
        # They keep their place, whatever the figures are.
        self.figures.setMinimumWidth(self.figures.fontMetrics().horizontalAdvance(usual) + 20)
        self.addWidget(self.words, 1)
        self.addPermanentWidget(self.figures)

    def show_state(
        self,
        stats: FrameMetrics,
        result: FrameResult | None,
        age_ms: float | None,
        notice: str = "",
        follow: str = "",
        held: bool = False,
        selected: int | None = None,
    ) -> None:
        """Show words and figures.

        `age_ms` is from capture to paint; `notice` stands before everything else; `follow` and
        `selected` as `describe` has them; `held`: the picture stands still because somebody wants
        it.
        """
        pictures = stats.source is not None and stats.source.files != ()
        still = None if held or pictures else without_picture(result)
        parts = [notice] if notice else []
        if result is not None and not notice and still is None:
            parts.append(describe(result, follow, selected))
        if stats.source is not None:
            parts.append(describe_rates(stats))
        self.words.setText("  ·  ".join(part for part in parts if part))
        self.words.setToolTip(self.words.text())
        if held and not pictures:
            figures = self.tr("paused")
        elif still is not None:
            figures = self.tr("no picture for {seconds:.0f} s").format(seconds=still)
        elif result is None or not result.estimated:
            figures = self.tr("no poses yet") if result is not None else ""
        elif pictures:
            figures = ""  # they neither come at a rate nor grow old
        else:
            figures = self.tr("{fps:.0f} fps").format(fps=stats.fps)
            if age_ms is not None:
                figures += "  ·  " + self.tr("{age:.0f} ms old").format(age=age_ms)
        self.figures.setText(figures)
        tip = [self.tr("Poses per second, and how old the picture is when you see it.")]
        tip.append(
            self.tr("{count} of {all} frames have a pose.").format(
                count=stats.processed, all=stats.captured
            )
        )
        tip += [f"{count}: {reason}" for reason, count in stats.dropped.items()]
        self.figures.setToolTip("\n".join(tip))
