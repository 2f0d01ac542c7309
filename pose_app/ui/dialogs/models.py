"""The Models dialog: download, add, remove and use models."""

from __future__ import annotations

import threading
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from ...errors import PoseAppError
from ...network.families import FAMILIES
from ..icons import icon
from . import file_filters
from .asking import Dialogs
from .catalogue import Catalogue, real_catalogue
from .models_table import ModelsTable
from .models_text import about, expected_fps, megabytes, state
from .parts import press_focused

if TYPE_CHECKING:
    from ...network.published import ModelEntry
    from ...pipeline.metrics import FrameMetrics
    from ..tasks import TaskRunner

_POLL_MS = 100
_DEFAULT = "default"  # part of the app: cannot be removed


class ModelsDialog(QDialog):
    """A table of the models, and details and buttons of the selected one.

    The catalogue is read and changed on threads of `tasks`. `model_chosen(name)`: load this model.
    `current` is the name of the model that runs; tests replace `catalogue` and `dialogs`.
    """

    model_chosen = Signal(str)

    def __init__(
        self,
        tasks: TaskRunner,
        parent: QWidget | None = None,
        *,
        current: str = "",
        catalogue: Catalogue | None = None,
        dialogs: Dialogs | None = None,
        metrics: Callable[[], FrameMetrics | None] = lambda: None,
    ) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._metrics = metrics
        self._current = current
        self._catalogue = catalogue or real_catalogue()
        self._dialogs = dialogs or Dialogs()
        self._entries: dict[str, ModelEntry] = {}
        self._cancel = threading.Event()
        self._progress: tuple[int, int | None] | None = None  # written by the download's thread
        self._downloading = False
        self._working = ""  # what is being done, "" = nothing
        self._agreed: Callable[[], None] | None = None
        self._gone = False
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._show_progress)
        self._build()
        self.finished.connect(self._leave)
        self.refresh(current or _DEFAULT)

    def entry(self) -> ModelEntry | None:
        """The selected model; None = none."""
        return self._entries.get(self.table.chosen())

    # Commands

    def refresh(self, then_select: str = "") -> None:
        """Read the catalogue again."""
        chosen = self.entry()
        wanted = then_select or (chosen.name if chosen else "")
        self._tasks.run(self._catalogue.entries, lambda v, e: self._fill(v, e, wanted))

    def download(self) -> None:
        """Download the selected model, after its licence was accepted."""
        entry = self.entry()
        if entry is None or not self.download_button.isEnabled():
            return

        def terms() -> str:
            known = not self._catalogue.needs_licence(entry)
            return "" if known else self._catalogue.licence_text(entry)

        def agree(text: str) -> None:
            if text:
                words = escape(text).replace("\n", "<br>")
                self._ask(words, self.tr("Accept and download"), lambda: self._fetch(entry))
            else:
                self._fetch(entry)

        self._work(self.tr("Looking at the licence…"), terms, agree)

    def add_file(self) -> None:
        path = self._dialogs.open_file(
            self,
            self.tr("Add a model file"),
            str(Path.home()),
            file_filters.models(),
        )
        if path:
            family = self.family.currentData()
            self._work(
                self.tr("Checking and converting {0}…").format(Path(path).name),
                lambda: self._catalogue.add(path, family=family),
                self._installed,
            )

    def remove(self) -> None:
        """Ask whether to delete the selected model's file."""
        entry = self.entry()
        if entry is None or not self.remove_button.isEnabled():
            return
        question = self.tr("Delete {0} ({1}) from this computer?")
        self._ask(
            escape(question.format(entry.name, megabytes(entry.size))),
            self.tr("Delete"),
            lambda: self._work(
                self.tr("Deleting {0}…").format(entry.name),
                lambda: self._catalogue.remove(entry.name),
                lambda value: self.refresh(_DEFAULT),
            ),
        )

    def use(self) -> None:
        """Load the selected model."""
        entry = self.entry()
        if entry is not None and self.use_button.isEnabled():
            self.model_chosen.emit(entry.name)
            self.accept()

    def cancel(self) -> None:
        """Stop the download; the part that has arrived is kept and continued the next time."""
        self._cancel.set()
        self.cancel_button.setEnabled(False)

    # Work on other threads

    def _fetch(self, entry: ModelEntry) -> None:
        self._cancel = cancel = threading.Event()
        self._progress = None
        self._downloading = True

        def report(done: int, total: int | None) -> None:
            self._progress = (done, total)

        self._work(
            self.tr("Downloading {0}…").format(entry.name),
            lambda: self._catalogue.download(entry.name, report, cancel),
            self._installed,
        )

    def _work(self, words: str, work: Callable[[], Any], succeeded: Callable[[Any], None]) -> None:
        self._working = words
        self._tell("")
        self.cancel_button.setEnabled(True)
        self._timer.start()
        self._show_progress()
        self._renew()

        def done(value: Any, error: PoseAppError | None) -> None:
            if self._gone:
                return
            self._working, self._downloading, self._progress = "", False, None
            self._timer.stop()
            self._show_progress()
            if error is not None:
                self._tell(str(error))
            else:
                succeeded(value)
            self._renew()

        self._tasks.run(work, done)

    def _installed(self, entry: ModelEntry) -> None:
        self._tell(self.tr("{0} is installed: it can be used now.").format(entry.name), good=True)
        self.refresh(entry.name)

    def _fill(
        self, entries: list[ModelEntry] | None, error: PoseAppError | None, chosen: str
    ) -> None:
        if self._gone:
            return
        if error is not None or entries is None:
            self._tell(str(error))
            return
        self._entries = {entry.name: entry for entry in entries}
        self.table.fill(entries, self._catalogue.METRICS, self._current)
        self.table.select(chosen)
        self._renew()

    # What is shown

    def _renew(self) -> None:
        """Text and buttons of the selected model."""
        entry, busy = self.entry(), bool(self._working)
        here = entry is not None and entry.installed
        fetchable = entry is not None and entry.url is not None
        self.download_button.setEnabled(fetchable and not here and not busy)
        own = entry is not None and entry.name != _DEFAULT
        self.remove_button.setEnabled(here and own and not busy)
        usable = here and entry is not None and entry.problem is None
        self.use_button.setEnabled(usable)
        self.add_button.setEnabled(not busy)
        self.family.setEnabled(not busy)
        if entry is None:
            self.info.setHtml(self.tr("Looking for models…"))
            return
        running = self._entries.get(self._current)
        fps = expected_fps(entry, running, self._metrics())
        self.info.setHtml(about(entry, self._catalogue.METRICS, fps))
        self.info.setAccessibleDescription(f"{entry.name}, {state(entry)}")

    def _selected(self) -> None:
        self._answer(False)
        self._renew()

    def _show_progress(self) -> None:
        self.progress_row.setVisible(bool(self._working))
        self.cancel_button.setVisible(self._downloading)
        done, total = self._progress or (0, None)
        if not self._downloading or total is None or done >= total:
            self.bar.setRange(0, 0)  # how long it takes is unknown
        else:
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(1000 * done / total))
        words = self._working
        if self._downloading and total is not None and done >= total:
            words = self.tr("Checking and converting…")
        elif self._downloading and done:
            of = "" if total is None else self.tr(" of {0}").format(megabytes(total))
            words += f" {megabytes(done)}{of}"
        self.progress_words.setText(words)

    def _tell(self, text: str, good: bool = False) -> None:
        self.message.setVisible(bool(text))
        self.message.setText(text)
        name = "info" if good else "warning"
        self.message_icon.setVisible(bool(text))
        self.message_icon.setPixmap(icon(name).pixmap(18, 18))

    def _ask(self, text: str, agree: str, then: Callable[[], None]) -> None:
        """Show a question in the dialog; the harmless answer has the focus."""
        self._agreed = then
        self.question_words.setText(text)
        self.agree_button.setText(agree)
        self.question.show()
        self.decline_button.setFocus()

    def _answer(self, agreed: bool) -> None:
        then, self._agreed = self._agreed, None
        self.question.hide()
        if agreed and then is not None:
            then()

    def _leave(self) -> None:
        self._gone = True
        self._timer.stop()
        self._cancel.set()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if press_focused(self, event):
            return
        if event.key() == Qt.Key.Key_Escape and self.question.isVisible():
            self._answer(False)
        elif event.key() == Qt.Key.Key_Delete:
            self.remove()
        else:
            super().keyPressEvent(event)

    # Set up

    def _build(self) -> None:
        self.setWindowTitle(self.tr("Models"))
        self.resize(960, 600)
        self.table = ModelsTable()
        self.info = QTextBrowser()
        self.message, self.message_icon = QLabel(), QLabel()
        self.bar, self.progress_words, self.progress_row = QProgressBar(), QLabel(), QWidget()
        self.question, self.question_words = QFrame(), QLabel()
        self.agree_button = QPushButton()
        self.decline_button = QPushButton(self.tr("No"))
        self.cancel_button = QPushButton(self.tr("Cancel"))
        self.download_button = QPushButton(icon("download"), self.tr("&Download"))
        self.add_button = QPushButton(icon("folder"), self.tr("&Add file…"))
        self.family = QComboBox()
        self.remove_button = QPushButton(icon("close"), self.tr("&Remove"))
        self.use_button = QPushButton(self.tr("&Use now"))
        close = QPushButton(self.tr("Close"))
        self.table.itemSelectionChanged.connect(self._selected)
        self.table.doubleClicked.connect(lambda: self.use())
        self._build_rows()
        self.info.setOpenExternalLinks(True)
        self.info.setAccessibleName(self.tr("About the selected model"))
        self.info.setMaximumHeight(132)
        self.info.document().setDocumentMargin(10)
        self.use_button.setDefault(True)
        row = QHBoxLayout()
        for button, slot, tip in (
            (self.download_button, self.download, "Fetch the selected model from its source"),
            (self.add_button, self.add_file, "Install a model file that is on this computer"),
            (self.remove_button, self.remove, "Delete the selected model (Del)"),
            (self.use_button, self.use, "Run the selected model; picture and recording go on"),
            (close, self.reject, "Close; a running download is kept for next time"),
        ):
            if button is self.use_button:
                row.addStretch(1)
            button.setAutoDefault(button is self.use_button)
            button.clicked.connect(slot)
            button.setToolTip(self.tr(tip))
            row.addWidget(button)
            if button is self.add_button:
                row.addWidget(self.family)
        message = QHBoxLayout()
        message.addWidget(self.message_icon)
        message.addWidget(self.message, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 18, 18, 16)
        layout.setSpacing(12)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.info)
        layout.addWidget(self.question)
        layout.addWidget(self.progress_row)
        layout.addLayout(message)
        layout.addLayout(row)
        self._tell("")
        self._renew()

    def _build_rows(self) -> None:
        self.family.addItem(self.tr("family: as recognised"), None)
        for name in FAMILIES:
            self.family.addItem(name, name)
        self.family.setAccessibleName(self.tr("Family of an added file"))
        self.family.setToolTip(
            self.tr(
                "The family that an added file belongs to. It is recognised from the file, except "
                "for FPD's teacher of 256 channels without its training state: choose fpd for it."
            )
        )
        self.message.setWordWrap(True)
        progress = QHBoxLayout(self.progress_row)
        progress.setContentsMargins(0, 0, 0, 0)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.cancel_button.clicked.connect(self.cancel)
        self.cancel_button.setAutoDefault(False)
        progress.addWidget(self.progress_words)
        progress.addWidget(self.bar, 1)
        progress.addWidget(self.cancel_button)
        self.progress_row.hide()
        self.question.setObjectName("hint")
        self.question_words.setWordWrap(True)
        self.question_words.setTextFormat(Qt.TextFormat.RichText)
        self.agree_button.clicked.connect(lambda: self._answer(True))
        self.decline_button.clicked.connect(lambda: self._answer(False))
        question = QHBoxLayout(self.question)
        question.addWidget(self.question_words, 1)
        for button in (self.decline_button, self.agree_button):
            button.setAutoDefault(False)
            question.addWidget(button, 0, Qt.AlignmentFlag.AlignBottom)
        self.question.hide()
