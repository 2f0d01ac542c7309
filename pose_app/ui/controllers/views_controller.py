"""Commands about the view; keeps ViewState, settings and session consistent."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from ..canvas.canvas import Canvas
from ..sessions import threshold
from ..state.view_state import BACKGROUNDS, MOST_STACKS, SCALES, ViewState

if TYPE_CHECKING:
    from ...pipeline.metrics import FrameMetrics
    from ...skeletons import Skeleton
    from ...sources.base import SourceInfo
    from ...types import FrameResult, Region
    from ..context import AppContext

# Attributes of ViewState that are settings `view.<name>` as they are.
REMEMBERED = (
    "heatmap",
    "skeleton",
    "region",
    "colour_map",
    "opacity",
    "combine",
    "scale",
    "background",
)

ALL_EVERY = (
    0.4  # seconds between two pictures of a stack, at most; twice a second with some reserve
)


class ViewsController(QObject):
    """Carries out the view's commands on the canvas, the session and the settings.

    `stacks_known(int)`: the model has so many stacks. `nothing_to_end`: Esc was pressed and there
    was nothing that it ends.
    """

    stacks_known = Signal(int)
    nothing_to_end = Signal()

    def __init__(
        self, context: AppContext, view: ViewState, canvas: Canvas, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._view = view
        self._canvas = canvas
        self._source: SourceInfo | None = None
        self._setting_before_mirror: str | None = None
        self._stacks_all = 0
        self._all_run = False  # because all are recorded
        self._skeleton: Skeleton | None = None
        self._take_settings()
        view.changed.connect(self._view_changed)
        context.settings.changed.connect(self._settings_changed)
        canvas.region_chosen.connect(self.region_chosen)

    @property
    def slots(self) -> dict[str, Callable[..., object]]:
        """What this controller's commands do, by their names in `chrome.actions`."""
        return {
            **{f"stack_{n + 1}": partial(self.choose_stack, n) for n in range(MOST_STACKS)},
            "stack_last": partial(self.choose_stack, None),
            "compare": self.set_compare,
            "compare_next": self.compare_next,
            "heatmap": self.set_heatmap,
            "skeleton": self.set_skeleton,
            "region": self.set_region,
            "follow": self.end_one_thing,
            "next_joint": partial(self.next_joint, 1),
            "previous_joint": partial(self.next_joint, -1),
            "all_joints": self.all_joints,
            "mirror": self.set_mirror,
            **{name: partial(self.set_scale, name) for name in SCALES},
            **{name: partial(self.set_background, name) for name in BACKGROUNDS},
        }

    # Commands

    def set_heatmap(self, shown: bool) -> None:
        self._view.heatmap = shown

    def set_skeleton(self, shown: bool) -> None:
        self._view.skeleton = shown

    def set_region(self, shown: bool) -> None:
        self._view.region = shown

    def set_mirror(self, mirror: bool) -> None:
        """Mirror the picture or not; switching back restores the setting of before (`auto`)."""
        settings, before = self._context.settings, self._setting_before_mirror
        setting = settings.get("view.mirror")
        if before is not None and self._mirrored(before) == mirror:
            settings.set("view.mirror", before)
            self._setting_before_mirror = None
        else:
            settings.set("view.mirror", "on" if mirror else "off")
            self._setting_before_mirror = setting

    def set_scale(self, scale: str) -> None:
        self._view.scale = scale

    def set_background(self, background: str) -> None:
        """Show this background; the one that is shown already is switched off."""
        again = background == self._view.background
        self._view.background = "picture" if again else background

    def choose_stack(self, stack: int | None) -> None:
        if stack is None or stack < max(self._stacks_all, 1):
            self._view.stack = stack

    def set_compare(self, compare: bool) -> None:
        """Also draw the first stack's skeleton, or the last one's where the first is shown."""
        other = 0 if self._view.stack != 0 else max(self._stacks_all - 1, 0)
        self._view.compare = other if compare else None

    def compare_next(self) -> None:
        count = max(self._stacks_all, 1)
        compare = -1 if self._view.compare is None else self._view.compare
        following = (compare + 1) % count
        if following == self._view.stack:  # nobody compares a stack with itself
            following = (following + 1) % count
        self._view.compare = following

    def next_joint(self, by: int) -> None:
        """Choose the next or previous joint of the skeleton."""
        if self._skeleton is None:
            return
        count = len(self._skeleton)
        start = (-1 if by > 0 else 0) if self._view.joint is None else self._view.joint
        self._view.joint = (start + by) % count
        self._view.heatmap = True
        if self._view.solo is not None:
            self._view.solo = self._view.joint

    def show_all_stacks(self, wanted: bool) -> None:
        """Let all stacks run now and then, even where the frame rate allows fewer."""
        self._context.session.controls.all_every = ALL_EVERY if wanted else None

    def run_all_stacks(self, wanted: bool) -> None:
        """Whether every stack runs for every frame: a recording draws those of its own frames."""
        self._all_run = wanted
        self._run_those_looked_at()

    def all_joints(self) -> None:
        self._view.solo = None
        self._view.joint = None
        self._view.visible = None

    def region_chosen(self, region: Region | None) -> None:
        """Take a region dragged by the user, or None to follow the person."""
        self._context.session.controls.region = region
        self._canvas.show_region(region)

    def end_one_thing(self) -> None:
        """Esc ends one thing at a time: a drag, a solo, a region set by hand."""
        if self._canvas.cancel_drag():
            return
        if self._view.solo is not None:
            self._canvas.solo(None)
        elif self._context.session.controls.region is not None:
            self.region_chosen(None)
        else:
            self.nothing_to_end.emit()

    # What the session tells

    def source_opened(self, info: SourceInfo) -> None:
        """Mirror webcams where the setting is `auto`."""
        self._source = info
        self._view.person = None
        self._view.mirror = self._mirrored(self._context.settings.get("view.mirror"))
        self.region_chosen(None)  # a square was of another picture

    def show_result(self, result: FrameResult) -> None:
        """Keep what was chosen by the names of the joints where the skeleton is another."""
        self._canvas.show_result(result)
        person = result.person()
        skeleton = None if person is None else person.skeleton
        if skeleton is None or skeleton == self._skeleton:
            return
        if self._skeleton is not None:
            self._view.carry_over(self._skeleton, skeleton)
        self._skeleton = skeleton

    def show_stats(self, stats: FrameMetrics) -> None:
        """Offer only the stacks that the model has; say what is waited for."""
        self._canvas.show_region(self._context.session.controls.region)  # it may refuse one
        if self._canvas.result is None:
            self._canvas.show_message(
                self.tr("Waiting for the first picture…")
                if stats.source is not None
                else self._context.notices.state or self.tr("Opening the source…")
            )
        count = stats.stacks_all or 0
        if count == self._stacks_all:
            return
        self._stacks_all = count
        self.stacks_known.emit(count)
        for name in ("stack", "compare"):
            chosen = getattr(self._view, name)
            if chosen is not None and chosen >= count > 0:
                setattr(self._view, name, None)

    # In step

    def _view_changed(self, name: str) -> None:
        value: Any = getattr(self._view, name)
        if name in REMEMBERED:
            self._context.settings.set(f"view.{name}", value)
        controls = self._context.session.controls
        if name in ("stack", "compare"):
            controls.shown = self._view.stack
            self._run_those_looked_at()
        elif name == "threshold":
            controls.threshold = value
            self._context.settings.set("pose.threshold", -1.0 if value is None else float(value))

    def _run_those_looked_at(self) -> None:
        """A stack that somebody chose runs, even where the frame rate suffers."""
        chosen = [s for s in (self._view.stack, self._view.compare) if s is not None]
        chosen.append(self._stacks_all - 1 if self._all_run else 0)
        if self._view.compare is not None and self._view.stack is None:
            # With the last one that runs, which must be another.
            chosen.append(min(self._view.compare + 1, self._stacks_all - 1))
        self._context.session.controls.fewest = max(0, *chosen) + 1

    def _settings_changed(self, keys: frozenset[str]) -> None:
        if any(key.startswith("view.") or key == "pose.threshold" for key in keys):
            self._take_settings()

    def _take_settings(self) -> None:
        settings = self._context.settings
        for name in REMEMBERED:
            setattr(self._view, name, settings.get(f"view.{name}"))
        self._view.threshold = threshold(settings.stored)
        self._view.mirror = self._mirrored(settings.get("view.mirror"))

    def _mirrored(self, setting: str) -> bool:
        """Whether the picture is mirrored where the setting is `auto`, `on` or `off`."""
        return bool(self._source and self._source.mirror) if setting == "auto" else setting == "on"
