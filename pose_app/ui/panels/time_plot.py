"""A plot of the last seconds whose heading is also its legend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QRectF
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from .history import SECONDS

_NICE = np.array([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000], float)

# Colour by name, of a curve or in the legend.
Legend = tuple[tuple[str, str], ...]


class TimePlot(QWidget):
    """Curves over the last SECONDS.

    The axes are kept as long as the values fit: painting new axes costs more than all curves.
    """

    def __init__(self, title: str, top: float = 1.0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.top = top
        self._head: tuple[str, Legend] | None = None
        self.heading = QLabel()
        font = self.heading.font()
        font.setPointSizeF(max(font.pointSizeF() * 0.9, 7.0))
        self.heading.setFont(font)
        # A long legend takes two lines, it does not make the plot wider.
        self.heading.setWordWrap(True)
        self.heading.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.plot: Any = pg.PlotWidget()
        self.plot.setMouseEnabled(False, False)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.getPlotItem().disableAutoRange()
        self.plot.setXRange(-SECONDS, 0, padding=0)
        self.plot.setYRange(0, top, padding=0)
        self.plot.setMinimumSize(90, 44)
        left, bottom = self.plot.getAxis("left"), self.plot.getAxis("bottom")
        left.setWidth(44)
        # None at the ends, half of it would be outside. A narrow plot has every other label.
        ticks = [(x, f"{x:g} s") for x in np.arange(2 - SECONDS, 0, 2)]
        bottom.setTicks([ticks[::2], ticks[1::2]])
        bottom.setHeight(18)
        self.plot.getPlotItem().layout.setContentsMargins(0, 6, 4, 0)  # room for the top label
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.heading)
        layout.addWidget(self.plot, 1)
        self.set_heading(title)
        self._colour()

    def curve(self) -> Any:
        """A new curve; set its pen and call its `setData(x, y)`. NaN leaves a gap."""
        curve = _Curve(self._extent)
        self.plot.addItem(curve)
        return curve

    def _extent(self) -> QRectF:
        return QRectF(-SECONDS, 0, SECONDS, self.top)

    def fit(self, values: NDArray[np.float64]) -> None:
        """Set the axis to a round upper limit above all values, which rarely changes."""
        known = values[np.isfinite(values)]
        if not known.size:
            return
        longest = float(known.max()) * 1.05
        if longest > self.top or longest < 0.35 * self.top:
            index = min(int(np.searchsorted(_NICE, longest)), len(_NICE) - 1)
            if self.top != _NICE[index]:
                self.top = float(_NICE[index])
                self.plot.setYRange(0, self.top, padding=0)

    def set_heading(self, title: str, legend: Legend = ()) -> None:
        """Show the heading; `legend` has (name, colour) of the curves."""
        if (title, legend) != self._head:
            self._head = (title, legend)
            names = "".join(f" <span style='color:{c}'>■</span>&nbsp;{name}" for name, c in legend)
            self.heading.setText(f"<b>{title}</b> {names}")
            self.setAccessibleName(title)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._colour()

    def _colour(self) -> None:
        palette = self.palette()
        self.plot.setBackground(palette.color(QPalette.ColorRole.Window))
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(palette.color(QPalette.ColorRole.Mid))
            axis.setTextPen(palette.color(QPalette.ColorRole.PlaceholderText))


class _Curve(pg.PlotCurveItem):  # type: ignore[misc]  # pyqtgraph has no types
    """A curve whose extent is the plot's: searching its values for it is a third of its cost."""

    def __init__(self, extent: Callable[[], QRectF]) -> None:
        self._extent = extent
        super().__init__(connect="finite")

    def boundingRect(self) -> QRectF:
        return self._extent()
