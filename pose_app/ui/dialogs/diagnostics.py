"""The diagnostics: what runs where, as text to copy into a bug report."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import qVersion
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from ... import __version__
from ...doctor import without_home
from ...errors import PoseAppError
from .parts import Standard, button_box

if TYPE_CHECKING:
    from ...pipeline.metrics import FrameMetrics
    from ..tasks import TaskRunner


def report(stats: FrameMetrics | None, threads: tuple[str, ...], paint_ms: float) -> str:
    """The state of the app, one fact per line; names of sources are without credentials."""
    lines = [
        f"pose-app {__version__}",
        f"{platform.platform()}, Python {platform.python_version()}, Qt {qVersion()}, "
        f"{QGuiApplication.platformName()}",
    ]
    if stats is not None:
        if stats.source is not None:
            width, height = stats.source.size
            lines.append(f"source: {stats.source.kind}, {stats.source.name}, {width}x{height}")
            lines += [f"  {key}: {value}" for key, value in stats.source.identity.items()]
            if stats.source.note:
                lines.append(f"  note: {stats.source.note}")
        lines.append(f"model: {stats.model}")
        if stats.engine is not None:
            lines.append(f"engine: {stats.engine.badge(stats.stacks_now, stats.stacks_all)}")
            if stats.engine.reason:
                lines.append(f"  because: {stats.engine.reason}")
        lines.append(
            f"frames: {stats.captured} captured, {stats.processed} processed, "
            + (", ".join(f"{n} {why}" for why, n in stats.dropped.items()) or "none dropped")
        )
        lines.append(f"rate: {stats.fps:.1f} of {stats.source_fps:.1f} fps")
        for stage, time in stats.stages.items():
            lines.append(f"  {stage}: {time.median:.2f} ms, 95 % under {time.p95:.2f}")
        if stats.age is not None:
            lines.append(f"age of poses: {stats.age.median:.1f} ms")
    lines.append(f"painting: {paint_ms:.2f} ms")
    lines.append(f"background work: {', '.join(threads) or 'none'}")
    return without_home("\n".join(lines))


class DiagnosticsDialog(QDialog):
    """Shows the state of the app at once, and the report about the machine once it is made."""

    def __init__(
        self,
        stats: FrameMetrics | None,
        tasks: TaskRunner,
        paint_ms: float,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Diagnostics"))
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName(self.tr("Report"))
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setPlainText(report(stats, tasks.busy, paint_ms))
        tasks.run(_machine, self._add)
        buttons = button_box(Standard.Close)
        copy = buttons.addButton(self.tr("Copy"), QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(self.copy)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 18, 18, 16)
        layout.setSpacing(12)
        layout.addWidget(self.text)
        layout.addWidget(buttons)
        self.resize(720, 500)

    def _add(self, text: str | None, error: PoseAppError | None) -> None:
        """Append the report about the machine; the dialog may have been closed meanwhile."""
        if shiboken6.isValid(self.text):
            self.text.appendPlainText(f"\n{text if error is None else error}")
            self.text.verticalScrollBar().setValue(0)

    def copy(self) -> None:
        """Copy the whole report to the clipboard."""
        QGuiApplication.clipboard().setText(self.text.toPlainText())


def copy_report(
    stats: FrameMetrics | None, tasks: TaskRunner, paint_ms: float, done: Callable[[], None]
) -> None:
    """Copy what the dialog would show to the clipboard, then call `done`."""
    now = report(stats, tasks.busy, paint_ms)

    def copy(text: str | None, error: PoseAppError | None) -> None:
        QGuiApplication.clipboard().setText(f"{now}\n\n{text if error is None else error}")
        done()

    tasks.run(_machine, copy)


def _machine() -> str:
    """Versions, devices, folders and the last lines of the log; takes a second or two."""
    from ... import doctor

    return doctor.full_text()
