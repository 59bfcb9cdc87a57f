"""Accuracies over two fields as coloured cells."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QLinearGradient, QPainter, QPen
from PySide6.QtWidgets import QWidget

from tinyml_gui.look import theme
from tinyml_gui.panels.views.chart import Chart, shade
from tinyml_gui.viewmodels.quantities import percent
from tinyml_gui.viewmodels.sweep.heat_map import HeatMap

__all__ = ["HeatMapView"]

_SCALE: Final = 16 * theme.GRID  # width of the colours' scale
_STOPS: Final = 8
_GAP_FROM: Final = 4  # pixels of a cell; between smaller ones a gap would take too much
_CENTRE: Final = Qt.AlignmentFlag.AlignCenter
_AT_RIGHT: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_AT_LEFT: Final = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class HeatMapView(Chart):
    """The map with the values of both fields at its edges."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Accuracy by the values of two fields",
            "Arrows choose a network",
            "Drawn while networks train",
            parent,
        )
        self._map: HeatMap | None = None
        self._chance = 0.0

    def show_map(self, shown: HeatMap | None, chance: float) -> None:
        """Show a map; accuracies up to `chance` are grey."""
        self._map, self._chance = shown, chance
        self._describe()
        self.update()

    def mark(self, number: int | None) -> None:
        super().mark(number)
        self._describe()

    def _describe(self) -> None:
        """Say what is selected, or which network is the best."""
        found = self._map
        best = None if found is None else found.best
        if found is None or best is None:
            self.setAccessibleDescription("No network has been judged yet")
        elif self.number is None:
            self.setAccessibleDescription(f"The best is {found.words(best)}")
        else:
            self.setAccessibleDescription(found.words(self.number))

    @property
    def is_empty(self) -> bool:
        return self._map is None

    def number_at(self, point: QPointF) -> int | None:
        found = self._map
        if found is None:
            return None
        first = self._cell(found, 0, 0)
        row = math.floor((point.y() - first.top()) / first.height())
        column = math.floor((point.x() - first.left()) / first.width())
        rows, columns = found.numbers.shape
        return _run(found, row, column) if 0 <= row < rows and 0 <= column < columns else None

    def step(self, right: int, down: int) -> None:
        found = self._map
        if found is None:
            return
        at = np.argwhere(found.numbers == self.number)
        if not len(at):
            self.choose(_run(found, 0, 0))
            return
        rows, columns = found.numbers.shape
        self.choose(_run(found, (int(at[0][0]) + down) % rows, (int(at[0][1]) + right) % columns))

    def draw(self, painter: QPainter) -> None:
        found = self._map
        if found is None:
            return
        known = found.accuracy[found.accuracy > self._chance]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        self._draw_cells(painter, found, low, high)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.tokens().text), 2))
        for row, column in np.argwhere(found.numbers == self.number) if self.number is not None else ():
            painter.drawRect(self._cell(found, int(row), int(column)).adjusted(0, 0, -1, -1))
        self._draw_labels(painter, found)
        if known.size:
            self._draw_scale(painter, found, low, high)

    def _draw_cells(self, painter: QPainter, found: HeatMap, low: float, high: float) -> None:
        unknown, grey = QColor(theme.tokens().sunken), QColor(theme.tokens().disabled)
        first = self._cell(found, 0, 0)
        gap = 1 if min(first.width(), first.height()) >= _GAP_FROM else 0
        cell = first.adjusted(0, 0, -gap, -gap)
        span = max(high - low, 1e-9)
        for row, accuracies in enumerate(found.accuracy.tolist()):
            for column, accuracy in enumerate(accuracies):
                if math.isnan(accuracy):
                    colour = unknown
                else:
                    colour = grey if accuracy <= self._chance else shade((accuracy - low) / span)
                painter.fillRect(cell.translated(column * first.width(), row * first.height()), colour)

    def _cell(self, found: HeatMap, row: int, column: int) -> QRectF:
        left, below = self._left(found), 2.5 * self.line()
        width = (self.width() - left - theme.GRID) / len(found.across.values)
        height = (self.height() - below - theme.GRID) / len(found.down.values)
        return QRectF(left + column * width, theme.GRID + row * height, width, height)

    def _left(self, found: HeatMap) -> float:
        metrics = QFontMetricsF(theme.number_font(theme.CAPTION))
        return max(metrics.horizontalAdvance(text) for text in found.down.values) + theme.GAP + theme.GRID

    def _draw_labels(self, painter: QPainter, found: HeatMap) -> None:
        painter.setPen(QColor(theme.tokens().muted))
        first, line = self._cell(found, 0, 0), self.line()
        bottom = self.height() - 2.5 * line
        metrics = QFontMetricsF(painter.font())
        widest = max(metrics.horizontalAdvance(text) for text in found.across.values) + theme.GRID
        for column in range(0, len(found.across.values), max(1, math.ceil(widest / first.width()))):
            at = self._cell(found, 0, column).center().x()
            place = QRectF(at - widest / 2, bottom, widest, 1.2 * line)
            painter.drawText(place, _CENTRE, found.across.values[column])
        for row in range(0, len(found.down.values), max(1, math.ceil(line / first.height()))):
            cell = self._cell(found, row, 0)
            edge = QRectF(0, cell.center().y() - line / 2, cell.left() - theme.GRID, line)
            painter.drawText(edge, _AT_RIGHT, found.down.values[row])
        words = f"→ {found.across.title}" + (f"   ↓ {found.down.title}" if found.down.title else "")
        painter.drawText(
            QRectF(first.left(), self.height() - 1.2 * line, self.width(), line), _AT_LEFT, words
        )

    def _draw_scale(self, painter: QPainter, found: HeatMap, low: float, high: float) -> None:
        line = self.line()
        metrics, ends = QFontMetricsF(painter.font()), (percent(low), percent(high))
        top = self.height() - 1.2 * line
        right = self.width() - theme.GRID - metrics.horizontalAdvance(ends[1])
        bar = QRectF(right - theme.GRID - _SCALE, top + line / 4, _SCALE, line / 2)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for stop in range(_STOPS + 1):
            gradient.setColorAt(stop / _STOPS, shade(stop / _STOPS))
        title = self._cell(found, 0, 0).left() + metrics.horizontalAdvance(_title(found))
        if bar.left() - 2 * theme.GAP - metrics.horizontalAdvance(ends[0]) < title:
            return  # there is no room beside the title
        painter.fillRect(bar, gradient)
        painter.setPen(QColor(theme.tokens().muted))
        painter.drawText(QRectF(right, top, self.width() - theme.GRID - right, line), _AT_RIGHT, ends[1])
        painter.drawText(QRectF(0, top, bar.left() - theme.GRID, line), _AT_RIGHT, ends[0])


def _title(found: HeatMap) -> str:
    return f"→ {found.across.title}" + (f"   ↓ {found.down.title}" if found.down.title else "")


def _run(found: HeatMap, row: int, column: int) -> int | None:
    number = int(found.numbers[row, column])
    return number if number >= 0 else None
