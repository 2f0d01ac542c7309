"""The app's own icons: black strokes on a 24 pixel grid, tinted when they are painted.

The colour is read at every painting, so icons follow a change between light and dark theme; they
are rendered from the vectors at the size and scaling of the screen.
"""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

from ..paths import bundled

COLOURED = frozenset({"app"})  # painted as they are, never tinted


def names() -> tuple[str, ...]:
    """The names of all icons, in alphabetical order."""
    return tuple(sorted(path.stem for path in bundled("assets", "icons").glob("*.svg")))


def icon(name: str, colour: QColor | None = None) -> QIcon:
    """The icon of that name, in the palette's text colour or in `colour`.

    Raises PoseAppError where there is no icon of that name.
    """
    _svg(name)  # a missing file shows here, not in some later paint event
    return QIcon(_TintedSvg(name, colour))


@cache
def _svg(name: str) -> bytes:
    return bundled("assets", "icons", f"{name}.svg").read_bytes()


class _TintedSvg(QIconEngine):
    """Paints an SVG in one colour; the last few pixmaps are kept."""

    def __init__(self, name: str, colour: QColor | None) -> None:
        super().__init__()
        self._name = name
        self._colour = colour
        self._made: dict[tuple[int, int, int], QPixmap] = {}

    def clone(self) -> QIconEngine:
        # Qt owns the copy but PySide would delete it once Python forgets it: a crash at the next
        # painting. Qt only clones where an icon in use is altered, which this app never does.
        copy = _TintedSvg(self._name, self._colour)
        _clones.append(copy)
        return copy

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        scale = painter.device().devicePixelRatio()
        pixmap = self._pixmap(rect.size() * scale, mode)
        painter.drawPixmap(rect, pixmap)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self._pixmap(size, mode)

    def scaledPixmap(
        self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float
    ) -> QPixmap:
        # Qt 6.12 gives the size without the scaling, older ones give it multiplied already:
        # those get more pixels than they need and scale them down.
        pixmap = QPixmap(self._pixmap(size * scale, mode))
        pixmap.setDevicePixelRatio(scale)
        return pixmap

    def _pixmap(self, size: QSize, mode: QIcon.Mode) -> QPixmap:
        colour = self._tint(mode)
        key = (size.width(), size.height(), colour.rgba())
        if key not in self._made:
            if len(self._made) >= 8:
                self._made.clear()
            self._made[key] = _render(self._name, size, colour)
        return self._made[key]

    def _tint(self, mode: QIcon.Mode) -> QColor:
        palette = QGuiApplication.palette()
        if mode == QIcon.Mode.Disabled:
            group = QPalette.ColorGroup.Disabled
            return palette.color(group, QPalette.ColorRole.WindowText)
        if self._colour is not None:
            return self._colour
        selected = mode == QIcon.Mode.Selected
        role = QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.WindowText
        return palette.color(role)


_clones: list[QIconEngine] = []


def _render(name: str, size: QSize, colour: QColor) -> QPixmap:
    pixmap = QPixmap(size)
    if pixmap.isNull():  # a button that is squeezed to nothing
        return pixmap
    pixmap.fill(Qt.GlobalColor.transparent)
    side = min(size.width(), size.height())
    square = QRectF((size.width() - side) / 2, (size.height() - side) / 2, side, side)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(_svg(name))).render(painter, square)
    if name not in COLOURED:
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
        painter.fillRect(QRect(QPoint(0, 0), size), colour)
    painter.end()
    return pixmap
