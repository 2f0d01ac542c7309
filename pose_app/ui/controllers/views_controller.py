"""Commands about how things are looked at; keeps ViewState, settings and commands in step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from ..view_state import ViewState
from .models_controller import threshold

if TYPE_CHECKING:
    from ...pipeline.metrics import FrameMetrics
    from ...skeletons import Skeleton
    from ...sources.base import SourceInfo
    from ...types import FrameResult, Region
    from ..main_window import MainWindow

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
# Attributes that a checkable command of the same name shows.
_CHECKED = ("heatmap", "skeleton", "region", "mirror")


class ViewsController(QObject):
    """`manual` is the region that was set by hand, None while the tracking has it."""

    def __init__(self, window: MainWindow, view: ViewState) -> None:
        super().__init__(window)
        self.window = window
        self.view = view
        self.manual: Region | None = None
        self._stacks_all = 0
        self._skeleton: Skeleton | None = None

    def start(self) -> None:
        """Take over the settings; from now on every change is remembered."""
        self.apply_settings()
        self.view.changed.connect(self._changed)
        for name in (*_CHECKED, "stack", "compare", "scale", "background"):
            self._show(name)

    def apply_settings(self) -> None:
        settings = self.window.settings
        for name in REMEMBERED:
            setattr(self.view, name, settings.get(f"view.{name}"))
        self.view.threshold = threshold(settings)
        info = self.window.sources.info
        if info is not None:
            self.source_opened(info)

    def source_opened(self, info: SourceInfo) -> None:
        """Webcams are mirrored unless the person decided otherwise."""
        wish = self.window.settings.get("view.mirror")
        self.view.mirror = info.mirror if wish == "auto" else wish == "on"
        if self.manual is not None:
            self.region_chosen(None)  # it was of another picture

    def set_heatmap(self, shown: bool) -> None:
        self.view.heatmap = shown

    def set_skeleton(self, shown: bool) -> None:
        self.view.skeleton = shown

    def set_region(self, shown: bool) -> None:
        self.view.region = shown

    def set_mirror(self, mirror: bool) -> None:
        self.view.mirror = mirror
        self.window.remember("view.mirror", "on" if mirror else "off")

    def set_scale(self, scale: str) -> None:
        self.view.scale = scale

    def set_background(self, background: str) -> None:
        # The same key again goes back to the picture.
        again = background == self.view.background
        self.view.background = "picture" if again else background
        self._show("background")

    def choose_stack(self, stack: int | None) -> None:
        if stack is None or stack < max(self._stacks_all, 1):
            self.view.stack = stack
        self._show("stack")

    def set_compare(self, compare: bool) -> None:
        """Draw a second stack's skeleton: the first, or the last where the first is chosen."""
        other = 0 if self.view.stack != 0 else max(self._stacks_all - 1, 0)
        self.view.compare = other if compare else None
        self._show("compare")

    def compare_next(self) -> None:
        count = max(self._stacks_all, 1)
        self.view.compare = 0 if self.view.compare is None else (self.view.compare + 1) % count

    def next_joint(self, by: int) -> None:
        """To the next or previous joint of the skeleton that runs."""
        result = self.window.bridge.last_result
        if result is None or result.pose is None:
            return
        count = len(result.pose.skeleton)
        start = (-1 if by > 0 else 0) if self.view.joint is None else self.view.joint
        self.view.joint = (start + by) % count
        self.view.heatmap = True
        if self.view.solo is not None:
            self.view.solo = self.view.joint

    def all_joints(self) -> None:
        self.view.solo = None
        self.view.joint = None
        self.view.visible = None

    def region_chosen(self, region: Region | None) -> None:
        """A square that was dragged, or None to follow the person."""
        self.manual = region
        self.window.bridge.session.controls.region = region

    def release_region(self) -> None:
        """Esc ends one thing at a time: a drag, a solo, a region set by hand, full screen."""
        if self.window.canvas.cancel_drag():
            return
        if self.view.solo is not None:
            self.window.canvas.solo(None)
        elif self.manual is not None:
            self.region_chosen(None)
        elif self.window.isFullScreen():
            self.window.commands["fullscreen"].trigger()

    def show_result(self, result: FrameResult) -> None:
        """Joints that were chosen in another skeleton mean nothing in this one."""
        skeleton = None if result.pose is None else result.pose.skeleton
        if skeleton is None or skeleton == self._skeleton:
            return
        if self._skeleton is not None:
            self.all_joints()
        self._skeleton = skeleton

    def show_stats(self, stats: FrameMetrics) -> None:
        """Offer only the stacks that the model has."""
        count = stats.stacks_all or 0
        if count == self._stacks_all:
            return
        self._stacks_all = count
        for number in range(1, 9):
            command = self.window.commands[f"stack_{number}"]
            command.setVisible(number <= max(count, 1))
        for name in ("stack", "compare"):
            chosen = getattr(self.view, name)
            if chosen is not None and chosen >= count > 0:
                setattr(self.view, name, None)

    def _changed(self, name: str) -> None:
        value: Any = getattr(self.view, name)
        if name in REMEMBERED:
            self.window.remember(f"view.{name}", value)
        controls = self.window.bridge.session.controls
        if name in ("stack", "compare"):
            controls.shown = self.view.stack
            # A stack that somebody chose runs, even where the frame rate suffers.
            looked_at = [s for s in (self.view.stack, self.view.compare) if s is not None]
            controls.fewest = max(looked_at, default=0) + 1
        elif name == "threshold":
            controls.threshold = value
            self.window.remember("pose.threshold", -1.0 if value is None else float(value))
        self._show(name)

    def _show(self, name: str) -> None:
        """Check the command that stands for an attribute."""
        commands = self.window.commands
        value = getattr(self.view, name)
        if name in _CHECKED:
            commands[name].setChecked(value)
        elif name == "compare":
            commands[name].setChecked(value is not None)
        elif name == "stack":
            commands["stack_last" if value is None else f"stack_{value + 1}"].setChecked(True)
        elif name in ("scale", "background"):
            commands[value].setChecked(True)
