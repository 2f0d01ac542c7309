"""The camera page of the preferences: camera, size and rate, with a live preview."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...sources.modes import CameraMode
from ...sources.preview import Preview
from .camera_picture import CameraPicture
from .parts import faint, let_scroll

if TYPE_CHECKING:
    from ...sources.base import Source
    from ...sources.discover import CameraInfo
    from ...types import Frame
    from ..tasks import TaskRunner

_PICTURE_MS = 33
Choice = tuple["CameraInfo", "CameraMode | None"]

_RELEASE_SECONDS = 5.0  # how long a driver may take to let go before the camera is opened anyway


class Cameras(Protocol):
    """What the page needs to know about cameras; no call waits for one.

    `found` is None before the first search; the signal `renewed` tells that something changed.
    """

    renewed: Any  # Signal()

    @property
    def found(self) -> Sequence[CameraInfo] | None: ...

    def sizes(self, camera: CameraInfo) -> tuple[CameraMode, ...]:
        """The camera's sizes and rates; empty where they are not known."""
        ...

    def mode(self, camera: CameraInfo) -> CameraMode | None:
        """The size and rate it is opened with; None = as the preferences say."""
        ...

    def is_running(self, camera: CameraInfo) -> bool:
        """Whether the session has it open."""
        ...

    def is_busy(self, camera: CameraInfo) -> bool:
        """Whether the app is opening it, or has it open to find out its sizes."""
        ...

    def can_find_out(self, camera: CameraInfo) -> bool:
        """Whether its sizes are not known but opening it would tell them."""
        ...

    def find_out(self, camera: CameraInfo) -> None:
        """Open it for some seconds to learn its sizes."""
        ...

    def choose(self, camera: CameraInfo, mode: CameraMode | None) -> None:
        """Make it the source, with this size and rate."""
        ...


