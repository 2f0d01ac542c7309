"""The values of the last seconds, in a ring buffer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SECONDS = 10.0  # that a plot shows
_CAPACITY = 1300  # samples: 10 s at 120 fps and some
_GAP = 1.0  # seconds without a sample after which a curve is interrupted


class History:
    """Rows of `columns` numbers, each with its time."""

    def __init__(self, columns: int) -> None:
        self._rows = np.full((_CAPACITY, columns + 1), np.nan)
        self._count = 0

    def add(self, seconds: float, values: NDArray[np.floating]) -> None:
        """Append a row; `seconds` never decreases. NaN leaves a hole in a curve."""
        if self._count and seconds - self._rows[(self._count - 1) % _CAPACITY, 0] > _GAP:
            self._append(seconds, np.full(self._rows.shape[1] - 1, np.nan))
        self._append(seconds, values)

    def recent(self, now: float) -> NDArray[np.float64]:
        """(N, 1 + columns) rows of the last SECONDS, oldest first; time as seconds before `now`."""
        filled = min(self._count, _CAPACITY)
        order = np.arange(self._count - filled, self._count) % _CAPACITY
        rows = self._rows[order]
        rows[:, 0] -= now
        return rows[rows[:, 0] >= -SECONDS]

    def clear(self) -> None:
        self._count = 0

    def _append(self, seconds: float, values: NDArray[np.floating]) -> None:
        row = self._rows[self._count % _CAPACITY]
        row[0], row[1:] = seconds, values
        self._count += 1
