"""The seek bar of files; hidden for cameras."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QMouseEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QToolBar,
    QToolButton,
    QWidget,
)

from ..state.playback_state import SPEEDS, PlaybackState
from ..units import clock, exact_clock
from .actions import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...pipeline.metrics import FrameMetrics

SHORTEST = 160  # widget pixels of the slider
_STEPS_PER_SECOND = 100


class PlaybackBar(QToolBar):
    """Seek bar, speed and loop of the file that `state` describes.

    `commands`: `loop`, `slower` and `faster` are used. For a folder of pictures it shows the
    file's name and number instead of times, for a single picture only the name.
    `sought(seconds)`: the slider was moved by hand.
    """

    sought = Signal(float)

    def __init__(
        self, state: PlaybackState, commands: Mapping[str, QAction], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Playback"))
        self.setObjectName("playback")
        self.setMovable(False)
        self.toggleViewAction().setEnabled(False)
        self._state = state
        self.slider = _SeekSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(self.tr("Position in the video"))
        self.slider.valueChanged.connect(self._moved)
        self.position = QLabel("0:00 / 0:00")
        self.position.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.file = QLabel()
        self.file.setAccessibleName(self.tr("File"))
        self.file.setTextFormat(Qt.TextFormat.PlainText)
        self.speed = QComboBox()
        self.speed.setAccessibleName(self.tr("Speed"))
        for factor in SPEEDS:
            self.speed.addItem(f"{factor:g}×", factor)
        self.speed.setCurrentIndex(SPEEDS.index(1.0))
        self.speed.currentIndexChanged.connect(self._speed_chosen)
        self.slider.setMinimumWidth(SHORTEST)
        content = QWidget()
        row = QHBoxLayout(content)
        row.setContentsMargins(4, 0, 4, 0)
        row.setSpacing(8)
        self._loop = _button(commands["loop"])
        row.addWidget(self.file)
        row.addWidget(self.slider, 1)
        row.addWidget(self.position)
        row.addWidget(self.speed)
        row.addWidget(self._loop)
        row.addStretch(0)
        self._steps = float(_STEPS_PER_SECOND)  # of the slider a second
        self.addWidget(content)
        self._telling = False
        self._speed_keys = commands["slower"], commands["faster"]
        for action in self._speed_keys:
            action.changed.connect(self._name_speed_keys)
        self._name_speed_keys()
        state.changed.connect(self._show_state)
        self._show_state("info")

    def show_stats(self, stats: FrameMetrics) -> None:
        """Follow the video."""
        info = stats.source
        if info is None or not info.duration or stats.seconds is None:
            return
        if info.files and info.fps:
            self._show_picture(round(stats.seconds * info.fps) % len(info.files), info.files)
        else:
            self.show_position(stats.seconds, info.duration)

    def show_position(self, seconds: float, duration: float) -> None:
        """Follow the video; a slider that is held by the mouse stays where it is.

        While paused the time tells one frame from the next.
        """
        position = seconds % duration if duration > 0 else 0.0  # a loop's time keeps rising
        now = exact_clock(position) if self._state.paused else clock(position)
        self.position.setText(f"{now} / {clock(duration)}")
        widest = f"{exact_clock(duration)} / {clock(duration)}"  # the slider keeps its place
        self.position.setMinimumWidth(self.position.fontMetrics().horizontalAdvance(widest))
        self._show_slider(round(position * self._steps), round(duration * self._steps))

    def _show_picture(self, index: int, files: Sequence[str]) -> None:
        """Follow a folder of pictures."""
        self.file.setText(files[index])
        self.position.setText(
            self.tr("{number} of {count}").format(number=index + 1, count=len(files))
        )
        self.position.setMinimumWidth(0)
        self._show_slider(index, len(files) - 1)

    def _show_slider(self, value: int, highest: int) -> None:
        if self.slider.isSliderDown():
            return
        self._telling = True
        self.slider.setRange(0, highest)
        self.slider.setValue(value)
        self._telling = False

    def _show_state(self, name: str) -> None:
        if name == "speed":
            self.speed.setCurrentIndex(SPEEDS.index(self._state.speed))
        elif name == "info":
            self.renew()

    def renew(self) -> None:
        """Show the bar for files only."""
        info = self._state.info
        self.setVisible(bool(info is not None and info.seekable and info.duration))
        files = () if info is None else info.files
        self._steps = info.fps if info is not None and files and info.fps else _STEPS_PER_SECOND
        a_frame = 1 if files or info is None or not info.fps else math.ceil(self._steps / info.fps)
        self.slider.setSingleStep(max(1, a_frame))
        self.file.setVisible(bool(files))
        self.file.setText(files[0] if files else "")
        for widget in (self.slider, self.position, self.speed, self._loop):
            widget.setVisible(len(files) != 1)
        name = self.tr("Picture of the folder") if files else self.tr("Position in the video")
        self.slider.setAccessibleName(name)

    def _name_speed_keys(self) -> None:
        slower, faster = map(key_of, self._speed_keys)
        self.speed.setToolTip(self.tr("Speed ({0} and {1})").format(slower, faster))

    def _moved(self, value: int) -> None:
        if not self._telling:
            self.sought.emit(value / self._steps)

    def _speed_chosen(self, index: int) -> None:
        self._state.speed = SPEEDS[index]


class _SeekSlider(QSlider):
    """A slider that jumps to the position of a click, not a page towards it."""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        handle = self.style().subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, self
        )
        if event.button() == Qt.MouseButton.LeftButton and not handle.contains(
            event.position().toPoint()
        ):
            span = max(self.width() - handle.width(), 1)
            position = int(event.position().x() - handle.width() / 2)
            self.setValue(
                QStyle.sliderValueFromPosition(self.minimum(), self.maximum(), position, span)
            )
        super().mousePressEvent(event)


def _button(action: QAction) -> QToolButton:
    button = QToolButton()
    button.setDefaultAction(action)
    button.setAutoRaise(True)
    button.setAccessibleName(action.text())
    return button