class CameraPage(QWidget):
    """Chooses camera, size and rate, and shows what the camera sees.

    Any other one is opened by a `Preview`, as long as the page is visible. `opener(camera, mode)`
    makes what opens it, `frame()` is the session's newest frame, `rate()` how many come a second (0
    where that is not known). What is chosen here becomes the
    window's source by `leave(accepted=True)`, once the preview has let go of it.
    """

    def __init__(
        self,
        cameras: Cameras,
        opener: Callable[[CameraInfo, CameraMode | None], Callable[[], Source]],
        frame: Callable[[], Frame | None],
        rate: Callable[[], float],
        tasks: TaskRunner,
        *,
        mirror: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._cameras = cameras
        self._opener = opener
        self._frame = frame
        self._rate = rate
        self._tasks = tasks
        self._preview: Preview | None = None
        self._previewed: Choice | None = None
        self._opened: dict[CameraInfo, Preview] = {}  # the last of each: it may not be free yet
        self._shown: Frame | None = None
        self._listed: list[CameraInfo] = []
        self._sizes: tuple[CameraMode, ...] = ()
        self._running: Choice | None = None  # what the session runs, as the fields show it
        self.picture = CameraPicture(mirror)
        self.words = faint()
        self.camera = QComboBox()
        self.camera.setPlaceholderText(self.tr("Choose a camera"))
        self.size_choice = QComboBox()
        self.rate = QComboBox()
        self.find_out = QPushButton(self.tr("Find out sizes and rates"))
        self._timer = QTimer(self)
        self._timer.setInterval(_PICTURE_MS)
        self._timer.timeout.connect(self._look)
        let_scroll(self.camera, self.size_choice, self.rate)
        self._build()
        self._renew()
        cameras.renewed.connect(self._renew)
        self.camera.currentIndexChanged.connect(lambda index: self._renew_sizes())
        self.size_choice.currentIndexChanged.connect(lambda index: self._size_chosen())
        self.rate.currentIndexChanged.connect(lambda index: self._show_chosen())
        self.find_out.clicked.connect(self._find_out)

    @property
    def chosen(self) -> Choice | None:
        """The camera and the size that are selected; None where none is."""
        index = self.camera.currentIndex()
        if not 0 <= index < len(self._listed):
            return None
        return self._listed[index], self.rate.currentData()

    def leave(self, accepted: bool) -> None:
        """Release every camera; where accepted, run the chosen one."""
        self._timer.stop()
        chosen = self.chosen
        self._stop_preview()
        if accepted and chosen is not None and chosen != self._running:
            self._when_free(chosen[0], lambda: self._cameras.choose(*chosen))

    def _when_free(self, camera: CameraInfo, then: Callable[[], None]) -> None:
        """Call `then` once no preview holds the camera, or after a while if its driver hangs."""
        last = self._opened.get(camera)

        def wait_for_camera() -> None:
            if last is not None:
                last.released.wait(_RELEASE_SECONDS)

        self._tasks.run(wait_for_camera, lambda value, error: then())

    # What is shown

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()
        self._look()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()
        self._stop_preview()

    def _look(self) -> None:
        """Show the newest picture of the chosen camera."""
        chosen = self.chosen
        if chosen is None:
            self._stop_preview()
            self._show_nothing()
        elif self._cameras.is_running(chosen[0]):
            self._stop_preview()
            self._show_running()
        elif self._cameras.is_busy(chosen[0]):
            self._stop_preview()
            self._show_words(self.tr("One moment…"))
        else:
            if self._preview is None or self._previewed != chosen:
                self._start_preview(chosen)
            self._show_preview(chosen[0])

    def _show_nothing(self) -> None:
        if self._listed:
            self._show_words(self.tr("Choose a camera to see its picture."))
        elif self._cameras.found is None:
            self._show_words(self.tr("Looking for cameras…"))
        else:
            self._show_words(
                self.tr("No camera found."),
                self.tr(
                    "Plug one in, or allow this program to use it in the settings of your system."
                ),
            )

    def _show_running(self) -> None:
        frame = self._frame()
        if frame is None:
            self._show_words(self.tr("Waiting for the first picture…"))
            return
        self._show_frame(frame, self._rate())
        if self.chosen != self._running:
            self.words.setText(self.tr("The camera is running: the new size comes with OK."))

    def _show_preview(self, camera: CameraInfo) -> None:
        preview = self._preview
        if preview is None:
            return
        if preview.error is not None:
            self._show_words(self.tr("No picture"), str(preview.error))
        elif preview.frame is None:
            self._show_words(self.tr("Opening {name}…").format(name=camera.name))
        else:
            info = preview.info
            rate, note = (info.fps or 0.0, info.note) if info is not None else (0.0, None)
            self._show_frame(preview.frame, rate, note)

    def _show_words(self, text: str, below: str = "") -> None:
        self.picture.show_words(text)
        self.words.setText(below)
        self._shown = None

    def _show_frame(self, frame: Frame, rate: float, note: str | None = None) -> None:
        if frame is not self._shown:
            self._shown = frame
            self.picture.show_image(frame.image)
        width, height = frame.size
        words = f"{width} × {height}" + (f" · {rate:.3g} fps" if rate else "")
        self.words.setText(f"{words}\n{note}" if note else words)

    # What is chosen

    def _size_chosen(self, wanted: CameraMode | None = None) -> None:
        """Offer the rates of the chosen size; that of `wanted` is selected."""
        size = self.size_choice.currentData()
        self.rate.blockSignals(True)
        self.rate.clear()
        for mode in self._sizes:
            if (mode.width, mode.height) == size:
                text = f"{mode.fps:.3g} fps" if mode.fps else self.tr("the camera's own")
                self.rate.addItem(text, mode)
                if wanted is not None and mode.fps == wanted.fps:
                    self.rate.setCurrentIndex(self.rate.count() - 1)
        if self.rate.count() == 0:
            self.rate.addItem(self.tr("Automatic"), None)
        self.rate.setEnabled(self.rate.count() > 1)
        self.rate.blockSignals(False)
        self._show_chosen()

    def _show_chosen(self) -> None:
        chosen = self.chosen
        self.find_out.setVisible(chosen is not None and self._cameras.can_find_out(chosen[0]))
        if self._timer.isActive():
            self._look()

    def _renew(self) -> None:
        """Show the cameras again after a change."""
        untouched = self.chosen == self._running
        before = self.chosen
        self._listed = list(self._cameras.found or ())
        running = next((c for c in self._listed if self._cameras.is_running(c)), None)
        self.camera.blockSignals(True)
        self.camera.clear()
        for camera in self._listed:
            text = self.tr("{name} (running)") if camera == running else "{name}"
            self.camera.addItem(text.format(name=camera.name))
        wanted = before[0] if before is not None and not untouched else running
        self.camera.setCurrentIndex(self._listed.index(wanted) if wanted in self._listed else -1)
        self.camera.setEnabled(bool(self._listed))
        self.camera.blockSignals(False)
        self._renew_sizes(None if untouched or before is None else before[1])
        if untouched or running is None:
            self._running = None if running is None else self.chosen

    def _renew_sizes(self, wanted: CameraMode | None = None) -> None:
        """Offer the sizes of the chosen camera; `wanted` or what it is opened with is selected."""
        index = self.camera.currentIndex()
        camera = self._listed[index] if 0 <= index < len(self._listed) else None
        self._sizes = () if camera is None else self._cameras.sizes(camera)
        if wanted is None and camera is not None:
            wanted = self._cameras.mode(camera)
        self.size_choice.blockSignals(True)
        self.size_choice.clear()
        self.size_choice.addItem(self.tr("Automatic"), None)
        for size in dict.fromkeys((mode.width, mode.height) for mode in self._sizes):
            self.size_choice.addItem(f"{size[0]} × {size[1]}", size)
        if wanted is not None:
            sizes = [self.size_choice.itemData(i) for i in range(self.size_choice.count())]
            size = (wanted.width, wanted.height)
            self.size_choice.setCurrentIndex(sizes.index(size) if size in sizes else 0)
        self.size_choice.setEnabled(bool(self._sizes))
        self.size_choice.blockSignals(False)
        self._size_chosen(wanted)

    def _find_out(self) -> None:
        """Ask the camera for its sizes once the preview has released it."""
        chosen = self.chosen
        if chosen is not None:
            self._stop_preview()
            self.find_out.hide()
            self._when_free(chosen[0], lambda: self._cameras.find_out(chosen[0]))

    def _start_preview(self, chosen: Choice) -> None:
        self._stop_preview()
        preview = Preview(self._opener(*chosen), self._opened.get(chosen[0]))
        self._preview, self._previewed = preview, chosen
        self._opened[chosen[0]] = preview

    def _stop_preview(self) -> None:
        if self._preview is not None:
            self._preview.stop()
            self._preview = self._previewed = None

    def _build(self) -> None:
        form = QGridLayout()
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(8)
        form.setColumnMinimumWidth(0, 150)
        form.setColumnStretch(1, 1)
        for row, (text, widget) in enumerate(
            (
                (self.tr("Camera"), self.camera),
                (self.tr("Size"), self.size_choice),
                (self.tr("Rate"), self.rate),
            )
        ):
            label = QLabel(text)
            label.setBuddy(widget)
            widget.setAccessibleName(text)
            widget.setFixedWidth(240)
            form.addWidget(label, row, 0)
            form.addWidget(widget, row, 1, Qt.AlignmentFlag.AlignLeft)
        self.find_out.setAutoDefault(False)
        self.find_out.setToolTip(self.tr("Opens the camera for some seconds."))
        self.find_out.hide()
        form.addWidget(self.find_out, 3, 1, Qt.AlignmentFlag.AlignLeft)
        words = QHBoxLayout()
        words.addWidget(self.words, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 16)
        layout.setSpacing(10)
        layout.addWidget(self.picture)
        layout.addLayout(words)
        layout.addLayout(form)
