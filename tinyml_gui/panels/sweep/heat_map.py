"""Accuracies over two fields as coloured cells; a click or the arrow keys choose a network."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

import pyqtgraph as pg  # isort: skip - after PySide6, so that it takes the same binding
from tinyml_gui.look import theme
from tinyml_gui.look.keys import set_keys
from tinyml_gui.viewmodels.quantities import percent
from tinyml_gui.viewmodels.sweep.results import HeatMap

__all__ = ["HeatMapView"]

_LEFT: Final = 9 * theme.GRID
_BELOW: Final = 9 * theme.GRID
_LEAST: Final = 40 * theme.GRID
_FEWEST_PIXELS: Final = 14  # a label needs at least
_STEPS: Final = {  # columns and rows
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class HeatMapView(QWidget):
    """The map with the values of both fields at its edges.

    Signals
    -------
    chosen(int)
        The number of the run in a cell.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._map: HeatMap | None = None
        self._chance = 0.0
        self._number: int | None = None
        self._colours = pg.colormap.get("viridis")
        self.setProperty("role", "chart")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Accuracy by the values of two fields")
        set_keys(self, "Arrows choose a network")

    def show_map(self, shown: HeatMap | None, chance: float, number: int | None) -> None:
        """Show a map, with the cell of run `number` framed; accuracies up to `chance` are grey."""
        self._map, self._chance, self._number = shown, chance, number
        self.setAccessibleDescription(self._words(number))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(2 * _LEAST, 2 * _LEAST)

    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST, _LEAST)

    def _words(self, number: int | None) -> str:
        found = self._map
        if found is None or number is None or not (found.numbers == number).any():
            return ""
        row, column = np.argwhere(found.numbers == number)[0]
        across, down = found.titles
        accuracy = percent(float(found.accuracy[row, column]), 2)
        where = f"{across} {found.columns[column]}" + (f", {down} {found.rows[row]}" if down else "")
        return f"{where}: {accuracy}"

    def _cell(self, row: int, column: int) -> QRectF:
        assert self._map is not None
        width = (self.width() - _LEFT) / len(self._map.columns)
        height = (self.height() - _BELOW) / len(self._map.rows)
        return QRectF(_LEFT + column * width, row * height, width, height)

    def _at(self, point: QPointF) -> tuple[int, int] | None:
        if self._map is None or point.x() < _LEFT or point.y() >= self.height() - _BELOW:
            return None
        first = self._cell(0, 0)
        row, column = int(point.y() // first.height()), int((point.x() - _LEFT) // first.width())
        return (row, column) if row < len(self._map.rows) and column < len(self._map.columns) else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._choose(self._at(event.position()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()))
        if step is None or self._map is None:
            super().keyPressEvent(event)
            return
        found = np.argwhere(self._map.numbers == self._number)
        row, column = (int(place) for place in found[0]) if len(found) else (0, 0)
        rows, columns = self._map.numbers.shape
        if len(found):
            row, column = (row + step[1]) % rows, (column + step[0]) % columns
        self._choose((row, column))

    def _choose(self, place: tuple[int, int] | None) -> None:
        if place is not None and self._map is not None and self._map.numbers[place] >= 0:
            self.chosen.emit(int(self._map.numbers[place]))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, tokens = QPainter(self), theme.tokens()
        painter.setFont(theme.number_font(theme.CAPTION))
        if self._map is None:
            painter.setPen(QColor(tokens.muted))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "Drawn while networks train")
        else:
            self._paint_cells(painter, self._map)
            self._paint_labels(painter, self._map)
        painter.end()

    def _paint_cells(self, painter: QPainter, found: HeatMap) -> None:
        tokens = theme.tokens()
        known = found.accuracy[found.accuracy > self._chance]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        for (row, column), accuracy in np.ndenumerate(found.accuracy):
            cell = self._cell(row, column).adjusted(0, 0, -1, -1)
            painter.fillRect(cell, self._colour(float(accuracy), low, high))
            if self._number is not None and found.numbers[row, column] == self._number:
                painter.setPen(QPen(QColor(tokens.text), 2))
                painter.drawRect(cell)

    def _colour(self, accuracy: float, low: float, high: float) -> QColor:
        tokens = theme.tokens()
        if math.isnan(accuracy):
            return QColor(tokens.sunken)
        if accuracy <= self._chance:
            return QColor(tokens.disabled)
        colour: QColor = self._colours.map((accuracy - low) / max(high - low, 1e-9), mode="qcolor")
        return colour

    def _paint_labels(self, painter: QPainter, found: HeatMap) -> None:
        painter.setPen(QColor(theme.tokens().muted))
        metrics = QFontMetricsF(painter.font())
        first = self._cell(0, 0)
        widest = max(metrics.horizontalAdvance(text) for text in found.columns) + theme.GRID
        every = max(1, math.ceil(widest / first.width()))
        for column in range(0, len(found.columns), every):
            cell = self._cell(0, column)
            cell.moveTop(self.height() - _BELOW)
            cell.setHeight(_BELOW / 2)
            painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, found.columns[column])
        every = max(1, math.ceil(_FEWEST_PIXELS / first.height()))
        for row in range(0, len(found.rows), every):
            cell = self._cell(row, 0)
            edge = QRectF(0, cell.top(), _LEFT - theme.GRID, cell.height())
            painter.drawText(
                edge, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, found.rows[row]
            )
        across, down = found.titles
        title = QRectF(_LEFT, self.height() - _BELOW / 2, self.width() - _LEFT, _BELOW / 2)
        words = f"→ {across}" + (f"   ↓ {down}" if down else "")
        painter.drawText(title, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)
