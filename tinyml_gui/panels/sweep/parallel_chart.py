"""Every network as a line through parallel axes."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from tinyml_gui.look import theme
from tinyml_gui.panels.views.chart import ENDED, Chart, beside, shade
from tinyml_gui.viewmodels.sweep.parallel import Lines

__all__ = ["ParallelChart"]

_NEAR: Final = 10.0  # pixels from a line that still choose it
_SMOOTH: Final = 400  # lines; more of them are drawn without smooth edges, in a quarter of the time


class ParallelChart(Chart):
    """The lines in the colours of their accuracy, over axes for fields and figures."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Settings and figures of all networks", "Arrows choose a network", ENDED, parent)
        self._lines: Lines | None = None

    def show_lines(self, shown: Lines | None) -> None:
        """Show other lines."""
        self._lines = shown
        self.setAccessibleDescription("" if shown is None else shown.words)
        self.update()

    @property
    def is_empty(self) -> bool:
        return self._lines is None or not len(self._lines.numbers)

    def number_at(self, point: QPointF) -> int | None:
        if self._lines is None or self.is_empty:
            return None
        area = self._area()
        step = area.width() / (len(self._lines.axes) - 1)
        share = (area.bottom() - point.y()) / area.height()
        found = self._lines.nearest((point.x() - area.left()) / step, share)
        return None if found is None or found[1] * area.height() > _NEAR else found[0]

    def step(self, right: int, down: int) -> None:
        if self._lines is not None:
            self.choose(beside(self._lines.numbers, self.number, right - down))

    def draw(self, painter: QPainter) -> None:
        if self._lines is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, len(self._lines.numbers) <= _SMOOTH)
            self._draw_lines(painter, self._lines)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._draw_axes(painter, self._lines)
            if self._lines.left_out:
                painter.setPen(QColor(theme.tokens().muted))
                _write(
                    painter,
                    self.width() / 2,
                    self.height() - self.line() / 2,
                    self.width(),
                    self._lines.words,
                )

    def _area(self) -> QRectF:
        side, line = 8 * theme.GRID, self.line()
        return QRectF(side, 2.4 * line, self.width() - 2 * side, self.height() - 4.6 * line)

    def _draw_lines(self, painter: QPainter, shown: Lines) -> None:
        area, tokens = self._area(), theme.tokens()
        x = area.left() + area.width() * np.linspace(0, 1, len(shown.axes))
        y = area.bottom() - area.height() * shown.shares
        for at, number in enumerate(shown.numbers.tolist()):
            if number != self.number:
                grey = shown.greyed[at]
                painter.setPen(QPen(QColor(tokens.border) if grey else shade(float(shown.colour[at])), 1))
                _draw_line(painter, x, y[at])
        painter.setPen(QPen(QColor(tokens.text), 2.5))
        for heights in y[shown.numbers == self.number] if self.number is not None else ():
            _draw_line(painter, x, heights)

    def _draw_axes(self, painter: QPainter, shown: Lines) -> None:
        area, line, tokens = self._area(), self.line(), theme.tokens()
        step = area.width() / (len(shown.axes) - 1)
        for place, axis in enumerate(shown.axes):
            x = area.left() + step * place
            painter.setPen(QPen(QColor(tokens.outline), 1))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            painter.setPen(QColor(tokens.muted))
            _write(painter, x, line / 2, step, axis.title)
            for share, words in axis.ticks:
                y = {0.0: area.bottom() + 0.8 * line, 1.0: area.top() - 0.6 * line}.get(share)
                if y is None:
                    y = area.bottom() - share * area.height()
                _write(painter, x, y, step, words)


def _draw_line(painter: QPainter, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    known = ~np.isnan(y)
    places = zip(x[known].tolist(), y[known].tolist(), strict=True)
    painter.drawPolyline(QPolygonF([QPointF(*place) for place in places]))


def _write(painter: QPainter, x: float, y: float, width: float, words: str) -> None:
    """Write as much of `words` as has room around a point."""
    metrics = painter.fontMetrics()
    shown = metrics.elidedText(words, Qt.TextElideMode.ElideRight, int(width - theme.GRID))
    height = metrics.height()
    painter.drawText(
        QRectF(x - width / 2, y - height / 2, width, height), Qt.AlignmentFlag.AlignCenter, shown
    )
