"""The Recordings dialog: play, show, rename and delete the recordings of the folder."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QDateTime, QFile, QLocale, QStandardPaths, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ...errors import PoseAppError
from ...recording import recent
from ...recording.recent import RecentRecording
from ..units import clock, size_of
from .asking import Dialogs
from .parts import faint, press_focused
from .settings_page import describe_room

if TYPE_CHECKING:
    from ..tasks import TaskRunner

_COLUMN_WIDTHS = (0, 140, 75, 85, 165)  # widget pixels; the first column takes the rest


class RecordingsDialog(QDialog):
    """A list of the recordings, and buttons for the selected one.

    Disks are only accessed on threads of `tasks`. `play_wanted(Path)`: open this file in the
    window. `running` are the files of the running recording. `to_trash(path)` moves a file to the
    trash and returns whether it could.
    """

    play_wanted = Signal(object)

    def __init__(
        self,
        folder: Path,
        tasks: TaskRunner,
        dialogs: Dialogs | None = None,
        parent: QWidget | None = None,
        *,
        running: Collection[Path] = (),
        to_trash: Callable[[Path], bool] | None = None,
    ) -> None:
        super().__init__(parent)
        self._folder = folder
        self._tasks = tasks
        self._dialogs = dialogs or Dialogs()
        self._running = tuple(running)
        self._to_trash = to_trash or move_to_trash
        self._found: dict[str, RecentRecording] = {}
        self._looked = self._gone = False
        self._then: Callable[[], None] | None = None
        self._build()
        self.finished.connect(self._leave)
        self._renew()
        self.refresh()

    def recording(self) -> RecentRecording | None:
        """The selected recording; None = none."""
        item = self.table.item(self.table.currentRow(), 0)
        return None if item is None else self._found.get(item.text())

    # Commands

    def refresh(self, select: str = "") -> None:
        """Read the folder again and select the recording of that name."""
        folder, running = self._folder, self._running

        def read_recordings() -> tuple[tuple[RecentRecording, ...], str]:
            return recent.recordings(folder, running), describe_room(folder)

        self._tasks.run(read_recordings, lambda value, error: self._fill(value, error, select))

    def play(self) -> None:
        """Open the selected recording in the window."""
        chosen = self.recording()
        if chosen is not None and self.play_button.isEnabled():
            self.play_wanted.emit(chosen.main)
            self.accept()

    def reveal(self) -> None:
        """Show the selected recording's file in the file manager."""
        chosen = self.recording()
        if chosen is not None:
            self._dialogs.reveal(chosen.main)

    def rename(self) -> None:
        """Ask for a new name of the selected recording."""
        chosen = self.recording()
        if chosen is None:
            return
        self.name.setText(chosen.name)
        self._ask(self.tr("New name"), self.tr("Rename"), lambda: self._rename(chosen))
        self.name.show()
        self.name.setFocus()
        self.name.selectAll()

    def delete(self) -> None:
        """Ask whether the selected recording is to go to the trash."""
        chosen = self.recording()
        if chosen is None:
            return
        names = ", ".join(path.name for path in chosen.files)
        question = self.tr("Move {names} to the trash?").format(names=names)
        self._ask(question, self.tr("Move to trash"), lambda: self._delete(chosen))
        self.agree_button.setFocus()

    # Work on other threads

    def _rename(self, chosen: RecentRecording) -> None:
        name = self.name.text()

        def rename_recording() -> RecentRecording:
            return recent.rename(chosen, name)

        def done(renamed: RecentRecording | None, error: PoseAppError | None) -> None:
            self._tell("" if error is None else str(error))
            self.refresh(chosen.name if renamed is None else renamed.name)

        self._work(rename_recording, done)

    def _delete(self, chosen: RecentRecording) -> None:
        def delete_recording() -> None:
            recent.delete(chosen, self._to_trash)

        def done(value: Any, error: PoseAppError | None) -> None:
            self._tell("" if error is None else str(error))
            self.refresh(chosen.name)

        self._work(delete_recording, done)

    def _work(self, work: Callable[[], Any], done: Callable[..., None]) -> None:
        self._tasks.run(work, lambda value, error: None if self._gone else done(value, error))

    def _fill(
        self,
        found: tuple[tuple[RecentRecording, ...], str] | None,
        error: PoseAppError | None,
        select: str,
    ) -> None:
        if self._gone:
            return
        self._looked = True
        recordings, room = found or ((), "")
        row_before = max(self.table.currentRow(), 0)
        self._found = {recording.name: recording for recording in recordings}
        self.room.setText(room if error is None else str(error))
        self.table.setRowCount(len(recordings))
        for row, recording in enumerate(recordings):
            for column, text in enumerate(_texts(recording)):
                item = QTableWidgetItem(text)
                item.setToolTip("\n".join(str(path) for path in recording.files))
                self.table.setItem(row, column, item)
        names = list(self._found)
        chosen = names.index(select) if select in names else min(row_before, len(names) - 1)
        if names:
            self.table.setCurrentCell(chosen, 0)
        self._renew()

    # What is shown

    def _renew(self) -> None:
        chosen = self.recording()
        for button in (
            self.play_button,
            self.reveal_button,
            self.rename_button,
            self.delete_button,
        ):
            button.setEnabled(chosen is not None)
        if chosen is not None and chosen.video is None and chosen.raw is None:
            self.play_button.setEnabled(False)  # only the joints are left
        empty = not self._found
        self.table.setVisible(not empty)
        self.nothing.setVisible(empty)
        self.nothing.setText(
            self.tr("Nothing has been recorded yet: close this and click Record.")
            if self._looked
            else self.tr("Looking for recordings…")
        )

    def _tell(self, text: str) -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def _ask(self, text: str, agree: str, then: Callable[[], None]) -> None:
        """Show a question below the list."""
        self._then = then
        self._tell("")
        self.question_words.setText(text)
        self.agree_button.setText(agree)
        self.name.hide()
        self.question.show()

    def _answer(self, agreed: bool) -> None:
        then, self._then = self._then, None
        self.question.hide()
        self.table.setFocus()
        if agreed and then is not None:
            then()

    def _selected(self) -> None:
        self._answer(False)
        self._renew()

    def _leave(self) -> None:
        self._gone = True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if press_focused(self, event):
            return
        asking = self.question.isVisible()
        if event.key() == Qt.Key.Key_Escape and asking:
            self._answer(False)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and asking:
            self._answer(True)
        elif event.key() == Qt.Key.Key_Delete:
            self.delete()
        elif event.key() == Qt.Key.Key_F2:
            self.rename()
        else:
            super().keyPressEvent(event)

    # Set up

    def _build(self) -> None:
        self.setWindowTitle(self.tr("Recordings"))
        self.room = faint()
        self.table = _table()
        self.table.itemSelectionChanged.connect(self._selected)
        self.table.doubleClicked.connect(lambda index: self.play())
        self.nothing = faint()
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message = faint(name="trouble")
        self.message.hide()
        self.play_button = QPushButton(self.tr("&Play"))
        self.play_button.setDefault(True)
        self.reveal_button = QPushButton(self.tr("&Show in folder"))
        self.rename_button = QPushButton(self.tr("&Rename…"))
        self.delete_button = QPushButton(self.tr("&Delete…"))
        close = QPushButton(self.tr("Close"))
        row = QHBoxLayout()
        for button, slot, tip in (
            (self.reveal_button, self.reveal, self.tr("Open the folder in the file manager")),
            (self.rename_button, self.rename, self.tr("Video, raw video and joints together (F2)")),
            (self.delete_button, self.delete, self.tr("To the trash, with all its files (Del)")),
            (self.play_button, self.play, self.tr("Open it in this window")),
            (close, self.reject, ""),
        ):
            if button is self.play_button:
                row.addStretch(1)
            button.setAutoDefault(button is self.play_button)
            button.clicked.connect(slot)
            button.setToolTip(tip)
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 16)
        layout.setSpacing(12)
        layout.addWidget(self.room)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.nothing, 1)
        layout.addWidget(self._build_question())
        layout.addWidget(self.message)
        layout.addLayout(row)
        self.resize(780, 520)

    def _build_question(self) -> QFrame:
        self.question = QFrame()
        self.question.setObjectName("card")
        self.question_words = QLabel()
        self.question_words.setWordWrap(True)
        self.question_words.setTextFormat(Qt.TextFormat.PlainText)
        self.name = QLineEdit()
        self.name.setAccessibleName(self.tr("New name"))
        self.agree_button = QPushButton()
        decline = QPushButton(self.tr("Cancel"))
        row = QHBoxLayout(self.question)
        row.setContentsMargins(14, 10, 12, 10)
        row.addWidget(self.question_words, 1)
        row.addWidget(self.name, 3)
        for button, agreed in ((decline, False), (self.agree_button, True)):
            button.setAutoDefault(False)
            button.clicked.connect(lambda checked=False, agreed=agreed: self._answer(agreed))
            row.addWidget(button)
        self.question.hide()
        return self.question


