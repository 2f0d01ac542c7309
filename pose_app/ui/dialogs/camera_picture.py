"""The preview of a camera in a dialog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from ...types import Image


class CameraPicture(QWidget):
    """A picture on a dark ground with rounded corners, or a sentence in its place."""

    def __init__(self, mirror: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._mirror = mirror
        self._image: QImage | None = None
        self._words = ""
        self.setAccessibleName(self.tr("What the camera sees"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def text(self) -> str:
        """The sentence that is shown; empty where there is a picture."""
        return self._words

    @property
    def image(self) -> QImage | None:
        """The picture that is shown, in its own size."""
        return self._image

    def sizeHint(self) -> QSize:
        return QSize(400, 200)

    def show_image(self, image: Image) -> None:
        """Show a picture (H, W, 3) uint8 BGR."""
        height, width = image.shape[:2]
        shown = QImage(image.tobytes(), width, height, 3 * width, QImage.Format.Format_BGR888)
        shown = shown.copy()  # its own: the bytes are gone after this call
        self._image, self._words = shown, ""
        self.update()

    def show_words(self, text: str) -> None:
        if self._image is not None or text != self._words:
            self._image, self._words = None, text
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(self.rect()), 8, 8)
        painter.setClipPath(outline)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        if self._image is not None:
            size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRectF(
                (self.width() - size.width()) / 2,
                (self.height() - size.height()) / 2,
                size.width(),
                size.height(),
            )
            if self._mirror:
                painter.translate(self.width(), 0)
                painter.scale(-1, 1)
            painter.drawImage(target, self._image)
        elif self._words:
            painter.setPen(Qt.GlobalColor.white)
            painter.drawText(
                self.rect().adjusted(20, 10, -20, -10),
                Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap,
                self._words,
            )
        painter.end()
