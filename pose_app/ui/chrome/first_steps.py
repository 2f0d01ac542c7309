"""Three things to try at the first start, in a strip below the picture until they are done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QPalette, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from ..icons import icon
from ..state.recording_state import RecordingState
from ..state.view_state import ViewState
from .actions import key_of


class Step(NamedTuple):
    """What to try; each of `commands`, names in `chrome.actions`, does it."""

    name: str
    commands: tuple[str, ...]
    text: str


STEPS = (
    Step("heatmap", ("heatmap",), "see where the network looks"),
    Step("stacks", ("stack_1", "stack_2", "stack_3", "stack_4"), "compare the stacks"),
    Step("record", ("record",), "record it"),
)


class FirstSteps(QFrame):
    """The strip; it names the present shortcuts of the commands.

    `done(name)`: a step was tried, in any order. `closed`: all were, or its button was clicked.
    """

    done = Signal(str)
    closed = Signal()

    def __init__(
        self,
        view: ViewState,
        recording: RecordingState,
        commands: Mapping[str, QAction],
        already: tuple[str, ...] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("steps")
        self.setAccessibleName(self.tr("First steps"))
        self._view = view
        self._recording = recording
        self._commands = {step.name: [commands[name] for name in step.commands] for step in STEPS}
        self._labels: dict[str, QLabel] = {}
        self.tried = {step.name for step in STEPS} & set(already)
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(14, 4, 6, 4)
        row.setSpacing(10)
        for number, step in enumerate(STEPS):
            if number:
                arrow = QLabel("→")
                arrow.setForegroundRole(QPalette.ColorRole.PlaceholderText)
                row.addWidget(arrow)
            label = self._labels[step.name] = QLabel()
            label.setTextFormat(Qt.TextFormat.RichText)
            label.setMinimumWidth(20)
            row.addWidget(label)
        row.addStretch(1)
        close = QToolButton()
        close.setIcon(icon("close"))
        close.setAutoRaise(True)
        close.setToolTip(self.tr("Close; these hints do not come back"))
        close.setAccessibleName(self.tr("Close the first steps"))
        close.clicked.connect(self._close)
        row.addWidget(close)
        view.changed.connect(self._view_changed)
        recording.changed.connect(self._recording_changed)
        for actions in self._commands.values():
            for action in actions:
                action.changed.connect(self._show)
        self._show()

    def _view_changed(self, name: str) -> None:
        if name == "heatmap" and self._view.heatmap:
            self._try("heatmap")
        elif name == "stack" and self._view.stack is not None:
            self._try("stacks")

    def _recording_changed(self, name: str) -> None:
        if name == "running" and self._recording.running:
            self._try("record")

    def _try(self, name: str) -> None:
        if name in self.tried or self.isHidden():
            return
        self.tried.add(name)
        self._show()
        self.done.emit(name)
        if len(self.tried) == len(STEPS):
            self._close()

    def _close(self) -> None:
        self.hide()
        self.closed.emit()

    def _keys(self, step: str) -> str:
        """What to press; of the stacks only those that the model has, once it is known."""
        actions = self._commands[step]
        offered = [action for action in actions if action.isVisible()]
        return ", ".join(key_of(action) for action in (offered if len(offered) > 1 else actions))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show()

    def _show(self) -> None:
        """In full where there is room, else only the next step in full."""
        self._write(short=False)
        wanted = self.contentsMargins().left() + self._row.sizeHint().width()
        if wanted > self.width():
            self._write(short=True)

    def _write(self, short: bool) -> None:
        current = next((step.name for step in STEPS if step.name not in self.tried), "")
        for number, step in enumerate(STEPS, start=1):
            key = f"<b>{self._keys(step.name)}</b>"
            text = self.tr("Press {key}: {text}").format(key=key, text=self.tr(step.text))
            if short and step.name != current:
                text = key
            tried = step.name in self.tried
            label = self._labels[step.name]
            label.setText(f"✓ <s>{text}</s>" if tried else f"<b>{number}</b>&nbsp; {text}")
            role = QPalette.ColorRole
            label.setForegroundRole(
                role.WindowText if step.name == current else role.PlaceholderText
            )