def move_to_trash(path: Path) -> bool:
    """Whether the desktop's trash took the file."""
    if sys.platform.startswith("linux"):
        # Qt makes the trash itself, but not the folder that it is in.
        data = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)
        with contextlib.suppress(OSError):  # then there is no trash, as the answer says
            Path(data).mkdir(mode=0o700, parents=True, exist_ok=True)
    moved = QFile.moveToTrash(str(path))
    return bool(moved[0] if isinstance(moved, tuple) else moved)


def _texts(recording: RecentRecording) -> tuple[str, ...]:
    kinds = (("skeleton", recording.video), ("raw", recording.raw), ("joints", recording.log))
    return (
        recording.name,
        _date(recording.finished),
        "–" if recording.seconds is None else clock(recording.seconds),
        size_of(recording.bytes),
        ", ".join(kind for kind, path in kinds if path is not None),
    )


def _date(moment: datetime) -> str:
    """A time as this system writes dates, without the seconds."""
    local = QDateTime.fromSecsSinceEpoch(int(moment.timestamp()))
    return QLocale().toString(local, QLocale.FormatType.ShortFormat)


def _table() -> QTableWidget:
    table = QTableWidget(0, 5)
    table.setAccessibleName(table.tr("Recordings"))
    table.setHorizontalHeaderLabels(
        [table.tr(title) for title in ("Name", "Date", "Length", "Size", "Files")]
    )
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    table.setAlternatingRowColors(True)
    table.setShowGrid(False)
    table.setTabKeyNavigation(False)
    table.setWordWrap(False)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 14)
    heading = table.horizontalHeader()
    heading.setHighlightSections(False)
    heading.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    heading.setStretchLastSection(False)
    heading.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    heading.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    for column, width in enumerate(_COLUMN_WIDTHS[1:], start=1):
        heading.resizeSection(column, width)
    return table
