"""Accuracy against what networks take: each a point, those that no other one beats joined by a line."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from tinyml_gui.look import theme
from tinyml_gui.panels.views.chart import ENDED, Chart, beside
from tinyml_gui.viewmodels.sweep.front import Points
from tinyml_gui.viewmodels.sweep.results import VALIDATION
from tinyml_gui.viewmodels.sweep.ticks import measure_ticks

__all__ = ["FrontChart"]

_DOT: Final = 3.0  # radius
_MARK: Final = 6.5
_NEAR: Final = 12.0  # pixels from a point that still choose it
_TICK_WIDTH: Final = 16 * theme.GRID
_TICK_HEIGHT: Final = 7 * theme.GRID


class FrontChart(Chart):
    """The points, over one of the costs."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Accuracy against what networks take", "Arrows choose a network", ENDED, parent)
        self._points: Points | None = None

    def show_points(self, points: Points | None) -> None:
        """Show a point for each network."""
        self._points = points
        self.setAccessibleDescription("" if points is None else points.words)
        self.update()

    @property
    def is_empty(self) -> bool:
        return self._points is None or not len(self._points.numbers)

    def number_at(self, point: QPointF) -> int | None:
        if self._points is None or self.is_empty:
            return None
        seen = self._seen(self._points)
        far = np.hypot(seen[:, 0] - point.x(), seen[:, 1] - point.y())
        at = int(np.argmin(far))
        return int(self._points.numbers[at]) if far[at] <= _NEAR else None

    def step(self, right: int, down: int) -> None:
        if self._points is not None:
            self.choose(beside(self._points.numbers, self.number, right - down))

    def draw(self, painter: QPainter) -> None:
        if self._points is not None:
            self._draw_axes(painter, self._points)
            self._draw_points(painter, self._points)

    def _area(self) -> QRectF:
        left, line = 8 * theme.GRID, self.line()
        return QRectF(left, line / 2, self.width() - left - theme.GAP_WIDE, self.height() - 3 * line)

    def _range(self, points: Points) -> tuple[float, float, float]:
        """Return the right end, and the lower and upper ones."""
        low = float(points.y.min())
        return float(points.x.max()) or 1.0, max(0.0, low - 2), 100.0

    def _place(self, points: Points, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        area, (right, low, high) = self._area(), self._range(points)
        across = area.left() + x / right * area.width()
        return np.stack([across, area.bottom() - (y - low) / (high - low) * area.height()], axis=-1)

    def _seen(self, points: Points) -> NDArray[np.float64]:
        return self._place(points, points.x, points.y)

    def _draw_axes(self, painter: QPainter, points: Points) -> None:
        area, (right, low, high), tokens = self._area(), self._range(points), theme.tokens()
        line, zero = self.line(), np.zeros(1)
        upright = measure_ticks(VALIDATION, low, high, max(2, int(area.height() / _TICK_HEIGHT)))
        across = measure_ticks(points.cost, 0.0, right, max(2, int(area.width() / _TICK_WIDTH)))
        for value, words in upright:
            y = self._place(points, zero, np.array([value]))[0, 1]
            painter.setPen(QColor(tokens.border))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(QColor(tokens.muted))
            place = QRectF(0, y - line / 2, area.left() - theme.GRID, line)
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
        for value, words in across:
            x = self._place(points, np.array([value]), zero)[0, 0]
            place = QRectF(x - _TICK_WIDTH / 2, area.bottom() + theme.GRID, _TICK_WIDTH, line)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, words)
        title = QRectF(area.left(), self.height() - 1.2 * line, area.width(), line)
        painter.drawText(
            title, Qt.AlignmentFlag.AlignLeft, f"↑ % on the images held aside   → {points.cost.title}"
        )
        painter.setPen(QColor(tokens.outline))
        painter.drawLine(area.bottomLeft(), area.bottomRight())

    def _draw_points(self, painter: QPainter, points: Points) -> None:
        tokens, seen = theme.tokens(), self._seen(points)
        places = [QPointF(x, y) for x, y in seen.tolist()]
        painter.setPen(QPen(QColor(tokens.series[1]), 1))
        painter.drawPolyline(QPolygonF([at for at, front in zip(places, points.front, strict=True) if front]))
        painter.setPen(Qt.PenStyle.NoPen)
        kinds = points.greyed, ~points.greyed & ~points.front, points.front
        for chosen, colour in zip(kinds, (tokens.disabled, tokens.series[0], tokens.series[1]), strict=True):
            painter.setBrush(QColor(colour))
            for at in np.flatnonzero(chosen):
                painter.drawEllipse(places[at], _DOT, _DOT)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(tokens.text), 2))
        for at in np.flatnonzero(points.numbers == self.number) if self.number is not None else ():
            painter.drawEllipse(places[at], _MARK, _MARK)
