"""A curve that never holds more points than a screen can show.

Values arrive one by one, thousands a second. They are folded into bins that keep minimum, maximum and
mean; when the bins are full, neighbours merge and every bin is twice as wide. All arrays are allocated
once. A redraw costs the same after ten batches and after ten million.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.training.rate_finder import RatePoint
from tinyml_gui.viewmodels import quantities

__all__ = ["BINS", "Binned", "accuracy_floor", "curves_words", "loss_ceiling", "rates_words"]

BINS: Final = 800  #: at most; the envelope has two points a bin
_MEMORY: Final = 0.9  # of the smoothed line, in values
_FLOORS: Final = (0.0, 0.5, 0.8, 0.9)

Floats = NDArray[np.float64]


class Binned:
    """One curve.

    Parameters
    ----------
    bins : int
        Even; the most bins that are kept.
    """

    def __init__(self, bins: int = BINS) -> None:
        self._bins = bins
        self._width = 1  # values a bin
        self._count = 0  # bins in use, the last one perhaps not full
        self._filled = 0  # values in the last bin
        self._smooth = math.nan
        self._weight = 0.0
        self._x = np.empty(bins)
        self._low = np.empty(bins)
        self._high = np.empty(bins)
        self._line = np.empty(bins)
        self._envelope_x = np.empty(2 * bins)
        self._envelope_y = np.empty(2 * bins)

    def __len__(self) -> int:
        return self._count

    def append(self, x: float, y: float, *, smoothed: bool = True) -> None:
        """Add the value `y` at `x`; values that are not finite are left out.

        Where `y` is a mean already, `smoothed` is False: the line goes through it.
        """
        if not math.isfinite(y):
            return
        self._blend(y, _MEMORY if smoothed else 0.0)
        if self._filled == self._width or self._count == 0:
            self._open_bin(y)
        last = self._count - 1
        self._x[last] = x
        self._low[last] = min(self._low[last], y)
        self._high[last] = max(self._high[last], y)
        self._line[last] = self.last
        self._filled += 1

    def clear(self) -> None:
        """Forget all values."""
        self._width, self._count, self._filled = 1, 0, 0
        self._smooth, self._weight = math.nan, 0.0

    @property
    def last(self) -> float:
        """The newest value of the smoothed line; nan when empty."""
        return self._smooth / self._weight if self._weight else math.nan

    @property
    def line(self) -> tuple[Floats, Floats]:
        """The smoothed line, x and y, as views."""
        return self._x[: self._count], self._line[: self._count]

    @property
    def values(self) -> tuple[Floats, Floats]:
        """The highest value of each bin, x and y, as views: the values themselves while they are few."""
        return self._x[: self._count], self._high[: self._count]

    @property
    def envelope(self) -> tuple[Floats, Floats]:
        """Lowest and highest value of each bin in turn, x and y, as views."""
        count = self._count
        np.copyto(self._envelope_x[: 2 * count].reshape(-1, 2), self._x[:count, None])
        self._envelope_y[0 : 2 * count : 2] = self._low[:count]
        self._envelope_y[1 : 2 * count : 2] = self._high[:count]
        return self._envelope_x[: 2 * count], self._envelope_y[: 2 * count]

    def _blend(self, y: float, memory: float) -> None:
        """Exponential average that starts unbiased (Kingma & Ba 2015, section 3)."""
        start = 0.0 if math.isnan(self._smooth) else self._smooth
        self._smooth = memory * start + (1 - memory) * y
        self._weight = memory * self._weight + (1 - memory)

    def _open_bin(self, y: float) -> None:
        if self._count == self._bins:
            self._merge()
        self._low[self._count] = self._high[self._count] = y
        self._count += 1
        self._filled = 0

    def _merge(self) -> None:
        half = self._bins // 2
        pairs = slice(0, self._bins, 2), slice(1, self._bins, 2)
        self._low[:half] = np.minimum(self._low[pairs[0]], self._low[pairs[1]])
        self._high[:half] = np.maximum(self._high[pairs[0]], self._high[pairs[1]])
        self._x[:half] = self._x[pairs[1]]
        self._line[:half] = self._line[pairs[1]]
        self._count = half
        self._width *= 2


def curves_words(train: Binned, validation: Binned, percent: bool) -> str:
    """Return the newest values of both curves in words; empty while there are none."""
    named = ("training", train), ("validation", validation)
    said = [f"{name} {_value_words(curve.last, percent)}" for name, curve in named if len(curve)]
    return ", ".join(said)


def _value_words(value: float, percent: bool) -> str:
    return quantities.percent(value) if percent else f"{value:.3g}"


def rates_words(points: Sequence[RatePoint], suggestion: float | None) -> str:
    """Return in words what a search for a learning rate has found so far."""
    if not points:
        return "No rates tried yet"
    best = min(points, key=lambda point: point.loss)
    proposed = "" if suggestion is None else f"; proposed rate {suggestion:.3g}"
    return f"{len(points)} rates tried, lowest loss {best.loss:.3g} at {best.rate:.3g}{proposed}"


def loss_ceiling(highest: float, shown: float) -> float:
    """Return the top of a loss axis: grows in steps when needed and shrinks only when far too large."""
    if not math.isfinite(highest) or highest <= 0:
        return shown
    wanted = _round_up(1.1 * highest)
    return wanted if wanted > shown or wanted < 0.4 * shown else shown


def _round_up(value: float) -> float:
    """Return the next of 1, 1.5, 2, 3, 4, 6, 8, 10, 15 … above `value`."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 1.5, 2, 3, 4, 6, 8, 10) if power * step >= value * (1 - 1e-12))


def accuracy_floor(lowest: float, shown: float) -> float:
    """Return the bottom of an accuracy axis: as high as possible with the lowest point still in view."""
    if math.isnan(lowest):
        return shown
    return min(shown, max(floor for floor in _FLOORS if floor <= max(0.0, lowest)))
